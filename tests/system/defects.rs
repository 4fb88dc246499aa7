//! The defects of comparable projects, as tests that name them.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::world::{
    COMPONENT_A as A, Options, World,
    act::{assert_accepted, short_type},
    process::MANDATE,
};

#[tokio::test]
async fn a_forged_push_is_never_answered_success_and_changes_nothing() {
    let world = World::start().await;
    world.ticket(A).await;
    let merchant = world.authorize(A).await;
    world.wait_status(A, &merchant, "authorized").await;
    world.settle().await;
    let before = world.feed().await.len();
    for forge in [
        "wrong_signature",
        "plain_signature",
        "no_signature",
        "wrong_token",
        "empty_token",
        "other_body",
        "wrong_key",
        "wrong_appid",
        "bad_padding",
        "cut_ciphertext",
        "wrong_encrypt_type",
        "unencrypted",
        "no_encrypt",
        "two_encrypts",
        "doctype",
        "not_xml",
    ] {
        let pushed = world
            .push(
                json!({"component": A, "authorizer": merchant, "info_type": "unauthorized", "forge": forge}),
            )
            .await;
        let delivery = &pushed["deliveries"][0];
        assert_eq!((&delivery["status"], &delivery["body"]), (&json!(403), &json!("")), "{forge}");
    }
    let oversized = world
        .push(json!({"component": A, "authorizer": merchant, "info_type": "unauthorized", "forge": "oversized"}))
        .await;
    assert_ne!(oversized["deliveries"][0]["status"], 200, "too large");
    world.settle().await;
    assert_eq!(world.feed().await.len(), before);
    assert_eq!(world.authorizer(A, &merchant).await["status"], "authorized");
    world.finish().await;
}

#[tokio::test]
async fn an_error_answer_is_never_success() {
    let world = World::start().await;
    let base = format!("http://127.0.0.1:{}", world.options.ingress_port);
    let event_url = format!("{base}/wechat/{A}/events");
    for (method, url, expected) in [
        (reqwest::Method::GET, event_url.clone(), 405),
        (reqwest::Method::PUT, event_url.clone(), 405),
        (reqwest::Method::POST, event_url.clone(), 403),
        (reqwest::Method::POST, format!("{event_url}?signature=x&timestamp=1&nonce=2&echostr=hello"), 403),
        (reqwest::Method::POST, format!("{base}/wechat/wx0000000000000000/events"), 404),
        (reqwest::Method::GET, format!("{base}/"), 404),
    ] {
        let answer = world.http.request(method, &url).body("<xml></xml>").send().await.expect("an answer");
        assert_eq!(answer.status(), expected, "{url}");
        assert_eq!(answer.text().await.expect("a body"), "", "{url}");
    }
    world.finish().await;
}

#[tokio::test]
async fn an_unset_or_empty_token_is_a_configuration_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options::new();
    options.write(folder.path());
    let file = folder.path().join("mandate.toml");
    let good = fs::read_to_string(&file).expect("readable");
    let token = format!("token = \"{}\"\n", options.components[0].pairs[0].token);
    for bad in [good.replacen(&token, "token = \"\"\n", 1), good.replacen(&token, "", 1)] {
        fs::write(&file, bad).expect("writable");
        let done =
            Command::new(MANDATE).arg("--config").arg(&file).arg("standalone").output().expect("it runs");
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{told}");
        assert!(told.contains("component.0.token"), "{told}");
    }
}

#[tokio::test]
async fn the_first_authorization_of_a_merchant_works_even_as_an_update() {
    let world = World::start().await;
    world.ticket(A).await;
    let merchant = world.authorize(A).await;
    world.wait_status(A, &merchant, "authorized").await;

    // An authorization whose callback was lost: the merchant becomes known by its update.
    let lost = world.control("authorizers", json!({"component": A, "act": "authorize", "push": false})).await;
    let unknown = lost["authorizer"].as_str().expect("an appid");
    world.again(A, unknown, "update").await;
    world.wait_status(A, unknown, "authorized").await;
    assert_eq!(
        world.types(A, unknown).await[0],
        "authorization.granted",
        "our state decides, not the InfoType"
    );
    world.finish().await;
}

#[tokio::test]
async fn the_revocation_of_an_unknown_merchant_is_kept() {
    let world = World::start().await;
    let lost = world.control("authorizers", json!({"component": A, "act": "authorize", "push": false})).await;
    let unknown = lost["authorizer"].as_str().expect("an appid");
    world.again(A, unknown, "revoke").await;
    world.wait_status(A, unknown, "revoked").await;
    assert_eq!(world.types(A, unknown).await, ["authorization.revoked"]);
    world.finish().await;
}

