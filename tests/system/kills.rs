//! The process dies at every named point and at any moment, under load: nothing is lost, nothing happens twice.

use std::{
    collections::HashMap,
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use crate::world::{COMPONENT_A as A, Ended, World, act::short_type};

/// Points before and after each durable action.
const POINTS: [&str; 9] = [
    "journal.before_commit",
    "journal.after_commit",
    "ingress.answered",
    "relay.before_accept",
    "append.before",
    "append.after",
    "relay.before_settle",
    "task.claimed",
    "task.answered",
];
/// The signal of a process that aborts.
const SIGABRT: i32 = 6;
/// Pushes of a round without a point, at most.
const PUSHES_PER_ROUND: u64 = 120;

#[tokio::test]
async fn killed_at_every_point_under_load_nothing_is_lost_and_nothing_happens_twice() {
    rounds(20).await;
}

/// The long form: `tests/soak kill`.
#[tokio::test]
#[ignore = "the long form, run by tests/soak"]
async fn soak_kill() {
    rounds(300).await;
}

async fn rounds(count: usize) {
    let mut world = World::start().await;
    world.ticket(A).await;
    world.kill_service().await;
    let load = Load::new(&world);
    let mut deaths: HashMap<&str, u32> = HashMap::new();
    for round in 0..count {
        match POINTS.get(round % (POINTS.len() + 1)) {
            Some(point) => {
                die_at(&mut world, &load, point).await;
                *deaths.entry(point).or_default() += 1;
            }
            None => kill_at_any_moment(&mut world, &load).await,
        }
    }
    assert!(POINTS.iter().all(|point| deaths.contains_key(point)), "a point was never reached: {deaths:?}");
    world.start_service(&[]).await;
    world.settle().await;
    let told = load.check(&world).await;
    writeln!(std::io::stderr(), "{count} kills: {told}").expect("stderr");
    world.finish().await;
}

/// One round: the process starts, works, and dies by itself when it passes the point for the n-th time.
async fn die_at(world: &mut World, load: &Load, point: &str) {
    let armed = format!("{point}:{}", 1 + fastrand::u32(..8));
    world.spawn_service(&[("MANDATE_FAILPOINT", armed.as_str())]);
    let workers = load.start();
    world.wait_mut(&format!("death at {point}"), async |world| world.is_dead().then_some(())).await;
    assert_eq!(world.await_death().await, Ended::Signal(SIGABRT), "{point}");
    workers.stop().await;
}

/// One round: the process starts, works, and is killed at any moment.
async fn kill_at_any_moment(world: &mut World, load: &Load) {
    world.spawn_service(&[]);
    let enough = load.pushed() + fastrand::u64(PUSHES_PER_ROUND / 2..PUSHES_PER_ROUND);
    let workers = load.start();
    world.wait_mut("enough pushes", async |_| (load.pushed() >= enough).then_some(())).await;
    world.kill_service().await;
    workers.stop().await;
}

/// Steady pushes from several callers, with a record of what was answered.
struct Load {
    http: reqwest::Client,
    control: String,
    record: Arc<Record>,
}

#[derive(Default)]
struct Record {
    next: AtomicU64,
    answered: AtomicU64,
    /// Notices by their number: whether they were answered `success`.
    notices: Mutex<HashMap<u64, bool>>,
    /// Merchants by their appid: whether their authorization was answered `success`.
    merchants: Mutex<HashMap<String, bool>>,
}

struct Workers {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Workers {
    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
    }
}

impl Load {
    fn new(world: &World) -> Self {
        Self { http: world.http.clone(), control: world.simulator_url("/_control"), record: Arc::default() }
    }

    /// Pushes that were answered `success` so far.
    fn pushed(&self) -> u64 {
        self.record.answered.load(Ordering::Relaxed)
    }

    fn start(&self) -> Workers {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..6 {
            let (http, control) = (self.http.clone(), self.control.clone());
            let (record, stop) = (self.record.clone(), stop.clone());
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    if !push_one(&http, &control, &record).await {
                        sleep(Duration::from_millis(20)).await; // nobody listens yet, or any more
                    }
                }
            });
        }
        Workers { stop, tasks }
    }

    /// What was acknowledged is there once; what was not is there once or not at all.
    async fn check(&self, world: &World) -> String {
        let mut seen: HashMap<u64, u32> = HashMap::new();
        let mut granted: HashMap<String, u32> = HashMap::new();
        for event in world.feed().await {
            match short_type(&event).as_str() {
                "component.notice_received" => {
                    let number = event["data"]["document"]["n"].as_str().and_then(|n| n.parse().ok());
                    *seen.entry(number.expect("a number")).or_default() += 1;
                }
                "authorization.granted" => {
                    let merchant = event["data"]["authorizer"].as_str().expect("an appid").to_owned();
                    *granted.entry(merchant).or_default() += 1;
                }
                _ => {}
            }
        }
        let notices = self.record.notices.lock().expect("no panic").clone();
        for (number, accepted) in &notices {
            let times = seen.get(number).copied().unwrap_or(0);
            assert!(times == 1 || (times == 0 && !accepted), "notice {number} is there {times} times");
        }
        let merchants = self.record.merchants.lock().expect("no panic").clone();
        for (merchant, accepted) in &merchants {
            let times = granted.get(merchant).copied().unwrap_or(0);
            assert!(times == 1 || (times == 0 && !accepted), "{merchant} was granted {times} times");
            if times == 1 {
                world.wait_status(A, merchant, "authorized").await;
            }
        }
        format!("{} notices and {} authorizations, each once", notices.len(), merchants.len())
    }
}

/// Pushes one callback; whether it was answered `success`.
async fn push_one(http: &reqwest::Client, control: &str, record: &Record) -> bool {
    let number = record.next.fetch_add(1, Ordering::Relaxed);
    // Most are authorizations: each has a stream of its own, while the notices of a component wait for each other.
    let (path, body) = if number.is_multiple_of(4) {
        ("push", json!({"component": A, "info_type": "notify_load", "fields": {"n": number.to_string()}}))
    } else {
        ("authorizers", json!({"component": A, "act": "authorize"}))
    };
    let answer =
        http.post(format!("{control}/{path}")).json(&body).send().await.expect("the simulator answers");
    let outcome: Value = answer.json().await.expect("JSON");
    let accepted = outcome["deliveries"][0]["ok"] == true;
    match outcome["authorizer"].as_str() {
        Some(merchant) => {
            record.merchants.lock().expect("no panic").insert(merchant.to_owned(), accepted);
        }
        None => {
            record.notices.lock().expect("no panic").insert(number, accepted);
        }
    }
    record.answered.fetch_add(u64::from(accepted), Ordering::Relaxed);
    accepted
}
