//! Queueing, claiming, giving back.

use futures_util::future::join_all;
use mandate_schema::Position;

use super::{
    Database,
    given::{
        WORKER, account, append, at, command, component, decided, other_component, sealed, stream, task,
    },
};
use crate::{Appended, Claim, Claimed, Company, NewTask, Shares, Store, TaskState};

/// Queues a task by a command of its own, decided at that second.
async fn queue(storage: &Store, number: u64, second: i64, task: NewTask) {
    let decision = decided(command(number), &stream(1), 0).task(task).decided_at(at(second));
    assert_eq!(append(storage, decision).await, Appended::Stored(None));
}

/// Claims what is due at a second, for ten seconds.
async fn claim(storage: &Store, second: i64, limit: usize) -> Vec<Claimed> {
    super::given::claim(storage, at(second), at(second + 10), limit).await
}

fn keys(claimed: &[Claimed]) -> Vec<&str> {
    claimed.iter().map(|claimed| claimed.task.key.as_str()).collect()
}

pub(super) async fn a_key_is_queued_once(storage: Store) {
    let first = NewTask { payload: r#"{"n":1}"#.into(), ..task("redeem:1") };
    let second = NewTask { payload: r#"{"n":2}"#.into(), ..task("redeem:1") };
    queue(&storage, 1, 0, first).await;
    queue(&storage, 2, 0, second.clone()).await;
    let both = decided(command(3), &stream(1), 0).task(second.clone()).task(task("redeem:2"));
    append(&storage, both.decided_at(at(1))).await;
    let claimed = claim(&storage, 1, 10).await;
    assert_eq!(keys(&claimed), ["redeem:1", "redeem:2"]);
    assert_eq!(claimed[0].task.payload, r#"{"n":1}"#, "it is left as it was");
    // Nor does queueing again disturb an attempt under way.
    queue(&storage, 4, 2, second).await;
    assert_eq!(claim(&storage, 2, 10).await.len(), 0);
}

pub(super) async fn a_claimed_task_is_what_was_queued(storage: Store) {
    append(&storage, decided(command(1), &stream(2), 0).events(3)).await;
    let queued = NewTask {
        key: "redeem:wx:商户".into(),
        kind: "redeem".into(),
        component: component(),
        authorizer: None,
        tag: Some("甲".into()),
        payload: r#"{"n":1}"#.into(),
        sealed: Some((stream(7), sealed("code"))),
    };
    queue(&storage, 2, 4, queued.clone()).await;
    let claimed = claim(&storage, 4, 1).await.remove(0);
    assert_eq!(format!("{:?}", claimed.task), format!("{queued:?}"));
    assert_eq!(claimed.task.sealed, queued.sealed);
    assert_eq!((claimed.attempt, claimed.head), (1, Position(3)));
    assert_eq!(claimed.created_at, at(4));

    queue(&storage, 3, 4, task("confirm:1")).await;
    let claimed = claim(&storage, 4, 1).await.remove(0);
    assert_eq!(claimed.task.authorizer, Some(account(1)));
    assert_eq!(claimed.task.sealed, None);
}

pub(super) async fn the_oldest_tasks_are_claimed_first(storage: Store) {
    for (number, second) in [(1, 30), (2, 10), (3, 40), (4, 20), (5, 50)] {
        queue(&storage, number, second, task(&format!("confirm:{second}"))).await;
    }
    assert_eq!(keys(&claim(&storage, 45, 0).await), [""; 0]);
    assert_eq!(keys(&claim(&storage, 45, 2).await), ["confirm:10", "confirm:20"]);
    assert_eq!(
        keys(&claim(&storage, 45, 5).await),
        ["confirm:30", "confirm:40"],
        "the last one is not due yet"
    );
    assert_eq!(keys(&claim(&storage, 50, 5).await), ["confirm:50"]);
}

pub(super) async fn no_component_and_no_kind_takes_all_calls(storage: Store) {
    let mut many = decided(command(1), &stream(1), 0).decided_at(at(0));
    for number in 0..30 {
        many = many.task(NewTask { kind: "redeem".into(), ..task(&format!("slow:{number:02}")) });
    }
    append(&storage, many).await;
    let claim = async |calls, running: &[(&str, usize)]| {
        let running = running.iter().map(|(kind, count)| (component(), (*kind).to_owned(), *count)).collect();
        let shares = Shares { calls, running };
        let (now, leased_until) = (at(2), at(12));
        let company = Company::Beside(calls);
        storage.claim(Claim { worker: WORKER, now, leased_until, company, shares }).await.unwrap()
    };
    assert_eq!(claim(12, &[]).await.len(), 6, "alone it has half");
    assert_eq!(claim(12, &[("redeem", 6)]).await.len(), 0);
    queue(&storage, 2, 1, NewTask { component: other_component(), ..task("another's") }).await;
    queue(&storage, 3, 1, task("of another kind")).await;
    let claimed = claim(12, &[("redeem", 6)]).await;
    assert_eq!(keys(&claimed), ["another's", "of another kind"], "there is room for those that come later");
    let claimed = claim(12, &[("redeem", 1), ("confirm", 1)]).await;
    assert_eq!(claimed.len(), 3, "of two each has a third");
}

pub(super) async fn a_claim_ends_with_its_lease_and_the_next_attempt_is_counted(storage: Store) {
    queue(&storage, 1, 0, task("confirm:1")).await;
    let first = claim(&storage, 0, 1).await.remove(0);
    assert_eq!(first.attempt, 1);
    assert_eq!(claim(&storage, 9, 1).await.len(), 0, "the lease holds");
    // The process died: nobody gave the attempt back, and still it was counted.
    let second = claim(&storage, 10, 1).await.remove(0);
    assert_eq!((second.id, second.attempt), (first.id, 2));
    assert_eq!(claim(&storage, 19, 1).await.len(), 0, "the second lease holds");
    let third = claim(&storage, 20, 1).await.remove(0);
    assert_eq!((third.id, third.attempt), (first.id, 3));
}

pub(super) async fn a_claim_is_prolonged_by_the_current_attempt_only(storage: Store) {
    queue(&storage, 1, 0, task("confirm:1")).await;
    let first = claim(&storage, 0, 1).await.remove(0);
    assert!(storage.renew(first.id, 1, at(30)).await.unwrap());
    assert_eq!(claim(&storage, 29, 1).await.len(), 0, "the prolonged lease holds");
    let second = claim(&storage, 30, 1).await.remove(0);
    assert!(!storage.renew(first.id, 1, at(90)).await.unwrap(), "the first attempt has lost its claim");
    assert_eq!(claim(&storage, 40, 1).await.remove(0).attempt, second.attempt + 1);
    append(&storage, decided(command(2), &stream(1), 0).finishes(&first)).await;
    assert!(!storage.renew(first.id, 3, at(90)).await.unwrap(), "what is done is not prolonged");
}

pub(super) async fn an_attempt_given_back_waits_for_its_time(storage: Store) {
    queue(&storage, 1, 0, task("confirm:1")).await;
    let first = claim(&storage, 0, 1).await.remove(0);
    storage.retry(first.id, 1, at(60), "45009").await.unwrap();
    assert_eq!(claim(&storage, 59, 1).await.len(), 0, "also when the old lease has ended");
    let second = claim(&storage, 60, 1).await.remove(0);
    assert_eq!((second.id, second.attempt), (first.id, 2));
}

pub(super) async fn only_the_current_attempt_can_be_given_back(storage: Store) {
    queue(&storage, 1, 0, task("confirm:1")).await;
    let first = claim(&storage, 0, 1).await.remove(0);
    let second = claim(&storage, 10, 1).await.remove(0);
    storage.retry(first.id, first.attempt, at(11), "late").await.unwrap();
    storage.retry(first.id, 7, at(11), "never begun").await.unwrap();
    assert_eq!(claim(&storage, 15, 1).await.len(), 0, "the second attempt goes on");
    storage.retry(second.id, second.attempt, at(16), "busy").await.unwrap();
    storage.retry(second.id, second.attempt, at(90), "again").await.unwrap();
    assert_eq!(claim(&storage, 16, 1).await.len(), 1, "it was given back once");
    let done = decided(command(2), &stream(1), 0).finishes(&first);
    append(&storage, done).await;
    storage.retry(first.id, 3, at(17), "done already").await.unwrap();
    assert_eq!(claim(&storage, 90, 1).await.len(), 0, "what is done stays done");
}

pub(super) async fn waking_makes_due_what_waits_for_that_reason(storage: Store) {
    for (number, name) in (1..).zip(["no ticket", "busy", "runs", "foreign", "due"]) {
        let second = if name == "due" { 5 } else { 0 };
        let component = if name == "foreign" { other_component() } else { component() };
        queue(&storage, number, second, NewTask { component, ..task(name) }).await;
    }
    let claimed = claim(&storage, 0, 10).await;
    for claimed in claimed.iter().filter(|claimed| claimed.task.key != "runs") {
        let reason = if claimed.task.key == "busy" { "busy" } else { "no ticket" };
        storage.retry(claimed.id, 1, at(3_600), reason).await.unwrap();
    }
    let wake = async |reason| storage.wake(&component(), reason, at(5)).await.unwrap();
    assert_eq!(wake("no quota").await, 0);
    assert_eq!(wake("no ticket").await, 1, "neither those of other reasons nor of other components");
    assert_eq!(wake("no ticket").await, 0, "it is due already");
    assert_eq!(keys(&claim(&storage, 5, 10).await), ["no ticket", "due"]);
    // An attempt forgets why the one before was given back.
    assert_eq!(wake("no ticket").await, 0);
}

pub(super) async fn ending_all_leases_makes_running_attempts_due(storage: Store) {
    for (number, name) in (1..).zip(["runs", "runs too", "waits"]) {
        queue(&storage, number, 0, task(name)).await;
    }
    let claimed = claim(&storage, 0, 10).await;
    let waits = claimed.iter().find(|claimed| claimed.task.key == "waits").unwrap();
    storage.retry(waits.id, 1, at(60), "busy").await.unwrap();
    assert_eq!(storage.end_leases(at(2)).await.unwrap(), 2);
    let again = claim(&storage, 2, 10).await;
    assert_eq!(again.len(), 2, "what waits goes on waiting");
    assert!(again.iter().all(|claimed| claimed.attempt == 2), "the attempts that died count");
}

pub(super) async fn the_next_due_time_counts_waiting_tasks_and_leases(storage: Store) {
    let due = async || storage.next_due().await.unwrap().beside;
    assert_eq!(due().await, None);
    queue(&storage, 1, 5, task("confirm:1")).await;
    queue(&storage, 2, 3, task("confirm:2")).await;
    assert_eq!(due().await, Some(at(3)));
    let first = claim(&storage, 4, 1).await.remove(0);
    assert_eq!(due().await, Some(at(5)));
    let second = claim(&storage, 5, 1).await.remove(0);
    assert_eq!(due().await, Some(at(14)), "the first lease ends next");
    storage.retry(first.id, 1, at(100), "busy").await.unwrap();
    assert_eq!(due().await, Some(at(15)));
    append(&storage, decided(command(3), &stream(1), 0).finishes(&second)).await;
    assert_eq!(due().await, Some(at(100)));
    append(&storage, decided(command(4), &stream(1), 0).finishes(&first)).await;
    assert_eq!(due().await, None);
}

pub(super) async fn two_processes_never_claim_the_same_attempt<D: Database>(database: D) {
    const TASKS: usize = 60;
    let storage = database.open().await;
    let mut queueing = decided(command(1), &stream(1), 0);
    for number in 0..TASKS {
        queueing = queueing.task(task(&format!("confirm:{number}")));
    }
    append(&storage, queueing).await;
    let mut workers = Vec::new();
    for _ in 0..4 {
        let storage = database.open().await;
        workers.push(tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claimed = claim(&storage, 0, 7).await;
                if claimed.is_empty() {
                    return mine;
                }
                assert!(claimed.len() <= 7);
                mine.extend(claimed.into_iter().map(|claimed| (claimed.id, claimed.attempt)));
            }
        }));
    }
    let mut claimed: Vec<_> = join_all(workers).await.into_iter().flat_map(Result::unwrap).collect();
    claimed.sort();
    claimed.dedup();
    assert_eq!(claimed.len(), TASKS);
    assert!(claimed.iter().all(|(_, attempt)| *attempt == 1));
    let counts = storage.task_counts().await.unwrap();
    assert_eq!(counts.len(), 1);
    assert_eq!((counts[0].state, counts[0].count), (TaskState::Running, 60));
}
