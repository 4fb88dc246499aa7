//! What could not be handled, and its way out.

use mandate_schema::{CallbackId, Push};

use super::given::{
    append, at, claim, command, dead_push, dead_task, decided, push, stored, stream, task, unknown,
};
use crate::{Appended, Claimed, Command, CommandOutcome, DeadPayload, NextDue, Store, TaskState};

async fn outcome(storage: &Store, number: u64) -> Option<CommandOutcome> {
    let told = storage.outcomes(vec![command(number)]).await.unwrap();
    told.first().map(|record| record.outcome)
}

/// Queues a task and claims it.
async fn running(storage: &Store, number: u64, key: &str) -> Claimed {
    append(storage, decided(command(number), &stream(1), 0).task(task(key))).await;
    claim(storage, at(0), at(10), 1).await.remove(0)
}

pub(super) async fn a_dead_letter_comes_with_its_outcome(storage: Store) {
    assert_eq!(append(&storage, dead_push(1, "unreadable")).await, Appended::Stored(None));
    assert_eq!(outcome(&storage, 1).await, Some(CommandOutcome::Dead));
    let row = storage.dead_letter(command(1)).await.unwrap().unwrap();
    assert_eq!((row.letter.command, row.retries), (command(1), 0));
    assert_eq!((row.letter.reason.as_str(), row.letter.detail.as_str()), ("unreadable", "it is unreadable"));
    assert_eq!(row.letter.recorded_at, at(5));
    let DeadPayload::Push(kept) = row.letter.payload else {
        panic!("a push was buried");
    };
    assert_eq!(kept, push(command(1)), "the push is kept as it came, with its id");
    assert!(storage.dead_letter(unknown()).await.unwrap().is_none());
    // The second report of the same death changes nothing.
    assert!(matches!(append(&storage, dead_push(1, "other")).await, Appended::Duplicate(_)));
    let row = storage.dead_letter(command(1)).await.unwrap().unwrap();
    assert_eq!(row.letter.reason, "unreadable");
}

pub(super) async fn a_detail_may_hold_any_character(storage: Store) {
    let Command::Dead(mut letter) = dead_push(1, "unreadable") else { panic!("a dead letter") };
    letter.detail = "a\0b\u{1}\u{2028}\u{10ffff}'\\u0000".to_owned();
    let kept = letter.detail.replace('\0', "\u{fffd}");
    append(&storage, Command::Dead(letter)).await;
    let detail = async || storage.dead_letter(command(1)).await.unwrap().unwrap().letter.detail;
    assert_eq!(detail().await, kept);
    storage.count_retry(command(1), "unreadable", "c\0").await.unwrap();
    assert_eq!(detail().await, "c\u{fffd}");
}

pub(super) async fn a_decision_replaces_a_dead_letter(storage: Store) {
    append(&storage, dead_push(1, "unknown_pair")).await;
    append(&storage, dead_push(2, "unknown_pair")).await;
    let applied = decided(command(1), &stream(1), 0).events(1);
    assert_eq!(append(&storage, applied).await, stored(1));
    let nothing = decided(command(2), &stream(1), 1).task(task("confirm:1"));
    assert_eq!(append(&storage, nothing).await, Appended::Stored(None));
    assert_eq!(outcome(&storage, 1).await, Some(CommandOutcome::Applied));
    assert_eq!(outcome(&storage, 2).await, Some(CommandOutcome::Nothing));
    assert_eq!(storage.dead_letters(None, 10).await.unwrap().len(), 0);
    assert!(storage.task_by_key("confirm:1").await.unwrap().is_some());
    // From now on it is a command like any other.
    let again = decided(command(1), &stream(1), 0).events(1);
    assert!(matches!(append(&storage, again).await, Appended::Duplicate(_)));
    assert!(matches!(append(&storage, dead_push(1, "unknown_pair")).await, Appended::Duplicate(_)));
    assert_eq!(storage.dead_letters(None, 10).await.unwrap().len(), 0);
}

pub(super) async fn a_conflict_keeps_the_dead_letter(storage: Store) {
    append(&storage, dead_push(1, "unknown_pair")).await;
    let stale = decided(command(1), &stream(1), 4).events(1);
    assert_eq!(append(&storage, stale).await, Appended::Conflict);
    assert_eq!(outcome(&storage, 1).await, Some(CommandOutcome::Dead));
    assert!(storage.dead_letter(command(1)).await.unwrap().is_some());
}

