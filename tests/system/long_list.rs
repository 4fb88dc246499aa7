//! A long list of authorizers, and codes whose redemption nobody heard of: only the list helps, and one scan heals them all.

use std::{
    collections::{HashMap, HashSet},
    io::Write,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Interval, interval};

use crate::world::{COMPONENT_A as A, Options, Stack, Weight, World, act::short_type};

const LIST: &str = "api_get_authorizer_list";
const INFO: &str = "api_get_authorizer_info";
const REDEEM: &str = "api_query_auth";
/// Codes whose redemption nobody heard of: as many as there are tasks under way at once.
const LOST: usize = 32;
/// A new merchant authorizes so often, until all are healed.
const NEW_EVERY: Duration = Duration::from_millis(100);
/// How long healing may take.
const PATIENCE: Duration = Duration::from_mins(6);
/// How long the redemption of a new code may take, for 99 of 100.
const SOON: f64 = 5.0;

#[tokio::test]
async fn lost_codes_are_healed_by_one_scan_of_five_thousand() {
    play(Stack::Embedded, 5_000).await.finish().await;
}

/// The long form: `tests/soak list`.
#[tokio::test]
#[ignore = "the long form, run by tests/soak"]
async fn soak_list() {
    play(Stack::Embedded, 300_000).await.stop_service().await;
}

mod on_servers {
    use super::{Stack, play};

    #[tokio::test]
    async fn lost_codes_are_healed_by_one_scan_of_five_thousand() {
        play(Stack::Servers, 5_000).await.finish().await;
    }

    /// The long form: `tests/soak list`.
    #[tokio::test]
    #[ignore = "the long form, run by tests/soak"]
    async fn soak_list() {
        play(Stack::Servers, 300_000).await.stop_service().await;
    }
}

async fn play(stack: Stack, length: u64) -> World {
    let world = World::with(Options::on(stack).await.weighing(Weight::Heavy)).await;
    world.control("crowd", json!({"component": A, "count": length})).await;
    world.control("switches", json!({"refresh_token_in_info": "absent"})).await;
    let lost = lose_codes(&world).await;
    let mut load = Load { world: &world, pace: interval(NEW_EVERY), new: Vec::new() };
    // The list is slow until all have asked for it: then all of them are served by this one scan.
    world.fault(LIST, "latency_before", 1_000_000, json!("3s")).await;
    // So many lost answers have paused the API of the codes; when the first one is asked about, it is called again.
    world.wait("the pause to end", async |world| (asked(world, &lost).await > 0).then_some(())).await;
    load.until(|| async { asked(&world, &lost).await == LOST }).await;
    world.clear_faults().await;
    let (began, since) = (Instant::now(), Timestamp::now());
    for merchant in &lost {
        load.until(|| async { world.authorizer(A, merchant).await["status"] == "authorized" }).await;
    }
    let (healed, new) = (began.elapsed(), load.new);
    world.settle().await;
    for merchant in &lost {
        let history = world.history(A, merchant).await;
        let recovered = history.iter().find(|event| short_type(event) == "credentials.recovered");
        assert_eq!(recovered.expect("it was recovered")["data"]["source"], "list", "{merchant}");
    }
    let scan = Scan::of(&world, since).await;
    // Whoever asks after the end of a scan begins another one, as on a machine that is busy with other tests.
    let scans = world.logs().matches("WeChat's list of authorizers was scanned").count().max(1);
    assert!(scan.most_often <= 2 * scans, "a page was read {} times by {scans} scans", scan.most_often);
    let slowest = slowest_of_99(&world, &new).await;
    assert!(slowest < SOON, "a new code was redeemed after {slowest} s");
    say(&format!(
        "{stack:?}: {length} in the list, {LOST} lost codes healed in {:.1} s; {} pages read, {} a minute, \
         none more than {} times; {} new codes redeemed meanwhile, p99 {slowest:.3} s; {}",
        healed.as_secs_f64(),
        scan.pages,
        scan.a_minute,
        scan.most_often,
        new.len(),
        world.memory()
    ));
    world
}

