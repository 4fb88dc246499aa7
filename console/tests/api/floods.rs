//! What a flood of requests from callers without credentials makes the service write.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use actix_web::{http::Method, test::TestRequest};
use mandate_schema::{ApiKey, Reach, Scope};
use tracing::{
    Event, Level, Metadata, Subscriber,
    span::{Attributes, Id, Record},
};

use crate::{
    consent::Door,
    keys::{key, with},
    world::World,
};

/// Counts the lines that a log at level `info` has.
#[derive(Clone, Default)]
struct Lines(Arc<AtomicUsize>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A request of an address that nobody has used before.
fn from_anywhere(number: u32, address: &str) -> TestRequest {
    let [.., a, b, c] = number.to_be_bytes();
    TestRequest::with_uri(address).peer_addr(([11 + a, b, c, 1], 50_000).into())
}

#[actix_web::test]
async fn a_flood_writes_few_lines_from_however_many_addresses_it_comes() {
    let world = World::new();
    key(&world, 1, &[Scope::StateRead], Reach::default()).await;
    let world = world.restarted();
    let door = Door::of(&world);
    let (lines, begun) = (Lines::default(), Instant::now());
    let _guard = tracing::subscriber::set_default(lines.clone());
    for number in 0..400 {
        let wrong = ApiKey::new(&[7; 32]);
        world.ask(from_anywhere(number, "/api/v1/components")).await;
        world.ask(with(from_anywhere(number, "/api/v1/events"), &wrong)).await;
        world.ask(from_anywhere(number, "/api/v1/inbox/settled").method(Method::POST)).await;
        door.open(from_anywhere(number, "/authorize/return/forged?auth_code=x")).await;
        door.open(from_anywhere(number, "/authorize/nosuchlink")).await;
    }
    // Three of the API and two of the pages in any second.
    let most = 5 * (begun.elapsed().as_secs() + 1);
    let written = lines.0.load(Ordering::Relaxed);
    assert!((1..=most).contains(&(written as u64)), "{written} lines, and {most} at most");
}

#[actix_web::test]
async fn a_store_that_is_away_fills_no_log_either() {
    let world = World::new();
    world.lose_store();
    let (lines, begun) = (Lines::default(), Instant::now());
    let _guard = tracing::subscriber::set_default(lines.clone());
    for number in 0..300 {
        let request = from_anywhere(number, "/api/v1/components");
        world.ask(with(request, &ApiKey::new(&[8; 32]))).await.problem(503, "storage_unavailable");
    }
    let most = 3 * (begun.elapsed().as_secs() + 1);
    let written = lines.0.load(Ordering::Relaxed);
    assert!(written as u64 <= most, "{written} lines, and {most} at most");
}
