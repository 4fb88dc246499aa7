//! The journal on real files.

mod beside;
mod deaths;
mod dedupe;
mod faults;
mod files;
mod full_disk;
mod housekeeping;
mod message_ids;
mod original_ids;
mod parking;
mod room;
mod states;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
        mpsc,
    },
    time::Duration,
};

use futures_util::future::join_all;
use jiff::Timestamp;
use mandate_schema::{AuthorizerId, CallbackId, ComponentId, CreateTime, Push, PushKind};
use tempfile::TempDir;
use tokio::time::timeout;

use super::{
    store::{Changes, Store},
    writer::Command,
    *,
};

/// How long a test waits for what must happen.
const LONG: Duration = Duration::from_secs(30);

/// 2026-01-01T00:00:00Z in milliseconds.
const START: i64 = 1_767_225_600_000;

/// A folder for a journal, and a clock that only the test turns.
struct Bench {
    folder: TempDir,
    millis: Arc<AtomicI64>,
}

impl Bench {
    fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder"), millis: Arc::new(AtomicI64::new(START)) }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }

    fn limits(&self) -> Limits {
        let millis = Arc::clone(&self.millis);
        Limits {
            clock: Arc::new(move || at(millis.load(Ordering::SeqCst))),
            commit_patience: LONG,
            reserve_bytes: 0,
            housekeeping: Duration::from_millis(5),
            ..Limits::new(1 << 30)
        }
    }

    #[track_caller]
    fn open(&self) -> Journal {
        self.open_with(self.limits())
    }

    #[track_caller]
    fn open_with(&self, limits: Limits) -> Journal {
        Journal::open(&self.path(), limits).expect("a journal")
    }

    fn store(&self) -> Store {
        let connection = file::open_writer(&self.path(), LONG).expect("a connection");
        Store::new(connection, self.limits())
    }

    fn advance(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).expect("short");
        self.millis.fetch_add(millis, Ordering::SeqCst);
    }

    fn now(&self) -> Timestamp {
        at(self.millis.load(Ordering::SeqCst))
    }

    /// Push number `n` of the event URL.
    fn event(&self, n: u64) -> Push {
        self.push(n, None, "<xml>event</xml>")
    }

    /// Push number `n` of the message URL.
    fn message(&self, n: u64) -> Push {
        self.push(n, Some("wxa0b1c2d3e4f50617"), "<xml>message</xml>")
    }

    /// An event that counts as exactly 1,000 bytes.
    fn event_of_1000_bytes(&self, n: u64) -> Push {
        self.push(n, None, &"x".repeat(1_000 - 256 - QUERY.len()))
    }

    fn push(&self, n: u64, authorizer: Option<&str>, body: &str) -> Push {
        let component = ComponentId::parse("wx1f2e3d4c5b6a7988").expect("valid");
        let authorizer = authorizer.map(|text| AuthorizerId::parse(text).expect("valid"));
        let time = CreateTime(START / 1_000);
        let id = CallbackId::compute(time, &component, authorizer.as_ref(), &format!("push {n}"));
        Push {
            id,
            component,
            authorizer,
            pair: "00ff12ab".parse().expect("valid"),
            query: QUERY.into(),
            body: body.into(),
            received_at: self.now(),
            unverified: false,
        }
    }
}

const QUERY: &str = "timestamp=1767225600&nonce=1";

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).expect("in range")
}

/// From nobody in particular, and like no other.
fn origin(push: &Push) -> Origin {
    Origin { address: None, content: push.id }
}

fn entry(push: Push) -> Entry {
    Entry { origin: origin(&push), push, reading: Reading::Good { original_id: None } }
}

/// Records pushes one after another; each must be new.
async fn record_new(journal: &Journal, pushes: impl IntoIterator<Item = Push>) {
    for push in pushes {
        assert_eq!(journal.record(push).await, Ok(Recorded::New));
    }
}

