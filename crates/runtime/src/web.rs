//! What the HTTP doors share: limits, health routes, and a server that stops with the process.

mod client_address;

use std::{io, net::SocketAddr, time::Duration};

use actix_web::{
    App, FromRequest, Handler, HttpResponse, HttpServer, Resource, Responder,
    dev::Server,
    guard,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
    web::{self, ServiceConfig},
};

pub use client_address::TrustedProxies;

use crate::{
    health::Readiness,
    metrics::{self, Metrics},
    stop::Stop,
};

/// How long a client may take to send a request's head. Reading a body is limited by whoever reads it: actix does not.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept for a client that asks again and again.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long requests that are being answered when the process stops may still take, in seconds.
const DRAIN_SECONDS: u64 = 10;
/// Threads per worker for blocking work. None of our doors blocks in actix.
const BLOCKING_THREADS: usize = 2;

/// The size of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Threads that serve it.
    pub workers: usize,
    /// Open connections over all workers; further ones wait in the backlog.
    pub max_connections: usize,
    /// How long a connection is kept for another request; `None` closes it after its first answer.
    ///
    /// Where strangers call it must be `None`: actix limits the time of a head for the first request of a connection
    /// only, and reads pipelined requests on while nobody reads their answers.
    pub keep_alive: Option<Duration>,
}

impl Limits {
    /// For listeners that only operators and monitors use: connections are kept for 15 s.
    pub const ADMIN: Self = Self { workers: 1, max_connections: 256, keep_alive: Some(KEEP_ALIVE) };
}

/// A listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// What the system said, for example that it is in use.
    #[source]
    pub source: io::Error,
}

/// Binds an HTTP server with our limits to an address (port 0 for any free one) and returns it with the address it got.
///
/// The server is a future that serves once it is polled, for example by [`Stop::spawn`]. When the stop is requested it takes
/// no new connections, answers what it has read, and ends. It handles no signals itself. `configure` is called once per
/// worker.
///
/// # Errors
///
/// [`BindError`] if the address is in use or not ours.
pub fn bind<C>(
    address: SocketAddr,
    limits: Limits,
    stop: &Stop,
    configure: C,
) -> Result<(Server, SocketAddr), BindError>
where
    C: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let failed = |source| BindError { address, source };
    let server = HttpServer::new(move || App::new().configure(configure.clone()))
        .workers(limits.workers)
        .max_connections(limits.max_connections.div_ceil(limits.workers.max(1)))
        .worker_max_blocking_threads(BLOCKING_THREADS)
        .client_request_timeout(HEAD_TIMEOUT)
        .keep_alive(limits.keep_alive)
        .shutdown_timeout(DRAIN_SECONDS)
        .disable_signals()
        .shutdown_signal(stop.token().cancelled_owned())
        .bind(address)
        .map_err(failed)?;
    let bound = server.addrs().first().copied().unwrap_or(address);
    Ok((server.run(), bound))
}

/// Adds `/healthz`, `/readyz` and `/metrics` for GET and HEAD; any other method is answered 405.
pub fn health_routes(routes: &mut ServiceConfig, readiness: &Readiness, metrics: &Metrics) {
    let (readiness, metrics) = (readiness.clone(), metrics.clone());
    routes
        .service(looked_at("/healthz", async || "ok"))
        .service(looked_at("/readyz", move || std::future::ready(readyz(&readiness))))
        .service(looked_at("/metrics", move || std::future::ready(metrics_page(&metrics))));
}

/// A resource that is only looked at. Load balancers also ask with HEAD, for which actix leaves the body out.
pub fn looked_at<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let looks = guard::Any(guard::Get()).or(guard::Head());
    web::resource(path).route(web::route().guard(looks).to(handler)).default_service(web::to(only_looked_at))
}

async fn only_looked_at() -> HttpResponse {
    let allowed = HeaderValue::from_static("GET, HEAD");
    HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, allowed)).finish()
}

/// Serves the health routes alone on a listener of their own.
///
/// # Errors
///
/// [`BindError`] as [`bind`].
pub fn bind_admin(
    address: SocketAddr,
    stop: &Stop,
    readiness: &Readiness,
    metrics: &Metrics,
) -> Result<(Server, SocketAddr), BindError> {
    let (readiness, metrics) = (readiness.clone(), metrics.clone());
    bind(address, Limits::ADMIN, stop, move |routes| {
        health_routes(routes, &readiness, &metrics);
    })
}

fn readyz(readiness: &Readiness) -> HttpResponse {
    let report = readiness.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).insert_header((header::CACHE_CONTROL, "no-store")).json(report)
}

fn metrics_page(metrics: &Metrics) -> HttpResponse {
    HttpResponse::Ok().content_type(metrics::CONTENT_TYPE).body(metrics.encode())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpStream,
        time::Instant,
    };

    use super::*;

    const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
    const LONG: Duration = Duration::from_mins(1);

    struct Admin {
        stop: Stop,
        readiness: Readiness,
        address: SocketAddr,
    }

    fn admin() -> Admin {
        let (stop, readiness, metrics) = (Stop::new(), Readiness::new(), Metrics::new());
        let (server, address) = bind_admin(ANY, &stop, &readiness, &metrics).expect("a free port");
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
        assert!(asked.elapsed() < Duration::from_secs(DRAIN_SECONDS), "took {:?}", asked.elapsed());
        drop(idle);
    }

    #[tokio::test]
    async fn an_address_in_use_is_an_error_that_names_it() {
        let admin = admin();
        let error =
            bind_admin(admin.address, &admin.stop, &admin.readiness, &Metrics::new()).err().expect("in use");
        assert!(error.to_string().starts_with(&format!("cannot listen on {}: ", admin.address)), "{error}");
    }
}
