//! Limits of size and time on what callers send.

use std::{future::Future, time::Duration};

use crate::support::{Connection, EVENTS, Ingress, LONG, Sealed};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, tcp::OwnedWriteHalf},
    time::{interval, timeout},
};

const MAX: usize = 256 << 10;

fn head(target: &str, framing: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n")
}

#[tokio::test]
async fn a_body_of_the_largest_size_is_read_and_one_byte_more_is_413() {
    let ingress = Ingress::start().await;
    let push = Sealed::event(1);
    ingress.post(&push.target, &"x".repeat(MAX)).await.assert_empty(403);
    ingress.post(&push.target, &"x".repeat(MAX + 1)).await.assert_empty(413);
    ingress.assert_counted("event", "too_large", 1);
}

#[tokio::test]
async fn an_announced_body_that_is_too_large_is_413_before_it_is_sent() {
    let ingress = Ingress::start().await;
    let mut connection = Connection::open(ingress.running.listen).await;
    connection.send(head(&Sealed::event(1).target, "Content-Length: 1000000000")).await;
    connection.answer().await.assert_empty(413);
}

#[tokio::test]
async fn a_chunked_body_that_is_too_large_is_413() {
    let ingress = Ingress::start().await;
    let mut connection = Connection::open(ingress.running.listen).await;
    connection.send(head(&Sealed::event(1).target, "Transfer-Encoding: chunked")).await;
    for _ in 0..5 {
        connection.send(format!("{:x}\r\n{}\r\n", MAX / 4, "x".repeat(MAX / 4))).await;
    }
    connection.answer().await.assert_empty(413);
}

#[tokio::test]
async fn a_chunked_push_is_taken() {
    let ingress = Ingress::start().await;
    let push = Sealed::event(1);
    let (first, second) = push.body.split_at(100);
    let mut connection = Connection::open(ingress.running.listen).await;
    connection.send(head(&push.target, "Transfer-Encoding: chunked")).await;
    connection.send(format!("{:x}\r\n{first}\r\n", first.len())).await;
    connection.send(format!("{:x}\r\n{second}\r\n0\r\n\r\n", second.len())).await;
    connection.answer().await.assert_success();
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_push() {
    let ingress = Ingress::start().await;
    let mut connection = Connection::open(ingress.running.listen).await;
    for number in 1..=3 {
        let push = Sealed::event(number);
        let framing = format!("Content-Length: {}", push.body.len());
        connection.send(head(&push.target, &framing) + &push.body).await;
        let answer = connection.answer().await;
        answer.assert_success();
        assert!(!answer.headers.contains_key("connection"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_client_that_says_close_gets_it() {
    let ingress = Ingress::start().await;
    let push = Sealed::event(1);
    let framing = format!("Content-Length: {}\r\nConnection: close", push.body.len());
    let mut connection = Connection::open(ingress.running.listen).await;
    connection.send(head(&push.target, &framing) + &push.body).await;
    let answer = connection.answer().await;
    answer.assert_success();
    assert_eq!(answer.headers["connection"], "close");
    connection.assert_ended().await;
}

#[tokio::test]
async fn a_connection_ends_whose_client_takes_no_answers() {
    // More than the system's buffers of both sides take: else all of it may be written before the server ends the connection.
    const REQUESTS: usize = 500_000;
    let ingress = Ingress::start().await;
    let requests = format!("GET {EVENTS} HTTP/1.1\r\nHost: h\r\n\r\n").repeat(REQUESTS);
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(2_048).expect("a small window");
    let mut connection = Connection(socket.connect(ingress.running.listen).await.expect("connected"));
    // No answer is read meanwhile; the server ends the connection while requests are still being sent.
    timeout(LONG, connection.0.write_all(requests.as_bytes()))
        .await
        .expect("the connection was held open")
        .expect_err("the connection took all of them");
    let mut answers = Vec::new();
    let _ =
        timeout(LONG, connection.0.read_to_end(&mut answers)).await.expect("the connection was held open");
    let answered = String::from_utf8_lossy(&answers).matches("HTTP/1.1 ").count();
    assert!(answered < REQUESTS / 10, "{answered} were answered");
}

#[tokio::test]
async fn a_byte_of_a_second_head_does_not_hold_a_connection() {
    let ingress = Ingress::start().await;
    let mut connection = Connection::open(ingress.running.listen).await;
    connection.send(format!("GET {EVENTS} HTTP/1.1\r\nHost: h\r\n\r\n")).await;
    connection.answer().await.assert_empty(405);
    connection.send("P").await;
    connection.answer().await.assert_empty(408);
    connection.assert_ended().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let ingress = Ingress::start().await;
    let mut connection = Connection::open(ingress.running.listen).await;
    connection.send(head(&Sealed::event(1).target, "Content-Length: 500") + "<xml>").await;
    connection.answer().await.assert_empty(408);
    connection.assert_ended().await;
}

/// Sends a little again and again until the server closes the connection.
async fn drip(mut to: OwnedWriteHalf, bytes: &str) {
    let mut every = interval(Duration::from_millis(20));
    while to.write_all(bytes.as_bytes()).await.is_ok() {
        every.tick().await;
    }
}

/// Sends a head, drips a body behind it, and expects an answer and the end of the connection.
async fn assert_closed_after(ingress: &Ingress, head: String, bytes: &str, status: &str) {
    let mut connection = Connection::open(ingress.running.listen).await;
    connection.send(head).await;
    let (mut from, to) = connection.0.into_split();
    let mut answer = String::new();
    let read = async {
        // The end may be a reset, as the server does not read what is still dripping.
        let _ = from.read_to_string(&mut answer).await;
    };
    timeout(LONG, both(read, drip(to, bytes))).await.expect("the connection was held open");
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer:?}");
}

async fn both(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::join!(one, other);
}

#[tokio::test]
async fn a_dripping_body_is_408_and_its_connection_is_closed() {
    let ingress = Ingress::start().await;
    let target = Sealed::event(1).target;
    tokio::join!(
        assert_closed_after(&ingress, head(&target, "Content-Length: 100000"), "x", "408"),
        assert_closed_after(&ingress, head(&target, "Transfer-Encoding: chunked"), "1\r\nx\r\n", "408"),
    );
}

#[tokio::test]
async fn a_dripping_body_is_closed_wherever_it_is_sent_to() {
    let ingress = Ingress::start().await;
    let chunked = "Transfer-Encoding: chunked";
    let put = head(EVENTS, chunked).replacen("POST", "PUT", 1);
    tokio::join!(
        assert_closed_after(&ingress, head("/unknown", chunked), "1\r\nx\r\n", "408"),
        assert_closed_after(&ingress, put, "1\r\nx\r\n", "408"),
    );
}

#[tokio::test]
async fn an_answer_ends_a_long_body_that_is_still_coming() {
    let ingress = Ingress::start().await;
    let long = format!("Content-Length: {}", MAX + 1);
    tokio::join!(
        assert_closed_after(&ingress, head("/unknown", &long), "x", "404"),
        assert_closed_after(&ingress, head(EVENTS, &long), "x", "413"),
    );
}
