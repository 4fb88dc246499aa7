//! Webhooks, as an operator handles them. What is delivered is in the worker's tests.

use actix_web::{http::Method, test::TestRequest};
use mandate_schema::{Reach, Scope};
use serde_json::{Value, json};

use crate::{
    keys::{key, only, with},
    pushes::{COMPONENT, MERCHANT, granted},
    world::{Answer, World, assert_time, keys, local},
};

const WEBHOOKS: &str = "/api/v1/webhooks";
/// Nobody listens there.
const URL: &str = "http://127.0.0.1:1/hook?token=t";

fn order(request: TestRequest, body: &Value) -> TestRequest {
    request.method(Method::POST).set_json(body)
}

impl Answer {
    #[track_caller]
    fn created(&self) -> Value {
        assert_eq!((self.status, self.content_type.as_str()), (201, "application/json"), "{self:?}");
        serde_json::from_str(&self.body).expect("JSON")
    }
}

async fn created(world: &World, body: &Value) -> Value {
    world.ask(order(local(WEBHOOKS), body)).await.created()
}

fn address(webhook: &Value, act: &str) -> String {
    format!("{WEBHOOKS}/{}{act}", webhook["id"].as_str().expect("an id"))
}

const SHOWN: [&str; 18] = [
    "authorizer",
    "component",
    "created_at",
    "delivered_at",
    "description",
    "failing_since",
    "given_up",
    "given_up_events",
    "held",
    "held_streams",
    "id",
    "lag",
    "position",
    "secrets",
    "state",
    "types",
    "url",
    "attempts",
];

#[actix_web::test]
async fn a_webhook_is_made_shown_changed_and_deleted() {
    let world = World::after([granted(MERCHANT, 0)]).await;
    let body = json!({
        "url": URL, "description": "orders", "types": ["authorization.granted"],
        "component": COMPONENT, "authorizer": MERCHANT, "after": 0,
    });
    let mut new = created(&world, &body).await;
    let secret = new["secret"].take();
    assert!(secret.as_str().expect("text").starts_with("whsec_"));
    assert_time(&new["created_at"]);
    assert_eq!(
        (&new["state"], &new["position"], &new["lag"]),
        (&json!("active"), &json!(0), &json!(world.head().await))
    );
    let from_now_on = created(&world, &json!({ "url": URL })).await;
    assert_eq!((&from_now_on["lag"], &from_now_on["types"]), (&json!(0), &json!([])));

    let answer = world.get(&address(&new, "")).await;
    assert!(!answer.body.contains("whsec_"), "a secret is told once");
    let shown = answer.json();
    let mut names = SHOWN;
    names.sort_unstable();
    assert_eq!(keys(&shown), names);
    assert_eq!((&shown["url"], &shown["description"]), (&json!(URL), &json!("orders")));
    assert_eq!(world.pages(&format!("{WEBHOOKS}?"), 1).await.len(), 2);

    let change = json!({ "url": "http://127.0.0.1:2/", "description": "", "types": [] });
    let changed = world.ask(local(&address(&new, "")).method(Method::PATCH).set_json(change)).await.json();
    assert_eq!((&changed["url"], &changed["description"]), (&json!("http://127.0.0.1:2/"), &json!("")));
    let untouched =
        world.ask(local(&address(&new, "")).method(Method::PATCH).set_json(json!({}))).await.json();
    assert_eq!(untouched, changed);

    let gone = world.ask(local(&address(&new, "")).method(Method::DELETE)).await;
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    world.get(&address(&new, "")).await.problem(404, "not_found");
    world.ask(local(&address(&new, "")).method(Method::DELETE)).await.problem(404, "not_found");
}