pub(super) async fn a_discarded_letter_is_settled_for_good(storage: Store) {
    append(&storage, dead_push(1, "unreadable")).await;
    append(&storage, decided(command(2), &stream(1), 0)).await;
    assert!(storage.discard(command(1), jiff::Timestamp::UNIX_EPOCH).await.unwrap());
    assert_eq!(outcome(&storage, 1).await, Some(CommandOutcome::Discarded));
    assert!(storage.dead_letter(command(1)).await.unwrap().is_none());
    assert!(
        !storage.discard(command(1), jiff::Timestamp::UNIX_EPOCH).await.unwrap(),
        "there is no letter any more"
    );
    assert!(!storage.discard(unknown(), jiff::Timestamp::UNIX_EPOCH).await.unwrap());
    assert!(
        !storage.discard(command(2), jiff::Timestamp::UNIX_EPOCH).await.unwrap(),
        "no letter, no discard"
    );
    assert_eq!(outcome(&storage, 2).await, Some(CommandOutcome::Nothing));
    for late in [decided(command(1), &stream(1), 0).events(1).into(), dead_push(1, "unreadable")] {
        let Appended::Duplicate(record) = append(&storage, late).await else {
            panic!("a discarded command stays discarded");
        };
        assert_eq!(record.outcome, CommandOutcome::Discarded);
    }
}

pub(super) async fn a_dead_task_waits_until_it_is_revived(storage: Store) {
    let first = running(&storage, 1, "redeem:1").await;
    let death = dead_task(&first);
    let letter = death.id();
    assert_eq!(append(&storage, death).await, Appended::Stored(None));
    let row = storage.dead_letter(letter).await.unwrap().unwrap();
    assert!(matches!(row.letter.payload, DeadPayload::Task(task) if task == first.id));
    let state = storage.task_by_key("redeem:1").await.unwrap().unwrap().state;
    assert_eq!(state, TaskState::Dead);
    assert_eq!(claim(&storage, at(9_000), at(9_010), 5).await.len(), 0);
    assert_eq!(storage.next_due().await.unwrap(), NextDue::default());
    // A late attempt cannot give back what is dead.
    storage.retry(first.id, 1, at(1), "late").await.unwrap();
    assert_eq!(claim(&storage, at(9_000), at(9_010), 5).await.len(), 0);

    assert!(storage.revive_task(letter, at(20)).await.unwrap());
    assert!(storage.dead_letter(letter).await.unwrap().is_none());
    assert!(!storage.revive_task(letter, at(20)).await.unwrap(), "there is no letter any more");
    assert_eq!(claim(&storage, at(19), at(29), 5).await.len(), 0);
    let again = claim(&storage, at(20), at(30), 5).await.remove(0);
    assert_eq!((again.id, again.attempt), (first.id, 2), "a new attempt, so a new command");
    let done = decided(again.by().command(), &stream(1), 0).finishes(&again);
    assert_eq!(append(&storage, done).await, Appended::Stored(None));

    append(&storage, dead_push(5, "unreadable")).await;
    assert!(!storage.revive_task(command(5), at(0)).await.unwrap(), "a push is no task");
    assert!(storage.dead_letter(command(5)).await.unwrap().is_some());
}

pub(super) async fn a_late_answer_settles_a_dead_task(storage: Store) {
    let first = running(&storage, 1, "redeem:1").await;
    let second = claim(&storage, at(10), at(20), 1).await.remove(0);
    assert_eq!((second.id, second.attempt), (first.id, 2));
    let death = dead_task(&second);
    let letter = death.id();
    assert_eq!(append(&storage, death).await, Appended::Stored(None));
    // The first attempt was slow; WeChat had answered it.
    let late = decided(first.by().command(), &stream(1), 0).events(1).finishes(&first);
    assert_eq!(append(&storage, late).await, stored(1));
    storage.revive_task(letter, at(20)).await.unwrap();
    assert!(storage.dead_letter(letter).await.unwrap().is_none());
    let state = storage.task_by_key("redeem:1").await.unwrap().unwrap().state;
    assert_eq!(state, TaskState::Done, "reviving does not run again what is done");
    assert_eq!(claim(&storage, at(99), at(109), 5).await.len(), 0);
}

pub(super) async fn a_task_that_is_done_does_not_die(storage: Store) {
    let first = running(&storage, 1, "redeem:1").await;
    append(&storage, decided(command(2), &stream(1), 0).finishes(&first)).await;
    let death = dead_task(&Claimed { attempt: 2, ..first });
    let letter = death.id();
    assert_eq!(append(&storage, death).await, Appended::Finished);
    assert!(storage.dead_letter(letter).await.unwrap().is_none());
    assert_eq!(storage.outcomes(vec![letter]).await.unwrap(), []);
    let state = storage.task_by_key("redeem:1").await.unwrap().unwrap().state;
    assert_eq!(state, TaskState::Done);
}

