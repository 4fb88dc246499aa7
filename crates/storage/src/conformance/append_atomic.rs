//! One transaction: all of a command or nothing of it.

use std::sync::Arc;

use futures_util::future::join_all;
use mandate_schema::{Position, WrappedKey};

use super::given::{
    append, command, data_key, dead_push, decided, sealed, state_after, stored, stream, task, token_stored,
};
use crate::{Append, Appended, Appender, Command, StorageError, Store, TaskState, TokenChange, Unobserved};

/// A command that writes to every table an append writes to.
fn rich(number: u64, account: u32, expected: u64) -> Append {
    let stream = stream(account);
    decided(command(number), &stream, expected)
        .events(2)
        .task(task(&format!("confirm:{number}")))
        .key(data_key(&stream, u32::try_from(number).unwrap()))
        .token(token_stored(&format!("token{number}"), number))
}

pub(super) async fn all_of_a_command_is_stored_together(storage: Store) {
    assert_eq!(append(&storage, rich(1, 1, 0)).await, stored(2));
    let loaded = storage.load(&stream(1)).await.unwrap();
    let row = loaded.state.unwrap();
    assert_eq!((row.version.0, row.position, row.form), (2, Position(2), 1));
    assert_eq!(row.state, state_after(2).json);
    assert_eq!(loaded.last_key, 1);
    assert_eq!(storage.key(&stream(1), 1).await.unwrap(), Some(data_key(&stream(1), 1).wrapped));
    let done = storage.task_by_key("confirm:1").await.unwrap().unwrap();
    assert_eq!((done.state, done.position), (TaskState::Ready, None));
    let token = storage.token(&stream(1)).await.unwrap().unwrap();
    assert_eq!(token.access.unwrap().0, sealed("token1"));
    assert_eq!(token.generation, 1);
}

pub(super) async fn one_key_of_each_master_key_in_use_is_shown(storage: Store) {
    assert_eq!(storage.key_samples().await.unwrap(), []);
    let mut other = data_key(&stream(1), 3);
    other.wrapped.master = "m2".into();
    let keys = decided(command(1), &stream(1), 0).events(1);
    let keys = keys.key(data_key(&stream(1), 1)).key(data_key(&stream(1), 2)).key(other.clone());
    append(&storage, keys).await;
    let mut samples = storage.key_samples().await.unwrap();
    samples.sort_by(|one, another| one.master.cmp(&another.master));
    let [first, second] = samples.as_slice() else { panic!("{samples:?}") };
    assert_eq!(storage.key(&stream(1), first.number).await.unwrap().as_ref(), Some(first));
    assert_eq!(*second, other.wrapped);
}

pub(super) async fn keys_are_wrapped_anew_where_they_are_as_they_were(storage: Store) {
    let wraps = |number| data_key(&stream(1), number).wrapped;
    let keys = decided(command(1), &stream(1), 0).events(1);
    let keys = keys.key(data_key(&stream(1), 1)).key(data_key(&stream(1), 2)).key(data_key(&stream(1), 3));
    append(&storage, keys).await;
    let old = wraps(1).master;
    assert_eq!(storage.key_counts().await.unwrap(), [(old.clone(), 3)]);
    assert_eq!(storage.keys_under(&old, 2).await.unwrap(), [wraps(1), wraps(2)]);
    assert_eq!(storage.keys_under("another", 2).await.unwrap(), []);
    let anew = |number| WrappedKey { master: "new".into(), bytes: vec![7, 7], ..wraps(number) };
    let changed = WrappedKey { bytes: vec![1], ..wraps(2) };
    let missing = WrappedKey { number: 9, ..wraps(3) };
    let orders = vec![(wraps(1), anew(1)), (changed, anew(2)), (missing, anew(9))];
    assert_eq!(storage.rewrap_keys(orders).await.unwrap(), 1, "those that are others now stay");
    assert_eq!(storage.key(&stream(1), 1).await.unwrap(), Some(anew(1)));
    assert_eq!(storage.key(&stream(1), 2).await.unwrap(), Some(wraps(2)));
    assert_eq!(storage.key(&stream(1), 9).await.unwrap(), None);
    let mut counts = storage.key_counts().await.unwrap();
    counts.sort();
    let mut expected = [(old, 2), ("new".to_owned(), 1)];
    expected.sort();
    assert_eq!(counts, expected);
}

/// Nothing of command `number` is there, which [`rich`] made.
async fn assert_absent(storage: &Store, number: u64, account: u32) {
    let key = u32::try_from(number).unwrap();
    assert_eq!(storage.outcomes(vec![command(number)]).await.unwrap(), []);
    let queued = storage.task_by_key(&format!("confirm:{number}")).await.unwrap();
    assert_eq!(queued, None);
    assert_eq!(storage.key(&stream(account), key).await.unwrap(), None);
    let token = storage.token(&stream(account)).await.unwrap();
    assert!(token.is_none_or(|token| token.generation != number));
}

