//! Attempts that died with their process, and those that only seem so.

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Database,
    given::{append, at, command, dead_task, decided, stream, task},
};
use crate::{Claim, Claimed, Company, NextDue, Shares, Store};

const A: Uuid = Uuid::from_u128(0xa);
const B: Uuid = Uuid::from_u128(0xb);
const C: Uuid = Uuid::from_u128(0xc);

async fn queue(storage: &Store, number: u64, key: &str) {
    append(storage, decided(command(number), &stream(1), 0).task(task(key))).await;
}

async fn claim(storage: &Store, worker: Uuid, second: i64, company: Company) -> Vec<Claimed> {
    let (now, leased_until): (Timestamp, _) = (at(second), at(second + 10));
    storage.claim(Claim { worker, now, leased_until, company, shares: Shares::unlimited() }).await.unwrap()
}

/// The one task that is due, alone or beside others.
async fn take(storage: &Store, worker: Uuid, second: i64) -> Claimed {
    let mut claimed = claim(storage, worker, second, Company::Beside(9)).await;
    claimed.extend(claim(storage, worker, second, Company::Alone).await);
    assert_eq!(claimed.len(), 1);
    claimed.remove(0)
}

pub(super) async fn an_attempt_whose_lease_ends_is_taken_for_dead(storage: Store) {
    queue(&storage, 1, "confirm:1").await;
    let first = take(&storage, A, 0).await;
    assert_eq!((first.attempt, first.tries, first.deaths), (1, 1, 0));
    let second = take(&storage, B, 10).await;
    assert_eq!((second.attempt, second.tries, second.deaths), (2, 1, 1), "no try was spent");
    storage.retry(second.id, 2, at(12), "busy").await.unwrap();
    let third = take(&storage, B, 12).await;
    assert_eq!((third.attempt, third.tries, third.deaths), (3, 2, 0), "an answer is a try and no death");
    let fourth = take(&storage, A, 22).await;
    assert_eq!((fourth.attempt, fourth.tries, fourth.deaths), (4, 2, 1));
}

pub(super) async fn what_a_living_or_stopping_process_leaves_is_no_death(storage: Store) {
    queue(&storage, 1, "confirm:1").await;
    take(&storage, A, 0).await;
    let own = take(&storage, A, 10).await;
    assert_eq!((own.attempt, own.deaths), (2, 0), "who claims is alive");
    // A process stops and is killed before the attempt ends.
    assert_eq!(storage.excuse(B).await.unwrap(), 0);
    assert_eq!(storage.excuse(A).await.unwrap(), 1);
    assert!(storage.renew(own.id, own.attempt, at(21)).await.unwrap(), "it may go on until then");
    let after_stop = take(&storage, B, 21).await;
    assert_eq!((after_stop.attempt, after_stop.tries, after_stop.deaths), (3, 1, 0));
    // The note was about that attempt only.
    assert_eq!(take(&storage, A, 31).await.deaths, 1);
}

pub(super) async fn an_attempt_given_back_by_a_stop_is_due_at_once_and_no_try(storage: Store) {
    queue(&storage, 1, "confirm:1").await;
    let first = take(&storage, A, 0).await;
    storage.release(first.id, 7, at(1)).await.unwrap();
    assert_eq!(claim(&storage, B, 1, Company::Beside(9)).await.len(), 0, "another attempt's affair");
    storage.release(first.id, 1, at(1)).await.unwrap();
    let second = take(&storage, B, 1).await;
    assert_eq!((second.attempt, second.tries, second.deaths), (2, 1, 0));
}

pub(super) async fn who_was_taken_for_dead_may_prove_to_be_alive(storage: Store) {
    queue(&storage, 1, "confirm:1").await;
    // The database was away for all three, one after the other.
    let first = take(&storage, A, 0).await;
    let second = take(&storage, B, 10).await;
    let third = take(&storage, C, 20).await;
    assert_eq!((second.deaths, third.deaths), (1, 2));
    for _ in 0..2 {
        storage.outlive(first.id, first.attempt).await.unwrap();
    }
    storage.outlive(first.id, third.attempt).await.unwrap();
    let fourth = take(&storage, A, 30).await;
    assert_eq!((fourth.attempt, fourth.deaths), (4, 2), "the second and the third");
    storage.outlive(first.id, second.attempt).await.unwrap();
    storage.outlive(first.id, third.attempt).await.unwrap();
    storage.release(first.id, 4, at(31)).await.unwrap();
    assert_eq!(take(&storage, A, 31).await.deaths, 0);
}

