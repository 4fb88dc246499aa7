//! State dropped and folded again.

use std::sync::{Arc, Mutex};

use mandate_schema::{Position, StreamName, WrappedKey};

use super::{
    Database,
    given::{Counter, append, command, data_key, decided, stream, whole_log},
};
use crate::{
    Appended, FoldError, FoldInput, Folder, NewState, RebuildMode, RebuildReport, StorageError, Store,
};

async fn rebuild(storage: &Store, mode: RebuildMode) -> RebuildReport {
    storage.rebuild(mode, Counter::default(), |_| {}).await.unwrap()
}

/// Five streams with one to five events: positions 1 to 15.
async fn five_streams(storage: &Store) {
    for number in 1..=5 {
        let id = command(u64::from(number));
        append(storage, decided(id, &stream(number), 0).events(number)).await;
    }
}

fn found(different: Vec<StreamName>) -> RebuildReport {
    RebuildReport { events: 15, streams: 5, different, head: Position(15) }
}

pub(super) async fn what_appends_stored_is_what_a_rebuild_folds(storage: Store) {
    five_streams(&storage).await;
    assert_eq!(rebuild(&storage, RebuildMode::Check).await, found(vec![]));
    let before = storage.state(&stream(3)).await.unwrap();
    assert_eq!(rebuild(&storage, RebuildMode::Swap).await, found(vec![]));
    assert_eq!(storage.state(&stream(3)).await.unwrap(), before);
    append(&storage, decided(command(9), &stream(3), 3).events(2)).await;
    let report = rebuild(&storage, RebuildMode::Check).await;
    assert_eq!((report.different, report.head), (vec![], Position(17)));
}

pub(super) async fn an_empty_log_rebuilds_to_nothing(storage: Store) {
    for mode in [RebuildMode::Check, RebuildMode::Swap] {
        assert_eq!(rebuild(&storage, mode).await, RebuildReport::default());
    }
}

/// Damages five rows: one is missing, one should not be there, one has another state, one another version, one another status beside
/// its state.
async fn damage<D: Database>(database: &D) -> Vec<StreamName> {
    for statement in [
        format!("delete from state where stream = '{}'", stream(1)),
        format!("update state set state = '{{\"status\":\"revoked\"}}' where stream = '{}'", stream(2)),
        format!("update state set version = 9 where stream = '{}'", stream(4)),
        format!("update state set status = 'revoked' where stream = '{}'", stream(5)),
        format!(
            "insert into state (stream, version, position, form, state, component, search)
             values ('{}', 1, 1, 1, '{{}}', 'c', '')",
            stream(7)
        ),
    ] {
        assert_eq!(database.sql(&statement).await, Ok(1), "{statement}");
    }
    vec![stream(1), stream(2), stream(4), stream(5), stream(7)]
}

pub(super) async fn a_check_reports_what_differs_and_changes_nothing<D: Database>(database: D) {
    let storage = database.open().await;
    five_streams(&storage).await;
    let damaged = damage(&database).await;
    for _ in 0..2 {
        let report = rebuild(&storage, RebuildMode::Check).await;
        assert_eq!(report, found(damaged.clone()));
    }
    assert!(storage.state(&stream(1)).await.unwrap().is_none());
    assert!(storage.state(&stream(7)).await.unwrap().is_some());
    let others = [
        format!("update state set form = 2 where stream = '{}'", stream(3)),
        format!("update state set position = 1 where stream = '{}'", stream(5)),
    ];
    for statement in others {
        database.sql(&statement).await.unwrap();
    }
    let every = vec![stream(1), stream(2), stream(3), stream(4), stream(5), stream(7)];
    assert_eq!(rebuild(&storage, RebuildMode::Check).await, found(every));
}

pub(super) async fn a_swap_puts_the_rebuilt_rows_in_place<D: Database>(database: D) {
    let storage = database.open().await;
    five_streams(&storage).await;
    let mut before = Vec::new();
    for number in 1..=5 {
        before.push(storage.state(&stream(number)).await.unwrap().unwrap());
    }
    let damaged = damage(&database).await;
    assert_eq!(rebuild(&storage, RebuildMode::Swap).await, found(damaged), "it tells what it repaired");
    for row in before {
        assert_eq!(storage.state(&row.stream).await.unwrap(), Some(row));
    }
    assert_eq!(storage.state(&stream(7)).await.unwrap(), None);
    assert_eq!(rebuild(&storage, RebuildMode::Check).await, found(vec![]));
}

