//! One holder of each token.

use std::time::Duration;

use futures_util::future::join_all;
use mandate_schema::StreamName;

use super::{
    Database,
    given::{append, at, command, decided, sealed, stream, token_stored},
};
use crate::{Expiring, Lease, Store, TokenChange, TokenFailure, TokenOf};

/// For how long expiring tokens are taken, on the database's clock.
const HOLD: Duration = Duration::from_mins(1);

/// Takes the lease at a second, for fifteen.
async fn lease(storage: &Store, second: i64) -> Option<Lease> {
    storage.lease_token(&stream(1), at(second), at(second + 15)).await.unwrap()
}

async fn store(storage: &Store, lease: &Lease, text: &str) -> bool {
    storage.store_token(&stream(1), lease, sealed(text), at(7_200)).await.unwrap()
}

/// The access token that the row holds.
async fn held(storage: &Store) -> Option<String> {
    let row = storage.token(&stream(1)).await.unwrap()?;
    row.access.map(|(access, _)| access.to_string())
}

async fn change(storage: &Store, number: u64, change: TokenChange) {
    append(storage, decided(command(number), &stream(1), 0).token(change)).await;
}

pub(super) async fn a_lease_excludes_others_until_it_ends(storage: Store) {
    assert_eq!(storage.token(&stream(1)).await.unwrap(), None);
    let first = lease(&storage, 0).await.unwrap();
    assert_eq!((first.row.access.is_none(), first.row.generation), (true, 0));
    assert_eq!(lease(&storage, 0).await, None);
    assert_eq!(lease(&storage, 14).await, None);
    let others = storage.lease_token(&stream(2), at(0), at(15)).await.unwrap();
    assert!(others.is_some(), "another row has another lease");
    let second = lease(&storage, 15).await.unwrap();
    assert!(second.fence > first.fence);
    assert_eq!(lease(&storage, 29).await, None);
    let third = lease(&storage, 30).await.unwrap();
    assert!(third.fence > second.fence);
}

pub(super) async fn a_refreshed_token_is_stored_and_ends_the_lease(storage: Store) {
    change(&storage, 1, token_stored("old", 3)).await;
    let mine = lease(&storage, 0).await.unwrap();
    assert_eq!(mine.row.generation, 3);
    assert_eq!(mine.row.access, Some((sealed("old"), at(7_200))));
    let stored = storage.store_token(&stream(1), &mine, sealed("new"), at(9_000)).await.unwrap();
    assert!(stored);
    let row = storage.token(&stream(1)).await.unwrap().unwrap();
    assert_eq!(row.access, Some((sealed("new"), at(9_000))));
    assert_eq!(row.generation, 3);
    let next = lease(&storage, 1).await.expect("the lease has ended");
    assert_eq!(next.row, row);
}

pub(super) async fn an_older_fence_never_stores(storage: Store) {
    let slow = lease(&storage, 0).await.unwrap();
    let quick = lease(&storage, 15).await.unwrap();
    assert!(!store(&storage, &slow, "slow").await, "while the newer refresh is under way");
    assert_eq!(held(&storage).await, None);
    assert!(store(&storage, &quick, "quick").await);
    assert!(!store(&storage, &slow, "slow").await, "and after it");
    assert_eq!(held(&storage).await, Some(sealed("quick").to_string()));
    // A lease that ended without anybody taking it over is still the newest.
    let late = lease(&storage, 100).await.unwrap();
    assert!(store(&storage, &late, "late").await);
}

pub(super) async fn another_generation_never_stores(storage: Store) {
    change(&storage, 1, token_stored("old", 3)).await;
    let mut mine = lease(&storage, 0).await.unwrap();
    mine.row.generation = 2;
    assert!(!store(&storage, &mine, "new").await);
    mine.row.generation = 4;
    assert!(!store(&storage, &mine, "new").await);
    assert_eq!(held(&storage).await, Some(sealed("old").to_string()));
    let unknown = storage.store_token(&stream(5), &mine, sealed("new"), at(1)).await.unwrap();
    assert!(!unknown, "a row that is not there");
    assert_eq!(storage.token(&stream(5)).await.unwrap(), None);
}

pub(super) async fn an_emptied_row_refuses_the_refresh_under_way(storage: Store) {
    change(&storage, 1, TokenChange::Empty).await;
    assert_eq!(held(&storage).await, None, "there was nothing to empty");
    change(&storage, 2, token_stored("old", 3)).await;
    let overtaken = lease(&storage, 0).await.unwrap();
    change(&storage, 3, TokenChange::Empty).await;
    assert_eq!(held(&storage).await, None);
    assert!(!store(&storage, &overtaken, "overtaken").await);
    assert_eq!(held(&storage).await, None);
    let next = lease(&storage, 0).await.expect("the refresh under way has lost its lease");
    assert!(next.fence > overtaken.fence);
    assert_eq!(next.row.access, None);
    storage.release_token(&stream(1), &overtaken).await.unwrap();
    assert_eq!(lease(&storage, 0).await, None, "the lost lease releases no other");
    assert!(store(&storage, &next, "next").await);
}

