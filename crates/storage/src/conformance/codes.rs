//! The redeem task is the one truth about a code: what it learns, and which of its attempts counts.

use mandate_schema::Position;

use super::given::{
    account, append, at, claim, command, data_key, dead_push, dead_task, decided, sealed, stored, stream,
    task,
};
use crate::{
    Append, Appended, Claimed, Command, CommandOutcome, CommandRecord, Erasure, GivenUp, NewTask, Store,
    TaskDone, TaskState,
};

/// A code, of which this much is known.
fn code(authorizer: Option<u32>, tag: Option<&str>) -> NewTask {
    NewTask {
        kind: "redeem".into(),
        authorizer: authorizer.map(account),
        tag: tag.map(Into::into),
        sealed: Some((stream(1), sealed("code"))),
        ..task("redeem:1")
    }
}

/// A command that queues the code.
fn queues(number: u64, task: NewTask) -> Append {
    decided(command(number), &stream(9), 0).redeem(task)
}

async fn attempt(storage: &Store, second: i64) -> Claimed {
    claim(storage, at(second), at(second + 10), 1).await.remove(0)
}

async fn known(storage: &Store) -> TaskDone {
    storage.task_by_key("redeem:1").await.unwrap().unwrap()
}

/// The success of an attempt: one event on the authorizer's stream.
fn success(by: &Claimed, expected: u64) -> Append {
    decided(by.by().command(), &stream(1), expected).events(1).finishes(by)
}

/// The refusal of an attempt: a task that looks for another way.
fn refusal(by: &Claimed, expected: u64) -> Append {
    decided(by.by().command(), &stream(1), expected).task(task("recover:1")).refuses(by)
}

pub(super) async fn a_known_code_learns_what_was_missing(storage: Store) {
    append(&storage, queues(1, code(None, None))).await;
    append(&storage, queues(2, code(None, Some("spring")))).await;
    append(&storage, queues(3, code(None, None))).await;
    let done = known(&storage).await;
    assert_eq!((done.authorizer, done.tag.as_deref()), (None, Some("spring")));
    let running = attempt(&storage, 0).await;
    assert_eq!((running.task.authorizer, running.task.tag.as_deref()), (None, Some("spring")));
    append(&storage, queues(4, code(Some(7), Some("autumn")))).await;
    append(&storage, queues(5, code(Some(8), None))).await;
    let done = known(&storage).await;
    assert_eq!(done.state, TaskState::Running, "the attempt goes on");
    assert_eq!((done.authorizer, done.tag.as_deref()), (Some(account(7)), Some("spring")));
    assert_eq!(claim(&storage, at(1), at(2), 9).await.len(), 0, "it is one task");
}

pub(super) async fn commands_of_one_batch_learn_from_each_other(storage: Store) {
    let batch = [
        decided(command(1), &stream(1), 0).redeem(code(None, Some("spring"))),
        decided(command(2), &stream(2), 0).redeem(code(Some(2), None)),
        decided(command(3), &stream(3), 0).redeem(code(Some(3), Some("autumn"))),
    ];
    let stored = storage.append_batch(batch.map(Command::from).into()).await.unwrap();
    assert_eq!(stored, vec![Appended::Stored(None); 3]);
    let done = known(&storage).await;
    assert_eq!((done.authorizer, done.tag.as_deref()), (Some(account(2)), Some("spring")));
}

