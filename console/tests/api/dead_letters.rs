//! `/dead-letters`.

use serde_json::json;
use tempfile::TempDir;

use crate::{
    pushes::{COMPONENT, TOKEN, broken, ring, sample},
    world::{World, assert_time, keys},
};

async fn only_letter(world: &World) -> serde_json::Value {
    let (letters, next) = world.get("/api/v1/dead-letters").await.list();
    assert_eq!((letters.len(), next), (1, None));
    letters[0].clone()
}

fn act(letter: &serde_json::Value, act: &str) -> String {
    format!("/api/v1/dead-letters/{}/{act}", letter["id"].as_str().expect("text"))
}

#[actix_web::test]
async fn a_dead_letter_says_why_and_keeps_the_push_inside() {
    let push = broken();
    let world = World::after([push.clone()]).await;
    let letter = only_letter(&world).await;
    assert_eq!(keys(&letter), ["component", "detail", "id", "reason", "recorded_at", "retries"]);
    assert_eq!(letter["id"], push.id.to_string());
    assert_eq!(letter["component"], COMPONENT);
    assert_eq!((&letter["reason"], &letter["retries"]), (&json!("malformed_envelope"), &json!(0)));
    assert_time(&letter["recorded_at"]);
    let body = world.get("/api/v1/dead-letters").await.body;
    assert!(!body.contains(&push.body) && !body.contains("msg_signature"), "{body}");
}

#[actix_web::test]
async fn every_dead_letter_is_listed_once_whatever_the_page_size() {
    let pushes: Vec<_> = (0..5).map(|_| broken()).collect();
    let world = World::after(pushes.clone()).await;
    let mut ids: Vec<_> = pushes.iter().map(|push| push.id.to_string()).collect();
    ids.sort_unstable();
    for limit in [1, 2, 5, 6] {
        let letters = world.pages("/api/v1/dead-letters?", limit).await;
        let listed: Vec<_> = letters.iter().map(|letter| letter["id"].as_str().expect("text")).collect();
        assert_eq!(listed, ids, "limit {limit}");
    }
}

#[actix_web::test]
async fn a_retry_that_fails_again_is_counted_and_the_letter_stays() {
    let world = World::after([broken()]).await;
    let letter = only_letter(&world).await;
    let answer = world.post(&act(&letter, "retry")).await.json();
    assert_eq!(answer, json!({"id": letter["id"], "outcome": "still_dead"}));
    assert_eq!(only_letter(&world).await["retries"], 1);
}

#[actix_web::test]
async fn a_retry_with_the_right_keys_takes_effect() {
    let world = World::over(TempDir::new().expect("a folder"), ring("another-token"));
    world.take([sample("ev-ticket")]).await;
    let letter = only_letter(&world).await;
    assert_eq!((&letter["reason"], world.head().await), (&json!("unknown_pair"), 0));

    let world = world.restarted_with(ring(TOKEN));
    let answer = world.post(&act(&letter, "retry")).await.json();
    assert_eq!(answer, json!({"id": letter["id"], "outcome": "revived"}));
    assert_eq!((world.pages("/api/v1/dead-letters?", 1).await.len(), world.head().await), (0, 1));
    world.post(&act(&letter, "retry")).await.problem(404, "not_found");
}

#[actix_web::test]
async fn a_discarded_letter_is_gone_for_good() {
    let push = broken();
    let world = World::after([push.clone()]).await;
    let letter = only_letter(&world).await;
    let answer = world.post(&act(&letter, "discard")).await.json();
    assert_eq!(answer, json!({"id": letter["id"], "outcome": "discarded"}));
    assert_eq!(world.pages("/api/v1/dead-letters?", 1).await.len(), 0);
    world.post(&act(&letter, "discard")).await.problem(404, "not_found");
    world.take([push.clone()]).await;
    assert_eq!(world.pages("/api/v1/dead-letters?", 1).await.len(), 0, "a discarded push stays settled");
    let outcomes = world.worker.storage.outcomes(vec![push.id.into()]).await.expect("the store is there");
    assert_eq!(outcomes.len(), 1);
}