/// Merchants authorize, and the answer to each redemption is lost.
async fn lose_codes(world: &World) -> Vec<String> {
    world.fault(REDEEM, "drop_answer", 1_000_000, json!("2s")).await;
    let mut lost = Vec::new();
    for _ in 0..LOST {
        lost.push(world.authorize(A).await);
    }
    // Only now all are redeemed, at once: before the first answer is missed and the API left alone.
    world.ticket(A).await;
    world
        .wait("all codes to be spent", async |world| {
            let calls = world.observe("calls").await;
            let calls = calls["data"].as_array().expect("a list").iter();
            let spent = calls.filter(|call| call["api"] == REDEEM && call["processed"] == true);
            (spent.count() == LOST).then_some(())
        })
        .await;
    world.clear_faults().await;
    lost
}

/// How many of these were asked about: next they are looked for in the list.
async fn asked(world: &World, merchants: &[String]) -> usize {
    let calls = world.observe("calls").await;
    let calls = calls["data"].as_array().expect("a list").iter();
    let asked = calls.filter(|call| call["api"] == INFO).filter_map(|call| call["authorizer"].as_str());
    let asked: HashSet<&str> = asked.collect();
    merchants.iter().filter(|merchant| asked.contains(merchant.as_str())).count()
}

/// New merchants who authorize at a steady rate.
struct Load<'a> {
    world: &'a World,
    pace: Interval,
    new: Vec<String>,
}

impl Load<'_> {
    async fn until<F: Future<Output = bool>>(&mut self, holds: impl Fn() -> F) {
        let deadline = Instant::now() + PATIENCE;
        while !holds().await {
            assert!(Instant::now() < deadline, "waited in vain\n{}", self.world.logs());
            self.pace.tick().await;
            self.new.push(self.world.authorize(A).await);
        }
    }
}

/// What was read of the list.
struct Scan {
    pages: usize,
    /// Pages in a minute, since the list is no longer slow.
    a_minute: i128,
    /// How often the page was read that was read most.
    most_often: usize,
}

impl Scan {
    async fn of(world: &World, since: Timestamp) -> Self {
        let calls = world.observe("calls").await;
        let calls = calls["data"].as_array().expect("a list").iter().filter(|call| call["api"] == LIST);
        let (mut offsets, mut times) = (HashMap::<i64, usize>::new(), Vec::new());
        for call in calls {
            *offsets.entry(call["offset"].as_i64().expect("a number")).or_default() += 1;
            times.push(time(&call["at"]));
        }
        let pages = times.len();
        times.retain(|time| *time > since);
        let taken = times.last().expect("it was read").duration_since(times[0]).as_millis().max(1);
        Self {
            pages,
            a_minute: times.len() as i128 * 60_000 / taken,
            most_often: offsets.into_values().max().expect("it was read"),
        }
    }
}

/// How long 99 of 100 codes waited from their callback to their credentials, at most, in seconds.
async fn slowest_of_99(world: &World, merchants: &[String]) -> f64 {
    let mut recorded = HashMap::<(String, String), Timestamp>::new();
    for event in world.feed().await {
        let merchant = event["data"]["authorizer"].as_str().unwrap_or_default().to_owned();
        recorded.insert((merchant, short_type(&event)), time(&event["recordedtime"]));
    }
    let at = |merchant: &String, name: &str| recorded[&(merchant.clone(), name.to_owned())];
    let mut waits: Vec<f64> = merchants
        .iter()
        .map(|merchant| {
            let issued = at(merchant, "credentials.issued");
            issued.duration_since(at(merchant, "authorization.granted")).as_secs_f64()
        })
        .collect();
    waits.sort_by(f64::total_cmp);
    waits[waits.len() * 99 / 100]
}

#[track_caller]
fn time(text: &Value) -> Timestamp {
    text.as_str().expect("a text").parse().expect("a time")
}

fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr");
}