pub(super) async fn queueing_a_finished_code_is_a_conflict(storage: Store) {
    for (number, ends) in (1..).zip(["success", "refusal", "dead"]) {
        let base = u64::from(number) * 100;
        let (key, asks) = (format!("redeem:{ends}"), format!("confirm:{ends}"));
        let new = |tag: Option<&str>| NewTask { key: key.clone(), ..code(Some(1), tag) };
        append(&storage, queues(base, new(None))).await;
        let running = attempt(&storage, 0).await;
        let on = decided(running.by().command(), &stream(5), 0);
        append(
            &storage,
            match ends {
                "success" => Command::from(on.finishes(&running)),
                "refusal" => on.refuses(&running).into(),
                _ => dead_task(&running),
            },
        )
        .await;
        let late = decided(command(base + 1), &stream(number), 0).events(2).redeem(new(Some("spring")));
        let late = late.key(data_key(&stream(number), 1)).task(task(&asks));
        assert_eq!(append(&storage, late).await, Appended::Conflict, "{ends}");
        assert_eq!(storage.outcomes(vec![command(base + 1)]).await.unwrap(), [], "{ends}");
        assert!(storage.state(&stream(number)).await.unwrap().is_none(), "{ends}");
        assert!(storage.key(&stream(number), 1).await.unwrap().is_none(), "{ends}");
        assert_eq!(storage.task_by_key(&asks).await.unwrap(), None, "{ends}");
        assert_eq!(storage.task_by_key(&key).await.unwrap().unwrap().tag, None, "{ends}");
        // Decided on that outcome, it asks for the truth instead.
        let again = decided(command(base + 1), &stream(number), 0).events(2).task(task(&asks));
        assert!(matches!(append(&storage, again.clone()).await, Appended::Stored(Some(_))), "{ends}");
        assert_eq!(storage.task_by_key(&asks).await.unwrap().unwrap().state, TaskState::Ready);
        assert_eq!(attempt(&storage, 0).await.task.key, asks);
    }
}

pub(super) async fn other_tasks_with_a_known_key_are_left_as_they_are(storage: Store) {
    let bare = NewTask { authorizer: None, ..task("confirm:1") };
    append(&storage, decided(command(1), &stream(1), 0).task(bare)).await;
    let full = NewTask { tag: Some("spring".into()), ..task("confirm:1") };
    append(&storage, decided(command(2), &stream(1), 0).task(full.clone())).await;
    let known = async || storage.task_by_key("confirm:1").await.unwrap().unwrap();
    assert_eq!((known().await.authorizer, known().await.tag), (None, None));
    let running = attempt(&storage, 0).await;
    append(&storage, success(&running, 0)).await;
    let late = decided(command(3), &stream(2), 0).task(full);
    assert_eq!(append(&storage, late).await, Appended::Stored(None), "a finished one is no conflict");
    assert_eq!(known().await.state, TaskState::Done);
}

pub(super) async fn an_outcome_is_decided_on_all_that_its_task_has_learned(storage: Store) {
    append(&storage, queues(1, code(None, None))).await;
    let mut running = attempt(&storage, 0).await;
    append(&storage, queues(2, code(Some(1), None))).await;
    assert_eq!(append(&storage, refusal(&running, 0)).await, Appended::Conflict);
    assert_eq!(append(&storage, dead_task(&running)).await, Appended::Conflict);
    assert_eq!(append(&storage, success(&running, 0)).await, Appended::Conflict);
    running.task.authorizer = Some(account(1));
    append(&storage, queues(3, code(None, Some("spring")))).await;
    assert_eq!(append(&storage, refusal(&running, 0)).await, Appended::Conflict, "the tag, too");
    running.task.tag = Some("spring".into());
    assert_eq!(storage.outcomes(vec![running.by().command()]).await.unwrap(), [], "nothing is stored");
    assert_eq!(storage.dead_letters(None, 9).await.unwrap().len(), 0);
    assert_eq!(append(&storage, refusal(&running, 0)).await, Appended::Stored(None));
    assert_eq!(known(&storage).await.state, TaskState::Done);
}

pub(super) async fn a_refusal_counts_only_from_the_current_attempt(storage: Store) {
    append(&storage, queues(1, code(Some(1), None))).await;
    let first = attempt(&storage, 0).await;
    let second = attempt(&storage, 10).await;
    assert_eq!((first.id, first.attempt, second.attempt), (second.id, 1, 2));
    assert_eq!(append(&storage, refusal(&first, 0)).await, Appended::Finished);
    assert_eq!(append(&storage, dead_task(&first)).await, Appended::Finished);
    assert_eq!(known(&storage).await.state, TaskState::Running, "the second attempt goes on");
    assert_eq!(storage.task_by_key("recover:1").await.unwrap(), None);
    assert_eq!(append(&storage, success(&second, 0)).await, stored(1));
    assert_eq!(append(&storage, refusal(&second, 1)).await, duplicate(&second, 1));
}

