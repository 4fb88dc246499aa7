//! Tasks whose process dies: they run alone, and are set aside if that does not help.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use mandate_runtime::stop::Stop;
use mandate_storage::{Claimed, Company, TaskState};
use mandate_wechat::release_check::TEST_ACCOUNTS;
use uuid::Uuid;

use super::given::{Given, authorized, message, push};
use crate::{
    Retried,
    tasks::{TaskRunner, UnderWay},
};

/// The n-th process that dies, each with a claim that ends at once.
fn process(n: u32) -> Uuid {
    Uuid::from_u128(u128::from(n) + 100)
}

impl Given {
    /// Lets a task die so often, as whichever process claims it; answers the attempt that was the last.
    async fn dies(&self, times: u32) -> Option<Claimed> {
        let mut last = None;
        for n in 0..times {
            let worker = process(n);
            let mut claimed = self.claim_as(worker, SignedDuration::ZERO, Company::Beside(1)).await;
            if claimed.is_empty() {
                claimed = self.claim_as(worker, SignedDuration::ZERO, Company::Alone).await;
            }
            last = claimed.pop();
        }
        last
    }

    /// Waits for all that is under way, which fails, and puts it off for long.
    async fn ends(&self, under_way: &mut UnderWay) {
        while under_way.next_end().await.is_some() {}
        let database = rusqlite::Connection::open(self.database()).unwrap();
        let later = "update task set next_at = next_at + 3600000 where tries > 0";
        database.execute(later, []).unwrap();
    }

    /// How many tasks fulfil this condition.
    fn count(&self, condition: &str) -> u32 {
        let database = rusqlite::Connection::open(self.database()).unwrap();
        let count = format!("select count(*) from task where {condition}");
        database.query_row(&count, [], |row| row.get(0)).unwrap()
    }

    fn runner(&self) -> (Arc<TaskRunner>, UnderWay) {
        (self.worker.task_runner(&Stop::new()), UnderWay::default())
    }
}

/// A callback of the n-th account, which queues a redemption.
fn account(n: u32) -> mandate_schema::Push {
    let fields = format!(
        "<AuthorizerAppid>wx{n:016x}</AuthorizerAppid><AuthorizationCode>queryauthcode@@@of {n}</AuthorizationCode>"
    );
    push(1_790_000_000 + i64::from(n), "authorized", &fields)
}

#[tokio::test]
async fn a_task_whose_process_died_once_runs_beside_others() {
    let given = Given::new();
    given.take(authorized(1_790_000_000, "queryauthcode@@@1")).await;
    given.dies(1).await;
    given.take(account(1)).await;
    let (runner, mut under_way) = given.runner();
    runner.fill(&mut under_way).await;
    assert_eq!(under_way.count(), 2);
}

#[tokio::test]
async fn a_task_whose_process_died_twice_runs_alone() {
    let given = Given::new();
    given.take(authorized(1_790_000_000, "queryauthcode@@@1")).await;
    given.dies(2).await;
    for n in 1..4 {
        given.take(account(n)).await;
    }
    let (runner, mut under_way) = given.runner();
    let (other, mut others) = given.runner();
    // The second death is found with the others, who go first.
    runner.fill(&mut under_way).await;
    assert_eq!(under_way.count(), 3);
    runner.fill(&mut under_way).await;
    assert_eq!(under_way.count(), 3, "not beside them");
    while under_way.next_end().await.is_some() {}
    runner.fill(&mut under_way).await;
    assert_eq!(under_way.count(), 1);
    given.take(account(4)).await;
    runner.fill(&mut under_way).await;
    assert_eq!(under_way.count(), 1, "nothing begins beside it");
    other.fill(&mut others).await;
    assert_eq!(others.count(), 1, "another process is another matter");
    given.take(account(5)).await;
    while under_way.next_end().await.is_some() {}
    runner.fill(&mut under_way).await;
    assert_eq!(under_way.count(), 1, "and the rest goes on");
    assert_eq!(given.dead_letters().await.len(), 0);
}

