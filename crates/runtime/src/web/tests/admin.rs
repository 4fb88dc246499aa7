//! Health and metrics.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::stop::Stop;
use crate::web::*;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
const LONG: Duration = Duration::from_mins(1);

struct Admin {
    stop: Stop,
    readiness: Readiness,
    address: SocketAddr,
}

fn admin() -> Admin {
    let process = Process::new(Stop::new(), ConnectionLimits::default());
    let (server, address) = bind_admin(&process, ANY).expect("a free port");
    let Process { stop, readiness, .. } = process;
    stop.spawn("admin", server);
    Admin { stop, readiness, address }
}

/// Sends a request on a connection of its own and returns the whole answer.
async fn get(address: SocketAddr, path: &'static str) -> String {
    ask(address, "GET", path).await
}

async fn ask(address: SocketAddr, method: &'static str, path: &'static str) -> String {
    let ask = move || {
        let mut connection = TcpStream::connect(address)?;
        connection.set_read_timeout(Some(LONG))?;
        write!(connection, "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        io::Result::Ok(answer)
    };
    tokio::task::spawn_blocking(ask).await.expect("no panic").expect("an answer")
}

#[tokio::test]
async fn health_answers_and_readiness_follows_the_dependencies() {
    let admin = admin();
    let journal = admin.readiness.register("journal");
    assert!(get(admin.address, "/healthz").await.starts_with("HTTP/1.1 200 "));
    journal.failing("disk full");
    let answer = get(admin.address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains(r#""journal":{"state":"failing","reason":"disk full"}"#), "{answer}");
    journal.ok();
    let answer = get(admin.address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(r#""ready":true"#), "{answer}");
    admin.stop.request();
    admin.stop.finish(LONG).await.expect("a clean stop");
}

#[tokio::test]
async fn head_answers_as_get_without_a_body_and_other_methods_are_405() {
    let admin = admin();
    admin.readiness.register("journal").failing("disk full");
    for (path, status) in [("/healthz", "200"), ("/readyz", "503"), ("/metrics", "200")] {
        let answer = ask(admin.address, "HEAD", path).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{path} has a body: {answer}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = ask(admin.address, method, path).await.to_lowercase();
            assert!(answer.starts_with("http/1.1 405 "), "{method} {path}: {answer}");
            assert!(answer.contains("\r\nallow: get, head\r\n"), "{method} {path}: {answer}");
        }
    }
}

#[tokio::test]
async fn metrics_are_openmetrics_text() {
    let admin = admin();
    let answer = get(admin.address, "/metrics").await;
    let content_type = format!("content-type: {}\r\n", metrics::CONTENT_TYPE);
    assert!(answer.to_lowercase().contains(&content_type), "{answer}");
    assert!(answer.contains("mandate_log_position 0") && answer.ends_with("# EOF\n"), "{answer}");
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_a_stop() {
    let admin = admin();
    let address = admin.address;
    let ask = move || {
        let mut connection = TcpStream::connect(address)?;
        write!(connection, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")?;
        connection.read_exact(&mut [0; 1]).map(|()| connection)
    };
    let idle = tokio::task::spawn_blocking(ask).await.expect("no panic").expect("an answer");
    let asked = Instant::now();
    admin.stop.request();
    admin.stop.finish(LONG).await.expect("a clean stop");
    assert!(asked.elapsed() < Duration::from_secs(10), "took {:?}", asked.elapsed());
    drop(idle);
}

#[tokio::test]
async fn an_address_in_use_is_an_error_that_names_it() {
    let admin = admin();
    let process = Process::new(Stop::new(), ConnectionLimits::default());
    let error = bind_admin(&process, admin.address).err().expect("in use");
    assert!(error.to_string().starts_with(&format!("cannot listen on {}: ", admin.address)), "{error}");
}