pub(super) async fn a_token_stored_by_an_append_refuses_the_refresh_under_way(storage: Store) {
    // Whether the generation is another one or not, and whether there was a row or not.
    for (number, generation) in [(1, 1), (2, 1), (3, 2)] {
        let overtaken = lease(&storage, 0).await.unwrap();
        change(&storage, number, token_stored("issued", generation)).await;
        assert!(!store(&storage, &overtaken, "overtaken").await);
        assert_eq!(held(&storage).await, Some(sealed("issued").to_string()));
        let next = lease(&storage, 0).await.expect("the refresh under way has lost its lease");
        assert!(next.fence > overtaken.fence);
        assert_eq!(next.row.generation, generation);
        storage.release_token(&stream(1), &next).await.unwrap();
    }
}

pub(super) async fn a_released_lease_is_free_and_releases_no_other(storage: Store) {
    let first = lease(&storage, 0).await.unwrap();
    storage.release_token(&stream(1), &first).await.unwrap();
    let second = lease(&storage, 0).await.expect("it was released");
    assert!(second.fence > first.fence);
    storage.release_token(&stream(1), &first).await.unwrap();
    assert_eq!(lease(&storage, 0).await, None, "the second lease holds");
    storage.release_token(&stream(3), &first).await.unwrap();
    assert_eq!(storage.token(&stream(3)).await.unwrap(), None);
}

pub(super) async fn a_token_is_emptied_only_while_it_is_the_current_one(storage: Store) {
    let empty = async |text| storage.empty_token(&stream(1), &sealed(text)).await.unwrap();
    assert!(!empty("first").await, "there is no row");
    change(&storage, 1, token_stored("first", 2)).await;
    change(&storage, 2, token_stored("second", 2)).await;
    assert!(!empty("first").await, "a late report about the token before");
    assert_eq!(held(&storage).await, Some(sealed("second").to_string()));
    assert!(empty("second").await);
    assert!(!empty("second").await, "only the first report counts");
    let row = storage.token(&stream(1)).await.unwrap().unwrap();
    assert_eq!((row.access, row.generation), (None, 2));
    // A refresh that began before the report brings a good token.
    change(&storage, 3, token_stored("third", 2)).await;
    let mine = lease(&storage, 0).await.unwrap();
    assert!(empty("third").await);
    assert!(store(&storage, &mine, "fourth").await);
}

pub(super) async fn of_many_refreshers_one_gets_the_lease<D: Database>(database: D) {
    let mut processes = Vec::new();
    for _ in 0..4 {
        processes.push(database.open().await);
    }
    let mut fence = 0;
    for round in 0..5 {
        let leases =
            processes.iter().flat_map(|process| [lease(process, round * 15), lease(process, round * 15)]);
        let mut taken: Vec<_> = join_all(leases).await.into_iter().flatten().collect();
        assert_eq!(taken.len(), 1);
        let lease = taken.remove(0);
        assert!(lease.fence > fence, "each lease has a greater fence");
        fence = lease.fence;
    }
}

