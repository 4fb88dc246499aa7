//! Steady pushes from several callers, with a record of what was answered.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use crate::world::{COMPONENT_A as A, World, act::short_type};

/// A load on one component.
pub(crate) struct Load {
    http: reqwest::Client,
    control: String,
    record: Arc<Record>,
    /// Between two pushes of a caller.
    pause: Duration,
}

#[derive(Default)]
struct Record {
    next: AtomicU64,
    answered: AtomicU64,
    /// Pushes that were not answered `success`.
    refused: AtomicU64,
    /// The longest wait for an answer, in milliseconds.
    slowest: AtomicU64,
    /// Notices by their number: whether they were answered `success`.
    notices: Mutex<HashMap<u64, bool>>,
    /// Merchants by their appid: whether their authorization was answered `success`.
    merchants: Mutex<HashMap<String, bool>>,
}

/// Callers at work.
pub(crate) struct Workers {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Workers {
    pub(crate) async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
    }
}

impl Load {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            http: world.http.clone(),
            control: world.simulator_url("/_control"),
            record: Arc::default(),
            pause: Duration::ZERO,
        }
    }

    /// A load that leaves the machine room for other things: about 100 pushes a second.
    pub(crate) fn gentle(world: &World) -> Self {
        Self { pause: Duration::from_millis(50), ..Self::new(world) }
    }

    /// A load that goes on for a minute and leaves little to make up for: about 25 pushes a second.
    pub(crate) fn trickle(world: &World) -> Self {
        Self { pause: Duration::from_millis(240), ..Self::new(world) }
    }

    /// Pushes that were answered `success` so far.
    pub(crate) fn pushed(&self) -> u64 {
        self.record.answered.load(Ordering::Relaxed)
    }

    /// Every push so far was answered `success` within a second.
    #[track_caller]
    pub(crate) fn assert_all_answered_at_once(&self) {
        let (refused, slowest) = (&self.record.refused, &self.record.slowest);
        assert_eq!(refused.load(Ordering::Relaxed), 0, "pushes were not answered success");
        let slowest = slowest.load(Ordering::Relaxed);
        assert!(slowest < 1_000, "an answer took {slowest} ms");
    }

    pub(crate) fn start(&self) -> Workers {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..6 {
            let (http, control) = (self.http.clone(), self.control.clone());
            let (record, stop) = (self.record.clone(), stop.clone());
            let pause = self.pause;
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    sleep(pause).await;
                    if !push_one(&http, &control, &record).await {
                        sleep(Duration::from_millis(20)).await; // nobody listens yet, or any more
                    }
                }
            });
        }
        Workers { stop, tasks }
    }

    /// What was acknowledged is there once; what was not is there once or not at all.
    pub(crate) async fn check(&self, world: &World) -> String {
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
    let took = outcome["deliveries"][0]["millis"].as_u64().unwrap_or_default();
    record.slowest.fetch_max(took, Ordering::Relaxed);
    record.refused.fetch_add(u64::from(!accepted), Ordering::Relaxed);
    record.answered.fetch_add(u64::from(accepted), Ordering::Relaxed);
    accepted
}