#[tokio::test]
async fn a_re_authorization_makes_no_second_row() {
    let world = World::start().await;
    world.ticket(A).await;
    let merchant = world.authorize(A).await;
    world.wait_status(A, &merchant, "authorized").await;
    let revoked = json!({"component": A, "authorizer": merchant, "act": "revoke", "push": false});
    world.control("authorizers", revoked).await;
    world.again(A, &merchant, "authorize").await;
    world.settle().await;
    let listed = world.api("/authorizers").await;
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["data"][0]["status"], "authorized");
    let types = world.types(A, &merchant).await;
    assert!(types.contains(&"authorization.updated".to_owned()), "held when it came: {types:?}");
    world.finish().await;
}

#[tokio::test]
async fn an_update_redeems_its_new_code_and_records_gained_and_lost_permissions() {
    let world = World::start().await;
    world.ticket(A).await;
    let granted = world.act(json!({"component": A, "act": "authorize", "permissions": [1, 2, 4]})).await;
    let merchant = granted["authorizer"].as_str().expect("an appid").to_owned();
    world.wait_status(A, &merchant, "authorized").await;
    world.act(json!({"component": A, "authorizer": merchant, "act": "update", "permissions": [2, 17]})).await;
    world.wait_view(A, &merchant, "the update", |view| view["permissions"] == json!([2, 17])).await;
    world.settle().await;
    let history = world.history(A, &merchant).await;
    let changes: Vec<&Value> =
        history.iter().filter(|event| short_type(event) == "authorization.permissions_changed").collect();
    assert_eq!(changes[0]["data"]["gained"], json!([1, 2, 4]), "at first all are gained");
    assert_eq!((&changes[1]["data"]["gained"], &changes[1]["data"]["lost"]), (&json!([17]), &json!([1, 4])));
    assert_eq!(world.calls("api_query_auth").await, [0, 0], "each code was redeemed once");
    let issued = history.iter().filter(|event| short_type(event) == "credentials.issued").count();
    assert_eq!(issued, 2);
    world.finish().await;
}

#[tokio::test]
async fn a_missing_ticket_delays_and_never_loses() {
    let mut world = World::start().await;
    // Five seconds after its start a worker without a ticket asks for one.
    world.fault("api_start_push_ticket", "errcode", 100, json!(-1)).await;
    let merchant = world.authorize(A).await;
    world.wait_status(A, &merchant, "pending").await;
    world.restart().await;
    assert_eq!(world.authorizer(A, &merchant).await["status"], "pending");
    assert!(world.calls("api_query_auth").await.is_empty());
    world.ticket(A).await;
    world.wait_status(A, &merchant, "authorized").await;
    world.finish().await;
}

#[tokio::test]
async fn an_expired_ticket_delays_until_the_next_one() {
    let world = World::start().await;
    world.ticket(A).await;
    world.settle().await;
    world.control("faults", json!({"kind": "expire_tickets"})).await;
    let merchant = world.authorize(A).await;
    world
        .wait("the refusal", async |world| {
            world.calls("api_component_token").await.contains(&61005).then_some(())
        })
        .await;
    assert_eq!(world.authorizer(A, &merchant).await["status"], "pending");
    world.control("switches", json!({"ticket_value": "new"})).await;
    world.ticket(A).await;
    world.wait_status(A, &merchant, "authorized").await;
    world.finish().await;
}

#[tokio::test]
async fn nothing_calls_wechat_inside_the_callback() {
    let world = World::start().await;
    world.ticket(A).await;
    world.fault("*", "latency_before", 10, json!("3s")).await;
    let outcome = world.act(json!({"component": A, "act": "authorize"})).await;
    let merchant = outcome["authorizer"].as_str().expect("an appid").to_owned();
    let millis = outcome["deliveries"][0]["millis"].as_u64().expect("a number");
    assert!(millis < 2_000, "answered after {millis} ms, while each call to WeChat takes 3 s");
    world.wait_status(A, &merchant, "pending").await;
    world.clear_faults().await;
    world.wait_status(A, &merchant, "authorized").await;
    world.finish().await;
}

#[tokio::test]
async fn long_tokens_emoji_and_cdata_ends_survive() {
    let world = World::start().await;
    world.control("switches", json!({"value_length": "long"})).await;
    world.ticket(A).await;
    let name = "茶 & 咖啡 <b>🍵🧑‍🍳</b> ]]> \u{200d}末";
    let outcome = world.act(json!({"component": A, "act": "authorize", "nick_name": name})).await;
    let merchant = outcome["authorizer"].as_str().expect("an appid").to_owned();
    let view = world.wait_view(A, &merchant, "profile", |view| view["profile"].is_object()).await;
    assert_eq!(view["profile"]["nick_name"], name);
    let found = world.api("/authorizers?q=%E5%92%96%E5%95%A1").await;
    assert_eq!(found["data"][0]["app_id"], merchant, "found by its name");
    let pushed = world
        .push(json!({"component": A, "info_type": "notify_long", "fields": {"text": format!("{name}{}", "长".repeat(20_000))}}))
        .await;
    assert_accepted(&pushed);
    world.finish().await;
}

