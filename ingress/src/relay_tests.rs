use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use mandate_schema::{CallbackId, ComponentId, CreateTime, Push, PushKind};
use tempfile::TempDir;
use tokio::sync::{Notify, watch};

use super::*;
use crate::journal::{JournalFile, Limits, Recorded};

const LONG: Duration = Duration::from_secs(30);

/// A next place that can be down, and shows what it took.
#[derive(Clone)]
struct Place<const SETTLES: bool> {
    up: Arc<Mutex<bool>>,
    taken: Arc<watch::Sender<Vec<CallbackId>>>,
}

impl<const SETTLES: bool> CallbackSink for Place<SETTLES> {
    fn settles(_: PushKind) -> bool {
        SETTLES
    }

    async fn accept(&self, batch: Vec<Push>) -> Result<(), SinkUnavailable> {
        assert!(batch.len() <= 256, "a batch of {}", batch.len());
        if !*self.up.lock().expect("not poisoned") {
            return Err(SinkUnavailable("down for the test".into()));
        }
        self.taken.send_modify(|taken| taken.extend(batch.iter().map(|push| push.id)));
        Ok(())
    }
}

impl<const SETTLES: bool> Place<SETTLES> {
    fn new() -> Self {
        Self { up: Arc::new(Mutex::new(true)), taken: Arc::new(watch::Sender::new(Vec::new())) }
    }

    fn set_up(&self, up: bool) {
        *self.up.lock().expect("not poisoned") = up;
    }

    fn taken(&self) -> Vec<CallbackId> {
        self.taken.borrow().clone()
    }

    async fn until_taken(&self, count: usize) {
        let mut taken = self.taken.subscribe();
        timeout(LONG, taken.wait_for(|taken| taken.len() >= count)).await.expect("in time").expect("held");
    }
}

struct Bench<const SETTLES: bool> {
    _folder: TempDir,
    path: PathBuf,
    journal: Journal,
    place: Place<SETTLES>,
    metrics: Metrics,
}

impl<const SETTLES: bool> Bench<SETTLES> {
    fn new() -> Self {
        Self::with(Limits { reserve_bytes: 0, ..Limits::new(1 << 30) })
    }

    fn with(limits: Limits) -> Self {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("journal.db");
        let journal = Journal::open(&path, limits).expect("a journal");
        Self { _folder: folder, path, journal, place: Place::new(), metrics: Metrics::new() }
    }

    fn relay(&self) -> Relay<Place<SETTLES>> {
        Relay::new(self.journal.clone(), self.place.clone(), self.metrics.clone())
    }

    /// Records events with these numbers; returns their ids.
    async fn record(&self, numbers: std::ops::Range<u64>) -> Vec<CallbackId> {
        let mut ids = Vec::new();
        for n in numbers {
            let push = event(n);
            ids.push(push.id);
            assert_eq!(self.journal.record(push).await, Ok(Recorded::New));
        }
        ids
    }

    async fn rows(&self) -> (u64, u64, u64) {
        let status = self.journal.status().await.expect("readable");
        (status.waiting.new.rows, status.waiting.handed_over.rows, status.settled_kept.rows)
    }
}

fn event(n: u64) -> Push {
    let component = ComponentId::parse("wx1f2e3d4c5b6a7988").expect("valid");
    Push {
        id: CallbackId::compute(CreateTime(1_767_225_600), &component, None, &n.to_string()),
        component,
        authorizer: None,
        pair: "00ff12ab".parse().expect("valid"),
        query: String::new(),
        body: "<xml/>".into(),
        received_at: Timestamp::now(),
        unverified: false,
    }
}

#[tokio::test]
async fn a_step_hands_over_in_order_256_at_once_and_settles() {
    let bench = Bench::<true>::new();
    let ids = bench.record(0..300).await;
    let relay = bench.relay();
    assert_eq!(relay.step(PushKind::Event).await.expect("handed over"), Step::HandedOver(300));
    assert_eq!(bench.rows().await, (0, 0, 300));
    assert_eq!(relay.step(PushKind::Event).await.expect("nothing to do"), Step::Idle);
    assert_eq!(bench.place.taken(), ids);
    assert!(bench.metrics.encode().contains("mandate_relay_handed_over_total 300"));
}

