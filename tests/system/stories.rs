//! The main job, told as a merchant would live it. Each story is also told with the service restarted, or killed, after
//! every step.

use serde_json::{Value, json};

use crate::world::{COMPONENT_A as A, COMPONENT_B as B, Options, PairText, Stack, World, act::short_type};

/// What happens to the service between the steps of a story.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    Nothing,
    Restart,
    Kill,
}

impl Between {
    async fn happens(self, world: &mut World) {
        match self {
            Self::Nothing => {}
            Self::Restart => world.restart().await,
            Self::Kill => {
                world.kill_service().await;
                world.start_service(&[]).await;
            }
        }
    }
}

/// Tells a story three times on each stack, each time in a world of its own.
macro_rules! told_thrice {
    ($name:ident, $story:ident) => {
        mod $name {
            mod embedded {
                told_thrice!(@ Embedded, $story);
            }
            mod on_servers {
                told_thrice!(@ Servers, $story);
            }
        }
    };
    (@ $stack:ident, $story:ident) => {
        use crate::stories::{Between, $story};
        use crate::world::Stack;

        #[tokio::test]
        async fn without_interruption() {
            $story(Stack::$stack, Between::Nothing).await;
        }

        #[tokio::test]
        async fn with_a_restart_after_each_step() {
            $story(Stack::$stack, Between::Restart).await;
        }

        #[tokio::test]
        async fn with_a_kill_after_each_step() {
            $story(Stack::$stack, Between::Kill).await;
        }
    };
}

told_thrice!(the_life_of_an_authorization, life);
told_thrice!(two_components_side_by_side, two_components);
told_thrice!(an_unknown_info_type_is_kept_and_published, unknown_info_type);
told_thrice!(keys_rotated_in_the_right_order, keys_in_order);
told!(keys_rotated_in_the_wrong_order_lose_nothing, stories::keys_in_the_wrong_order);
told!(a_test_list_switches_keys_before_the_others_do, stories::test_list_first);
told!(what_arrives_in_the_wrong_order_ends_as_it_happened, stories::wrong_order);

/// Each step is told only once the tasks of the one before are done: a profile or a confirmation that is asked for while
/// the next thing happens may learn of it first, and then the history is another one, equally true.
async fn life(stack: Stack, between: Between) {
    // An answer to `api_query_auth` that a kill loses is gone, and the refresh token is recovered from the list.
    let issued: &[&str] = match between {
        Between::Kill => &["credentials.issued", "credentials.recovered"],
        Between::Nothing | Between::Restart => &["credentials.issued"],
    };
    let mut world = World::on(stack).await;
    world.ticket(A).await;
    between.happens(&mut world).await;

    let outcome = world.act(json!({"component": A, "act": "authorize", "permissions": [1, 2, 4]})).await;
    let merchant = outcome["authorizer"].as_str().expect("an appid").to_owned();
    between.happens(&mut world).await;
    let view = world.wait_view(A, &merchant, "profile", |view| view["profile"].is_object()).await;
    assert_eq!(view["status"], "authorized");
    assert_eq!(view["permissions"], json!([1, 2, 4]));
    assert_eq!(view["credentials"]["refresh_token"], "present");
    let simulated = world.observe(&format!("state?component={A}")).await;
    assert!(simulated.to_string().contains(view["profile"]["user_name"].as_str().expect("an original id")));
    let after_grant = view["position"].as_u64().expect("a position");
    world.settle().await;

    world.act(json!({"component": A, "authorizer": merchant, "act": "update", "permissions": [1, 17]})).await;
    between.happens(&mut world).await;
    world.wait_view(A, &merchant, "new permissions", |view| view["permissions"] == json!([1, 17])).await;
    world.settle().await;

    world.again(A, &merchant, "revoke").await;
    between.happens(&mut world).await;
    let view = world.wait_status(A, &merchant, "revoked").await;
    assert_eq!(view["credentials"], json!({"refresh_token": "missing", "access_token_expires_at": null}));
    world.settle().await;

    world.again(A, &merchant, "authorize").await;
    between.happens(&mut world).await;
    let view = world.wait_status(A, &merchant, "authorized").await;
    world.settle().await;

    let types = world.types(A, &merchant).await;
    let facts: Vec<&str> =
        types.iter().map(String::as_str).filter(|name| name.starts_with("authorization.")).collect();
    let facts: Vec<&str> = facts.into_iter().filter(|name| !name.ends_with("permissions_changed")).collect();
    let expected =
        ["authorization.granted", "authorization.updated", "authorization.revoked", "authorization.granted"];
    assert_eq!(facts, expected, "{types:?}");
    assert_eq!(view["generation"], 4, "one for each fact");
    assert!(issued.contains(&types[1].as_str()), "{types:?}");
    assert_eq!(types[2..4], ["authorization.permissions_changed", "profile.recorded"]);
    let came_from = types.iter().rfind(|name| name.starts_with("credentials.")).expect("credentials");
    let has_access_token = view["credentials"]["access_token_expires_at"].is_string();
    assert_eq!(
        has_access_token,
        came_from == "credentials.issued",
        "only a redeemed code brings one: {types:?}"
    );
    let then = world.api(&format!("/components/{A}/authorizers/{merchant}?at_position={after_grant}")).await;
    assert_eq!((&then["status"], &then["permissions"]), (&json!("authorized"), &json!([1, 2, 4])));
    world.finish().await;
}

