use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use mandate_schema::{CallbackId, ComponentId, CreateTime, Push, PushKind};
use tempfile::TempDir;

use super::*;
use crate::journal::{Limits, Recorded};

const START: i64 = 1_790_000_000_000;

/// Knows outcomes, or cannot say.
#[derive(Clone, Default)]
struct Worker {
    settled: Arc<Mutex<HashSet<CallbackId>>>,
    away: Arc<Mutex<bool>>,
    asked: Arc<Mutex<Vec<usize>>>,
}

impl CallbackOutcomes for Worker {
    async fn settled(&self, ids: Vec<CallbackId>) -> Result<HashSet<CallbackId>, OutcomesUnavailable> {
        self.asked.lock().expect("no panic").push(ids.len());
        if *self.away.lock().expect("no panic") {
            return Err(OutcomesUnavailable("away for the test".into()));
        }
        let settled = self.settled.lock().expect("no panic");
        Ok(ids.into_iter().filter(|id| settled.contains(id)).collect())
    }
}

struct Bench {
    _folder: TempDir,
    journal: Journal,
    now: Arc<AtomicI64>,
    worker: Worker,
    settler: Settler<Worker>,
}

impl Bench {
    /// A journal with so many callbacks, all handed over.
    async fn handed_over(count: u64) -> (Self, Vec<CallbackId>) {
        let folder = TempDir::new().expect("a folder");
        let now = Arc::new(AtomicI64::new(START));
        let clock = now.clone();
        let limits = Limits {
            clock: Arc::new(move || {
                Timestamp::from_millisecond(clock.load(Ordering::SeqCst)).expect("in range")
            }),
            reserve_bytes: 0,
            ..Limits::new(1 << 30)
        };
        let journal = Journal::open(&folder.path().join("journal.db"), limits).expect("a journal");
        let mut ids = Vec::new();
        for number in 0..count {
            let push = event(number);
            ids.push(push.id);
            assert_eq!(journal.record(push).await, Ok(Recorded::New));
        }
        let worker = Worker::default();
        let settler = Settler::new(journal.clone(), worker.clone());
        let bench = Self { _folder: folder, journal, now, worker, settler };
        bench.hand_over().await;
        (bench, ids)
    }

    /// Hands over whatever is new.
    async fn hand_over(&self) {
        let waiting = self.journal.waiting(PushKind::Event, None, 10_000).await.expect("readable");
        self.journal.handed_over(waiting.into_iter().map(|row| row.seq).collect()).await.expect("marked");
    }

    fn advance(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    fn know(&self, ids: &[CallbackId]) {
        self.worker.settled.lock().expect("no panic").extend(ids);
    }

    /// New, handed over, settled.
    async fn rows(&self) -> (u64, u64, u64) {
        let status = self.journal.status().await.expect("readable");
        (status.waiting.new.rows, status.waiting.handed_over.rows, status.settled_kept.rows)
    }
}

fn event(number: u64) -> Push {
    let component = ComponentId::parse("wx1f2e3d4c5b6a7988").expect("valid");
    Push {
        id: CallbackId::compute(CreateTime(1_767_225_600), &component, None, &number.to_string()),
        component,
        authorizer: None,
        pair: "00ff12ab".parse().expect("valid"),
        query: String::new(),
        body: "<xml/>".into(),
        received_at: Timestamp::from_millisecond(START).expect("in range"),
        unverified: false,
    }
}

#[tokio::test]
async fn what_has_an_outcome_is_settled_and_the_rest_stays_handed_over() {
    let (mut bench, ids) = Bench::handed_over(3).await;
    bench.know(&ids[..2]);
    assert_eq!(bench.settler.step().await.expect("answered"), Settled::Later);
    assert_eq!(bench.rows().await, (0, 3, 0), "nobody is asked at once");
    bench.advance(1);
    assert_eq!(bench.settler.step().await.expect("answered"), Settled::Later);
    assert_eq!(bench.rows().await, (0, 1, 2));
}

#[tokio::test]
async fn what_was_lost_is_handed_over_again_after_one_two_and_four_minutes() {
    let (mut bench, _) = Bench::handed_over(2).await;
    for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
        bench.advance(minutes * 60 - 1);
        bench.settler.step().await.expect("answered");
        assert_eq!(bench.rows().await, (0, 2, 0), "{minutes} minutes have not passed");
        bench.advance(1);
        bench.settler.step().await.expect("answered");
        assert_eq!(bench.rows().await, (2, 0, 0), "after {minutes} minutes");
        bench.hand_over().await;
    }
}

#[tokio::test]
async fn nothing_is_handed_over_again_while_nobody_can_say() {
    let (mut bench, _) = Bench::handed_over(2).await;
    *bench.worker.away.lock().expect("no panic") = true;
    bench.advance(100_000);
    let error = bench.settler.step().await.expect_err("away");
    assert_eq!(error.disposition(), Disposition::Retry);
    assert_eq!(bench.rows().await, (0, 2, 0));
    *bench.worker.away.lock().expect("no panic") = false;
    bench.settler.step().await.expect("answered");
    assert_eq!(bench.rows().await, (2, 0, 0));
}

#[tokio::test]
async fn a_question_has_at_most_a_thousand_ids_and_a_lost_one_does_not_hold_up_the_rest() {
    let (mut bench, ids) = Bench::handed_over(2_500).await;
    bench.know(&ids[1..]);
    bench.advance(1);
    let mut steps = Vec::new();
    for _ in 0..3 {
        steps.push(bench.settler.step().await.expect("answered"));
    }
    assert_eq!(steps, [Settled::Later, Settled::Onwards, Settled::Later], "the first page has a lost one");
    assert_eq!(*bench.worker.asked.lock().expect("no panic"), [1_000, 1_000, 500]);
    assert_eq!(bench.rows().await, (0, 1, 2_499));
    bench.settler.step().await.expect("answered");
    assert_eq!(bench.worker.asked.lock().expect("no panic").last(), Some(&1), "the round begins again");
}

#[tokio::test]
async fn the_loop_outlives_an_outage_and_ends_with_the_stop() {
    let (mut bench, ids) = Bench::handed_over(5).await;
    bench.advance(1);
    *bench.worker.away.lock().expect("no panic") = true;
    let stop = Stop::new();
    let settler =
        std::mem::replace(&mut bench.settler, Settler::new(bench.journal.clone(), Worker::default()));
    stop.spawn("settler", settler.run(stop.clone()));
    let asked = || bench.worker.asked.lock().expect("no panic").len();
    timeout(Duration::from_secs(30), async {
        while asked() < 2 {
            tokio::task::yield_now().await;
        }
        bench.know(&ids);
        *bench.worker.away.lock().expect("no panic") = false;
        while bench.rows().await.1 > 0 {}
    })
    .await
    .expect("settled in time");
    stop.request();
    stop.finish(Duration::from_secs(30)).await.expect("a clean stop");
}