pub(super) async fn a_fold_that_fails_changes_nothing<D: Database>(database: D) {
    let storage = database.open().await;
    five_streams(&storage).await;
    let damaged = damage(&database).await;
    let refusing = Counter { refuses: Some(Position(12)) };
    let error = storage.rebuild(RebuildMode::Swap, refusing, |_| {}).await.unwrap_err();
    assert!(matches!(error, StorageError::Unreadable(_)), "{error:?}");
    assert!(error.to_string().contains("event 12"), "{error}");
    assert_eq!(rebuild(&storage, RebuildMode::Check).await, found(damaged));
    let stored = append(&storage, decided(command(9), &stream(3), 3).events(1)).await;
    assert!(matches!(stored, Appended::Stored(_)), "no lock was left behind");
}

/// The key that came with the event at a position.
type KeyAt = (Position, Option<WrappedKey>);

/// Notes the keys that come with events.
#[derive(Clone, Default)]
struct Keyring {
    counter: Counter,
    seen: Arc<Mutex<Vec<KeyAt>>>,
}

impl Folder for Keyring {
    fn fold(&mut self, input: FoldInput<'_>) -> Result<NewState, FoldError> {
        let keys = input.events.iter().map(|(event, key)| (event.position, key.clone()));
        self.seen.lock().unwrap().extend(keys);
        self.counter.fold(input)
    }
}

/// Two streams with a profile under their second key; which keys a rebuild hands to the fold, by position.
async fn folded_keys(storage: &Store) -> Vec<KeyAt> {
    let keyring = Keyring::default();
    let report = storage.rebuild(RebuildMode::Check, keyring.clone(), |_| {}).await.unwrap();
    assert_eq!(report.different, []);
    let mut seen = keyring.seen.lock().unwrap().clone();
    seen.sort_by_key(|(position, _)| *position);
    seen
}

async fn profiles(storage: &Store) {
    for number in [1, 2] {
        let recorded = decided(command(u64::from(number)), &stream(number), 0)
            .events(2)
            .profile(2)
            .key(data_key(&stream(number), 1))
            .key(data_key(&stream(number), 2));
        append(storage, recorded).await;
    }
}

pub(super) async fn a_fold_gets_the_key_of_a_published_field(storage: Store) {
    profiles(&storage).await;
    let key = |number| Some(data_key(&stream(number), 2).wrapped);
    let expected = [(Position(1), None), (Position(2), key(1)), (Position(3), None), (Position(4), key(2))];
    assert_eq!(folded_keys(&storage).await, expected);
}

pub(super) async fn a_destroyed_key_reaches_the_fold_as_none<D: Database>(database: D) {
    let storage = database.open().await;
    profiles(&storage).await;
    let destroy = format!("update data_key set master = null, wrapped = null where stream = '{}'", stream(1));
    assert_eq!(database.sql(&destroy).await, Ok(2));
    let keys = folded_keys(&storage).await;
    assert_eq!(keys[1], (Position(2), None));
    assert_eq!(keys[3].1, Some(data_key(&stream(2), 2).wrapped));
}

pub(super) async fn a_rebuild_runs_beside_appends<D: Database>(database: D) {
    let storage = database.open().await;
    // Long enough that it is folded in several pages before the lock is taken.
    for number in 0..12 {
        let id = command(u64::from(number));
        append(&storage, decided(id, &stream(number), 0).events(300)).await;
    }
    let (stop, mut stopped) = tokio::sync::oneshot::channel();
    let writer = tokio::spawn({
        let storage = database.open().await;
        async move {
            let mut number = 100;
            while stopped.try_recv().is_err() {
                let stream = stream(u32::try_from(number % 5).unwrap());
                let version = storage.load(&stream).await.unwrap().version();
                let appended = append(&storage, decided(command(number), &stream, version.0).events(3)).await;
                assert!(matches!(appended, Appended::Stored(_)), "{appended:?}");
                number += 1;
            }
        }
    });
    let reached = Arc::new(Mutex::new(Vec::new()));
    let mut heads = Vec::new();
    for mode in [RebuildMode::Check, RebuildMode::Swap, RebuildMode::Check] {
        let notes = reached.clone();
        let note = move |position| notes.lock().unwrap().push(position);
        let report = storage.rebuild(mode, Counter::default(), note).await.unwrap();
        assert_eq!(report.different, [], "appends beside it are no differences");
        assert_eq!((report.events, report.streams), (report.head.0, 12));
        let progress = std::mem::take(&mut *reached.lock().unwrap());
        assert!(progress.len() > 2 && progress.is_sorted(), "{progress:?}");
        assert_eq!(progress.last(), Some(&report.head));
        heads.push(report.head);
    }
    stop.send(()).unwrap();
    writer.await.unwrap();
    let head = storage.head().await.unwrap();
    assert!(heads[0] < heads[2] && heads[2] <= head, "the log grew meanwhile: {heads:?}");
    assert_eq!(u64::try_from(whole_log(&storage).await.len()).unwrap(), head.0);
    assert_eq!(rebuild(&storage, RebuildMode::Check).await.different, []);
}
