//! How many webhooks there can be, and what is left of one that was deleted.

use mandate_runtime::stop::Stop;
use mandate_schema::Position;

use tokio::task::JoinSet;

use super::{
    given::{Given, ticket},
    receiver::Receiver,
};
use crate::outbound::webhooks::{WebhookError, WebhookOrder};

fn order(receiver: &Receiver) -> WebhookOrder {
    WebhookOrder { url: receiver.url(), after: Some(Position(0)), ..WebhookOrder::default() }
}

#[tokio::test]
async fn orders_at_the_same_time_make_no_more_webhooks_than_there_may_be() {
    let (given, receiver) = (Given::new(), Receiver::start().await);
    for _ in 0..90 {
        given.worker.webhooks.create(order(&receiver)).await.unwrap();
    }
    let mut orders = JoinSet::new();
    for _ in 0..40 {
        let (worker, order) = (given.worker.clone(), order(&receiver));
        orders.spawn(async move { worker.webhooks.create(order).await });
    }
    let results = orders.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 10);
    assert!(results.iter().all(|result| matches!(result, Ok(_) | Err(WebhookError::TooMany))));
    assert_eq!(given.worker.webhooks.all().await.unwrap().len(), 100);
}

#[tokio::test]
async fn a_deleted_webhook_has_no_position() {
    let (given, receiver) = (Given::new(), Receiver::start().await);
    given.take(ticket(10, "ticket@@@1")).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let (webhook, _) = given.worker.webhooks.create(order(&receiver)).await.unwrap();
        let row = given.worker.storage.webhook(webhook.id).await.unwrap().unwrap();
        assert!(given.worker.webhooks.deliver(row, &Stop::new()).await.unwrap());
        ids.push(webhook.id);
    }
    let shown = |id: uuid::Uuid| given.worker.metrics.encode().contains(&format!(r#"reader="webhook/{id}""#));
    assert!(ids.iter().all(|id| shown(*id)));
    for deleted in 0..3 {
        given.worker.webhooks.delete(ids[deleted]).await.unwrap();
        given.worker.webhooks.survey().await.unwrap();
        let left: Vec<bool> = ids.iter().map(|id| shown(*id)).collect();
        let expected: Vec<bool> = (0..3).map(|place| place > deleted).collect();
        assert_eq!(left, expected);
    }
}
