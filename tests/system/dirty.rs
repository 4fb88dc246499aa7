//! Genuine pushes that are dirty: each is taken, and what can be read of it counts.

use std::time::Instant;

use serde_json::{Value, json};

use crate::world::{COMPONENT_A as A, COMPONENT_B as B, Options, Stack, World, act::assert_accepted};

told!(dirty_grants_are_granted, dirty::grants);
told!(what_cannot_be_read_is_seen_and_stops_nothing, dirty::unreadable);
told!(a_flood_without_a_key_leaves_few_lines, dirty::flood);
told!(two_components_share_an_event_url_and_a_pair, dirty::shared_url);

/// A push that must be accepted.
async fn accepted(world: &World, component: &str, info_type: &str, authorizer: Option<&str>, dirt: Value) {
    let mut spec = json!({"component": component, "info_type": info_type, "dirt": dirt});
    if let Some(authorizer) = authorizer {
        spec["authorizer"] = json!(authorizer);
    }
    assert_accepted(&world.push(spec).await);
}

/// The reasons of the dead letters, sorted.
async fn reasons(world: &World) -> Vec<String> {
    let letters = world.api("/dead-letters").await;
    let reason = |letter: &Value| letter["reason"].as_str().expect("a reason").to_owned();
    let mut reasons: Vec<String> = letters["data"].as_array().expect("a list").iter().map(reason).collect();
    reasons.sort_unstable();
    reasons
}

async fn grants(stack: Stack) {
    let world = World::on(stack).await;
    accepted(&world, A, "component_verify_ticket", None, json!({"omit": ["CreateTime"]})).await;
    let milliseconds = format!("{}123", jiff::Timestamp::now().as_second());
    let kinds = [
        json!({"envelope": "json", "document": "json"}),
        json!({"envelope": "json"}),
        json!({"document": "json", "set": {"Remark": "a\u{0}\u{8}b"}}),
        json!({"set": {"Remark": "a\u{0}\u{8}\u{ffff}b"}}),
        json!({"set": {"CreateTime": milliseconds}}),
        json!({"set": {"CreateTime": "soon"}}),
        json!({"omit": ["CreateTime", "AppId"]}),
        json!({"around": "\n  "}),
        json!({"around": " \t", "around_is_signed": true, "encrypt_type": "AES"}),
    ];
    for (n, dirt) in kinds.into_iter().enumerate() {
        let account = format!("wx{n:016x}");
        accepted(&world, A, "authorized", Some(&account), dirt).await;
        let view = world.wait_status(A, &account, "authorized").await;
        assert_eq!(view["credentials"]["refresh_token"], "present", "{view}");
    }
    let bare = "wx00000000000000ff";
    accepted(&world, A, "authorized", Some(bare), json!({"omit": ["AuthorizationCode"]})).await;
    world.wait_view(A, bare, "the grant", |view| view["version"].is_u64()).await;
    let history = world.history(A, bare).await;
    assert_eq!(history[0]["type"], "mandate.authorization.granted.v1", "{history:?}");
    assert_eq!(history[0]["data"]["code_digest"], Value::Null);

    accepted(&world, A, "notify_of_tomorrow", None, json!({"set": {"Remark": "a\u{0}b"}})).await;
    accepted(&world, A, "notify_of_tomorrow", None, json!({"omit": ["InfoType"], "set": {"Remark": "c"}}))
        .await;
    world.settle().await;
    let notices: Vec<Value> = world
        .feed()
        .await
        .into_iter()
        .filter(|event| event["type"] == "mandate.component.notice_received.v1")
        .collect();
    let document = |n: usize| notices[n]["data"]["document"].clone();
    assert_eq!(
        (&document(0)["Remark"], &document(0)["#replaced_characters"]),
        (&json!("a\u{fffd}b"), &json!("1"))
    );
    assert_eq!((&document(1)["Remark"], &notices[1]["data"]["info_type"]), (&json!("c"), &json!("")));
    world.finish().await;
}

