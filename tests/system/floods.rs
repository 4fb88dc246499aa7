//! Floods of requests without credentials: genuine pushes are answered all the same. `tests/soak floods`.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::{Method, RequestBuilder};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::{
    crowds::{Genuine, push},
    world::{COMPONENT_A as A, World},
};

/// Callers at once, and how long each waits between two requests: 5,000 a second together.
const CALLERS: usize = 100;
const EVERY: Duration = Duration::from_millis(20);
/// How long each flood lasts.
const TIME: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug)]
enum Flood {
    Forgeries,
    Replays,
    Api,
    Consent,
}

impl Flood {
    fn request(self, world: &World, number: u64) -> RequestBuilder {
        let genuine = Genuine::new(world, 0);
        match self {
            Self::Forgeries => {
                let target = genuine.target.replace("nonce=13579", &format!("nonce={number}"));
                world.http.post(world.ingress_url(&target)).body(genuine.body)
            }
            Self::Replays => world.http.post(world.ingress_url(&genuine.target)).body(genuine.body),
            Self::Api => {
                let request = world.http.request(Method::GET, world.console_url("/api/v1/authorizers"));
                request.bearer_auth(format!("mdt_{number:043}"))
            }
            Self::Consent => world.http.get(world.public_url(&format!("/authorize/{number:022}"))),
        }
    }
}

#[tokio::test]
#[ignore = "minutes; tests/soak floods"]
async fn soak_floods() {
    let world = Arc::new(World::start().await);
    world.ticket(A).await;
    for flood in [Flood::Forgeries, Flood::Replays, Flood::Api, Flood::Consent] {
        let (sent, mut callers) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
        for caller in 0..CALLERS {
            let (world, sent) = (world.clone(), sent.clone());
            callers.spawn(async move {
                let mut every = interval(EVERY);
                every.set_missed_tick_behavior(MissedTickBehavior::Burst);
                for number in 0.. {
                    every.tick().await;
                    let _ = flood.request(&world, (number * CALLERS + caller) as u64).send().await;
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let answers = push(&world, TIME).await;
        callers.shutdown().await;
        let rate = sent.load(Ordering::Relaxed) / TIME.as_secs();
        let (p50, p99) = (answers.percentile(50), answers.percentile(99));
        let figures = format!("{flood:?}: {rate}/s, {} pushes, p50 {p50:?}, p99 {p99:?}", answers.count());
        writeln!(std::io::stderr(), "{figures}; {}", world.memory()).expect("stderr");
        assert!(answers.refused == 0 && p99 < Duration::from_secs(1), "{figures}");
    }
    let log = std::fs::read_to_string(world.folder().join("service.log")).expect("a log");
    let lines = log.lines().count();
    writeln!(std::io::stderr(), "{lines} lines of log").expect("stderr");
    world.settle().await;
    Arc::into_inner(world).expect("all callers have ended").finish().await;
}
