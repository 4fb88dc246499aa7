//! Which callbacks have an outcome, as ingress asks.

use actix_web::{http::Method, test::TestRequest};
use mandate_broker::ASK_MAX;

use serde_json::{Value, json};

use crate::{
    pushes::{MERCHANT, broken, granted},
    world::{World, local, remote, settle_key},
};

const SETTLED: &str = "/api/v1/inbox/settled";

fn with_key(request: TestRequest, key: &str) -> TestRequest {
    request.method(Method::POST).insert_header(("authorization", format!("Bearer {key}")))
}

fn ask(ids: &Value) -> TestRequest {
    with_key(remote(SETTLED), settle_key().expose()).set_json(json!({ "ids": ids }))
}

#[tokio::test]
async fn those_with_an_outcome_are_named_to_whoever_has_the_key_wherever_it_is() {
    let dead = broken();
    let world = World::after([granted(MERCHANT, 1), dead.clone()]).await;
    let decided = world.get("/api/v1/events").await.json()["data"][0]["causationid"].clone();
    let unknown = broken().id;
    let answer = world.ask(ask(&json!([unknown, decided, dead.id]))).await.json();
    let mut settled = answer["settled"].as_array().expect("a list").clone();
    settled.sort_by_key(Value::to_string);
    let mut expected = vec![decided, json!(dead.id)];
    expected.sort_by_key(Value::to_string);
    assert_eq!(settled, expected);
}

#[tokio::test]
async fn without_the_key_nobody_learns_anything() {
    let world = World::new();
    let nearly = format!("{}x", settle_key().expose());
    for request in [
        local(SETTLED).method(Method::POST),
        with_key(local(SETTLED), ""),
        with_key(local(SETTLED), "settle-key-of-the-tes"),
        with_key(local(SETTLED), &nearly),
        local(SETTLED).method(Method::POST).insert_header(("authorization", settle_key().expose())),
        local(SETTLED)
            .method(Method::POST)
            .insert_header(("authorization", format!("Basic {}", settle_key().expose()))),
    ] {
        let detail = world.ask(request.set_json(json!({"ids": []}))).await.problem(401, "unauthenticated");
        assert!(!detail.contains(settle_key().expose()), "{detail}");
    }
    let elsewhere = with_key(local("/api/v1/components"), settle_key().expose()).method(Method::GET);
    world.ask(elsewhere).await.problem(401, "unauthenticated");
    let elsewhere = with_key(remote("/api/v1/components"), settle_key().expose()).method(Method::GET);
    world.ask(elsewhere).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn whoever_guesses_the_key_is_slowed_down_and_the_right_key_never() {
    let world = World::new();
    let wrong = |number: usize| {
        let request = with_key(remote(SETTLED), &format!("settle-key-number-{number}"));
        request.set_json(json!({"ids": []}))
    };
    let mut slowed = 0;
    for number in 0..60 {
        let answer = world.ask(wrong(number)).await;
        if answer.status == 429 {
            answer.problem(429, "too_many_refusals");
            assert!(answer.retry_after.parse::<u64>().is_ok_and(|seconds| seconds > 0));
            slowed += 1;
        } else {
            answer.problem(401, "unauthenticated");
        }
        world.ask(ask(&json!([]))).await.json(); // from the same address
    }
    assert!(slowed >= 30, "{slowed}");
    let elsewhere = wrong(0).peer_addr(([10, 0, 0, 8], 50_000).into());
    world.ask(elsewhere).await.problem(401, "unauthenticated");
    world.worker.access.write().await.expect("the store is there");
    let entries = world.worker.storage.audit(None, 100).await.expect("the store is there");
    assert!((1..=25).contains(&entries.len()), "{}", entries.len());
    for entry in entries {
        assert_eq!(entry.subject.as_deref(), Some("POST /api/v1/inbox/settled"));
        assert!(!format!("{entry:?}").contains("number"), "what was tried may be nearly right: {entry:?}");
    }
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_told_so() {
    let world = World::new();
    let key = settle_key();
    let post = || with_key(remote(SETTLED), key.expose());
    world.ask(post().set_payload("{\"ids\":[]}")).await.problem(415, "unsupported_media_type");
    for body in [json!({}), json!({"ids": ["x"]}), json!({"ids": [], "more": 1}), json!([])] {
        world.ask(post().set_json(body)).await.problem(400, "invalid_body");
    }
    let many = json!(vec![broken().id; ASK_MAX + 1]);
    let detail = world.ask(ask(&many)).await.problem(400, "invalid_body");
    assert!(detail.contains("1000"), "{detail}");
    let large = "x".repeat(65 * 1024);
    world
        .ask(post().insert_header(("content-type", "application/json")).set_payload(large))
        .await
        .problem(413, "body_too_large");
    world.ask(post().method(Method::GET)).await.problem(405, "method_not_allowed");
}