async fn outcome_of(storage: &Store, by: &Claimed) -> Option<CommandOutcome> {
    let found = storage.outcomes(vec![by.by().command()]).await.unwrap();
    found.first().map(|record| record.outcome)
}

fn duplicate(by: &Claimed, position: u64) -> Appended {
    Appended::Duplicate(CommandRecord {
        id: by.by().command(),
        outcome: CommandOutcome::Applied,
        position: Some(Position(position)),
    })
}

pub(super) async fn a_success_is_stored_after_any_refusal_and_once(storage: Store) {
    let ended = [
        ("refusal", CommandOutcome::Nothing),
        ("dead", CommandOutcome::Nothing),
        ("discarded", CommandOutcome::Discarded),
        ("revived", CommandOutcome::Nothing),
    ];
    for (number, (ends, ended)) in (1..).zip(ended) {
        let (base, of) = (u64::from(number) * 100, stream(number));
        let key = format!("redeem:{ends}");
        append(&storage, queues(base, NewTask { key: key.clone(), ..code(Some(1), None) })).await;
        let first = attempt(&storage, 0).await;
        let second = attempt(&storage, 10).await;
        if ends == "refusal" {
            let refused = decided(second.by().command(), &of, 0).refuses(&second);
            assert_eq!(append(&storage, refused).await, Appended::Stored(None));
        } else {
            assert_eq!(append(&storage, dead_task(&second)).await, Appended::Stored(None));
        }
        match ends {
            "discarded" => assert!(storage.discard(second.by().command(), at(20)).await.unwrap()),
            "revived" => assert!(storage.revive_task(second.by().command(), at(20)).await.unwrap()),
            _ => {}
        }
        append(&storage, dead_push(base + 1, "unreadable")).await;
        let letters = async || storage.dead_letters(None, 9).await.unwrap().len();
        assert_eq!(letters().await, if ends == "dead" { 2 } else { 1 }, "{ends}");
        let late = decided(first.by().command(), &of, 0).events(1).finishes(&first);
        assert_eq!(append(&storage, late.clone()).await, stored(u64::from(number)), "{ends}");
        assert_eq!(letters().await, 1, "its letter is settled, and no other: {ends}");
        assert_eq!(outcome_of(&storage, &second).await, Some(ended), "{ends}");
        assert!(storage.discard(command(base + 1), at(21)).await.unwrap());
        assert_eq!(append(&storage, late).await, duplicate(&first, u64::from(number)), "{ends}");
        let done = storage.task_by_key(&key).await.unwrap().unwrap();
        let position = Some(Position(number.into()));
        assert_eq!((done.state, done.position), (TaskState::Done, position), "{ends}");
        let other = Claimed { attempt: 3, ..first };
        let other = decided(other.by().command(), &of, 1).events(1).finishes(&other);
        assert_eq!(append(&storage, other).await, Appended::Finished, "one success is enough: {ends}");
        assert!(claim(&storage, at(50), at(60), 9).await.is_empty(), "{ends}");
    }
}

/// What an attempt stores on the way: an event, and a task.
fn on_the_way(by: &Claimed, of: u32) -> Append {
    decided(by.by().command(), &stream(of), 0).events(1).task(task(&format!("confirm:{of}"))).puts_off(by)
}

