//! One holder of each token.

use futures_util::future::join_all;

use super::{
    Database,
    given::{append, at, command, decided, sealed, stream, token_stored},
};
use crate::{Lease, Storage, TokenChange, Tokens};

/// Takes the lease at a second, for fifteen.
async fn lease<S: Tokens>(storage: &S, second: i64) -> Option<Lease> {
    storage.lease_token(&stream(1), at(second), at(second + 15)).await.unwrap()
}

async fn store<S: Tokens>(storage: &S, lease: &Lease, text: &str) -> bool {
    storage.store_token(&stream(1), lease, sealed(text), at(7_200)).await.unwrap()
}

/// The access token that the row holds.
async fn held<S: Tokens>(storage: &S) -> Option<String> {
    let row = storage.token(&stream(1)).await.unwrap()?;
    row.access.map(|(access, _)| access.to_string())
}

async fn change<S: Storage>(storage: &S, number: u64, change: TokenChange) {
    append(storage, decided(command(number), &stream(1), 0).token(change)).await;
}

pub(super) async fn a_lease_excludes_others_until_it_ends<S: Storage>(storage: S) {
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

pub(super) async fn a_refreshed_token_is_stored_and_ends_the_lease<S: Storage>(storage: S) {
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

pub(super) async fn an_older_fence_never_stores<S: Storage>(storage: S) {
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

pub(super) async fn another_generation_never_stores<S: Storage>(storage: S) {
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

pub(super) async fn an_emptied_row_refuses_the_refresh_under_way<S: Storage>(storage: S) {
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

pub(super) async fn a_token_stored_by_an_append_refuses_the_refresh_under_way<S: Storage>(storage: S) {
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

pub(super) async fn a_released_lease_is_free_and_releases_no_other<S: Storage>(storage: S) {
    let first = lease(&storage, 0).await.unwrap();
    storage.release_token(&stream(1), &first).await.unwrap();
    let second = lease(&storage, 0).await.expect("it was released");
    assert!(second.fence > first.fence);
    storage.release_token(&stream(1), &first).await.unwrap();
    assert_eq!(lease(&storage, 0).await, None, "the second lease holds");
    storage.release_token(&stream(3), &first).await.unwrap();
    assert_eq!(storage.token(&stream(3)).await.unwrap(), None);
}

pub(super) async fn a_token_is_emptied_only_while_it_is_the_current_one<S: Storage>(storage: S) {
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