/// All callbacks that wait as *new*, of both kinds, in order.
async fn all_waiting(journal: &Journal) -> Vec<Waiting> {
    let mut all = Vec::new();
    for kind in [PushKind::Event, PushKind::Message] {
        all.extend(journal.waiting(kind, None, usize::MAX >> 1).await.expect("readable"));
    }
    all.sort_by_key(|waiting| waiting.seq);
    all
}

async fn waiting_pushes(journal: &Journal) -> Vec<Push> {
    all_waiting(journal).await.into_iter().map(|waiting| waiting.push).collect()
}

async fn waiting_seqs(journal: &Journal) -> Vec<Seq> {
    all_waiting(journal).await.into_iter().map(|waiting| waiting.seq).collect()
}

async fn settle_all(journal: &Journal) {
    journal.settle(waiting_seqs(journal).await).await.expect("settled");
}

/// Waits until the health is as wanted.
async fn until_health(journal: &Journal, wanted: impl FnMut(&JournalHealth) -> bool) {
    let mut health = journal.health();
    timeout(LONG, health.wait_for(wanted)).await.expect("in time").expect("the journal is held");
}

/// Runs something on the writer's own store, between two commits.
async fn on_writer<T: Send + 'static>(
    journal: &Journal,
    act: impl FnOnce(&mut Store) -> T + Send + 'static,
) -> T {
    let (answer, answered) = oneshot::channel();
    let act = move |store: &mut Store| {
        let _ = answer.send(act(store));
    };
    assert!(journal.0.send(Command::Inspect(Box::new(act))).is_ok(), "the writer takes commands");
    timeout(LONG, answered).await.expect("in time").expect("the writer runs")
}

/// Keeps the writer busy until the returned sender is used or dropped.
async fn hold_writer(journal: &Journal) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel();
    let (held, is_held) = oneshot::channel();
    let act = move |_: &mut Store| {
        let _ = held.send(());
        let _ = released.recv();
    };
    assert!(journal.0.send(Command::Inspect(Box::new(act))).is_ok(), "the writer takes commands");
    timeout(LONG, is_held).await.expect("in time").expect("the writer runs");
    release
}

#[tokio::test]
async fn what_queues_up_shares_one_commit() {
    let bench = Bench::new();
    let journal = bench.open();
    let commits = Arc::new(AtomicI64::new(0));
    let counter = Arc::clone(&commits);
    on_writer(&journal, move |store| {
        let count = move || {
            counter.fetch_add(1, Ordering::SeqCst);
            false
        };
        store.connection_mut().commit_hook(Some(count)).expect("a hook");
    })
    .await;
    // The housekeeping behind this commit is over once the writer is held.
    record_new(&journal, [bench.event(1_000)]).await;
    let release = hold_writer(&journal).await;
    commits.store(0, Ordering::SeqCst);
    let pushes: Vec<Push> = (0..500).map(|n| bench.event(n)).collect();
    let records = join_all(pushes.iter().map(|push| journal.record(push.clone())));
    let (outcomes, _) = tokio::join!(records, async { release.send(()) });
    assert!(outcomes.iter().all(|outcome| *outcome == Ok(Recorded::New)), "{outcomes:?}");
    assert_eq!(commits.load(Ordering::SeqCst), 1);
    let stored = waiting_pushes(&journal).await;
    assert_eq!(stored[1..], pushes, "order or content differs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_recorders_at_once_each_get_their_own_answer() {
    let bench = Bench::new();
    let journal = bench.open();
    let record = |n: u64| {
        let (journal, push) = (journal.clone(), bench.event(n % 400));
        tokio::spawn(async move { journal.record(push).await.expect("stored") })
    };
    let outcomes = join_all((0..1_200).map(record)).await;
    let new = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Recorded::New))).count();
    assert_eq!((outcomes.len(), new), (1_200, 400));
    assert_eq!(journal.status().await.expect("readable").waiting.new.rows, 400);
}
