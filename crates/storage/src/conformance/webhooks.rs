//! Endpoints that events are delivered to, and attempts.

use uuid::Uuid;

use crate::{Store, WebhookAttemptRow, WebhookRow};

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn row(number: u128, revision: u64, data: &str) -> WebhookRow {
    WebhookRow { id: id(number), revision, data: data.into() }
}

fn attempt(number: u128, webhook: u128) -> WebhookAttemptRow {
    WebhookAttemptRow { id: id(number), webhook: id(webhook), data: format!("attempt {number}") }
}

pub(super) async fn an_endpoint_is_changed_by_who_has_read_its_newest_revision(storage: Store) {
    storage.put_webhook(id(2), "second".into(), 100).await.unwrap();
    storage.put_webhook(id(1), "first".into(), 100).await.unwrap();
    assert_eq!(storage.webhooks().await.unwrap(), [row(1, 1, "first"), row(2, 1, "second")]);
    assert!(storage.put_webhook(id(1), "again".into(), 100).await.is_err(), "an id is given once");

    assert!(storage.change_webhook(row(1, 1, "changed")).await.unwrap());
    assert!(!storage.change_webhook(row(1, 1, "too late")).await.unwrap());
    assert!(!storage.change_webhook(row(3, 1, "nobody")).await.unwrap());
    assert_eq!(storage.webhook(id(1)).await.unwrap(), Some(row(1, 2, "changed")));
    assert_eq!(storage.webhook(id(3)).await.unwrap(), None);

    assert!(storage.remove_webhook(id(1)).await.unwrap());
    assert!(!storage.remove_webhook(id(1)).await.unwrap());
    assert!(!storage.change_webhook(row(1, 2, "gone")).await.unwrap());
    assert_eq!(storage.webhooks().await.unwrap(), [row(2, 1, "second")]);
}

pub(super) async fn however_many_are_stored_at_once_there_are_no_more_than_allowed(storage: Store) {
    let storage = std::sync::Arc::new(storage);
    for round in 0..5 {
        let mut puts = tokio::task::JoinSet::new();
        for number in 0..16 {
            let storage = storage.clone();
            let put = async move { storage.put_webhook(id(number), String::new(), 7).await };
            puts.spawn(put);
        }
        let stored = puts.join_all().await.into_iter().filter(|put| *put.as_ref().unwrap()).count();
        let held = storage.webhooks().await.unwrap();
        assert_eq!((stored, held.len()), (7, 7), "round {round}");
        assert!(!storage.put_webhook(id(99), String::new(), 7).await.unwrap());
        assert!(storage.put_webhook(id(99), String::new(), 8).await.unwrap());
        assert!(storage.remove_webhook(id(99)).await.unwrap());
        for row in held {
            assert!(storage.remove_webhook(row.id).await.unwrap());
        }
    }
}

pub(super) async fn attempts_are_read_newest_first_and_trimmed(storage: Store) {
    storage.put_webhook(id(1), String::new(), 100).await.unwrap();
    storage.put_webhook(id(2), String::new(), 100).await.unwrap();
    let attempts = [attempt(11, 1), attempt(12, 1), attempt(13, 1), attempt(14, 2), attempt(15, 3)];
    storage.put_webhook_attempts(attempts.into()).await.unwrap();
    storage.put_webhook_attempts(vec![attempt(12, 1), attempt(16, 1)]).await.unwrap();

    let read = async |webhook, before: Option<u128>, limit| {
        storage.webhook_attempts(id(webhook), before.map(id), limit).await.unwrap()
    };
    assert_eq!(read(1, None, 2).await, [attempt(16, 1), attempt(13, 1)]);
    assert_eq!(read(1, Some(13), 9).await, [attempt(12, 1), attempt(11, 1)]);
    assert_eq!(read(3, None, 9).await, [], "nobody's attempts are not kept");

    assert_eq!(storage.trim_webhook_attempts(id(1), 3).await.unwrap(), 1);
    assert_eq!(storage.trim_webhook_attempts(id(1), 3).await.unwrap(), 0);
    assert_eq!(read(1, None, 9).await, [attempt(16, 1), attempt(13, 1), attempt(12, 1)]);
    assert_eq!(read(2, None, 9).await, [attempt(14, 2)]);

    assert!(storage.remove_webhook(id(1)).await.unwrap());
    assert_eq!(read(1, None, 9).await, []);
}
