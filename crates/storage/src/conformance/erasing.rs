//! Erasing an account: what goes, what stays, and who comes too late.

use mandate_schema::{AuthorizerId, StreamName};

use super::given::{
    account, append, at, claim, command, component, data_key, dead_push, dead_task, decided, other_component,
    push, sealed, stored, stream, task, token_stored,
};
use crate::{
    Append, Appended, Command, CommandOutcome, DeadLetterId, Erasure, NewKey, NewTask, StorageError, Store,
    TaskState,
};

/// Erases account 1, of which so many events are there.
fn erase(number: u64, expected: u64) -> Append {
    Append { erases: Some(Erasure::default()), ..decided(command(number), &stream(1), expected).events(1) }
}

fn erase_with(number: u64, expected: u64, letters: Vec<DeadLetterId>) -> Append {
    Append { erases: Some(Erasure { letters }), ..erase(number, expected) }
}

fn notices() -> StreamName {
    StreamName::Component(component())
}

/// The key of a notice that names these accounts.
fn notice_key(number: u32, about: &[u32]) -> NewKey {
    NewKey { about: about.iter().copied().map(account).collect(), ..data_key(&notices(), number) }
}

fn task_of(key: &str, authorizer: AuthorizerId) -> NewTask {
    let sealed = Some((stream(1), sealed("code")));
    NewTask { authorizer: Some(authorizer), sealed, ..task(key) }
}

async fn keys(storage: &Store, stream: &StreamName, numbers: u32) -> Vec<bool> {
    let mut there = Vec::new();
    for number in 1..=numbers {
        there.push(storage.key(stream, number).await.unwrap().is_some());
    }
    there
}

pub(super) async fn the_keys_of_an_account_and_of_notices_that_name_it_are_destroyed(storage: Store) {
    let elsewhere = StreamName::Component(other_component());
    append(&storage, decided(command(1), &stream(1), 0).events(1).key(data_key(&stream(1), 1))).await;
    append(&storage, decided(command(2), &stream(2), 0).events(1).key(data_key(&stream(2), 1))).await;
    let named = [&[][..], &[1], &[2], &[2, 1, 3]].into_iter().zip(1..);
    let named = named.fold(decided(command(3), &notices(), 0).events(4), |append, (about, number)| {
        append.key(notice_key(number, about))
    });
    append(&storage, named).await;
    let same_name = NewKey { about: vec![account(1)], ..data_key(&elsewhere, 1) };
    append(&storage, decided(command(4), &elsewhere, 0).events(1).key(same_name)).await;

    assert_eq!(append(&storage, erase(5, 1)).await, stored(8));
    assert_eq!(keys(&storage, &stream(1), 1).await, [false]);
    assert_eq!(keys(&storage, &stream(2), 1).await, [true]);
    assert_eq!(keys(&storage, &notices(), 4).await, [true, false, true, false]);
    assert_eq!(keys(&storage, &elsewhere, 1).await, [true], "another component's");

    let loaded = storage.load(&stream(1)).await.unwrap();
    assert_eq!((loaded.last_key, loaded.last_key_destroyed), (1, true));
    assert!(!storage.load(&stream(2)).await.unwrap().last_key_destroyed);
    let next = decided(command(6), &stream(1), 2).events(1).key(data_key(&stream(1), 2));
    append(&storage, next).await;
    assert!(!storage.load(&stream(1)).await.unwrap().last_key_destroyed);
    assert_eq!(append(&storage, erase(7, 3)).await, stored(10), "it may be erased again");
    assert_eq!(keys(&storage, &stream(1), 2).await, [false, false]);
}

pub(super) async fn a_destroyed_key_is_not_wrapped_anew(storage: Store) {
    append(&storage, decided(command(1), &stream(1), 0).events(1).key(data_key(&stream(1), 1))).await;
    let old = storage.key(&stream(1), 1).await.unwrap().unwrap();
    append(&storage, erase(2, 1)).await;
    assert_eq!(storage.rewrap_keys(vec![(old.clone(), old)]).await.unwrap(), 0);
    assert_eq!(keys(&storage, &stream(1), 1).await, [false]);
    assert_eq!(storage.key_counts().await.unwrap(), []);
}

pub(super) async fn what_the_tables_hold_of_an_account_is_wiped(storage: Store) {
    let queued = ["dies", "ready", "another's"].into_iter().zip([1, 1, 2]);
    let queued = queued.fold(decided(command(1), &stream(1), 0).events(1), |append, (key, number)| {
        append.task(task_of(key, account(number)))
    });
    append(&storage, queued.token(token_stored("token", 1))).await;
    append(&storage, decided(command(2), &stream(2), 0).events(1).token(token_stored("other", 1))).await;
    for claimed in claim(&storage, at(0), at(10), 3).await {
        if claimed.task.key != "ready" {
            append(&storage, dead_task(&claimed)).await;
        }
    }
    for number in [3, 4] {
        append(&storage, dead_push(number, "unknown_pair")).await;
        let sent = mandate_schema::Push {
            authorizer: Some(account(u32::try_from(number).unwrap() - 2)),
            ..push(command(number + 10))
        };
        storage.store_messages(vec![sent]).await.unwrap();
    }

    append(&storage, erase_with(5, 1, vec![command(3)])).await;
    for key in ["dies", "ready"] {
        assert_eq!(storage.task_by_key(key).await.unwrap().unwrap().state, TaskState::Done, "{key}");
    }
    assert_eq!(storage.task_by_key("another's").await.unwrap().unwrap().state, TaskState::Dead);
    let letters = storage.dead_letters(None, 9).await.unwrap();
    assert_eq!(letters.len(), 2, "another task's and another push's: {letters:?}");
    assert!(storage.dead_letter(command(3)).await.unwrap().is_none());
    assert!(storage.dead_letter(command(4)).await.unwrap().is_some());
    let told = storage.outcomes(vec![command(3)]).await.unwrap();
    assert_eq!(told[0].outcome, CommandOutcome::Discarded);
    assert_eq!(append(&storage, dead_push(3, "unknown_pair")).await, Appended::Duplicate(told[0].clone()));
    assert_eq!(storage.message_count().await.unwrap(), 1);
    assert_eq!(storage.token(&stream(1)).await.unwrap().unwrap().access, None);
    assert!(storage.token(&stream(2)).await.unwrap().unwrap().access.is_some());
}