#[tokio::test]
async fn a_code_whose_answer_is_lost_is_healed_and_redeemed_successfully_only_once() {
    let world = World::start().await;
    world.ticket(A).await;
    for kind in ["drop_answer", "truncated", "missing_fields", "http_5xx", "html", "drop_before"] {
        world.fault("api_query_auth", kind, 1, Value::Null).await;
        let merchant = world.authorize(A).await;
        world.wait_status(A, &merchant, "authorized").await;
        let view = world.wait_view(A, &merchant, "profile", |view| view["profile"].is_object()).await;
        assert_eq!(view["credentials"]["refresh_token"], "present", "{kind}");
    }
    world.settle().await;
    let successes = world.calls("api_query_auth").await.into_iter().filter(|errcode| *errcode == 0).count();
    assert!(successes <= 6, "{successes} successful redemptions of 6 codes");
    world.finish().await;
}

#[tokio::test]
async fn a_refused_code_without_any_refresh_token_ends_broken_and_the_next_grant_heals_it() {
    let world = World::start().await;
    world.ticket(A).await;
    world
        .control("switches", json!({"refresh_token_in_info": "absent", "refresh_token_in_list": "empty"}))
        .await;
    world.fault("api_query_auth", "errcode", 1, json!(61010)).await;
    let merchant = world.authorize(A).await;
    let view = world.wait_status(A, &merchant, "broken").await;
    assert_eq!(view["credentials"]["refresh_token"], "missing");
    let types = world.types(A, &merchant).await;
    assert_eq!(types.last().map(String::as_str), Some("redemption.failed"));
    world.again(A, &merchant, "update").await;
    world.wait_status(A, &merchant, "authorized").await;
    world.finish().await;
}

#[tokio::test]
async fn a_stale_component_token_is_replaced_once_and_the_call_repeated() {
    let world = World::start().await;
    world.ticket(A).await;
    let first = world.authorize(A).await;
    world.wait_status(A, &first, "authorized").await;
    world.settle().await;
    world.control("faults", json!({"kind": "invalidate_tokens"})).await;
    let second = world.authorize(A).await;
    world.wait_status(A, &second, "authorized").await;
    world.settle().await;
    assert_eq!(
        world.calls("api_component_token").await,
        [0, 0],
        "fetched once at first, once for the stale one"
    );
    world.finish().await;
}

#[tokio::test]
async fn messages_are_acknowledged_and_kept() {
    let world = World::start().await;
    let merchant = world.authorize(A).await;
    let pushed = world
        .push(json!({"component": A, "authorizer": merchant, "msg_type": "text", "fields": {"Content": "你好 ]]>"}, "times": 3}))
        .await;
    assert_accepted(&pushed);
    world.ticket(A).await;
    world.settle().await;
    world
        .wait("the message", async |world| {
            (world.storage().await.message_count().await.ok()? == 1).then_some(())
        })
        .await;
    world.finish().await;
}

#[tokio::test]
async fn many_waiting_accounts_share_one_failed_call_for_the_component_token() {
    let world = World::start().await;
    world.fault("api_component_token", "errcode", 1_000, json!(61006)).await;
    world.ticket(A).await;
    let mut merchants = Vec::new();
    for _ in 0..30 {
        merchants.push(world.authorize(A).await);
    }
    world
        .wait("all tasks to wait for the next ticket", async |world| {
            use mandate_storage::TaskState;
            let counts = world.storage().await.task_counts().await.ok()?;
            let ready = counts.iter().find(|count| count.state == TaskState::Ready)?;
            let running = counts.iter().any(|count| count.state == TaskState::Running);
            (ready.count == 30 && !running && !world.calls("api_component_token").await.is_empty())
                .then_some(())
        })
        .await;
    assert_eq!(world.calls("api_component_token").await, [61006], "one call for all of them");
    world.clear_faults().await;
    world.control("switches", json!({"ticket_value": "new"})).await;
    world.control("clock", json!({"advance": "10m"})).await;
    world.ticket(A).await;
    for merchant in &merchants {
        world.wait_status(A, merchant, "authorized").await;
    }
    assert_eq!(world.calls("api_component_token").await, [61006, 0]);
    world.finish().await;
}

#[tokio::test]
async fn a_stop_while_wechat_hangs_is_graceful_and_loses_nothing() {
    let mut world = World::start().await;
    world.ticket(A).await;
    world.fault("api_component_token", "latency_before", 100, json!("60s")).await;
    let mut merchants = Vec::new();
    for _ in 0..20 {
        merchants.push(world.authorize(A).await);
    }
    world.stop_service().await;
    world.clear_faults().await;
    world.start_service(&[]).await;
    for merchant in &merchants {
        world.wait_status(A, merchant, "authorized").await;
    }
    world.finish().await;
}
