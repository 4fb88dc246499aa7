//! Several processes write to the same few streams, some answers get lost, and a reader follows.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use futures_util::future::join_all;
use mandate_schema::{CommandId, Position, StoredEvent};

use super::{
    Database,
    given::{command, decided, stream},
    unsure::Unsure,
};
use crate::{
    Appended, Appender, Command, CommandOutcome, EventQuery, StorageError, Store, Unobserved,
    appender::BatchLog,
};

/// Streams that all fight for.
const STREAMS: u32 = 4;
/// Processes with an appender.
const PROCESSES: u64 = 3;
/// Deciders in each of them.
const DECIDERS: u64 = 6;
/// Commands of each decider.
const COMMANDS: u64 = 12;
/// Batches of the process that has no appender and repeats whole batches.
const BATCHES: u64 = 20;
/// Where the numbers of its commands begin.
const BATCH_NUMBERS: u64 = 1_000_000;

#[derive(Default)]
struct Seen {
    conflicts: AtomicU64,
    duplicates: AtomicU64,
}

pub(super) async fn many_writers_leave_no_hole_and_repeat_nothing<D: Database>(database: D) {
    let stop = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn(follow(database.open().await, stop.clone()));
    let seen = Arc::new(Seen::default());
    let mut logs = Vec::new();
    let mut deciders = Vec::new();
    for process in 0..PROCESSES {
        let storage = database.open().await;
        let log = Unsure::new(storage.clone(), process);
        let appender = Appender::on(log.clone(), Arc::new(Unobserved));
        logs.push(log);
        for decider in 0..DECIDERS {
            let first = (process * DECIDERS + decider) * COMMANDS;
            deciders.push(tokio::spawn(decide_many(storage.clone(), appender.clone(), first, seen.clone())));
        }
    }
    let repeater = Unsure::new(database.open().await, 99);
    logs.push(repeater.clone());
    let batches = tokio::spawn(repeat_batches(database.open().await, repeater, seen.clone()));
    for decider in join_all(deciders).await {
        decider.unwrap();
    }
    batches.await.unwrap();
    stop.store(true, Ordering::SeqCst);
    let log = reader.await.unwrap();

    let storage = database.open().await;
    assert_log_is_whole(&storage, &log).await;
    let conflicts = seen.conflicts.load(Ordering::Relaxed);
    let duplicates = seen.duplicates.load(Ordering::Relaxed);
    let lost: u64 = logs.iter().map(Unsure::lost).sum();
    assert!(conflicts > 0, "the writers never met: the test shows nothing");
    assert!(lost > 0 && duplicates > 0, "{lost} answers were lost, {duplicates} duplicates recognised");
}

/// Loads, decides and appends until each command is in; a repetition after a lost answer is the appender's affair.
async fn decide_many(storage: Store, appender: Appender, first: u64, seen: Arc<Seen>) {
    for number in first..first + COMMANDS {
        let stream = stream(u32::try_from(number % u64::from(STREAMS)).unwrap());
        loop {
            let version = storage.load(&stream).await.unwrap().version();
            let events = 1 + u32::try_from(number % 3).unwrap();
            let decision = decided(command(number), &stream, version.0).events(events);
            match appender.append(decision.into()).await.unwrap() {
                Appended::Stored(position) => {
                    assert!(position.is_some());
                    break;
                }
                Appended::Duplicate(record) => {
                    assert_eq!(record.outcome, CommandOutcome::Applied);
                    seen.duplicates.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Appended::Conflict => seen.conflicts.fetch_add(1, Ordering::Relaxed),
                Appended::Finished => panic!("no task is finished here"),
            };
        }
    }
}

/// Appends batches over all streams, each until it was answered and then once more, as after a crash.
async fn repeat_batches(storage: Store, log: Unsure, seen: Arc<Seen>) {
    for number in 0..BATCHES {
        let mut batch: Vec<Command> = Vec::new();
        for account in 0..STREAMS {
            let version = storage.load(&stream(account)).await.unwrap().version();
            let id = command(BATCH_NUMBERS + number * u64::from(STREAMS) + u64::from(account));
            batch.push(decided(id, &stream(account), version.0).events(1).into());
        }
        let first = append_until_answered(&log, &batch).await;
        let again = append_until_answered(&log, &batch).await;
        for (first, again) in first.iter().zip(&again) {
            match first {
                Appended::Conflict => assert_eq!(again, &Appended::Conflict, "versions only grow"),
                Appended::Stored(position) => {
                    assert!(matches!(again, Appended::Duplicate(record) if record.position == *position));
                }
                Appended::Duplicate(_) => assert_eq!(again, first),
                Appended::Finished => panic!("no task is finished here"),
            }
            if matches!(again, Appended::Duplicate(_)) {
                seen.duplicates.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

async fn append_until_answered(log: &impl BatchLog, batch: &[Command]) -> Vec<Appended> {
    loop {
        match log.append_batch(batch.to_vec()).await {
            Ok(appended) => return appended,
            Err(StorageError::Unavailable(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Reads to the end of the log, and on as it grows, until it is told to stop. Every row must follow the one before.
async fn follow(storage: Store, stop: Arc<AtomicBool>) -> Vec<StoredEvent> {
    let mut log: Vec<StoredEvent> = Vec::new();
    loop {
        let stopping = stop.load(Ordering::SeqCst);
        let after = log.last().map_or(Position(0), |event| event.position);
        let page = storage.read(EventQuery { after, limit: 50 }).await.unwrap();
        if page.is_empty() && stopping {
            return log;
        }
        for event in page {
            let last = log.last().map_or(0, |event| event.position.0);
            assert_eq!(event.position.0, last + 1, "a hole, or an event that came late");
            log.push(event);
        }
    }
}

async fn assert_log_is_whole(storage: &Store, log: &[StoredEvent]) {
    let head = storage.head().await.unwrap();
    assert_eq!(u64::try_from(log.len()).unwrap(), head.0, "count = head");
    assert_eq!(log.last().map(|event| event.position), Some(head), "greatest position = head");
    let mut versions = BTreeMap::new();
    let mut spans: BTreeMap<CommandId, Vec<u64>> = BTreeMap::new();
    for event in log {
        let version = versions.entry(event.stream.clone()).or_insert(0);
        *version += 1;
        assert_eq!(event.version.0, *version, "versions of {} are dense", event.stream);
        spans.entry(event.record.causation).or_default().push(event.position.0);
    }
    for (stream, version) in versions {
        assert_eq!(storage.load(&stream).await.unwrap().version().0, version);
    }
    let ids: BTreeSet<_> = log.iter().map(|event| event.record.id).collect();
    assert_eq!(ids.len(), log.len(), "no event twice");
    for number in 0..PROCESSES * DECIDERS * COMMANDS {
        let positions = &spans[&command(number)];
        let expected = 1 + number % 3;
        assert_eq!(u64::try_from(positions.len()).unwrap(), expected, "a command is applied once");
        assert!(positions.windows(2).all(|pair| pair[1] == pair[0] + 1), "its events stand together");
        let outcome = storage.outcomes(vec![command(number)]).await.unwrap().remove(0);
        assert_eq!(outcome.outcome, CommandOutcome::Applied);
        assert_eq!(outcome.position.map(|p| p.0), positions.last().copied());
    }
}