pub(super) async fn many_messages_of_an_account_are_gone_at_once_and_deleted_later(storage: Store) {
    append(&storage, decided(command(1), &stream(1), 0).events(1)).await;
    let sent = |number: u64, of: u32| mandate_schema::Push {
        authorizer: Some(account(of)),
        ..push(command(number))
    };
    let many = (0..6_000).map(|number| sent(number, if number % 100 == 0 { 2 } else { 1 })).collect();
    storage.store_messages(many).await.unwrap();
    let positions = async || -> Vec<u64> {
        let found = storage.read_messages(mandate_schema::Position(0), 9_999).await.unwrap();
        found.into_iter().map(|(position, _)| position.0).collect()
    };
    assert_eq!(append(&storage, erase(2, 1)).await, stored(2));
    let others: Vec<u64> = (0..60).map(|number| number * 100 + 1).collect();
    assert_eq!(positions().await, others, "nobody reads them from the append on");
    assert_eq!(storage.message_count().await.unwrap(), 60);
    // What comes afterwards is there, and stays.
    storage.store_messages(vec![sent(6_000, 1)]).await.unwrap();
    let with_later = [others, vec![6_001]].concat();
    assert_eq!(positions().await, with_later);
    let size = storage.message_head().await.unwrap().1;
    assert_eq!(storage.prune_erased_messages().await.unwrap(), 5_940);
    assert_eq!(storage.prune_erased_messages().await.unwrap(), 0);
    assert_eq!((positions().await, storage.message_count().await.unwrap()), (with_later, 61));
    let (last, left) = storage.message_head().await.unwrap();
    assert_eq!(last.0, 6_001);
    assert!(left < size / 50, "{left} of {size}");
    // It may be erased again.
    append(&storage, erase(3, 2)).await;
    assert_eq!(storage.prune_erased_messages().await.unwrap(), 1);
    assert_eq!(storage.prune_oldest_messages(59).await.unwrap(), 59);
    assert_eq!(storage.prune_messages(at(1)).await.unwrap(), 1);
    assert_eq!(storage.message_head().await.unwrap(), (last, 0));
}

pub(super) async fn more_than_one_statement_deletes_is_pruned_at_once(storage: Store) {
    let many = (0..10_001).map(|number| push(command(number))).collect();
    storage.store_messages(many).await.unwrap();
    assert_eq!(storage.prune_oldest_messages(5_001).await.unwrap(), 5_001);
    let left = storage.read_messages(mandate_schema::Position(0), 1).await.unwrap();
    assert_eq!(left[0].0.0, 5_002, "the oldest first");
    assert_eq!(storage.prune_messages(at(1)).await.unwrap(), 5_000);
    assert_eq!(storage.message_head().await.unwrap().1, 0);
}

pub(super) async fn what_runs_meanwhile_comes_too_late(storage: Store) {
    let given = decided(command(1), &stream(1), 0).events(1).task(task_of("redeem", account(1)));
    append(&storage, given.token(token_stored("token", 1))).await;
    let lease = storage.lease_token(&stream(1), at(0), at(15)).await.unwrap().unwrap();
    let running = claim(&storage, at(0), at(10), 1).await.remove(0);
    append(&storage, erase(2, 1)).await;
    assert!(!storage.store_token(&stream(1), &lease, sealed("late"), at(7_200)).await.unwrap());
    assert_eq!(storage.token(&stream(1)).await.unwrap().unwrap().access, None);
    let late = decided(command(3), &stream(1), 2).events(1).finishes(&running);
    assert_eq!(append(&storage, late).await, Appended::Finished);
    assert!(claim(&storage, at(99), at(100), 1).await.is_empty());
    assert!(storage.lease_token(&stream(1), at(1), at(16)).await.unwrap().is_some(), "the lease has ended");
}

pub(super) async fn an_erasing_append_that_conflicts_erases_nothing(storage: Store) {
    let given = decided(command(1), &stream(1), 0).events(1).key(data_key(&stream(1), 1));
    append(&storage, given.task(task_of("ready", account(1)))).await;
    append(&storage, dead_push(2, "unknown_pair")).await;
    assert_eq!(append(&storage, erase_with(3, 0, vec![command(2)])).await, Appended::Conflict);
    assert_eq!(keys(&storage, &stream(1), 1).await, [true]);
    assert_eq!(storage.task_by_key("ready").await.unwrap().unwrap().state, TaskState::Ready);
    assert!(storage.dead_letter(command(2)).await.unwrap().is_some());
}

pub(super) async fn only_an_account_can_be_erased(storage: Store) {
    let of_all = Append { erases: Some(Erasure::default()), ..decided(command(1), &notices(), 0).events(1) };
    let refused = storage.append_batch(vec![Command::from(of_all)]).await.unwrap_err();
    assert!(matches!(refused, StorageError::Data(_)), "{refused:?}");
}
