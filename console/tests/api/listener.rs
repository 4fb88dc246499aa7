//! The listener over a real port.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use mandate_console::{Api, bind};
use mandate_runtime::{
    stop::Stop,
    web::{ConnectionLimits, Process},
};
use mandate_schema::{ApiKey, ApiKeyRecord, Reach, Scope};

use crate::{
    keys::record,
    pushes::{MERCHANT, broken, granted},
    world::{World, proxy},
};

const LONG: Duration = Duration::from_secs(30);

/// Sends these bytes on a connection of its own and returns the whole answer.
async fn send(address: SocketAddr, head: &'static str) -> String {
    let ask = move || {
        let mut connection = TcpStream::connect(address)?;
        connection.set_read_timeout(Some(LONG))?;
        connection.write_all(head.as_bytes())?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    };
    tokio::task::spawn_blocking(ask).await.expect("no panic").expect("an answer")
}

struct Listener {
    world: World,
    stop: Stop,
    address: SocketAddr,
}

impl Listener {
    fn start() -> Self {
        let (world, process) = (World::new(), Process::new(Stop::new(), ConnectionLimits::default()));
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (worker, views, stop) = (world.worker.clone(), world.views.clone(), process.stop.clone());
        let api = Api::new(worker, views, None, proxy(), stop.clone());
        let (server, address) = bind(&process, any, api).expect("a free port");
        stop.spawn("console", server);
        Self { world, stop, address }
    }

    async fn end(self) -> World {
        self.stop.request();
        self.stop.finish(LONG).await.expect("a clean stop");
        self.world
    }
}

#[tokio::test]
async fn the_api_and_health_share_one_listener() {
    let listener = Listener::start();
    let components = "GET /api/v1/components HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n";
    let answer = send(listener.address, components).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("wx1f2e3d4c5b6a7988") && answer.contains("cache-control: no-store"), "{answer}");
    let health = "GET /healthz HTTP/1.1\r\nHost: worker.example\r\nConnection: close\r\n\r\n";
    assert!(send(listener.address, health).await.starts_with("HTTP/1.1 200 "));
    listener.end().await;
}

#[tokio::test]
async fn the_host_is_read_as_it_came_over_the_wire() {
    let listener = Listener::start();
    for refused in [
        "GET /api/v1/components HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n",
        "GET /api/v1/components HTTP/1.1\r\nHost: rebound.example\r\nForwarded: host=localhost\r\n\
         X-Forwarded-Host: localhost\r\nConnection: close\r\n\r\n",
        "GET http://rebound.example/api/v1/components HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ] {
        let answer = send(listener.address, refused).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        assert!(answer.contains(r#""code":"loopback_only""#), "{answer}");
    }
    let without = "GET /api/v1/components HTTP/1.0\r\n\r\n";
    let answer = send(listener.address, without).await;
    assert!(answer.contains(" 200 OK"), "{answer}");
    listener.end().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_key_and_delivers_nothing_more() {
    for end in [End::Revoked, End::Expired] {
        let listener = Listener::start();
        let expires_at = matches!(end, End::Expired).then(|| Timestamp::now() + SignedDuration::from_secs(2));
        let record = ApiKeyRecord { expires_at, ..record(1, &[Scope::EventsRead], Reach::default()) };
        listener.world.worker.storage.put_api_key(record.clone()).await.expect("the store is there");
        let ask = format!(
            "GET /api/v1/events/stream?after=end HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
             Authorization: Bearer {}\r\n\r\n",
            ApiKey::new(&[1; 32]).expose()
        );
        let (address, (begun, stream)) = (listener.address, tokio::sync::oneshot::channel());
        let reading = tokio::task::spawn_blocking(move || {
            let mut connection = TcpStream::connect(address)?;
            connection.set_read_timeout(Some(LONG))?;
            connection.write_all(ask.as_bytes())?;
            let (mut text, mut bytes) = (Vec::new(), [0; 1_024]);
            while !String::from_utf8_lossy(&text).contains(": here") {
                let read = connection.read(&mut bytes)?;
                text.extend_from_slice(&bytes[..read]);
            }
            begun.send(()).expect("the test waits");
            connection.read_to_end(&mut text)?;
            std::io::Result::Ok(String::from_utf8_lossy(&text).into_owned())
        });
        stream.await.expect("the stream begins");
        match end {
            End::Revoked => {
                let now = Timestamp::now();
                assert!(
                    listener.world.worker.storage.revoke_api_key(record.id, now).await.expect("the store")
                );
                listener.world.take([granted(MERCHANT, 1)]).await;
            }
            End::Expired => {}
        }
        let text = reading.await.expect("no panic").expect("an end");
        assert!(text.starts_with("HTTP/1.1 200 ") && !text.contains(MERCHANT), "{text}");
        listener.end().await;
    }
}

/// How a key ends.
enum End {
    Revoked,
    Expired,
}

#[tokio::test]
async fn an_act_whose_sender_went_away_before_its_end_is_not_done() {
    let listener = Listener::start();
    let push = broken();
    listener.world.take([push.clone()]).await;
    let head = format!(
        "POST /api/v1/dead-letters/{}/discard HTTP/1.1\r\nHost: localhost\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{",
        push.id
    );
    let address = listener.address;
    let leave = move || {
        let mut connection = TcpStream::connect(address)?;
        connection.set_read_timeout(Some(LONG))?;
        connection.write_all(head.as_bytes())?;
        connection.shutdown(Shutdown::Write)?;
        connection.read_to_end(&mut Vec::new())
    };
    tokio::task::spawn_blocking(leave).await.expect("no panic").expect("the server is done with it");
    let world = listener.end().await;
    let kept = world.worker.storage.dead_letter(push.id.into()).await.expect("the store is there");
    assert!(kept.is_some());
}

#[tokio::test]
async fn an_address_in_use_is_an_error_that_names_it() {
    let listener = Listener::start();
    let world = &listener.world;
    let (worker, views) = (world.worker.clone(), world.views.clone());
    let process = Process::new(Stop::new(), ConnectionLimits::default());
    let again = bind(&process, listener.address, Api::new(worker, views, None, proxy(), Stop::new()));
    let error = again.err().expect("in use").to_string();
    assert!(error.contains(&listener.address.to_string()), "{error}");
    listener.end().await;
}