pub(super) async fn a_conflict_of_versions_stores_nothing(storage: Store) {
    append(&storage, rich(1, 1, 0)).await;
    let batch = vec![rich(2, 1, 1).into(), decided(command(3), &stream(3), 0).events(1).into()];
    let appended = storage.append_batch(batch).await.unwrap();
    assert_eq!(appended, [Appended::Conflict, stored(3)], "the rest of the batch is stored");
    assert_absent(&storage, 2, 1).await;
    let empties = decided(command(4), &stream(1), 0).token(TokenChange::Empty);
    assert_eq!(append(&storage, empties).await, Appended::Conflict);
    assert!(storage.token(&stream(1)).await.unwrap().unwrap().access.is_some());
}

pub(super) async fn a_conflict_of_keys_stores_nothing(storage: Store) {
    append(&storage, rich(1, 1, 0)).await;
    // Its first key is free, its second one is taken: neither may stay.
    let taken = rich(2, 1, 2).key(data_key(&stream(2), 1)).key(data_key(&stream(1), 1));
    assert_eq!(append(&storage, taken).await, Appended::Conflict);
    assert_absent(&storage, 2, 1).await;
    assert_eq!(storage.key(&stream(2), 1).await.unwrap(), None);
    assert_eq!(storage.load(&stream(1)).await.unwrap().last_key, 1);
    assert_eq!(storage.head().await.unwrap(), Position(2));
}

pub(super) async fn a_duplicate_changes_nothing(storage: Store) {
    append(&storage, rich(1, 1, 0)).await;
    append(&storage, rich(2, 1, 2)).await;
    let again = rich(1, 1, 0).task(task("confirm:other"));
    assert!(matches!(append(&storage, again).await, Appended::Duplicate(_)));
    assert_eq!(storage.token(&stream(1)).await.unwrap().unwrap().generation, 2);
    assert_eq!(storage.task_by_key("confirm:other").await.unwrap(), None);
    let row = storage.state(&stream(1)).await.unwrap().unwrap();
    assert_eq!((row.version.0, row.state.as_str()), (4, state_after(4).json.as_str()));
}

/// Commands that no database takes, each for another reason. Event 1 of command 1 must be in the log.
fn refused(number: u64) -> Vec<Append> {
    let fresh = || rich(number, 1, 0);
    let mut taken_id = fresh();
    taken_id.events[1].id = decided(command(1), &stream(9), 0).events(1).events[0].id;
    let mut id_twice = fresh();
    id_twice.events[1].id = id_twice.events[0].id;
    let mut stateless = fresh();
    stateless.state = None;
    let key_twice = fresh().key(data_key(&stream(1), u32::try_from(number).unwrap()));
    vec![taken_id, id_twice, stateless, key_twice, fresh().state("not JSON")]
}

pub(super) async fn refused_data_stores_nothing_of_its_batch(storage: Store) {
    append(&storage, decided(command(1), &stream(9), 0).events(1)).await;
    for bad in refused(2) {
        let batch = vec![rich(3, 3, 0).into(), bad.into(), rich(4, 4, 0).into(), dead_push(5, "unreadable")];
        let error = storage.append_batch(batch).await.unwrap_err();
        assert!(matches!(error, StorageError::Data(_)), "{error:?}");
        assert_eq!(storage.head().await.unwrap(), Position(1));
        for (number, account) in [(2, 1), (3, 3), (4, 4)] {
            assert_absent(&storage, number, account).await;
        }
        assert!(storage.dead_letter(command(5)).await.unwrap().is_none());
    }
    // What was beside it is as good as before.
    assert_eq!(append(&storage, rich(3, 3, 0)).await, stored(3));
}

pub(super) async fn the_appender_finds_the_one_that_is_refused(storage: Store) {
    append(&storage, decided(command(1), &stream(9), 0).events(1)).await;
    let appender = Appender::start(storage.clone(), Arc::new(Unobserved));
    for (round, bad) in (1..).zip(refused(2)) {
        let good = |n: u64, account| Command::from(rich(round * 10 + n, account, (round - 1) * 2));
        let batch = [good(1, 11), good(2, 12), bad.into(), good(3, 13), dead_push(round * 10 + 4, "bad")];
        let answers = join_all(batch.map(|command| appender.append(command))).await;
        for (index, answer) in answers.into_iter().enumerate() {
            if index == 2 {
                assert!(matches!(answer, Err(StorageError::Data(_))), "{answer:?}");
            } else {
                assert!(matches!(answer, Ok(Appended::Stored(_))), "command {index}: {answer:?}");
            }
        }
    }
    assert_absent(&storage, 2, 1).await;
    assert_eq!(storage.head().await.unwrap(), Position(1 + 5 * 6));
}