async fn unreadable(stack: Stack) {
    let mut world = World::on(stack).await;
    world.ticket(A).await;
    let account = world.authorize(A).await;
    world.wait_status(A, &account, "authorized").await;
    let deep = format!("<xml>{}{}</xml>", "<a>".repeat(50), "</a>".repeat(50));
    let unreadable = [
        json!({"text": ""}),
        json!({"text": "<xml><AppId>"}),
        json!({"text": "<!DOCTYPE xml [<!ENTITY e 'v'>]><xml>&e;</xml>"}),
        json!({"text": "<xml>&nbsp;</xml>"}),
        json!({"text": deep}),
        json!({"text": "{\"AppId\":", "envelope": "json"}),
        json!({"base64": "PHhtbD7//w=="}),
    ];
    for dirt in &unreadable {
        accepted(&world, A, "notify_of_tomorrow", None, dirt.clone()).await;
    }
    accepted(&world, A, "notify_of_tomorrow", None, json!({"set": {"AppId": B}})).await;
    world.expected_dead_letters = unreadable.len() + 1;
    let mut expected = vec!["bad_utf8"];
    expected.extend(vec!["malformed_message"; 6]);
    expected.push("wrong_component");
    world
        .wait("the dead letters", async |world| (reasons(world).await.len() == expected.len()).then_some(()))
        .await;
    assert_eq!(reasons(&world).await, expected);
    world
        .wait("the metric", async |world| {
            let page = world.try_get(&world.console_url("/metrics")).await?;
            let line = r#"mandate_dead_letters{reason="malformed_message"} 6"#;
            page.as_str()?.lines().any(|told| told == line).then_some(())
        })
        .await;

    for dirt in unreadable {
        let spec = json!({"component": A, "authorizer": account, "msg_type": "text", "dirt": dirt});
        assert_accepted(&world.push(spec).await);
    }
    let parked = world.command_json(&["journal", "parked"]);
    let parked = parked.as_array().or_else(|| parked["data"].as_array()).expect("a list");
    assert_eq!(parked.len(), 7, "{parked:?}");
    assert!(
        parked.iter().all(|row| row["reason"].as_str().is_some_and(|reason| reason.contains("not readable")))
    );

    let revoked = world.again(A, &account, "revoke").await;
    assert_eq!(revoked["deliveries"][0]["ok"], true);
    world.wait_status(A, &account, "revoked").await;
    world.finish().await;
}

/// What callers without a key can send to the callback port, all of which is refused.
async fn flood(stack: Stack) {
    const ROUNDS: usize = 150;
    let world = World::on(stack).await;
    let lines =
        || std::fs::read_to_string(world.folder().join("service.log")).expect("a log").lines().count();
    let (before, began) = (lines(), Instant::now());
    let forged = "?timestamp=1&nonce=2&encrypt_type=aes&msg_signature=3";
    let events = world.callback_url(&format!("/wechat/{A}/events"));
    let messages = world.callback_url(&format!("/wechat/{A}/messages/wx00000000000000aa"));
    let junk = world.callback_url(&format!("/{}", "x".repeat(20_000)));
    for round in 0..ROUNDS {
        let posts = [format!("{events}{forged}"), format!("{messages}{forged}{round}"), junk.clone()];
        for url in posts {
            let answer = world.http.post(url).body("<xml><Encrypt>AAAA</Encrypt></xml>").send().await;
            assert!(answer.expect("an answer").status().is_client_error());
        }
        let answer = world.http.get(&events).send().await.expect("an answer");
        assert_eq!(answer.status(), 405);
    }
    let seconds = usize::try_from(began.elapsed().as_secs()).expect("short") + 1;
    let told = lines() - before;
    assert!(told > 0 && told <= 10 * seconds, "{told} lines in {seconds} s");
    let log = std::fs::read_to_string(world.folder().join("service.log")).expect("a log");
    assert!(!log.contains(&"x".repeat(257)), "a long path was logged");
    world.ticket(A).await;
    world.finish().await;
}

async fn shared_url(stack: Stack) {
    let mut options = Options::on(stack).await;
    let pairs = options.components[0].pairs.clone();
    options.components[1].pairs = pairs;
    for component in &mut options.components {
        component.event_path = Some("/wechat/events".to_owned());
    }
    let mut world = World::with(options).await;
    for component in [A, B] {
        world.ticket(component).await;
        let account = world.authorize(component).await;
        let other = if component == A { B } else { A };
        world.wait_status(component, &account, "authorized").await;
        assert_eq!(world.authorizer(other, &account).await, Value::Null, "it is {component}'s alone");
        accepted(
            &world,
            component,
            "authorized",
            Some("wx00000000000000aa"),
            json!({"set": {"AppId": other}}),
        )
        .await;
    }
    world.wait("the dead letters", async |world| (reasons(world).await.len() == 2).then_some(())).await;
    assert_eq!(reasons(&world).await, ["wrong_component"; 2]);
    world.expected_dead_letters = 2;
    world.finish().await;
}
