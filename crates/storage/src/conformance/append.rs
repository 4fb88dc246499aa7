//! Positions, versions, duplicates.

use mandate_schema::{Position, StoredEvent};

use super::{
    Database,
    given::{append, command, data_key, dead_push, decided, stored, stream, unknown, whole_log},
};
use crate::{Append, Appended, Command, CommandOutcome, CommandRecord, Store};

fn record(number: u64, outcome: CommandOutcome, position: Option<u64>) -> CommandRecord {
    CommandRecord { id: command(number), outcome, position: position.map(Position) }
}

pub(super) async fn positions_are_dense_and_start_at_one(storage: Store) {
    assert_eq!(storage.head().await.unwrap(), Position(0));
    let batch = vec![
        decided(command(1), &stream(1), 0).events(2).into(),
        decided(command(2), &stream(2), 0).events(1).into(),
        decided(command(3), &stream(3), 0).into(),
        decided(command(4), &stream(4), 0).events(3).into(),
    ];
    let appended = storage.append_batch(batch).await.unwrap();
    assert_eq!(appended, [stored(2), stored(3), Appended::Stored(None), stored(6)]);
    assert_eq!(append(&storage, decided(command(5), &stream(1), 2).events(1)).await, stored(7));
    assert_eq!(storage.head().await.unwrap(), Position(7));
    let positions: Vec<u64> = whole_log(&storage).await.iter().map(|e| e.position.0).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5, 6, 7]);
}

pub(super) async fn an_expected_version_is_checked_with_and_without_events(storage: Store) {
    append(&storage, decided(command(1), &stream(1), 0).events(2)).await;
    let stale: [Append; 4] = [
        decided(command(2), &stream(1), 1).events(1),
        decided(command(3), &stream(1), 0),
        decided(command(4), &stream(1), 3),
        decided(command(5), &stream(2), 1).events(1),
    ];
    for decision in stale {
        let id = decision.command;
        assert_eq!(append(&storage, decision).await, Appended::Conflict);
        assert_eq!(storage.outcomes(vec![id]).await.unwrap(), [], "a conflict leaves no outcome");
    }
    assert_eq!(storage.head().await.unwrap(), Position(2));
    assert_eq!(storage.load(&stream(1)).await.unwrap().version().0, 2);
    // The same command, decided again on what is there now, is stored.
    assert_eq!(append(&storage, decided(command(2), &stream(1), 2).events(1)).await, stored(3));
}

pub(super) async fn versions_grow_by_one_within_each_stream(storage: Store) {
    for (number, (account, expected)) in [(1, 0), (2, 0), (1, 2), (2, 2), (1, 4)].into_iter().enumerate() {
        let id = command(u64::try_from(number).unwrap());
        append(&storage, decided(id, &stream(account), expected).events(2)).await;
    }
    let log = whole_log(&storage).await;
    let versions = |account| -> Vec<u64> {
        let of_stream = |event: &&StoredEvent| event.stream == stream(account);
        log.iter().filter(of_stream).map(|event| event.version.0).collect()
    };
    assert_eq!(versions(1), [1, 2, 3, 4, 5, 6]);
    assert_eq!(versions(2), [1, 2, 3, 4]);
    let row = storage.state(&stream(1)).await.unwrap().unwrap();
    assert_eq!((row.version.0, row.position), (6, Position(10)));
}

pub(super) async fn a_command_without_events_leaves_an_outcome_only(storage: Store) {
    let empty = decided(command(1), &stream(1), 0);
    assert_eq!(append(&storage, empty).await, Appended::Stored(None));
    assert_eq!(storage.outcomes(vec![command(1)]).await.unwrap(), [record(1, CommandOutcome::Nothing, None)]);
    assert!(storage.state(&stream(1)).await.unwrap().is_none());
    assert_eq!(storage.head().await.unwrap(), Position(0));
}