fn failure(failures: u32, second: i64) -> TokenFailure {
    TokenFailure { failures, not_before: at(second), reason: r#"{"kind":"lost"}"#.into() }
}

pub(super) async fn a_failure_is_known_until_another_refresh_begins(storage: Store) {
    let known = async || storage.token(&stream(1)).await.unwrap().unwrap().failure;
    let first = lease(&storage, 0).await.unwrap();
    assert_eq!(first.row.failure, None);
    storage.fail_token(&stream(1), &first, failure(1, 60)).await.unwrap();
    assert_eq!(known().await, Some(failure(1, 60)));
    let second = lease(&storage, 1).await.expect("the lease has ended");
    assert_eq!(second.row.failure, Some(failure(1, 60)), "whoever tries again knows how often it failed");
    assert_eq!(known().await, None, "somebody tries again");
    storage.fail_token(&stream(1), &second, failure(2, 120)).await.unwrap();
    storage.fail_token(&stream(1), &first, failure(9, 999)).await.unwrap();
    assert_eq!(known().await, Some(failure(2, 120)), "an older fence tells nothing");
}

pub(super) async fn a_failure_is_forgotten_when_the_row_changes(storage: Store) {
    let known = async || storage.token(&stream(1)).await.unwrap().unwrap().failure;
    for (number, then) in [(1, TokenChange::Empty), (2, token_stored("new", 1))] {
        let second = i64::try_from(number).unwrap();
        let mine = lease(&storage, second).await.unwrap();
        storage.fail_token(&stream(1), &mine, failure(1, 60)).await.unwrap();
        assert!(known().await.is_some());
        change(&storage, number, then).await;
        assert_eq!(known().await, None);
    }
    let mine = lease(&storage, 10).await.unwrap();
    storage.fail_token(&stream(1), &mine, failure(1, 60)).await.unwrap();
    let mine = lease(&storage, 11).await.unwrap();
    assert!(store(&storage, &mine, "newer").await);
    assert_eq!(known().await, None);
}

/// Tokens of authorizers that expire before a second and were read from another one on, as somebody sees them at `now`.
fn expiring(now: i64, before: i64, used: i64) -> Expiring {
    let (now, before, used) = (at(now), at(before), at(used));
    Expiring { of: TokenOf::Authorizers, now, before, used, hold: HOLD, limit: 10 }
}

/// As they were taken, in order of their names.
async fn taken(storage: &Store, expiring: Expiring) -> Vec<StreamName> {
    let mut taken = storage.take_expiring_tokens(expiring).await.unwrap();
    taken.sort_by_key(ToString::to_string);
    taken
}

/// Stores a token for each of these streams, and notes that it was read.
async fn in_use(storage: &Store, streams: impl IntoIterator<Item = StreamName>) {
    for (number, stream) in (1..).zip(streams) {
        append(storage, decided(command(number), &stream, 0).token(token_stored("t", 1))).await;
        storage.touch_tokens(vec![stream], at(125)).await.unwrap();
    }
}

pub(super) async fn tokens_in_use_are_taken_before_they_expire(storage: Store) {
    // What nobody holds for a while can be looked at again.
    let now = Duration::ZERO;
    let found = async |expiring: Expiring| taken(&storage, Expiring { hold: now, ..expiring }).await;
    append(&storage, decided(command(9), &stream(4), 0).token(token_stored("t", 1))).await;
    assert_eq!(found(expiring(0, 7_201, 0)).await, [], "none was read");
    in_use(&storage, (1..=3).map(stream)).await;
    storage.touch_tokens(vec![stream(9)], at(125)).await.unwrap();
    let all = [stream(1), stream(2), stream(3)];
    assert_eq!(found(expiring(0, 7_201, 120)).await, all, "used within the minute");
    assert_eq!(found(expiring(0, 7_201, 121)).await, []);
    assert_eq!(found(expiring(0, 7_200, 0)).await, [], "later is not yet");
    storage.touch_tokens(vec![stream(1)], at(30)).await.unwrap();
    assert_eq!(found(expiring(0, 7_201, 120)).await, all, "a late note takes nothing back");
    lease(&storage, 0).await.unwrap();
    assert_eq!(found(expiring(14, 7_201, 0)).await, [stream(2), stream(3)], "one is being refreshed");
    assert_eq!(found(expiring(15, 7_201, 0)).await, all, "its lease has ended");
    let failing = storage.lease_token(&stream(2), at(15), at(30)).await.unwrap().unwrap();
    storage.fail_token(&stream(2), &failing, failure(1, 60)).await.unwrap();
    assert_eq!(found(expiring(59, 7_201, 0)).await, [stream(1), stream(3)]);
    assert_eq!(found(expiring(60, 7_201, 0)).await, all);
    assert_eq!(found(Expiring { limit: 2, ..expiring(60, 7_201, 0) }).await.len(), 2);
}

pub(super) async fn tokens_of_components_and_authorizers_are_taken_apart(storage: Store) {
    let component = StreamName::Component("wx1f2e3d4c5b6a7988".parse().unwrap());
    in_use(&storage, [component.clone(), stream(1)]).await;
    let components = Expiring { of: TokenOf::Components, ..expiring(0, 7_201, 0) };
    assert_eq!(taken(&storage, components).await, [component]);
    assert_eq!(taken(&storage, expiring(0, 7_201, 0)).await, [stream(1)]);
}

pub(super) async fn an_expiring_token_is_taken_again_after_a_while<D: Database>(database: D) {
    let storage = database.open().await;
    in_use(&storage, [stream(1)]).await;
    let take = async || taken(&storage, expiring(0, 7_201, 0)).await.len();
    assert_eq!((take().await, take().await), (1, 0));
    assert!(lease(&storage, 0).await.is_some(), "who needs the token now need not wait");
    storage.release_token(&stream(1), &lease(&storage, 20).await.unwrap()).await.unwrap();
    // The time is over, or was taken by a clock that was ahead.
    for until in ["1", "9223372036854775807"] {
        assert_eq!(database.sql(&format!("update token set ahead_until = {until}")).await, Ok(1));
        assert_eq!((take().await, take().await), (1, 0), "{until}");
    }
}

pub(super) async fn two_processes_never_take_the_same_expiring_token<D: Database>(database: D) {
    const TOKENS: u32 = 300;
    let first = database.open().await;
    in_use(&first, (1..=TOKENS).map(stream)).await;
    let process = async |storage: Store| {
        let mut all = Vec::new();
        loop {
            let page = storage.take_expiring_tokens(expiring(0, 7_201, 0)).await.unwrap();
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    };
    let others = join_all((0..3).map(|_| database.open())).await;
    let took = join_all(others.into_iter().chain([first]).map(process)).await;
    let mut all: Vec<String> = took.concat().iter().map(ToString::to_string).collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!((all.len(), count), (300, 300));
}
