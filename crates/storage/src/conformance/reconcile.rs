//! Comparisons with `WeChat`'s list outlive their process.

use mandate_schema::AuthorizerId;

use super::given::{account, append, at, command, component, decided, other_component, stream};
use crate::Store;

async fn begin(storage: &Store, second: i64) -> crate::Reconciliation {
    storage.begin_reconciliation(&component(), at(second), "start").await.unwrap()
}

/// An account whose state has this status.
async fn stands(storage: &Store, number: u32, status: &str) {
    let decision = decided(command(number.into()), &stream(number), 0).events(1);
    append(storage, decision.state(&format!(r#"{{"status":"{status}"}}"#))).await;
}

pub(super) async fn a_comparison_goes_on_where_it_was(storage: Store) {
    assert_eq!(storage.reconciliation(&component()).await.unwrap(), None);
    let first = begin(&storage, 5).await;
    assert_eq!((first.head.0, first.started_at, first.progress.as_str()), (0, at(5), "start"));
    append(&storage, decided(command(1), &stream(1), 0).events(3)).await;
    assert_eq!(begin(&storage, 9).await, first, "one is under way, with the head it began at");
    let advance = async |from: &crate::Reconciliation, to: &str| {
        storage.advance_reconciliation(&component(), from, to, Vec::new()).await.unwrap()
    };
    assert!(advance(&first, "one page").await);
    assert!(!advance(&first, "another page").await, "somebody else has moved it on");
    let second = storage.reconciliation(&component()).await.unwrap().unwrap();
    assert_eq!((second.id, second.progress.as_str()), (first.id, "one page"));
    let others = storage.begin_reconciliation(&other_component(), at(6), "start").await.unwrap();
    storage.end_reconciliation(&component(), others.id).await.unwrap();
    assert!(storage.reconciliation(&component()).await.unwrap().is_some(), "that was another's id");
    storage.end_reconciliation(&component(), first.id).await.unwrap();
    assert_eq!(storage.reconciliation(&component()).await.unwrap(), None);
    let next = begin(&storage, 20).await;
    assert!(next.id != first.id && next.head.0 == 3);
}

pub(super) async fn held_accounts_that_no_page_names_are_found(storage: Store) {
    for (number, status) in
        [(1, "authorized"), (2, "revoked"), (3, "pending"), (4, "broken"), (5, "authorized")]
    {
        stands(&storage, number, status).await;
    }
    let under_way = begin(&storage, 0).await;
    let missing = async |after: Option<u32>, limit| {
        let after = after.map(stream);
        storage.not_named(&component(), after.as_ref(), limit).await.unwrap()
    };
    assert_eq!(missing(None, 9).await, [stream(1), stream(3), stream(4), stream(5)]);
    assert_eq!(missing(Some(1), 2).await, [stream(3), stream(4)]);
    assert_eq!(storage.not_named(&other_component(), None, 9).await.unwrap(), []);
    let named: Vec<AuthorizerId> = [1, 2, 4, 9].map(account).to_vec();
    assert!(storage.advance_reconciliation(&component(), &under_way, "a", named.clone()).await.unwrap());
    let second = storage.reconciliation(&component()).await.unwrap().unwrap();
    assert!(
        storage.advance_reconciliation(&component(), &second, "b", named).await.unwrap(),
        "pages overlap"
    );
    assert_eq!(missing(None, 9).await, [stream(3), stream(5)]);
    storage.end_reconciliation(&component(), under_way.id).await.unwrap();
    assert_eq!(missing(None, 9).await.len(), 4, "the next one begins anew");
}

pub(super) async fn a_log_gets_another_name(storage: Store) {
    let before = storage.log_id().await.unwrap();
    storage.rename_log("another").await.unwrap();
    assert_ne!(storage.log_id().await.unwrap(), before);
    assert_eq!(storage.log_id().await.unwrap(), "another");
}