pub(super) async fn letters_are_listed_in_pages(storage: Store) {
    for (seconds, number) in (0..).zip([3, 1, 5, 2, 4]) {
        let Command::Dead(mut letter) = dead_push(number, "unreadable") else { unreachable!("it is dead") };
        letter.recorded_at = at(100 - seconds);
        append(&storage, Command::Dead(letter)).await;
    }
    let page = async |after, limit| -> Vec<_> {
        let rows = storage.dead_letters(after, limit).await.unwrap();
        rows.into_iter().map(|row| row.letter.command).collect()
    };
    let numbers = |numbers: &[u64]| -> Vec<_> { numbers.iter().map(|number| command(*number)).collect() };
    assert_eq!(page(None, 2).await, numbers(&[1, 2]));
    assert_eq!(page(Some(command(2)), 2).await, numbers(&[3, 4]));
    assert_eq!(page(Some(command(4)), 2).await, numbers(&[5]));
    assert_eq!(page(Some(command(5)), 2).await, []);
    storage.discard(command(2), jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(page(Some(command(2)), 9).await, numbers(&[3, 4, 5]), "a cursor may be gone");
}

pub(super) async fn letters_and_their_retries_are_counted(storage: Store) {
    assert_eq!(storage.dead_letter_counts().await.unwrap(), []);
    for (number, reason) in [(1, "unreadable"), (2, "unknown_pair"), (3, "unreadable")] {
        append(&storage, dead_push(number, reason)).await;
    }
    let mut counts = storage.dead_letter_counts().await.unwrap();
    counts.sort();
    assert_eq!(counts, [("unknown_pair".into(), 1), ("unreadable".into(), 2)]);
    for _ in 0..2 {
        storage.count_retry(command(1), "another_reason", "told").await.unwrap();
    }
    storage.count_retry(unknown(), "another_reason", "told").await.unwrap();
    let rows = storage.dead_letters(None, 9).await.unwrap();
    let retries: Vec<u32> = rows.iter().map(|row| row.retries).collect();
    assert_eq!(retries, [2, 0, 0]);
    let letter = &rows[0].letter;
    assert_eq!(
        (letter.reason.as_str(), letter.detail.as_str()),
        ("another_reason", "told"),
        "the newest reason"
    );
}

pub(super) async fn a_discarded_letter_ends_its_task(storage: Store) {
    let first = running(&storage, 1, "redeem:1").await;
    let death = dead_task(&first);
    let letter = death.id();
    append(&storage, death).await;
    assert!(storage.discard(letter, at(20)).await.unwrap());
    let state = storage.task_by_key("redeem:1").await.unwrap().unwrap().state;
    assert_eq!(state, TaskState::Done, "so that it is pruned like any other");
    assert_eq!(storage.prune_tasks(at(21)).await.unwrap(), 1);
}

pub(super) async fn a_revived_task_settles_its_dead_command(storage: Store) {
    let first = running(&storage, 1, "redeem:1").await;
    let death = dead_task(&first);
    let letter = death.id();
    append(&storage, death).await;
    assert!(storage.revive_task(letter, at(20)).await.unwrap());
    let records = storage.outcomes(vec![letter]).await.unwrap();
    assert_eq!(records[0].outcome, CommandOutcome::Nothing);
}

pub(super) async fn a_message_that_is_stored_is_no_longer_dead(storage: Store) {
    let Command::Dead(letter) = dead_push(1, "unknown_pair") else { unreachable!("it is dead") };
    let DeadPayload::Push(push) = letter.payload.clone() else { unreachable!("it is a push") };
    append(&storage, Command::Dead(letter)).await;
    storage.store_messages(vec![Push { id: CallbackId(command(1).0), ..push }]).await.unwrap();
    assert_eq!(outcome(&storage, 1).await, Some(CommandOutcome::Nothing));
    assert!(storage.dead_letter(command(1)).await.unwrap().is_none());
}

pub(super) async fn a_note_of_what_is_tried_alone_counts_processes_and_is_no_outcome(storage: Store) {
    for before in 0..4 {
        let now = at(i64::from(before));
        assert_eq!(storage.note_alone(command(1), "came often\0", now).await.unwrap(), before);
        assert_eq!(outcome(&storage, 1).await, None);
        assert_eq!(storage.dead_letters(None, 9).await.unwrap().len(), 0);
    }
    assert_eq!(storage.note_alone(command(2), "another", at(9)).await.unwrap(), 0, "each by itself");
    storage.forget_alone(command(1)).await.unwrap();
    storage.forget_alone(unknown()).await.unwrap();
    assert_eq!(storage.note_alone(command(1), "again", at(10)).await.unwrap(), 0);
    assert_eq!(storage.prune_alone(at(9)).await.unwrap(), 0);
    assert_eq!(storage.prune_alone(at(10)).await.unwrap(), 1);
    assert_eq!(storage.note_alone(command(1), "again", at(11)).await.unwrap(), 1, "the younger one is left");
}