async fn two_components(stack: Stack, between: Between) {
    let mut world = World::on(stack).await;
    world.ticket(A).await;
    world.ticket(B).await;
    between.happens(&mut world).await;
    let merchant = world.authorize(A).await;
    world.again(B, &merchant, "authorize").await;
    between.happens(&mut world).await;
    world.wait_status(A, &merchant, "authorized").await;
    world.wait_status(B, &merchant, "authorized").await;
    world.again(A, &merchant, "revoke").await;
    between.happens(&mut world).await;
    world.wait_status(A, &merchant, "revoked").await;
    world.settle().await;

    assert_eq!(world.authorizer(B, &merchant).await["status"], "authorized", "the other component keeps it");
    let listed = world.api(&format!("/authorizers?component={B}&status=authorized")).await;
    assert_eq!(listed["data"][0]["app_id"], merchant);
    for (component, counts) in [(A, [0, 1]), (B, [1, 0])] {
        let view = world.api(&format!("/components/{component}")).await;
        let counted = [&view["authorizers"]["authorized"], &view["authorizers"]["revoked"]];
        assert_eq!(counted.map(Value::as_u64), counts.map(Some), "{component}");
        assert!(view["ticket"]["received_at"].is_string() && view["access_token"]["expires_at"].is_string());
    }
    world.finish().await;
}

async fn unknown_info_type(stack: Stack, between: Between) {
    let mut world = World::on(stack).await;
    let pushed = world
        .push(json!({
            "component": A, "info_type": "notify_something_new_2099",
            "fields": {"foo": "bar", "list": {"item": ["一", "🍵 ]]>"]}, "new_ticket": "swordfish-4711"}
        }))
        .await;
    crate::world::act::assert_accepted(&pushed);
    between.happens(&mut world).await;
    world.settle().await;

    let events = world.feed().await;
    let notice =
        events.iter().find(|event| short_type(event) == "component.notice_received").expect("the notice");
    assert_eq!(notice["data"]["info_type"], "notify_something_new_2099");
    assert_eq!(notice["data"]["document"]["foo"], "bar");
    assert_eq!(notice["data"]["document"]["list.item"], json!(["一", "🍵 ]]>"]));
    assert!(!notice.to_string().contains("swordfish"), "secret elements are never published");
    world.finish().await;
}

/// The operator adds the new pair first, then changes it in `WeChat`'s console, then takes the old one out.
async fn keys_in_order(stack: Stack, between: Between) {
    let mut world = World::on(stack).await;
    world.ticket(A).await;
    let old = world.options.components[0].pairs[0].clone();
    let new = PairText::new();
    world.options.components[0].pairs = vec![new.clone(), old];
    world.restart().await;
    let before = world.authorize(A).await;
    between.happens(&mut world).await;
    world.control("keys", json!({"component": A, "token": new.token, "encoding_aes_key": new.key})).await;
    let after = world.authorize(A).await;
    between.happens(&mut world).await;
    world.settle().await;
    world.options.components[0].pairs = vec![new];
    world.restart().await;
    let alone = world.authorize(A).await;
    for merchant in [before, after, alone] {
        world.wait_status(A, &merchant, "authorized").await;
    }
    world.finish().await;
}

