//! Tickets that no longer come.

use rusqlite::Connection;

use super::{A, World, merchant};

const ASK: &str = "api_start_push_ticket";

/// Makes the newest ticket one that came so many minutes ago.
fn set_back(world: &World, minutes: i64) {
    let came = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
    let database = Connection::open(world.data().join("mandate.db")).expect("the store");
    let change = "update state set state = json_set(state, '$.ticket.received_at', ?1) where stream = ?2";
    let changed = database.execute(change, [came.to_string(), format!("component/{A}")]).expect("writable");
    assert_eq!(changed, 1);
}

async fn next_ticket(world: &World) {
    world.control("clock", serde_json::json!({"advance": "10m"})).await;
    world.ticket(A).await;
}

#[tokio::test]
async fn are_asked_for_after_25_minutes_once_in_ten_whatever_restarts() {
    let mut world = World::start().await;
    let merchant = merchant(&world).await;
    world.stop_service().await;
    set_back(&world, 26);
    world.control("faults", serde_json::json!({"api": ASK, "kind": "drop_before", "times": 1})).await;
    world.start_service(&[]).await;
    world.wait("a question", async |world| (world.calls(ASK).await.len() == 1).then_some(())).await;
    let health = world.try_get(&world.console_url("/readyz")).await.expect("ready all the same");
    assert_eq!(health["dependencies"]["tickets"]["state"], "degraded", "{health}");
    assert!(world.logs().contains("asked in vain"), "the operator is told");
    world.restart().await;
    world
        .wait("the watch to have looked", async |world| {
            let health = world.try_get(&world.console_url("/readyz")).await?;
            (health["dependencies"]["tickets"]["state"] == "degraded").then_some(())
        })
        .await;
    assert_eq!(world.calls(ASK).await.len(), 1, "not again within ten minutes");

    // Two tickets later the one that was set back is forgotten.
    for _ in 0..2 {
        next_ticket(&world).await;
    }
    world.settle().await;
    world
        .wait("all well", async |world| {
            let health = world.try_get(&world.console_url("/readyz")).await?;
            (health["dependencies"]["tickets"]["state"] == "ok").then_some(())
        })
        .await;
    world.wait_working_token(&merchant).await;
    world.finish().await;
}

#[tokio::test]
async fn come_again_once_they_were_asked_for() {
    let mut world = World::start().await;
    let merchant = merchant(&world).await;
    world.stop_service().await;
    set_back(&world, 60);
    world.start_service(&[]).await;
    world
        .wait("a ticket that was asked for", async |world| {
            let health = world.try_get(&world.console_url("/readyz")).await?;
            let asked = world.calls(ASK).await.len() == 1;
            (asked && health["dependencies"]["tickets"]["state"] == "ok").then_some(())
        })
        .await;
    next_ticket(&world).await;
    world.wait_working_token(&merchant).await;
    world.finish().await;
}
