//! Many readers at once.

use std::{collections::HashSet, io, sync::Arc};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
    net::TcpStream,
    sync::Semaphore,
    task::JoinSet,
};

use super::{merchant, path, read};
use crate::world::{COMPONENT_A as A, Options, Stack, Weight, World};

/// Reads in all, and at once.
const READS: usize = 10_000;
const AT_ONCE: usize = 1_000;
/// Readers that come together.
const TOGETHER: usize = 100;
/// A token is not given out with less life than this, in seconds.
const MARGIN: i64 = 60;

/// Readers of several workers, each of which has read the token once. They do not come all at the same moment: then the last would have
/// to wait for its first answer longer than the service waits for a request where it is crowded.
async fn come(ports: &[u16], merchant: &str) -> Vec<Reader> {
    let (door, mut readers) = (Arc::new(Semaphore::new(TOGETHER)), JoinSet::new());
    for number in 0..AT_ONCE {
        let (port, path, door) = (ports[number % ports.len()], path(merchant), door.clone());
        readers.spawn(async move {
            let _coming = door.acquire().await.expect("never closed");
            let mut reader = Reader::new(port);
            reader.token(&path).await.expect("the API answers");
            reader
        });
    }
    readers.join_all().await
}

/// All of them read the token at once, over and over; every read must bring one. Answers those that came.
async fn read_from(readers: Vec<Reader>, merchant: &str) -> HashSet<String> {
    let mut reads = JoinSet::new();
    for mut reader in readers {
        let path = path(merchant);
        reads.spawn(async move {
            let mut tokens = HashSet::new();
            for _ in 0..READS / AT_ONCE {
                tokens.insert(reader.token(&path).await.expect("the API answers"));
            }
            tokens
        });
    }
    reads.join_all().await.into_iter().flatten().collect()
}

/// A reader that costs next to nothing: a thousand of them are to load the service, not the machine.
struct Reader {
    port: u16,
    /// Where a service is crowded, it says with its answer that the connection ends.
    connection: Option<BufStream<TcpStream>>,
}

impl Reader {
    fn new(port: u16) -> Self {
        Self { port, connection: None }
    }

    /// Asks once more; the token that it must bring.
    async fn token(&mut self, path: &str) -> io::Result<String> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => BufStream::new(TcpStream::connect(("127.0.0.1", self.port)).await?),
        };
        connection.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await?;
        connection.flush().await?;
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let from = head.len();
            assert!(connection.read_line(&mut head).await? > 0, "it was cut off: {head}");
            if let Some(value) = head[from..].strip_prefix("content-length: ") {
                length = value.trim().parse().expect("a number");
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body).await?;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}{}", String::from_utf8_lossy(&body));
        if !head.contains("\r\nconnection: close\r\n") {
            self.connection = Some(connection);
        }
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        Ok(body["access_token"].as_str().expect("a token").to_owned())
    }
}

/// The token expires while all read it.
async fn expires_among_readers(world: &World, merchant: &str, ports: &[u16]) {
    let before = world.wait_working_token(merchant).await;
    let readers = come(ports, merchant).await;
    world.shorten(merchant, MARGIN + 1).await;
    let mut tokens = read_from(readers, merchant).await;
    let after = world.wait_working_token(merchant).await;
    assert_ne!(before, after);
    tokens.insert(after.clone());
    assert_eq!(tokens, HashSet::from([before, after]), "nobody saw any other");
    assert_eq!(world.calls("api_authorizer_token").await, [0], "one refresh for all of them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_reads_of_a_token_that_expires_cause_one_refresh() {
    let world = World::with(Options::new().weighing(Weight::Heavy)).await;
    let merchant = merchant(&world).await;
    expires_among_readers(&world, &merchant, &[world.options.console_port]).await;
    world.finish().await;
}

#[tokio::test]
async fn a_token_that_was_replaced_already_is_not_replaced_again() {
    let world = World::start().await;
    let merchant = merchant(&world).await;
    let first = world.wait_working_token(&merchant).await;
    let (_, second) = world.invalidate(&merchant, &first).await;
    assert_ne!(second["access_token"], first);
    for stale in [first.as_str(), "never-one-of-ours", second["access_token"].as_str().expect("a token")] {
        let (status, body) = world.invalidate(&merchant, stale).await;
        assert_eq!((status, &body["access_token"]), (200, &second["access_token"]), "once in 30 s");
    }
    assert_eq!(world.calls("api_authorizer_token").await, [0]);
    world.finish().await;
}

#[tokio::test]
async fn tokens_in_use_are_refreshed_ahead_of_time_and_idle_ones_not_at_all() {
    let world = World::start().await;
    let (used, idle) = (merchant(&world).await, merchant(&world).await);
    let before = world.wait_working_token(&used).await;
    for account in [&used, &idle] {
        world.shorten(account, 9 * 60).await;
    }
    world
        .wait("a token that nobody had to wait for", async |world| {
            let (_, body) = world.token(&used).await;
            (body["access_token"] != before.as_str()).then_some(())
        })
        .await;
    assert_eq!(world.calls("api_authorizer_token").await, [0], "the idle one waits until it is asked for");
    world.finish().await;
}

#[tokio::test]
async fn a_component_has_a_token_too() {
    let world = World::start().await;
    let url = format!("/components/{A}/access-token");
    let refused =
        world.http.get(world.console_url(&format!("/api/v1{url}"))).send().await.expect("an answer");
    assert!(refused.headers()["retry-after"].to_str().is_ok_and(|text| text.parse::<u64>().is_ok()));
    let (status, body) = read(refused).await;
    assert_eq!((status, body["code"].as_str()), (503, Some("no_ticket")), "{body}");
    world.ticket(A).await;
    world.settle().await;
    let token = world.api(&url).await;
    assert!(
        token["expires_in"].as_i64().is_some_and(|seconds| (7_000..=7_200).contains(&seconds)),
        "{token}"
    );
    let state = world.observe(&format!("state?component={A}")).await;
    assert_eq!(state["components"][0]["access_token"]["value"], token["access_token"]);
    world.finish().await;
}

mod on_servers {
    use super::{Options, Stack, Weight, World, expires_among_readers, merchant};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn ten_thousand_reads_over_two_workers_cause_one_refresh() {
        let world = World::with(Options::on(Stack::Servers).await.weighing(Weight::Heavy)).await;
        let merchant = merchant(&world).await;
        let (second, url) = world.another_worker().await;
        let port = url.rsplit_once(':').expect("a port").1.parse().expect("a number");
        expires_among_readers(&world, &merchant, &[world.options.console_port, port]).await;
        second.terminate();
        second.wait().await;
        world.finish().await;
    }
}