pub(super) async fn a_task_with_two_deaths_is_claimed_alone(storage: Store) {
    queue(&storage, 1, "kills").await;
    let kills = take(&storage, A, 0).await;
    take(&storage, B, 10).await;
    for (number, key) in (2..).zip(["one", "two"]) {
        queue(&storage, number, key).await;
    }
    // The second death is noted by the very claim that finds the others.
    let beside = claim(&storage, C, 20, Company::Beside(9)).await;
    assert_eq!(beside.iter().map(|claimed| claimed.deaths).collect::<Vec<_>>(), [0, 0]);
    let due = storage.next_due().await.unwrap();
    assert_eq!(due, NextDue { beside: Some(at(30)), alone: Some(at(20)) });
    assert_eq!(claim(&storage, C, 20, Company::Beside(9)).await.len(), 0);
    let alone = claim(&storage, C, 20, Company::Alone).await;
    let [alone] = alone.as_slice() else { panic!("{alone:?}") };
    assert_eq!((alone.id, alone.attempt, alone.deaths), (kills.id, 3, 2));
    assert_eq!(claim(&storage, A, 20, Company::Alone).await.len(), 0);
    assert_eq!(storage.next_due().await.unwrap().alone, None, "it is under way");

    queue(&storage, 4, "three").await;
    let kills = take_alone(&storage, A, 30).await;
    assert_eq!((kills.attempt, kills.deaths), (4, 3));
    storage.retry(kills.id, 4, at(40), "busy").await.unwrap();
    assert_eq!(claim(&storage, A, 39, Company::Alone).await.len(), 0, "not before its time");
}

async fn take_alone(storage: &Store, worker: Uuid, second: i64) -> Claimed {
    let mut claimed = claim(storage, worker, second, Company::Alone).await;
    assert_eq!(claimed.len(), 1);
    claimed.remove(0)
}

pub(super) async fn a_revived_task_has_all_its_tries_and_runs_alone_if_it_did(storage: Store) {
    queue(&storage, 1, "kills").await;
    let (mut last, mut second) = (take(&storage, A, 0).await, 0);
    for _ in 0..5 {
        storage.retry(last.id, last.attempt, at(second), "busy").await.unwrap();
        last = take(&storage, A, second).await;
    }
    for worker in [B, C, A, B, C] {
        second += 10;
        last = take(&storage, worker, second).await;
    }
    assert_eq!((last.deaths, last.tries), (5, 6));
    let letter = last.by().command();
    append(&storage, dead_task(&last)).await;
    assert!(storage.revive_task(letter, at(second)).await.unwrap());
    let again = take_alone(&storage, A, second).await;
    assert_eq!((again.deaths, again.tries), (2, 1));
}

pub(super) async fn an_attempt_that_returns_has_killed_nobody(storage: Store) {
    queue(&storage, 1, "confirm:1").await;
    take(&storage, A, 0).await;
    take(&storage, B, 10).await;
    // A stop gives it back untried: nothing is known.
    let untried = take(&storage, C, 20).await;
    assert_eq!(untried.deaths, 2);
    storage.release(untried.id, untried.attempt, at(21)).await.unwrap();
    let alone = take_alone(&storage, C, 21).await;
    assert_eq!((alone.attempt, alone.deaths), (4, 2));
    storage.retry(alone.id, 3, at(22), "late").await.unwrap();
    assert_eq!(storage.next_due().await.unwrap(), NextDue { beside: Some(at(31)), alone: None });
    storage.retry(alone.id, 4, at(22), "busy").await.unwrap();
    assert_eq!(storage.next_due().await.unwrap(), NextDue { beside: Some(at(22)), alone: None });
    let beside = claim(&storage, A, 22, Company::Beside(9)).await;
    assert_eq!((beside[0].attempt, beside[0].tries, beside[0].deaths), (5, 2, 0));
    // Who is taken for dead now begins to count anew.
    assert_eq!(take(&storage, B, 32).await.deaths, 1);
}

/// As an embedded store starts: nobody else works there.
pub(super) async fn a_process_that_starts_counts_who_died_and_not_who_stopped<D: Database>(database: D) {
    let storage = database.open().await;
    queue(&storage, 1, "confirm:1").await;
    take(&storage, A, 0).await;
    assert_eq!(storage.end_leases(at(1)).await.unwrap(), 1);
    let second = take(&storage, B, 1).await;
    assert_eq!((second.attempt, second.deaths), (2, 1));
    storage.excuse(B).await.unwrap();
    assert_eq!(storage.end_leases(at(2)).await.unwrap(), 1);
    assert_eq!(take(&storage, C, 2).await.deaths, 1);
    // A worker of the version before left no name: nothing is known of its end.
    database.sql("update task set worker = null").await.unwrap();
    assert_eq!(storage.end_leases(at(3)).await.unwrap(), 1);
    assert_eq!(take(&storage, A, 3).await.deaths, 1);
}