#[tokio::test]
async fn several_batches_are_handed_over_at_once_and_those_behind_one_that_fails_come_again() {
    /// Answers the first batch only once others have come behind it.
    #[derive(Clone)]
    struct Slow {
        begun: Arc<watch::Sender<Vec<usize>>>,
        fails: Arc<Mutex<bool>>,
    }
    impl CallbackSink for Slow {
        fn settles(_: PushKind) -> bool {
            true
        }
        async fn accept(&self, batch: Vec<Push>) -> Result<(), SinkUnavailable> {
            self.begun.send_modify(|begun| begun.push(batch.len()));
            let mut begun = self.begun.subscribe();
            begun.wait_for(|begun| begun.len() >= AT_ONCE).await.expect("held");
            if *self.fails.lock().expect("not poisoned") {
                return Err(SinkUnavailable("down for the test".into()));
            }
            Ok(())
        }
    }
    let bench = Bench::<true>::new();
    bench.record(0..700).await;
    let sink = Slow { begun: Arc::default(), fails: Arc::new(Mutex::new(true)) };
    let relay = Relay::new(bench.journal.clone(), sink.clone(), bench.metrics.clone());
    relay.step(PushKind::Event).await.expect_err("down");
    assert_eq!(*sink.begun.borrow(), [256, 256, 188]);
    assert_eq!(bench.rows().await, (700, 0, 0), "none is noted");
    *sink.fails.lock().expect("not poisoned") = false;
    assert_eq!(relay.step(PushKind::Event).await.expect("handed over"), Step::HandedOver(700));
    assert_eq!(sink.begun.borrow()[AT_ONCE..], [256, 256, 188]);
    assert_eq!(bench.rows().await, (0, 0, 700));
}

#[tokio::test]
async fn a_place_that_does_not_settle_leaves_callbacks_handed_over() {
    let bench = Bench::<false>::new();
    bench.record(0..3).await;
    assert_eq!(bench.relay().step(PushKind::Event).await.expect("handed over"), Step::HandedOver(3));
    assert_eq!(bench.rows().await, (0, 3, 0));
}

#[tokio::test]
async fn while_the_place_is_down_nothing_is_marked_and_order_is_kept_afterwards() {
    let bench = Bench::<true>::new();
    let mut ids = bench.record(0..2).await;
    let relay = bench.relay();
    bench.place.set_up(false);
    for _ in 0..3 {
        let error = relay.step(PushKind::Event).await.expect_err("down");
        assert_eq!(error.disposition(), Disposition::Retry);
    }
    ids.extend(bench.record(2..4).await);
    assert_eq!(bench.rows().await, (4, 0, 0));
    bench.place.set_up(true);
    assert_eq!(relay.step(PushKind::Event).await.expect("handed over"), Step::HandedOver(4));
    assert_eq!(bench.place.taken(), ids);
}

#[tokio::test]
async fn what_cannot_be_noted_is_handed_over_again() {
    /// Takes callbacks like `Place`, and locks the journal while it does.
    struct Locks {
        place: Place<true>,
        journal: Mutex<rusqlite::Connection>,
    }
    impl CallbackSink for Locks {
        fn settles(_: PushKind) -> bool {
            true
        }
        async fn accept(&self, batch: Vec<Push>) -> Result<(), SinkUnavailable> {
            let lock = self.journal.lock().expect("not poisoned").execute_batch("BEGIN IMMEDIATE");
            lock.expect("nobody else writes");
            self.place.accept(batch).await
        }
    }
    let limits = Limits { busy_patience: Duration::from_millis(1), reserve_bytes: 0, ..Limits::new(1 << 30) };
    let bench = Bench::<true>::with(limits);
    let ids = bench.record(0..2).await;
    let journal = Mutex::new(rusqlite::Connection::open(&bench.path).expect("opens"));
    let sink = Locks { place: bench.place.clone(), journal };
    let relay = Relay::new(bench.journal.clone(), sink, bench.metrics.clone());
    let error = relay.step(PushKind::Event).await.expect_err("the mark is locked out");
    assert!(matches!(error, RelayError::Journal(JournalError::Locked)), "{error}");
    assert_eq!((bench.place.taken(), bench.rows().await), (ids.clone(), (2, 0, 0)));
    relay.sink.journal.lock().expect("not poisoned").execute_batch("ROLLBACK").expect("unlocked");
    assert_eq!(bench.relay().step(PushKind::Event).await.expect("handed over again"), Step::HandedOver(2));
    assert_eq!((bench.place.taken(), bench.rows().await), ([ids.clone(), ids].concat(), (0, 0, 2)));
}