#[tokio::test]
async fn a_task_that_kills_its_process_three_times_while_alone_is_set_aside() {
    let given = Given::new();
    given.take(authorized(1_790_000_000, "queryauthcode@@@1")).await;
    let (runner, mut under_way) = given.runner();
    let last = given.dies(5).await.unwrap();
    assert_eq!((last.deaths, last.attempt, last.tries), (4, 5, 1), "twice alone so far");
    assert_eq!(given.dead_letters().await.len(), 0);
    // The next claim finds the fifth death.
    while given.dead_letters().await.is_empty() {
        runner.fill(&mut under_way).await;
        under_way.next_end().await;
    }
    let letter = given.dead_letters().await.remove(0).letter;
    assert_eq!(letter.reason, "kills_worker");
    assert_eq!(given.tasks("redeem", TaskState::Dead).await, 1);
    // Its authorizer does not wait for the operator.
    assert_eq!(given.tasks("inspect", TaskState::Ready).await, 1);
    runner.fill(&mut under_way).await;
    while under_way.next_end().await.is_some() {}

    let retried = given.worker.dead_letters.retry(letter.command).await.unwrap();
    assert_eq!(retried, Retried::Revived);
    runner.fill(&mut under_way).await;
    assert_eq!(under_way.count(), 1, "it is tried again, alone");
    under_way.next_end().await;
    assert_eq!(given.dead_letters().await.len(), 0);
    assert_eq!(given.tasks("redeem", TaskState::Ready).await, 1, "put off for another reason");
}

/// One of them kills; nobody knows which.
#[tokio::test]
async fn many_suspects_and_new_codes_hold_each_other_up_for_no_longer_than_one_turn() {
    let given = Given::new();
    for n in 0..32 {
        given.take(account(n)).await;
    }
    for n in 0..2 {
        let died = given.claim_as(process(n), SignedDuration::ZERO, Company::Beside(32)).await;
        assert_eq!(died.len(), 32);
    }
    let (runner, mut under_way) = given.runner();
    for turn in 0..32 {
        // A new code comes while the last suspect is under way, and is the next to begin.
        given.take(account(100 + turn)).await;
        runner.fill(&mut under_way).await;
        assert_eq!(under_way.count(), 1, "turn {turn}");
        given.ends(&mut under_way).await;
        let (new, suspects) = ("attempt = 1 and tries = 1", "attempt = 3 and tries = 1");
        assert_eq!((given.count(new), given.count(suspects)), (turn + 1, turn), "turn {turn}");
        runner.fill(&mut under_way).await;
        assert_eq!(under_way.count(), 1, "one suspect, alone: turn {turn}");
        given.ends(&mut under_way).await;
        assert_eq!((given.count(new), given.count(suspects)), (turn + 1, turn + 1), "turn {turn}");
    }
    assert_eq!(given.count("died <> '[]'"), 0, "each has returned, so it was none of them");
}

#[tokio::test]
async fn a_stop_gives_back_what_was_not_tried() {
    let given = Given::new();
    let text = "<Content>QUERY_AUTH_CODE:queryauthcode@@@1</Content><MsgId>7</MsgId>";
    given.take(message(1_790_000_000, TEST_ACCOUNTS[0].original_id, "text", text)).await;
    // The reply waits for the redemption, which another process has.
    for claimed in given.claim(9).await {
        if claimed.task.kind == "release_reply" {
            given.worker.storage.release(claimed.id, claimed.attempt, Timestamp::now()).await.unwrap();
        }
    }
    let stop = Stop::new();
    let runner = given.worker.task_runner(&stop);
    let running = tokio::spawn(runner.run());
    while given.tasks("release_reply", TaskState::Running).await == 0 {
        tokio::task::yield_now().await;
    }
    stop.request();
    tokio::time::timeout(Duration::from_secs(20), running).await.expect("it stops").unwrap();
    let again = given.claim(9).await;
    let [reply] = again.as_slice() else { panic!("{again:?}") };
    assert_eq!((reply.task.kind.as_str(), reply.attempt), ("release_reply", 3));
    assert_eq!((reply.tries, reply.deaths), (1, 0));
}
