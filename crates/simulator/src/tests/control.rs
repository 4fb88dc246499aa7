//! The control API: its help, its refusals, its records.

use super::*;

#[tokio::test]
async fn a_wrong_address_explains_what_is_here() {
    let world = World::new().await;
    for path in ["/", "/_control/", "/nothing"] {
        let (status, page) = world.get(path).await;
        assert_eq!(status, 404);
        assert!(page["control"].get("POST /_control/push").is_some(), "{path}: {page}");
    }
}

#[tokio::test]
async fn orders_that_make_no_sense_are_refused_with_a_reason() {
    let world = World::new().await;
    let refused = [
        ("push", json!({ "component": COMPONENT }), 400, "info_type"),
        ("push", json!({ "component": COMPONENT, "info_type": "x", "tims": 2 }), 400, "tims"),
        ("push", json!({ "component": COMPONENT, "info_type": "x", "times": 0 }), 400, "times"),
        ("push", json!({ "component": COMPONENT, "info_type": "x", "delay": "soon" }), 400, "duration"),
        ("push", json!({ "component": COMPONENT, "info_type": "x", "fields": { "a b": 1 } }), 400, "a b"),
        ("push", json!({ "component": COMPONENT, "info_type": "authorized" }), 400, "authorizer"),
        ("push", json!({ "component": "wx0000000000000000", "info_type": "x" }), 404, "wx0000000000000000"),
        ("authorizers", json!({ "component": COMPONENT, "act": "dance" }), 400, "authorize"),
        ("authorizers", json!({ "component": COMPONENT, "act": "update" }), 400, "authorizer"),
        (
            "authorizers",
            json!({ "component": COMPONENT, "act": "revoke", "authorizer": MERCHANT }),
            404,
            MERCHANT,
        ),
        ("faults", json!({ "api": "*", "kind": "boom", "times": 1 }), 400, "drop_answer"),
        ("faults", json!({ "api": "*", "kind": "errcode", "times": 1 }), 400, "number"),
        ("switches", json!({ "weather": "fine" }), 400, "weather"),
        ("clock", json!({ "advance": "-1h" }), 400, "duration"),
        ("keys", json!({ "component": COMPONENT, "token": "t", "encoding_aes_key": "short" }), 400, "43"),
    ];
    for (path, body, expected, reason) in refused {
        let (status, problem) = world.post(&format!("/_control/{path}"), &body).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert_eq!(status, expected, "{path} {body}: {detail}");
        assert!(detail.contains(reason), "{path} {body}: {detail}");
    }
    assert!(world.receiver.all().is_empty());
}

#[tokio::test]
async fn an_account_is_created_once_and_revoked_only_while_it_authorizes() {
    let world = World::new().await;
    let order = |act: &str| json!({ "component": COMPONENT, "authorizer": MERCHANT, "act": act });
    world.order("authorizers", order("create")).await;
    assert_eq!(world.post("/_control/authorizers", &order("create")).await.0, 409);
    assert_eq!(world.post("/_control/authorizers", &order("revoke")).await.0, 409);
    world.order("authorizers", order("authorize")).await;
    world.order("authorizers", order("revoke")).await;
    assert_eq!(world.post("/_control/authorizers", &order("update")).await.0, 409);
}

#[tokio::test]
async fn everything_issued_is_in_the_list_of_secrets_and_nothing_shows_in_debug() {
    let world = World::new().await;
    let token = world.component_token().await;
    let order = json!({ "component": COMPONENT, "act": "authorize" });
    let code = world.order("authorizers", order).await["code"].clone();
    let (_, secrets) = world.get("/_control/secrets").await;
    let values: Vec<_> = secrets["data"].as_array().expect("a list").iter().map(|it| &it["value"]).collect();
    for secret in [&json!(token), &code] {
        assert!(values.contains(&secret), "not listed");
    }
    let (issued, forgotten) = world.simulator.simulator.secrets();
    assert_eq!(forgotten, 0);
    let shown = format!("{issued:?} {:?} {:?}", world.simulator, world.simulator.simulator.pushes());
    assert!(issued.iter().all(|secret| !shown.contains(&secret.value)));
}

#[tokio::test]
async fn faults_and_calls_are_listed_and_forgotten() {
    let world = World::new().await;
    let url = |path: &str| format!("{}/_control/{path}", world.simulator.url());
    world.order("faults", json!({ "api": "api_query_auth", "kind": "html", "times": 3 })).await;
    let (_, faults) = world.get("/_control/faults").await;
    assert_eq!(
        (&faults["data"][0]["api"], &faults["data"][0]["left"]),
        (&json!("api_query_auth"), &json!(3))
    );
    world.component_token().await;
    for path in ["faults", "calls"] {
        world.http.delete(url(path)).send().await.expect("an answer").error_for_status().expect("done");
        assert_eq!(world.get(&format!("/_control/{path}")).await.1["data"], json!([]), "{path}");
    }
    let (_, pushes) = world.get("/_control/pushes").await;
    let record = &pushes["data"][0];
    assert_eq!((&record["name"], &record["state"]), (&json!("component_verify_ticket"), &json!("done")));
}

#[tokio::test]
async fn it_stops_when_told_to() {
    let world = World::new().await;
    let World { simulator, _stop: stop, .. } = world;
    drop(stop);
    simulator.join.await.expect("no panic").expect("a clean end");
}
