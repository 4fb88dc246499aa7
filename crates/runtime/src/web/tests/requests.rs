//! What clients send, however they send it.

use std::{net::SocketAddr, time::Duration};

use actix_web::{
    HttpResponse,
    web::{self, Bytes, Payload},
};
use futures_util::StreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    stop::Stop,
    web::{ConnectionLimits, Listener, Process, Rank, TrustedProxies},
};

const LONG: Duration = Duration::from_mins(1);
const COLLECTED: usize = 10_000;

/// A listener on a free port.
struct Server {
    process: Process,
    address: SocketAddr,
}

impl Server {
    fn start(limits: ConnectionLimits) -> Self {
        let process = Process::new(Stop::new(), limits);
        let listener = Listener {
            name: "test",
            workers: 1,
            connections: 100,
            rank: Rank::First,
            collect_max: COLLECTED,
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let bound = process.connections.bind(address, listener, &process.stop, |routes| {
            routes
                .route("/", web::get().to(async || "here"))
                .route("/size", web::post().to(async |body: Bytes| body.len().to_string()))
                .route("/count", web::post().to(count))
                .route("/long", web::get().to(async || "x".repeat(8 << 20)))
                .default_service(web::to(async |_body: Payload| HttpResponse::NotFound()));
        });
        let (server, address) = bound.expect("a free port");
        process.stop.spawn("server", server);
        Self { process, address }
    }

    async fn connect(&self) -> Client {
        Client { socket: TcpStream::connect(self.address).await.expect("it listens"), came: String::new() }
    }

    /// What is answered to these bytes until the connection ends.
    async fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.connect().await;
        client.send(bytes).await;
        client.rest().await
    }
}

/// Reads the body as it comes.
async fn count(mut body: Payload) -> String {
    let mut count = 0;
    while let Some(Ok(piece)) = body.next().await {
        count += piece.len();
    }
    count.to_string()
}

struct Client {
    socket: TcpStream,
    came: String,
}

impl Client {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        timeout(LONG, self.socket.write_all(bytes.as_ref())).await.expect("in time").expect("it is open");
    }

    /// Waits until the answers end like this; takes them.
    async fn until(&mut self, end: &str) -> String {
        while !self.came.ends_with(end) {
            let mut piece = [0; 4_096];
            let read =
                timeout(LONG, self.socket.read(&mut piece)).await.expect("in time").expect("it is open");
            assert_ne!(read, 0, "it ended behind {:?}", self.came);
            self.came.push_str(std::str::from_utf8(&piece[..read]).expect("text"));
        }
        std::mem::take(&mut self.came)
    }

    /// All answers until the connection ends.
    async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // Bytes that were not read may reset it; what came before counts.
        let _ = timeout(LONG, self.socket.read_to_end(&mut rest)).await.expect("in time");
        std::mem::take(&mut self.came) + &String::from_utf8(rest).expect("text")
    }
}

fn post(path: &str, lines: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: h\r\n{lines}\r\n\r\n{body}")
}

fn sized(path: &str, body: &str) -> String {
    post(path, &format!("Content-Length: {}", body.len()), body)
}

fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

#[tokio::test]
async fn a_connection_that_behaves_is_kept() {
    let server = Server::start(ConnectionLimits::default());
    let mut client = server.connect().await;
    for body in ["", "x", "some body", &"y".repeat(COLLECTED), &"z".repeat(COLLECTED * 20)] {
        client.send(sized("/size", body)).await;
        let answer = client.until(&format!("\r\n\r\n{}", body.len())).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("connection:"), "{answer}");
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
        client.until("here").await;
    }
}

#[tokio::test]
async fn a_request_may_come_in_any_pieces() {
    let server = Server::start(ConnectionLimits::default());
    let mut client = server.connect().await;
    let chunked = post("/size", "Transfer-Encoding: chunked", "4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n");
    for request in [sized("/size", "some body"), chunked] {
        for byte in request.as_bytes() {
            client.send([*byte]).await;
        }
        client.until("\r\n\r\n9").await;
    }
}

#[tokio::test]
async fn pipelined_requests_are_served_one_by_one_and_none_behind_a_close() {
    let server = Server::start(ConnectionLimits::default());
    let (get, last) =
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let text = server.exchange([get, &sized("/size", "four"), get, last, get, get].concat()).await;
    assert_eq!(answers(&text), 4, "{text}");
    assert!(text.contains("\r\n\r\n4HTTP/1.1"), "{text}");
    assert_eq!(text.matches("connection: close").count(), 1, "{text}");
}

