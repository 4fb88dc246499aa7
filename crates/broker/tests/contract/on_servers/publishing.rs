//! What `Ok` of a publish means.

use std::time::Duration;

use mandate_broker::{Outgoing, PublishError, Topology};
use serde_json::json;

use crate::{
    bench::{consumer, number, numbers, publish_until_there, publisher, publisher_of},
    desk::{Desk, Mood},
    node::turn,
    until::{until, within},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_topology_is_as_the_contract_says() {
    let turn = turn().await;
    let (_publisher, running) = publisher(turn.settings());
    let (_messages, of_messages) =
        publisher_of(turn.settings(), Topology::messages(Duration::from_hours(72)));
    running.up().await;
    of_messages.up().await;
    let get = async |path: &str| {
        let path = format!("/{path}/{}", turn.vhost());
        let named = async |name: &str| turn.api().order("GET", &format!("{path}/{name}"), "").await;
        (
            named(if path.starts_with("/queues") { "mandate.inbox.callbacks" } else { "mandate.inbox" })
                .await,
            named(if path.starts_with("/queues") { "mandate.messages.log" } else { "mandate.messages" })
                .await,
        )
    };
    let (inbox, messages) = get("exchanges").await;
    assert_eq!((&inbox["type"], &inbox["durable"]), (&json!("direct"), &json!(true)));
    assert_eq!((&messages["type"], &messages["durable"]), (&json!("topic"), &json!(true)));
    let (inbox, messages) = get("queues").await;
    assert_eq!(
        inbox["arguments"],
        json!({
            "x-queue-type": "quorum", "x-single-active-consumer": true, "x-delivery-limit": 20,
            "x-max-length": 1_000_000, "x-overflow": "reject-publish"
        })
    );
    assert_eq!(messages["arguments"], json!({"x-queue-type": "stream", "x-max-age": "259200s"}));
    running.stop().await;
    of_messages.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_published_is_there_when_ok_is_said() {
    let turn = turn().await;
    let (publisher, running) = publisher(turn.settings());
    running.up().await;
    publisher.publish(numbers(0..500)).await.expect("confirmed");
    let desk = Desk::new(Mood::Accept);
    let consuming = consumer(turn.settings(), &desk);
    desk.has(0..500).await;
    consuming.stop().await;
    running.stop().await;
}

/// Findings 2 and 3: a returned message is acknowledged, too, and lapin may tell it by the confirm of another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_message_without_a_queue_among_many_good_ones_is_named_and_fails_the_batch() {
    let turn = turn().await;
    let (publisher, running) = publisher(turn.settings());
    running.up().await;
    for round in 0..30_u32 {
        let mut batch = numbers(round * 200..round * 200 + 100);
        let lost = Outgoing { routing_key: format!("nowhere.{round}"), ..number(round * 200 + 150) };
        batch.insert((round as usize * 7) % 100, lost.clone());
        // The connection is made again after each, to declare what may be missing.
        let error = until("an answer of the broker", || async {
            let error = publisher.publish(batch.clone()).await.expect_err("one went nowhere");
            (!matches!(error, PublishError::Unavailable { .. })).then_some(error)
        })
        .await;
        let PublishError::Returned { id, exchange, routing_key } = error else { panic!("{error:?}") };
        assert_eq!((id, exchange.as_str(), routing_key), (lost.id, "mandate.inbox", lost.routing_key));
    }
    publish_until_there(&publisher, numbers(0..10)).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_somebody_deleted_is_made_again() {
    let turn = turn().await;
    let (publisher, running) = publisher(turn.settings());
    running.up().await;
    turn.delete_queue("mandate.inbox.callbacks").await;
    publish_until_there(&publisher, numbers(0..10)).await;
    let desk = Desk::new(Mood::Accept);
    let consuming = consumer(turn.settings(), &desk);
    desk.has(0..10).await;
    consuming.stop().await;
    running.stop().await;
}

/// A queue that refuses says so in the confirm: each one is looked at (finding 4).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_and_takes_again_when_there_is_room() {
    let turn = turn().await;
    let full = json!({
        "x-queue-type": "quorum", "x-max-length": 5, "x-overflow": "reject-publish",
        "x-single-active-consumer": true, "x-delivery-limit": 20
    });
    turn.put_queue("mandate.inbox.callbacks", &full).await;
    let (publisher, running) = publisher(turn.settings());
    running.up().await;
    // RabbitMQ notices the length a moment after it is reached.
    let error = until("a refusal", || async { publisher.publish(numbers(0..100)).await.err() }).await;
    assert!(matches!(error, PublishError::Refused { count } if count > 0), "{error:?}");
    assert!(running.link.borrow().failing().is_none(), "a refusal is no broken connection");
    let desk = Desk::new(Mood::Accept);
    let consuming = consumer(turn.settings(), &desk);
    publish_until_there(&publisher, vec![number(1_000)]).await;
    desk.has([1_000]).await;
    consuming.stop().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_with_other_arguments_is_told_and_used() {
    let turn = turn().await;
    turn.put_queue("mandate.inbox.callbacks", &json!({"x-queue-type": "quorum"})).await;
    let (publisher, running) = publisher(turn.settings());
    running.up().await;
    let warnings = running.link.borrow().warnings.clone();
    assert!(warnings.iter().any(|text| text.contains("mandate.inbox.callbacks")), "{warnings:?}");
    publisher.publish(numbers(0..3)).await.expect("it is used as it is");
    let desk = Desk::new(Mood::Accept);
    let consuming = consumer(turn.settings(), &desk);
    desk.has(0..3).await;
    consuming.stop().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish_without_a_connection_fails_at_once() {
    let turn = turn().await;
    let mut settings = turn.settings();
    settings.url = mandate_schema::Secret::new("amqp://guest:hunter2secret@127.0.0.1:1/none");
    let (publisher, running) = publisher(settings);
    let error =
        within(Duration::from_secs(5), publisher.publish(numbers(0..1))).await.expect_err("nobody there");
    assert!(matches!(error, PublishError::Unavailable { .. }), "{error:?}");
    assert!(!error.to_string().contains("hunter2secret"), "{error}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_are_told_without_them() {
    let turn = turn().await;
    let mut settings = turn.settings();
    let url = settings.url.expose().replace("guest:guest", "guest:hunter2secret");
    settings.url = mandate_schema::Secret::new(url);
    let (_publisher, running) = publisher(settings);
    let told = until("a refusal is told", || async {
        running.link.borrow().failing().filter(|told| !told.starts_with("connecting"))
    })
    .await;
    assert!(!told.contains("hunter2secret"), "{told}");
    assert!(told.to_lowercase().contains("password") || told.to_lowercase().contains("refused"), "{told}");
    running.stop().await;
}