#[tokio::test]
async fn the_loop_wakes_for_new_callbacks_survives_an_outage_and_stops() {
    let bench = Bench::<true>::new();
    let stop = Stop::new();
    stop.spawn("relay", bench.relay().run(stop.clone()));
    let mut ids = bench.record(0..1).await;
    bench.place.until_taken(1).await;
    bench.place.set_up(false);
    ids.extend(bench.record(1..5).await);
    bench.place.set_up(true);
    bench.place.until_taken(5).await;
    assert_eq!(bench.place.taken(), ids);
    stop.request();
    stop.finish(LONG).await.expect("a clean stop");
    assert_eq!(bench.rows().await.0, 0, "the last batch was not finished");
}

#[tokio::test]
async fn the_loop_notices_what_another_process_resends() {
    let bench = Bench::<true>::new();
    let stop = Stop::new();
    stop.spawn("relay", bench.relay().run(stop.clone()));
    let ids = bench.record(0..2).await;
    bench.place.until_taken(2).await;
    // Settling follows taking; only settled callbacks can be resent.
    let beside = || JournalFile::open(&bench.path).expect("opens");
    timeout(LONG, async { while bench.rows().await.2 < 2 {} }).await.expect("settled");
    assert_eq!(beside().resend(Timestamp::UNIX_EPOCH).expect("resent"), 2);
    bench.place.until_taken(4).await;
    assert_eq!(bench.place.taken(), [ids.clone(), ids].concat());
    stop.request();
    stop.finish(LONG).await.expect("a clean stop");
}

#[tokio::test]
async fn a_place_that_hangs_is_given_up_and_the_backlog_is_seen_meanwhile() {
    #[derive(Debug)]
    struct Hangs;
    impl CallbackSink for Hangs {
        fn settles(_: PushKind) -> bool {
            true
        }
        async fn accept(&self, _: Vec<Push>) -> Result<(), SinkUnavailable> {
            std::future::pending().await
        }
    }
    let bench = Bench::<true>::new();
    bench.record(0..2).await;
    tokio::time::pause();
    let relay = Relay::new(bench.journal.clone(), Hangs, bench.metrics.clone());
    assert!(matches!(relay.step(PushKind::Event).await, Err(RelayError::Timeout)));
    let stop = Stop::new();
    let watcher = relay.show_backlog(&stop);
    assert!(timeout(PATIENCE, watcher).await.is_err(), "it watches until the stop");
    assert!(bench.metrics.encode().contains("mandate_journal_unsettled 2"), "{}", bench.metrics.encode());
}

#[tokio::test]
async fn a_journal_that_failed_ends_the_loop_with_an_error() {
    let bench = Bench::<true>::new();
    bench.record(0..1).await;
    let other = rusqlite::Connection::open(&bench.path).expect("opens");
    other.execute("DROP TABLE callback", []).expect("broken");
    let ended = timeout(LONG, bench.relay().run(Stop::new())).await.expect("in time");
    assert_eq!(ended.expect_err("fatal").disposition(), Disposition::Stop);
}

/// A next place in which a callback ends whatever process hands it over: here, the future that does.
#[derive(Clone, Default)]
struct Deadly {
    ends_it: Option<CallbackId>,
    died: Arc<Notify>,
    taken: Arc<Mutex<Vec<CallbackId>>>,
    /// Those that came alone, with the deaths before.
    alone: Arc<Mutex<Vec<(CallbackId, u32)>>>,
}

impl CallbackSink for Deadly {
    fn settles(_: PushKind) -> bool {
        true
    }

