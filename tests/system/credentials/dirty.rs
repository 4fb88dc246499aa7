//! Answers of `WeChat` that are not as JSON or its documentation wants them cost nobody credentials, and the platform nothing.

use serde_json::{Value, json};

use super::merchant;
use crate::world::{COMPONENT_A as A, World};

const REDEEM: &str = "api_query_auth";
const INFO: &str = "api_get_authorizer_info";
/// More than a story needs.
const ALWAYS: u32 = 1_000_000;

impl World {
    /// Calls of an API that were about one account.
    async fn calls_about(&self, api: &str, merchant: &str) -> usize {
        let calls = self.observe("calls").await;
        let calls = calls["data"].as_array().expect("a list").iter();
        calls.filter(|call| call["api"] == api && call["authorizer"] == merchant).count()
    }

    /// Whether a call was withheld because its API was left alone.
    async fn was_paused(&self) -> bool {
        let url = self.console_url("/metrics");
        let text = self.http.get(url).send().await.expect("metrics").text().await.expect("a body");
        text.lines().any(|line| line.starts_with("mandate_wechat_calls_withheld_total{"))
    }
}

/// An account whose answers are all dirty in this way has tokens, and a profile as far as it can be read.
async fn is_read(kind: &str, nick_name: impl Fn(&Value) -> bool) {
    let world = World::start().await;
    world.fault("*", kind, ALWAYS, Value::Null).await;
    world.ticket(A).await;
    let merchant = world.authorize(A).await;
    let view = world.wait_view(A, &merchant, "profile", |view| view["profile"].is_object()).await;
    assert_eq!(view["status"], "authorized", "{view}");
    assert!(nick_name(&view["profile"]["nick_name"]), "{view}");
    let user_name = view["profile"]["user_name"].as_str().expect("an id is never altered");
    assert!(user_name.starts_with("gh_") && user_name.is_ascii(), "{user_name}");
    assert_eq!(view["credentials"]["refresh_token"], "present");
    let token = world.wait_working_token(&merchant).await;
    let (status, body) = world.invalidate(&merchant, &token).await;
    assert_eq!(status, 200, "{body}");
    assert_ne!(body["access_token"], json!(token), "it was refreshed");
    assert_eq!(world.good_token(&merchant).await.as_deref(), body["access_token"].as_str());
    assert!(!world.was_paused().await);
    world.finish().await;
}

fn replaced(nick_name: &Value) -> bool {
    nick_name.as_str().is_some_and(|name| name.contains('\u{fffd}'))
}

mod an_account_gets_its_credentials_from_answers_with {
    use super::{is_read, json, replaced};

    #[tokio::test]
    async fn control_characters() {
        is_read("control_characters", replaced).await;
    }

    #[tokio::test]
    async fn half_characters() {
        is_read("cut_utf8", replaced).await;
    }

    #[tokio::test]
    async fn lone_surrogates() {
        is_read("lone_surrogate", replaced).await;
    }

    #[tokio::test]
    async fn a_byte_order_mark() {
        is_read("byte_order_mark", |name| name.is_string() && !replaced(name)).await;
    }

    #[tokio::test]
    async fn numbers_as_text() {
        is_read("numbers_as_text", |name| name.is_string() && !replaced(name)).await;
    }

    #[tokio::test]
    async fn texts_as_numbers() {
        is_read("texts_as_numbers", |name| *name == json!("12345")).await;
    }

    #[tokio::test]
    async fn nulls() {
        is_read("null_fields", serde_json::Value::is_null).await;
    }
}

#[tokio::test]
async fn unreadable_answers_about_one_account_leave_the_others_alone() {
    let world = World::start().await;
    let one = merchant(&world).await;
    world
        .control(
            "faults",
            json!({"api": INFO, "kind": "unreadable", "times": ALWAYS, "component": A, "authorizer": one}),
        )
        .await;
    let before = world.calls_about(INFO, &one).await;
    for _ in 0..8 {
        world.again(A, &one, "update").await;
    }
    world
        .wait("more than enough unreadable answers", async |world| {
            (world.calls_about(INFO, &one).await >= before + 8).then_some(())
        })
        .await;
    for _ in 0..3 {
        let other = world.authorize(A).await;
        world.wait_view(A, &other, "profile", |view| view["profile"].is_object()).await;
    }
    assert!(!world.was_paused().await);
    let view = world.authorizer(A, &one).await;
    assert_eq!((&view["status"], view["profile"].is_object()), (&json!("authorized"), true), "{view}");
    world.clear_faults().await;
    world.finish().await;
}

#[tokio::test]
async fn a_code_that_an_unreadable_answer_spent_is_healed_by_the_list_though_the_info_is_unreadable() {
    let world = World::start().await;
    world.ticket(A).await;
    world.fault(REDEEM, "unreadable", 6, Value::Null).await;
    world.fault(INFO, "unreadable", ALWAYS, Value::Null).await;
    let mut merchants = Vec::new();
    for _ in 0..6 {
        merchants.push(world.authorize(A).await);
    }
    for merchant in &merchants {
        world.wait_status(A, merchant, "authorized").await;
        world.wait_working_token(merchant).await;
    }
    assert!(!world.was_paused().await);
    world.clear_faults().await;
    world.finish().await;
}
