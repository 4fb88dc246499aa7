//! The end of a task: its result, its count, its removal.

use mandate_schema::Position;

use super::{
    Database,
    given::{account, append, at, claim, command, dead_task, decided, sealed, stored, stream, task},
};
use crate::{Appended, Claimed, CommandOutcome, NewTask, Store, TaskCount, TaskDone, TaskState};

/// Queues a task and claims it.
async fn running(storage: &Store, number: u64, task: NewTask) -> Claimed {
    append(storage, decided(command(number), &stream(1), 0).task(task)).await;
    claim(storage, at(0), at(10), 1).await.remove(0)
}

/// The success of a numbered attempt: one event on the account's stream.
fn finish(claimed: &Claimed, attempt: u32, of: u32) -> crate::Append {
    let by = Claimed { attempt, ..claimed.clone() };
    decided(by.by().command(), &stream(of), 0).events(1).finishes(&by).decided_at(at(3))
}

pub(super) async fn a_finished_task_tells_its_result(storage: Store) {
    assert_eq!(storage.task_by_key("redeem:1").await.unwrap(), None);
    let claimed = running(&storage, 1, task("redeem:1")).await;
    let state = |state, position| Some(TaskDone { state, position, authorizer: Some(account(1)), tag: None });
    assert_eq!(storage.task_by_key("redeem:1").await.unwrap(), state(TaskState::Running, None));
    assert_eq!(append(&storage, finish(&claimed, 1, 2)).await, stored(1));
    assert_eq!(storage.task_by_key("redeem:1").await.unwrap(), state(TaskState::Done, Some(Position(1))));

    let quiet = running(&storage, 2, task("confirm:1")).await;
    let nothing = decided(command(3), &stream(1), 0).finishes(&quiet);
    append(&storage, nothing).await;
    assert_eq!(storage.task_by_key("confirm:1").await.unwrap(), state(TaskState::Done, None));
    let again = claim(&storage, at(9_999), at(10_000), 5).await;
    assert_eq!(again.len(), 0, "what is done is not due");
}

pub(super) async fn an_older_attempt_may_finish_what_is_not_done(storage: Store) {
    let first = running(&storage, 1, task("redeem:1")).await;
    let second = claim(&storage, at(10), at(20), 1).await.remove(0);
    assert_eq!((second.id, second.attempt), (first.id, 2));
    // The first attempt was only slow. WeChat's answer to it is as good as any.
    assert_eq!(append(&storage, finish(&first, 1, 2)).await, stored(1));
    assert_eq!(append(&storage, finish(&second, 2, 3)).await, Appended::Finished);
    let done = storage.task_by_key("redeem:1").await.unwrap().unwrap();
    assert_eq!((done.state, done.position), (TaskState::Done, Some(Position(1))));
}

pub(super) async fn a_finished_task_makes_other_commands_void(storage: Store) {
    let claimed = running(&storage, 1, task("redeem:1")).await;
    append(&storage, finish(&claimed, 1, 2)).await;
    let void = finish(&claimed, 2, 3).task(task("confirm:9"));
    let id = void.command;
    assert_eq!(append(&storage, void).await, Appended::Finished);
    assert_eq!(storage.outcomes(vec![id]).await.unwrap(), [], "a void command has no outcome");
    assert!(storage.state(&stream(3)).await.unwrap().is_none());
    assert_eq!(storage.task_by_key("confirm:9").await.unwrap(), None);
    assert_eq!(storage.head().await.unwrap(), Position(1));
    // Done wins over a conflict: there is nothing to decide again.
    assert_eq!(append(&storage, finish(&claimed, 3, 2)).await, Appended::Finished);
    // A task that was pruned was done.
    assert_eq!(storage.prune_tasks(at(100)).await.unwrap(), 1);
    assert_eq!(append(&storage, finish(&claimed, 4, 3)).await, Appended::Finished);
}

pub(super) async fn a_finished_task_keeps_no_secret<D: Database>(database: D) {
    let storage = database.open().await;
    let secret = NewTask { sealed: Some((stream(1), sealed("code"))), ..task("redeem:1") };
    let claimed = running(&storage, 1, secret).await;
    let with_secret = "update task set kind = kind where sealed is not null";
    assert_eq!(database.sql(with_secret).await, Ok(1));
    append(&storage, finish(&claimed, 1, 2)).await;
    assert_eq!(database.sql(with_secret).await, Ok(0));
}

pub(super) async fn a_repeated_finish_is_a_duplicate(storage: Store) {
    let claimed = running(&storage, 1, task("redeem:1")).await;
    append(&storage, finish(&claimed, 1, 2)).await;
    // The answer was lost and the same call is made again: its own outcome, not that somebody finished the task.
    let Appended::Duplicate(record) = append(&storage, finish(&claimed, 1, 2)).await else {
        panic!("the outcome is known");
    };
    assert_eq!((record.outcome, record.position), (CommandOutcome::Applied, Some(Position(1))));
}

pub(super) async fn tasks_are_counted_by_kind_and_state(storage: Store) {
    assert_eq!(storage.task_counts().await.unwrap(), []);
    let redeem = |key: &str| NewTask { kind: "redeem".into(), ..task(key) };
    let done = running(&storage, 1, redeem("redeem:1")).await;
    append(&storage, finish(&done, 1, 2)).await;
    let dead = running(&storage, 2, redeem("redeem:2")).await;
    append(&storage, dead_task(&dead)).await;
    running(&storage, 3, redeem("redeem:3")).await;
    running(&storage, 4, task("confirm:1")).await;
    append(&storage, decided(command(5), &stream(1), 0).task(task("confirm:2")).task(task("confirm:3")))
        .await;
    let mut counts = storage.task_counts().await.unwrap();
    counts.sort_by_key(|count| (count.kind.clone(), count.state.as_str()));
    let count = |kind: &str, state, count| TaskCount { kind: kind.into(), state, count };
    let expected = [
        count("confirm", TaskState::Ready, 2),
        count("confirm", TaskState::Running, 1),
        count("redeem", TaskState::Dead, 1),
        count("redeem", TaskState::Done, 1),
        count("redeem", TaskState::Running, 1),
    ];
    assert_eq!(counts, expected);
}

pub(super) async fn done_tasks_are_pruned_by_age(storage: Store) {
    let done = running(&storage, 1, task("confirm:done")).await;
    append(&storage, finish(&done, 1, 2)).await; // at second 3
    let dead = running(&storage, 2, task("confirm:dead")).await;
    append(&storage, dead_task(&dead)).await;
    running(&storage, 3, task("confirm:running")).await;
    append(&storage, decided(command(4), &stream(1), 0).task(task("confirm:ready"))).await;

    assert_eq!(storage.prune_tasks(at(3)).await.unwrap(), 0, "not before its time");
    assert_eq!(storage.prune_tasks(at(4)).await.unwrap(), 1);
    assert_eq!(storage.prune_tasks(at(9_999)).await.unwrap(), 0, "only what is done is pruned");
    assert_eq!(storage.task_by_key("confirm:done").await.unwrap(), None);
    for key in ["confirm:dead", "confirm:running", "confirm:ready"] {
        assert!(storage.task_by_key(key).await.unwrap().is_some(), "{key}");
    }
    append(&storage, decided(command(5), &stream(1), 0).task(task("confirm:done"))).await;
    let again = storage.task_by_key("confirm:done").await.unwrap().unwrap();
    assert_eq!(again.state, TaskState::Ready, "a key that was pruned is free again");
}
