//! What one process does for all.

use std::time::Duration;

use futures_util::future::join_all;
use uuid::Uuid;

use super::Database;
use crate::{Fence, Store};

const HOUR: Duration = Duration::from_hours(1);
const FIRST: Uuid = Uuid::from_u128(1);
const SECOND: Uuid = Uuid::from_u128(2);

async fn take(storage: &Store, holder: Uuid, length: Duration) -> Option<Fence> {
    storage.take("publisher", holder, length).await.unwrap()
}

/// Sets when the lease ends, past the storage.
async fn ends_at<D: Database>(database: &D, until: &str) {
    assert_eq!(database.sql(&format!("update lease set until = {until}")).await, Ok(1));
}

pub(super) async fn one_holds_a_lease_until_it_gives_it_back(storage: Store) {
    assert_eq!(take(&storage, FIRST, HOUR).await, Some(Fence(1)), "nobody did");
    assert_eq!(take(&storage, SECOND, HOUR).await, None);
    assert_eq!(take(&storage, FIRST, HOUR).await, Some(Fence(1)), "it goes on");
    assert!(storage.take("another", SECOND, HOUR).await.unwrap().is_some(), "each has its own");
    storage.give_back("publisher", SECOND).await.unwrap();
    assert_eq!(take(&storage, SECOND, HOUR).await, None, "only who holds it can give it back");
    storage.give_back("publisher", FIRST).await.unwrap();
    assert_eq!(take(&storage, SECOND, HOUR).await, Some(Fence(2)));
    assert_eq!(take(&storage, FIRST, HOUR).await, None);
    storage.give_back("publisher", FIRST).await.unwrap();
    assert_eq!(take(&storage, FIRST, HOUR).await, None, "late, it takes nothing away");
}

pub(super) async fn a_turn_is_taken_once_in_its_time<D: Database>(database: D) {
    let storage = database.open().await;
    let turn = async || storage.take("turn/a", Uuid::now_v7(), HOUR).await.unwrap();
    assert!(turn().await.is_some(), "never taken");
    assert_eq!(turn().await, None);
    assert_eq!(database.open().await.take("turn/a", Uuid::now_v7(), HOUR).await.unwrap(), None);
    ends_at(&database, "1").await;
    assert!(turn().await.is_some());
    assert_eq!(turn().await, None, "again for its whole time");
}

pub(super) async fn a_lease_that_is_over_goes_to_the_next_one<D: Database>(database: D) {
    let storage = database.open().await;
    assert_eq!(take(&storage, FIRST, Duration::ZERO).await, Some(Fence(1)));
    assert_eq!(take(&storage, SECOND, HOUR).await, Some(Fence(2)), "it had no time at all");
    assert_eq!(take(&storage, FIRST, HOUR).await, None);
    ends_at(&database, "1").await;
    assert_eq!(take(&storage, FIRST, HOUR).await, Some(Fence(3)));
    assert_eq!(take(&storage, SECOND, HOUR).await, None);
    ends_at(&database, "1").await;
    assert_eq!(take(&storage, FIRST, HOUR).await, Some(Fence(3)), "nobody came between");
}

pub(super) async fn a_lease_of_a_clock_that_was_ahead_is_over<D: Database>(database: D) {
    let storage = database.open().await;
    let mut fence = take(&storage, FIRST, HOUR).await.unwrap();
    // A minute is left to clocks that are put right a little.
    for ahead in ["until + 50000", "until"] {
        ends_at(&database, ahead).await;
        assert_eq!(take(&storage, SECOND, HOUR).await, None, "{ahead}");
    }
    let (mut holder, mut next) = (FIRST, SECOND);
    for ahead in ["until + 70000", "until + 31536000000", "9223372036854775807"] {
        ends_at(&database, ahead).await;
        let taken = take(&storage, next, HOUR).await;
        assert!(taken > Some(fence), "{ahead}: {taken:?} after {fence:?}");
        assert_eq!(take(&storage, holder, HOUR).await, None, "{ahead}: and for its own time");
        fence = taken.unwrap();
        (holder, next) = (next, holder);
    }
    ends_at(&database, "9223372036854775807").await;
    assert_eq!(take(&storage, holder, HOUR).await, Some(fence));
    assert_eq!(take(&storage, next, HOUR).await, None);
    ends_at(&database, "until - 3600000").await;
    assert!(take(&storage, next, HOUR).await.is_some(), "who goes on is given its own time, too");
}

pub(super) async fn of_many_who_take_a_lease_at_once_one_gets_it<D: Database>(database: D) {
    let storages = join_all((0..8).map(|_| database.open())).await;
    for round in 1..=10_u64 {
        let takes = storages
            .iter()
            .zip(1_u128..)
            .map(|(storage, n)| take(storage, Uuid::from_u128(n * 1_000 + u128::from(round)), HOUR));
        let got: Vec<Fence> = join_all(takes).await.into_iter().flatten().collect();
        assert_eq!(got, [Fence(round)]);
        ends_at(&database, "1").await;
    }
}
