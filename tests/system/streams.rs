//! Server-sent events: followed, cut off, resumed, by many at once.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::world::{COMPONENT_A as A, PATIENCE, Stack, World};

/// How long a stream may go on when the service stops: it need not wait for its next heartbeat.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A reader of a stream.
struct Reader {
    answer: reqwest::Response,
    unread: String,
    /// What it would resume with.
    last_id: String,
}

impl Reader {
    async fn open(world: &World, url: &str, last_id: Option<&str>) -> Self {
        let request =
            last_id.into_iter().fold(world.http.get(url), |request, id| request.header("last-event-id", id));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream; charset=utf-8");
        Self { answer, unread: String::new(), last_id: String::new() }
    }

    /// The lines up to the next empty one; `None`: the stream has ended.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.unread.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.unread = rest;
                return Some(block);
            }
            let chunk = timeout(PATIENCE, self.answer.chunk()).await.expect("a heartbeat at least");
            self.unread += std::str::from_utf8(&chunk.ok().flatten()?).expect("UTF-8");
        }
    }

    /// The next event, as a browser would see it.
    async fn next(&mut self) -> Option<Value> {
        loop {
            let block = self.block().await?;
            let field =
                |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            self.last_id = field("id: ").expect("each says how far it is");
            if let Some(data) = field("data: ") {
                let event: Value = serde_json::from_str(&data).expect("JSON");
                assert_eq!(field("event: ").as_deref(), event["type"].as_str());
                assert_eq!(event["sequence"], format!("{:0>20}", self.last_id));
                return Some(event);
            }
        }
    }

    async fn up_to(&mut self, position: usize) -> Vec<Value> {
        let mut seen = Vec::new();
        while self.last_id.parse() != Ok(position) {
            seen.push(self.next().await.expect("it goes on"));
        }
        seen
    }
}

async fn followed_cut_off_and_resumed(stack: Stack) {
    let mut world = World::on(stack).await;
    let url = world.console_url("/api/v1/events/stream");
    let mut reader = Reader::open(&world, &url, None).await;
    world.ticket(A).await;
    let merchant = world.authorize(A).await;
    world.wait_status(A, &merchant, "authorized").await;
    world.settle().await;
    let half = world.feed().await.len();
    let mut seen = reader.up_to(half).await;
    let last_id = reader.last_id.clone();
    drop(reader);
    world.again(A, &merchant, "revoke").await;
    world.settle().await;
    let mut reader = Reader::open(&world, &format!("{url}?after=0"), Some(&last_id)).await;
    let feed = world.feed().await;
    seen.extend(reader.up_to(feed.len()).await);
    assert_eq!(seen, feed, "each once, none skipped");

    let filtered = format!("{url}?type=authorization.revoked&authorizer={merchant}");
    let mut filtered = Reader::open(&world, &filtered, None).await;
    assert_eq!(filtered.next().await.expect("it goes on")["type"], "mandate.authorization.revoked.v1");

    let asked = Instant::now();
    let (ended, ()) = tokio::join!(
        async {
            while reader.next().await.is_some() {}
            while filtered.next().await.is_some() {}
            asked.elapsed()
        },
        world.stop_service()
    );
    assert!(ended < AT_ONCE, "the streams went on for {ended:?}");
    world.start_service(&[]).await;
    world.finish().await;
}

#[tokio::test]
async fn a_stream_is_followed_cut_off_and_resumed() {
    followed_cut_off_and_resumed(Stack::Embedded).await;
}

#[tokio::test]
async fn many_follow_at_once() {
    const READERS: usize = 1_000;
    let world = World::start().await;
    world.ticket(A).await;
    world.settle().await;
    let (idle, url) = (world.memory(), world.console_url("/api/v1/events/stream?after=1"));
    let readers = join_all((0..READERS).map(|_| Reader::open(&world, &url, None))).await;
    let merchant = world.authorize(A).await;
    let granted = join_all(readers.into_iter().map(async |mut reader| {
        let event = reader.next().await.expect("it goes on");
        (reader, event)
    }));
    for (_, event) in granted.await {
        assert_eq!((&event["subject"], &event["sequence"]), (&json!(merchant), &json!(format!("{:020}", 2))));
    }
    println!("{READERS} streams: {idle} before, {} with them", world.memory());
    world.finish().await;
}

mod on_servers {
    use super::*;

    #[tokio::test]
    async fn a_stream_is_followed_cut_off_and_resumed() {
        followed_cut_off_and_resumed(Stack::Servers).await;
    }

    #[tokio::test]
    async fn a_stream_of_one_worker_sees_what_another_appends() {
        let world = World::on(Stack::Servers).await;
        let (other, url) = world.another_worker().await;
        let mut reader = Reader::open(&world, &format!("{url}/api/v1/events/stream"), None).await;
        world.ticket(A).await;
        world.authorize(A).await;
        world.settle().await;
        let feed = world.feed().await;
        assert_eq!(reader.up_to(feed.len()).await, feed);
        other.terminate();
        other.wait().await;
        world.finish().await;
    }
}