#[actix_web::test]
async fn a_webhook_is_paused_resumed_rewound_tested_and_its_secret_rotated() {
    let world = World::after([granted(MERCHANT, 0)]).await;
    let new = created(&world, &json!({ "url": URL })).await;
    assert_eq!(world.post(&address(&new, "/pause")).await.json()["state"], "paused");
    assert_eq!(world.post(&address(&new, "/resume")).await.json()["state"], "active");

    let head = world.head().await;
    let rewind = |body: Value| order(local(&address(&new, "/rewind")), &body);
    let counted = world.ask(rewind(json!({ "position": 1, "dry_run": true }))).await.json();
    assert_eq!(counted, json!({ "position": 1, "events": head, "rewound": false }));
    assert_eq!(world.get(&address(&new, "")).await.json()["position"], head);
    let rewound = world.ask(rewind(json!({ "time": "2020-01-01T00:00:00Z" }))).await.json();
    assert_eq!(rewound, json!({ "position": 1, "events": head, "rewound": true }));
    assert_eq!(world.get(&address(&new, "")).await.json()["position"], 0);
    for (body, said) in [
        (json!({}), "position or time"),
        (json!({ "position": 1, "time": "2020-01-01T00:00:00Z" }), "position or time"),
        (json!({ "position": 9_999 }), "goes back"),
        (json!({ "positions": 1 }), "unknown field"),
    ] {
        let detail = world.ask(rewind(body)).await.problem(400, "invalid_body");
        assert!(detail.contains(said), "{detail}");
    }

    let attempt = world.post(&address(&new, "/test")).await.json();
    assert_eq!((&attempt["delivered"], &attempt["status"]), (&json!(false), &Value::Null));
    assert_time(&attempt["at"]);
    assert!(!attempt["error"].as_str().expect("a reason").contains("token"), "{attempt}");
    world.post(&address(&new, "/test")).await.json();
    let attempts = world.pages(&format!("{}?", address(&new, "/attempts")), 1).await;
    assert_eq!((attempts.len(), &attempts[1]), (2, &attempt));
    assert_eq!(world.get(&address(&new, "")).await.json()["attempts"], json!(attempts));

    let rotated = world.post(&address(&new, "/rotate-secret")).await.json();
    assert!(rotated["secret"].as_str().expect("text").starts_with("whsec_"));
    assert_ne!(rotated["secret"], new["secret"]);
    let secrets = rotated["secrets"].as_array().expect("a list");
    assert_eq!((secrets.len(), &secrets[0]["expires_at"]), (2, &Value::Null));
    assert_time(&secrets[1]["expires_at"]);
    let hurry = order(local(&address(&new, "/rotate-secret")), &json!({ "expires_in": 0 }));
    assert_eq!(world.ask(hurry).await.json()["secrets"].as_array().expect("a list").len(), 2);
    let too_long = order(local(&address(&new, "/rotate-secret")), &json!({ "expires_in": 99_999_999_u64 }));
    world.ask(too_long).await.problem(400, "invalid_body");
}

#[actix_web::test]
async fn what_cannot_be_called_is_refused_with_its_reason() {
    let world = World::new();
    for (url, said) in [
        ("https://10.0.0.1/", "10.0.0.1 is not a public address"),
        ("https://169.254.169.254/latest", "not a public address"),
        ("http://8.8.8.8/", "https"),
        ("nonsense", "whole address"),
        ("https://user:pass@127.0.0.1/", "user or password"),
    ] {
        let detail =
            world.ask(order(local(WEBHOOKS), &json!({ "url": url }))).await.problem(400, "invalid_body");
        assert!(detail.contains(said) && !detail.contains("pass@"), "{detail}");
    }
    let types = json!({ "url": URL, "types": ["granted"] });
    let detail = world.ask(order(local(WEBHOOKS), &types)).await.problem(400, "invalid_body");
    assert!(detail.contains("authorization.granted"), "{detail}");
    world.get(&format!("{WEBHOOKS}/nonsense")).await.problem(400, "invalid_id");
    let wrong = world.ask(local(WEBHOOKS).method(Method::PUT)).await;
    assert_eq!((wrong.status, wrong.allow.as_str()), (405, "GET, POST"));
}

#[actix_web::test]
async fn a_limited_key_manages_what_it_may_see() {
    let world = World::after([granted(MERCHANT, 0)]).await;
    let all = created(&world, &json!({ "url": URL })).await;
    let limited = key(&world, 1, &[Scope::WebhookManage], only(MERCHANT)).await;
    let reader = key(&world, 2, &[Scope::EventsRead], Reach::default()).await;
    let world = world.restarted();
    world.ask(with(local(WEBHOOKS), &reader)).await.problem(403, "insufficient_scope");
    for body in [json!({ "url": URL }), json!({ "url": URL, "component": COMPONENT })] {
        world.ask(with(order(local(WEBHOOKS), &body), &limited)).await.problem(403, "out_of_reach");
    }
    world.ask(with(local(&address(&all, "")), &limited)).await.problem(403, "out_of_reach");
    let body = json!({ "url": URL, "component": COMPONENT, "authorizer": MERCHANT });
    let own = world.ask(with(order(local(WEBHOOKS), &body), &limited)).await.created();
    let (listed, _) = world.ask(with(local(WEBHOOKS), &limited)).await.list();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["id"], own["id"]);
}