/// The operator forgets the old pair while a push that it opens waits in the journal: it is kept, and decided once the
/// pair is back.
async fn keys_in_the_wrong_order(stack: Stack) {
    let mut world = World::on(stack).await;
    world.ticket(A).await;
    world.settle().await;
    world.stop_service().await;
    world.start_service(&[("MANDATE_FAILPOINT", "relay.before_accept")]).await;
    // The process may die before its answer is out; the journal has the callback all the same.
    let outcome = world.control("authorizers", json!({"component": A, "act": "authorize"})).await;
    let merchant = outcome["authorizer"].as_str().expect("an appid").to_owned();
    world.await_death().await;

    let old = world.options.components[0].pairs.clone();
    world.options.components[0].pairs = vec![PairText::new()];
    world.start_service(&[]).await;
    world
        .wait("the dead letter", async |world| {
            let letters = world.api("/dead-letters").await;
            (letters["data"][0]["reason"] == "unknown_pair").then_some(())
        })
        .await;
    assert_eq!(world.authorizer(A, &merchant).await, Value::Null);

    let new = world.options.components[0].pairs.remove(0);
    world.options.components[0].pairs = [vec![new], old].concat();
    world.restart().await;
    world.wait_status(A, &merchant, "authorized").await;
    world.finish().await;
}

/// A merchant that is known under an older pair of keys: both orders of test list and release.
async fn test_list_first(stack: Stack) {
    let mut options = Options::on(stack).await;
    let (old, new) = (options.components[0].pairs[0].clone(), PairText::new());
    options.components[0].pairs = vec![old, new.clone()];
    let world = World::with(options).await;
    world.ticket(A).await;
    let listed = world.authorize(A).await;
    let other = world.authorize(A).await;
    world
        .control(
            "keys",
            json!({"component": A, "token": new.token, "encoding_aes_key": new.key, "test_list": [listed]}),
        )
        .await;
    for merchant in [&listed, &other] {
        world.wait_status(A, merchant, "authorized").await;
        world.again(A, merchant, "revoke").await;
        world.wait_status(A, merchant, "revoked").await;
    }
    world.finish().await;
}

/// Everything that a merchant does arrives, late, twice and in the wrong order; what counts is `WeChat`'s time.
async fn wrong_order(stack: Stack) {
    let world = World::on(stack).await;
    world.ticket(A).await;
    let merchant = world.authorize(A).await;
    world.wait_status(A, &merchant, "authorized").await;
    // The profile is asked for meanwhile, and would truly find the merchant gone.
    world.settle().await;
    for act in ["revoke", "authorize", "revoke", "authorize", "update"] {
        world
            .control("authorizers", json!({"component": A, "authorizer": merchant, "act": act, "hold": true}))
            .await;
    }
    let released = world.control("release", json!({"order": "reversed"})).await;
    released["data"].as_array().expect("a list").iter().for_each(crate::world::act::assert_accepted);
    world.settle().await;
    assert_eq!(world.authorizer(A, &merchant).await["status"], "authorized");
    let types = world.types(A, &merchant).await;
    assert!(
        !types.contains(&"authorization.revoked".to_owned()),
        "overtaken revocations change nothing: {types:?}"
    );

    world
        .control(
            "authorizers",
            json!({"component": A, "authorizer": merchant, "act": "revoke", "hold": true}),
        )
        .await;
    world
        .control(
            "authorizers",
            json!({"component": A, "authorizer": merchant, "act": "authorize", "hold": true}),
        )
        .await;
    world
        .control(
            "authorizers",
            json!({"component": A, "authorizer": merchant, "act": "revoke", "hold": true}),
        )
        .await;
    world.control("release", json!({"order": "reversed"})).await;
    world.settle().await;
    assert_eq!(world.authorizer(A, &merchant).await["status"], "revoked");
    world.finish().await;
}