    async fn accept(&self, batch: Vec<Push>) -> Result<(), SinkUnavailable> {
        if batch.iter().any(|push| Some(push.id) == self.ends_it) {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
        self.taken.lock().expect("not poisoned").extend(batch.iter().map(|push| push.id));
        Ok(())
    }

    async fn accept_alone(&self, push: Push, deaths: u32) -> Result<(), SinkUnavailable> {
        self.alone.lock().expect("not poisoned").push((push.id, deaths));
        self.accept(vec![push]).await
    }
}

impl Deadly {
    /// A process that relays until it has nothing to do, or dies.
    async fn process(&self, path: &std::path::Path) -> Option<Step> {
        let journal =
            Journal::open(path, Limits { reserve_bytes: 0, ..Limits::new(1 << 30) }).expect("opens");
        let relay = Relay::new(journal, self.clone(), Metrics::new());
        let work = async {
            while relay.step(PushKind::Event).await.expect("handed over") != Step::Idle {}
            Step::Idle
        };
        tokio::select! {
            idle = work => Some(idle),
            () = self.died.notified() => None,
        }
    }
}

/// A journal with these many events that nobody serves, and their ids.
async fn left(count: u64) -> (Bench<true>, Vec<CallbackId>) {
    let bench = Bench::<true>::new();
    let ids = bench.record(0..count).await;
    bench.journal.close().await;
    (bench, ids)
}

#[tokio::test]
async fn after_three_deaths_a_callback_is_handed_over_alone_and_the_others_go_on() {
    for deadly in [0, 3, 6] {
        let (bench, ids) = left(7).await;
        let place = Deadly { ends_it: Some(ids[deadly]), ..Deadly::default() };
        for death in 1..=3 {
            assert_eq!(place.process(&bench.path).await, None, "death {death}");
            assert_eq!(place.taken.lock().expect("not poisoned").len(), 0);
        }
        // Each comes alone now; whatever ends the process comes last the next time.
        for _ in 0..2 {
            assert_eq!(place.process(&bench.path).await, None);
        }
        let mut others = ids.clone();
        others.remove(deadly);
        assert_eq!(*place.taken.lock().expect("not poisoned"), others);
        let alone = place.alone.lock().expect("not poisoned").clone();
        assert!(alone.contains(&(ids[deadly], 3)) && alone.contains(&(ids[deadly], 4)), "{alone:?}");
        assert_eq!(alone.len(), 8, "the others came alone once: {alone:?}");
        let mended = Deadly { alone: place.alone.clone(), ..Deadly::default() };
        assert_eq!(mended.process(&bench.path).await, Some(Step::Idle));
        assert_eq!(*mended.taken.lock().expect("not poisoned"), [ids[deadly]]);
    }
}

#[tokio::test]
async fn new_callbacks_come_before_one_that_is_handed_over_alone() {
    let (bench, ids) = left(1).await;
    let place = Deadly { ends_it: Some(ids[0]), ..Deadly::default() };
    for _ in 0..3 {
        assert_eq!(place.process(&bench.path).await, None);
    }
    let journal = Journal::open(&bench.path, Limits { reserve_bytes: 0, ..Limits::new(1 << 30) });
    let bench = Bench { journal: journal.expect("opens"), ..bench };
    let more = bench.record(10..13).await;
    bench.journal.close().await;
    assert_eq!(place.process(&bench.path).await, None);
    assert_eq!(*place.taken.lock().expect("not poisoned"), more);
}

#[tokio::test]
async fn an_outage_and_a_stop_are_no_deaths() {
    let bench = Bench::<true>::new();
    let ids = bench.record(0..2).await;
    bench.place.set_up(false);
    let mut journal = bench.journal.clone();
    for _ in 0..4 {
        let relay = Relay::new(journal.clone(), bench.place.clone(), Metrics::new());
        relay.step(PushKind::Event).await.expect_err("down");
        drop(relay);
        // One that is stopped while it hands over, and killed before it has.
        let place = Deadly { ends_it: Some(ids[0]), ..Deadly::default() };
        let (relay, stop) = (Relay::new(journal.clone(), place.clone(), Metrics::new()), Stop::new());
        tokio::select! {
            outcome = relay.step(PushKind::Event) => panic!("{outcome:?}"),
            () = place.died.notified() => {}
        }
        stop.request();
        relay.count_no_deaths_after(&stop).await.expect("noted");
        journal.close().await;
        drop(relay);
        journal =
            Journal::open(&bench.path, Limits { reserve_bytes: 0, ..Limits::new(1 << 30) }).expect("opens");
    }
    let deaths: Vec<u32> = journal
        .waiting(PushKind::Event, None, 9)
        .await
        .expect("readable")
        .iter()
        .map(|row| row.deaths)
        .collect();
    assert_eq!(deaths, [0, 0]);
}
