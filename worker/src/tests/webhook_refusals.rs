//! A receiver that refuses one type of event and takes the others.

use jiff::{SignedDuration, Timestamp};
use mandate_runtime::stop::Stop;
use mandate_schema::Position;
use mandate_storage::WebhookRow;
use uuid::Uuid;

use super::{
    given::{Given, push},
    receiver::{Receiver, status},
};
use crate::webhooks::{RewindTo, Webhook, WebhookOrder};

/// More authorizers than were ever held at once.
const MANY: u32 = 300;
/// Authorizers whose events are taken.
const OTHERS: u32 = 10;

fn appid(number: u32) -> String {
    format!("wx{number:016x}")
}

async fn granted(given: &Given, number: u32) {
    let appid = appid(number);
    let fields = format!(
        "<AuthorizerAppid>{appid}</AuthorizerAppid><AuthorizationCode>queryauthcode@@@{number}</AuthorizationCode>"
    );
    given.take(push(1_790_000_000 + i64::from(number), "authorized", &fields)).await;
}

async fn revoked(given: &Given, number: u32) {
    let fields = format!("<AuthorizerAppid>{}</AuthorizerAppid>", appid(number));
    given.take(push(1_790_000_000 + i64::from(number), "unauthorized", &fields)).await;
}

async fn webhook_for_all(given: &Given, receiver: &Receiver) -> Uuid {
    let order = WebhookOrder { url: receiver.url(), after: Some(Position(0)), ..WebhookOrder::default() };
    given.worker.webhooks.create(order).await.unwrap().0.id
}

/// Rounds until nothing is new and nothing is due.
async fn rounds(given: &Given, id: Uuid) -> Webhook {
    for _ in 0..100 {
        let row = given.worker.storage.webhook(id).await.unwrap().unwrap();
        assert!(given.worker.webhooks.deliver(row, &Stop::new()).await.unwrap());
        let webhook = given.worker.webhooks.find(id).await.unwrap();
        let is_due = webhook.progress.held.values().any(|held| held.next_at <= Timestamp::now());
        if !is_due && webhook.progress.position == given.worker.storage.head().await.unwrap() {
            return webhook;
        }
    }
    panic!("it stands still: {:?}", given.worker.webhooks.find(id).await.unwrap().progress.position);
}

/// Lets time pass for all that waits.
async fn passes(given: &Given, id: Uuid, time: SignedDuration) {
    let row = given.worker.storage.webhook(id).await.unwrap().unwrap();
    let mut webhook = given.worker.webhooks.find(id).await.unwrap();
    for held in webhook.progress.held.values_mut() {
        held.since -= time;
        held.refused_since = held.refused_since.map(|since| since - time);
        held.next_at -= time;
    }
    let data = serde_json::to_string(&webhook).unwrap();
    assert!(given.worker.storage.change_webhook(WebhookRow { data, ..row }).await.unwrap());
}

fn refuses_grants(receiver: &Receiver) {
    receiver.answers(|event| {
        let is_grant = event["type"].as_str().unwrap().contains("authorization.granted");
        status(if is_grant { 422 } else { 204 })
    });
}

#[tokio::test]
async fn a_refused_type_holds_up_no_other_event_and_is_given_up_after_a_day() {
    let (given, receiver) = (Given::new(), Receiver::start().await);
    for number in 0..MANY {
        granted(&given, number).await;
    }
    refuses_grants(&receiver);
    let id = webhook_for_all(&given, &receiver).await;
    let webhook = rounds(&given, id).await;
    assert_eq!(webhook.progress.held.len(), MANY as usize);
    assert_eq!(webhook.progress.delivered_at, None);

    receiver.got();
    for number in MANY..MANY + OTHERS {
        revoked(&given, number).await;
    }
    rounds(&given, id).await;
    let others: Vec<u64> = (MANY + 1..=MANY + OTHERS).map(u64::from).collect();
    let mut got: Vec<u64> = receiver.events().into_iter().map(|(_, position)| position).collect();
    got.sort_unstable();
    assert_eq!(got, others, "each arrives");

    passes(&given, id, SignedDuration::from_hours(23)).await;
    let webhook = rounds(&given, id).await;
    assert_eq!((webhook.progress.given_up, webhook.progress.held.len()), (0, MANY as usize), "not yet");
    passes(&given, id, SignedDuration::from_hours(2)).await;
    let progress = rounds(&given, id).await.progress;
    assert_eq!((progress.given_up, progress.held.len()), (u64::from(MANY), 0));
    assert_eq!(progress.given_up_events.len(), 100, "the newest are listed");
    let listed = progress.given_up_events.back().unwrap();
    assert_eq!(listed.status, Some(422));
    assert!(listed.kind.contains("authorization.granted"));

    receiver.answers(|_| status(204));
    receiver.got();
    let to = RewindTo::Position(Position(listed.position));
    given.worker.webhooks.rewind(id, to).await.unwrap();
    let progress = rounds(&given, id).await.progress;
    assert!(
        receiver.events().iter().any(|(_, position)| *position == listed.position),
        "it is delivered again"
    );
    assert!(progress.given_up_events.iter().all(|event| event.position < listed.position));
}

#[tokio::test]
async fn nothing_is_given_up_if_a_receiver_refuses_everything() {
    let (given, receiver) = (Given::new(), Receiver::start().await);
    for number in 0..5 {
        granted(&given, number).await;
    }
    receiver.answers(|_| status(400));
    let id = webhook_for_all(&given, &receiver).await;
    rounds(&given, id).await;
    for _ in 0..3 {
        passes(&given, id, SignedDuration::from_hours(25)).await;
        let progress = rounds(&given, id).await.progress;
        assert_eq!((progress.given_up, progress.held.len()), (0, 5));
        assert!(progress.failing_since.is_some(), "it may be disabled");
    }
}
