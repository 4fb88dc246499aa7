//! Keys of callers, what they read, and the audit trail.

use std::collections::BTreeSet;

use mandate_schema::{ApiKey, ApiKeyRecord, Reach, Scope};
use uuid::Uuid;

use super::given::{account, at, component, stream};
use crate::{AuditEntry, Store, TokenReads};

fn key(number: u8) -> ApiKeyRecord {
    ApiKeyRecord {
        id: Uuid::from_u128(number.into()),
        name: format!("key {number}"),
        hash: ApiKey::new(&[number; 32]).hash(),
        scopes: [Scope::TokenRead, Scope::StateRead].into(),
        reach: Reach::default(),
        created_at: at(number.into()),
        expires_at: None,
        revoked_at: None,
        used_at: None,
    }
}

pub(super) async fn a_key_is_found_by_its_hash_until_and_after_it_is_revoked(storage: Store) {
    assert!(!storage.had_api_keys().await.unwrap());
    let limited = ApiKeyRecord {
        reach: Reach {
            components: Some([component()].into()),
            authorizers: Some([account(1), account(2)].into()),
        },
        expires_at: Some(at(100)),
        ..key(1)
    };
    storage.put_api_key(limited.clone()).await.unwrap();
    storage.put_api_key(key(2)).await.unwrap();
    assert_eq!(storage.api_key(limited.hash).await.unwrap(), Some(limited.clone()));
    assert_eq!(storage.api_key([9; 32]).await.unwrap(), None);
    assert_eq!(storage.api_keys().await.unwrap(), [limited.clone(), key(2)]);
    assert!(storage.had_api_keys().await.unwrap());
    assert!(storage.revoke_api_key(key(2).id, at(50)).await.unwrap());
    assert!(!storage.revoke_api_key(key(2).id, at(60)).await.unwrap(), "the first time counts");
    assert!(!storage.revoke_api_key(Uuid::nil(), at(60)).await.unwrap());
    let revoked = storage.api_key(key(2).hash).await.unwrap().unwrap();
    assert_eq!(revoked.revoked_at, Some(at(50)));
    assert!(!revoked.is_active(at(51)) && limited.is_active(at(99)) && !limited.is_active(at(100)));
    assert!(storage.revoke_api_key(limited.id, at(70)).await.unwrap());
    assert!(storage.had_api_keys().await.unwrap(), "whatever became of them");
    let none =
        ApiKeyRecord { reach: Reach { components: Some(BTreeSet::new()), ..Reach::default() }, ..key(3) };
    storage.put_api_key(none.clone()).await.unwrap();
    assert_eq!(storage.api_key(none.hash).await.unwrap(), Some(none), "nobody is not everybody");
}

pub(super) async fn reads_are_counted_by_key_account_and_minute(storage: Store) {
    storage.put_api_key(key(1)).await.unwrap();
    let reads = |second, number, count| TokenReads {
        minute: at(second),
        api_key: key(1).id,
        stream: stream(number),
        count,
    };
    storage.note_use(vec![key(1).id], vec![reads(61, 1, 3), reads(61, 2, 1)], at(61)).await.unwrap();
    storage.note_use(vec![key(1).id], vec![reads(119, 1, 4), reads(120, 1, 5)], at(130)).await.unwrap();
    storage.note_use(vec![key(1).id], vec![], at(70)).await.unwrap();
    let used = storage.api_key(key(1).hash).await.unwrap().unwrap().used_at;
    assert_eq!(used, Some(at(120)), "to the minute, and never back");
    let counts = storage.token_reads(at(0), 10).await.unwrap();
    assert_eq!(counts, [reads(120, 1, 5), reads(60, 1, 7), reads(60, 2, 1)]);
    assert_eq!(storage.token_reads(at(121), 10).await.unwrap(), [reads(120, 1, 5)]);
    assert_eq!(storage.prune_audit(at(120)).await.unwrap(), 2);
    assert_eq!(storage.token_reads(at(0), 10).await.unwrap().len(), 1);
}

pub(super) async fn the_audit_trail_is_read_newest_first(storage: Store) {
    let entry = |number: u8| AuditEntry {
        id: Uuid::from_u128(number.into()),
        recorded_at: at(number.into()),
        actor: "key 1".into(),
        address: (number == 2).then(|| "203.0.113.7".into()),
        act: "api_key.revoked".into(),
        subject: Some(format!("key {number}")),
        detail: (number == 3).then(|| "why".into()),
    };
    storage.put_audit(vec![entry(1), entry(2)]).await.unwrap();
    storage.put_audit(vec![entry(3)]).await.unwrap();
    assert_eq!(storage.audit(None, 2).await.unwrap(), [entry(3), entry(2)]);
    assert_eq!(storage.audit(Some(entry(2).id), 2).await.unwrap(), [entry(1)]);
    assert_eq!(storage.prune_audit(at(3)).await.unwrap(), 2);
    assert_eq!(storage.audit(None, 9).await.unwrap(), [entry(3)]);
}
