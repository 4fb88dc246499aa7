//! What becomes of pushes.

use mandate_schema::{CallbackId, Push};
use mandate_storage::CommandOutcome;

use super::given::{Given, authorized, master, push, ticket};
use crate::UNKNOWN_PAIR;

#[tokio::test]
async fn a_callback_is_decided_once_however_often_it_is_handed_over() {
    let given = Given::new();
    let callback = authorized(100, "queryauthcode@@@one");
    for _ in 0..3 {
        given.take(callback.clone()).await;
    }
    assert_eq!(given.names().await, ["authorization.granted"]);
    assert_eq!(given.outcome(callback.id).await, Some(CommandOutcome::Applied));
    let tasks = given.worker.storage.task_counts().await.unwrap();
    assert_eq!(
        tasks.iter().map(|count| (count.kind.as_str(), count.count)).collect::<Vec<_>>(),
        [("redeem", 1)]
    );
}

#[tokio::test]
async fn a_callback_that_means_nothing_leaves_its_command_too() {
    let given = Given::new();
    given.take(authorized(200, "queryauthcode@@@new")).await;
    let late = authorized(100, "queryauthcode@@@old");
    given.take(late.clone()).await;
    assert_eq!(given.names().await, ["authorization.granted"]);
    assert_eq!(given.outcome(late.id).await, Some(CommandOutcome::Nothing));
}

#[tokio::test]
async fn a_forged_delivery_is_dead_under_its_hint_and_cannot_block_the_genuine_one() {
    let given = Given::new();
    let genuine = ticket(100, "ticket@@@genuine");
    let forged = Push { body: ticket(100, "ticket@@@forged").body, ..genuine.clone() };
    given.take(forged).await;
    assert!(given.names().await.is_empty());
    assert_eq!(given.outcome(genuine.id).await, Some(CommandOutcome::Dead));
    assert_eq!(given.dead_letters().await[0].letter.reason, "bad_signature");

    given.take(genuine.clone()).await;
    assert_eq!(given.names().await, ["component.ticket_received"]);
    assert_eq!(given.outcome(genuine.id).await, Some(CommandOutcome::Applied));
    assert!(given.dead_letters().await.is_empty(), "the genuine one was its retry");
}

#[tokio::test]
async fn the_id_of_a_delivery_is_only_a_hint() {
    let given = Given::new();
    let genuine = ticket(100, "ticket@@@genuine");
    given.take(Push { id: CallbackId(ticket(5, "x").id.0), ..genuine.clone() }).await;
    assert_eq!(
        given.outcome(genuine.id).await,
        Some(CommandOutcome::Applied),
        "the worker computes it itself"
    );
}

#[tokio::test]
async fn what_no_key_opens_waits_for_the_key_and_is_then_decided() {
    let given = Given::new().restarted("AnotherToken", master());
    let callback = authorized(100, "queryauthcode@@@one");
    given.take(callback.clone()).await;
    assert_eq!(given.dead_letters().await[0].letter.reason, UNKNOWN_PAIR);
    given.worker.dead_letters.retry_unknown_pairs().await.unwrap();
    let letters = given.dead_letters().await;
    assert_eq!((letters.len(), letters[0].retries), (1, 1), "tried again at the start, in vain");

    let given = given.restarted("RustComponentToken01", master());
    given.worker.dead_letters.retry_unknown_pairs().await.unwrap();
    assert_eq!(given.names().await, ["authorization.granted"]);
    assert!(given.dead_letters().await.is_empty());
}

#[tokio::test]
async fn a_batch_settles_whole_with_good_bad_and_repeated_pushes_in_it() {
    use mandate_broker::CallbackSink;
    let given = Given::new();
    let mut batch: Vec<Push> = (0..200)
        .map(|n| push(1_000 + n, "notify_load", &format!("<n>{n}</n>")))
        .chain((0..50).map(|n| authorized(2_000 + n, &format!("queryauthcode@@@{n}"))))
        .collect();
    batch.push(batch[0].clone());
    batch.push(Push { query: String::new(), id: CallbackId(uuid::Uuid::from_u128(9)), ..batch[1].clone() });
    given.worker.ingest().accept(batch).await.unwrap();
    let head = given.worker.storage.head().await.unwrap();
    assert_eq!(head.0, 250, "200 notices, one granted and 49 updated");
    assert_eq!(given.dead_letters().await.len(), 1);
    let names = given.names().await;
    assert_eq!(
        names.iter().filter(|name| **name == "authorization.updated").count(),
        49,
        "in the order of the batch"
    );
}