pub(super) async fn a_command_that_is_there_answers_with_its_first_outcome(storage: Store) {
    append(&storage, decided(command(1), &stream(1), 0).events(2)).await;
    append(&storage, decided(command(2), &stream(1), 2)).await;
    append(&storage, dead_push(3, "unreadable")).await;
    let first_applied = record(1, CommandOutcome::Applied, Some(2));
    // Neither the version nor the content of the repetition matters, nor that it is dead now.
    for repetition in [
        decided(command(1), &stream(1), 0).events(2).into(),
        decided(command(1), &stream(1), 2).into(),
        decided(command(1), &stream(9), 7).events(1).into(),
        dead_push(1, "unreadable"),
    ] {
        assert_eq!(append(&storage, repetition).await, Appended::Duplicate(first_applied.clone()));
    }
    assert_eq!(
        append(&storage, dead_push(2, "unreadable")).await,
        Appended::Duplicate(record(2, CommandOutcome::Nothing, None))
    );
    assert_eq!(
        append(&storage, dead_push(3, "other")).await,
        Appended::Duplicate(record(3, CommandOutcome::Dead, None))
    );
    assert_eq!(storage.head().await.unwrap(), Position(2));
}

pub(super) async fn the_same_call_repeated_answers_duplicates(storage: Store) {
    let batch: Vec<Command> = vec![
        decided(command(1), &stream(1), 0).events(2).into(),
        decided(command(2), &stream(2), 0).into(),
        dead_push(3, "unreadable"),
        decided(command(4), &stream(4), 9).events(1).into(),
    ];
    let first = storage.append_batch(batch.clone()).await.unwrap();
    assert_eq!(first, [stored(2), Appended::Stored(None), Appended::Stored(None), Appended::Conflict]);
    let again = storage.append_batch(batch).await.unwrap();
    let expected = [
        Appended::Duplicate(record(1, CommandOutcome::Applied, Some(2))),
        Appended::Duplicate(record(2, CommandOutcome::Nothing, None)),
        Appended::Duplicate(record(3, CommandOutcome::Dead, None)),
        Appended::Conflict,
    ];
    assert_eq!(again, expected);
    assert_eq!(whole_log(&storage).await.len(), 2);
}

pub(super) async fn a_command_twice_in_one_batch_is_stored_once(storage: Store) {
    let batch = vec![
        decided(command(1), &stream(1), 0).events(1).into(),
        decided(command(1), &stream(2), 0).events(1).into(),
        dead_push(2, "unreadable"),
        dead_push(2, "unreadable"),
    ];
    let appended = storage.append_batch(batch).await.unwrap();
    let expected = [
        stored(1),
        Appended::Duplicate(record(1, CommandOutcome::Applied, Some(1))),
        Appended::Stored(None),
        Appended::Duplicate(record(2, CommandOutcome::Dead, None)),
    ];
    assert_eq!(appended, expected);
    assert!(storage.state(&stream(2)).await.unwrap().is_none());
}

pub(super) async fn an_empty_batch_is_nothing(storage: Store) {
    assert_eq!(storage.append_batch(Vec::new()).await.unwrap(), []);
    assert_eq!(storage.outcomes(vec![unknown()]).await.unwrap(), []);
}

pub(super) async fn a_key_number_is_never_used_again<D: Database>(database: D) {
    let storage = database.open().await;
    let with_key = |id, number| decided(command(id), &stream(1), 0).key(data_key(&stream(1), number));
    assert_eq!(storage.load(&stream(1)).await.unwrap().last_key, 0);
    append(&storage, with_key(1, 1)).await;
    assert_eq!(append(&storage, with_key(2, 1)).await, Appended::Conflict);
    assert_eq!(append(&storage, with_key(3, 2)).await, Appended::Stored(None));
    assert_eq!(storage.key(&stream(1), 2).await.unwrap(), Some(data_key(&stream(1), 2).wrapped));

    let destroy = "update data_key set master = null, wrapped = null where number = 2";
    assert_eq!(database.sql(destroy).await, Ok(1));
    assert_eq!(storage.key(&stream(1), 2).await.unwrap(), None);
    assert_eq!(storage.load(&stream(1)).await.unwrap().last_key, 2, "a destroyed key counts");
    assert_eq!(append(&storage, with_key(4, 2)).await, Appended::Conflict);
    assert_eq!(append(&storage, with_key(4, 3)).await, Appended::Stored(None));
    assert_eq!(storage.key(&stream(2), 3).await.unwrap(), None, "keys are per stream");
}