#[tokio::test]
async fn who_does_not_behave_is_answered_and_not_kept() {
    let server = Server::start(ConnectionLimits::default());
    for (request, status) in [
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), "HTTP/1.0 200"),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n".to_owned(), "HTTP/1.1 200"),
        (post("/size", "Transfer-Encoding: chunked", "0\r\n\r\n"), "HTTP/1.1 200"),
        ("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "HTTP/1.1 405"),
        (
            post("/size", "Upgrade: websocket\r\nConnection: close\r\nContent-Length: 3", "abc"),
            "HTTP/1.1 200",
        ),
        (post("/size", "Upgrade: websocket\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), "HTTP/1.1 200"),
        (
            "POST /size HTTP/1.0\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc".to_owned(),
            "HTTP/1.0 200",
        ),
        ("POST /size HTTP/1.0\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        ("nonsense\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        (post("/size", "Content-Length: 1\r\nContent-Length: 2", "x"), "HTTP/1.1 400"),
        (post("/size", "Transfer-Encoding: gzip", ""), "HTTP/1.1 501"),
        (post("/size", "Transfer-Encoding: chunked", "no chunk\r\n"), "HTTP/1.1 400"),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000)), "HTTP/1.1 431"),
    ] {
        let text = server.exchange(&request).await;
        assert!(text.starts_with(status), "{request:?}: {text:?}");
    }
}

#[tokio::test]
async fn a_client_that_waits_is_invited_to_send_its_body() {
    let server = Server::start(ConnectionLimits::default());
    for length in [5, COLLECTED * 3] {
        let mut client = server.connect().await;
        client.send(post("/count", &format!("Expect: 100-continue\r\nContent-Length: {length}"), "")).await;
        client.until("HTTP/1.1 100 Continue\r\n\r\n").await;
        client.send("x".repeat(length)).await;
        let answer = client.until(&format!("\r\n\r\n{length}")).await;
        assert_eq!(answers(&answer), 1, "{answer}");
    }
}

#[tokio::test]
async fn long_bodies_are_passed_on_as_they_come() {
    let server = Server::start(ConnectionLimits::default());
    let chunk = format!("{:x}\r\n{}\r\n", 9_000, "x".repeat(9_000));
    let body = chunk.repeat(50) + "0\r\n\r\n";
    let text = server.exchange(post("/count", "Transfer-Encoding: chunked", &body)).await;
    assert!(text.ends_with("\r\n\r\n450000"), "{text}");
    let mut client = server.connect().await;
    client.send(sized("/count", &"x".repeat(3 << 20))).await;
    client.until("\r\n\r\n3145728").await;
    client.send(sized("/count", "next")).await;
    client.until("\r\n\r\n4").await;
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_body_ends_the_connection() {
    let server = Server::start(ConnectionLimits::default());
    for framing in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
        let start = format!("{:x}\r\n{}\r\n", COLLECTED * 2, "x".repeat(COLLECTED * 2));
        let text = server.exchange(post("/nothing", framing, &start)).await;
        assert!(text.starts_with("HTTP/1.1 404 ") && text.contains("connection: close"), "{framing}: {text}");
    }
}

#[tokio::test]
async fn who_is_still_sending_gets_the_answer_all_the_same() {
    let server = Server::start(ConnectionLimits::default());
    for _ in 0..20 {
        let mut client = server.connect().await;
        client.send(post("/nothing", "Content-Length: 1000000", "")).await;
        for _ in 0..10 {
            client.send("x".repeat(4_096)).await;
            tokio::task::yield_now().await;
        }
        let text = client.rest().await;
        assert!(text.starts_with("HTTP/1.1 404 "), "{text:?}");
    }
}

#[tokio::test]
async fn slow_heads_and_bodies_are_408_and_silence_is_closed() {
    let server = Server::start(ConnectionLimits::default());
    let started = std::time::Instant::now();
    let (silent, head, body, long) = tokio::join!(
        server.exchange(""),
        server.exchange("GET / HTTP/1.1\r\nHost"),
        server.exchange(post("/size", "Content-Length: 9", "x")),
        server.exchange(post("/count", "Content-Length: 1000000", "x")),
    );
    assert_eq!(silent, "");
    assert!(head.starts_with("HTTP/1.1 408 ") && body.starts_with("HTTP/1.1 408 "), "{head} {body}");
    assert!(!long.starts_with("HTTP/1.1 200 "), "{long}");
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
    let page = server.process.metrics.encode();
    for reason in ["silent", "head", "body"] {
        let sample = format!("mandate_connections_closed_total{{listener=\"test\",reason=\"{reason}\"}}");
        assert!(page.contains(&sample), "no {sample} in {page}");
    }
}

#[tokio::test]
async fn an_address_has_no_more_connections_than_it_may() {
    let limits = ConnectionLimits { per_address: Some(2), trusted: TrustedProxies::new([]) };
    let server = Server::start(limits);
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    for client in [&mut first, &mut second] {
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
        client.until("here").await;
    }
    assert_eq!(server.connect().await.rest().await, "");
    first.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    first.until("here").await;
}

#[tokio::test]
async fn a_client_that_takes_no_answer_is_closed() {
    let server = Server::start(ConnectionLimits::default());
    let mut client = server.connect().await;
    client.send("GET /long HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let closed = async {
        let sample = "mandate_connections_closed_total{listener=\"test\",reason=\"stalled\"} 1";
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        while !server.process.metrics.encode().contains(sample) {
            looks.tick().await;
        }
    };
    timeout(LONG, closed).await.expect("in time");
    assert!(client.rest().await.len() < 8 << 20);
}