pub(super) async fn what_is_put_off_is_stored_by_the_current_attempt_and_the_task_goes_on(storage: Store) {
    append(&storage, queues(1, code(None, None))).await;
    let first = attempt(&storage, 0).await;
    let mut second = attempt(&storage, 10).await;
    assert_eq!(append(&storage, on_the_way(&first, 1)).await, Appended::Finished);
    append(&storage, queues(2, code(Some(1), None))).await;
    assert_eq!(append(&storage, on_the_way(&second, 1)).await, Appended::Conflict);
    assert!(storage.state(&stream(1)).await.unwrap().is_none(), "neither is stored");
    assert_eq!(storage.task_by_key("confirm:1").await.unwrap(), None);
    second.task.authorizer = Some(account(1));
    assert_eq!(append(&storage, on_the_way(&second, 1)).await, stored(1));
    assert_eq!(append(&storage, on_the_way(&second, 1)).await, duplicate(&second, 1));
    let known_now = known(&storage).await;
    assert_eq!((known_now.state, known_now.position), (TaskState::Running, None));
    assert_eq!(storage.task_by_key("confirm:1").await.unwrap().unwrap().state, TaskState::Ready);
    storage.retry(second.id, second.attempt, at(11), "provisional").await.unwrap();
    let late = success(&Claimed { task: second.task, ..first }, 1);
    assert_eq!(append(&storage, late).await, stored(2), "a success counts from any attempt");
}

/// Erases the authorizer of the code.
fn erasing(number: u64) -> Append {
    Append { erases: Some(Erasure::default()), ..decided(command(number), &stream(1), 0) }
}

pub(super) async fn what_is_put_off_is_void_once_its_task_has_ended(storage: Store) {
    for (number, ends) in (1..).zip(["success", "refusal", "dead", "discarded", "erased", "pruned"]) {
        let (base, key) = (u64::from(number) * 100, format!("redeem:{ends}"));
        append(&storage, queues(base, NewTask { key: key.clone(), ..code(Some(1), None) })).await;
        let by = attempt(&storage, 0).await;
        let other = Claimed { attempt: 7, ..by.clone() };
        let on = |by: &Claimed| decided(by.by().command(), &stream(50 + number), 0);
        match ends {
            "success" => append(&storage, on(&other).finishes(&other)).await,
            "refusal" => append(&storage, on(&by).refuses(&by)).await,
            "erased" => append(&storage, erasing(base + 1)).await,
            "pruned" => append(&storage, on(&by).finishes(&by)).await,
            _ => append(&storage, dead_task(&by)).await,
        };
        match ends {
            "discarded" => assert!(storage.discard(by.by().command(), at(1)).await.unwrap()),
            "pruned" => assert!(storage.prune_tasks(at(2)).await.unwrap() > 0),
            _ => {}
        }
        let before = storage.task_by_key(&key).await.unwrap();
        // Whichever attempt it is, also the one whose number is the current one.
        for attempt in [by.attempt, 8] {
            let late = on_the_way(&Claimed { attempt, ..by.clone() }, number);
            let late = Append { command: command(base + 2), ..late };
            assert_eq!(append(&storage, late).await, Appended::Finished, "{ends}");
        }
        assert!(storage.state(&stream(number)).await.unwrap().is_none(), "{ends}");
        assert_eq!(storage.task_by_key(&format!("confirm:{number}")).await.unwrap(), None, "{ends}");
        assert_eq!(storage.task_by_key(&key).await.unwrap(), before, "{ends}");
    }
}

pub(super) async fn who_gives_a_task_up_may_ask_something_else(storage: Store) {
    let asks = |by: &Claimed| {
        let Command::GivenUp(given_up) = dead_task(by) else { panic!("it gives up") };
        Command::GivenUp(Box::new(GivenUp { asks: Some(task("inspect:1")), ..*given_up }))
    };
    append(&storage, queues(1, code(Some(1), None))).await;
    let first = attempt(&storage, 0).await;
    let second = attempt(&storage, 10).await;
    assert_eq!(append(&storage, asks(&first)).await, Appended::Finished);
    assert_eq!(storage.task_by_key("inspect:1").await.unwrap(), None);
    assert_eq!(append(&storage, asks(&second)).await, Appended::Stored(None));
    assert!(matches!(append(&storage, asks(&second)).await, Appended::Duplicate(_)));
    assert_eq!(known(&storage).await.state, TaskState::Dead);
    let asked = claim(&storage, at(20), at(30), 9).await;
    let [asked] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!((asked.task.key.as_str(), &asked.task.authorizer), ("inspect:1", &Some(account(1))));
}
