//! What must never be in an answer.

use crate::{
    pushes::{COMPONENT, KEY, MERCHANT, TOKEN, broken, sample, vector},
    world::World,
};

/// The secret texts of the pushes that the world of this test takes.
fn secrets() -> Vec<String> {
    let element = |id: &str, name: &str| vector(id)["fields"][name].as_str().expect(name).to_owned();
    vec![
        element("ev-ticket", "ComponentVerifyTicket"),
        element("ev-authorized", "AuthorizationCode"),
        element("ev-authorized", "PreAuthCode"),
        element("ev-fasteregister-ok", "auth_code"),
        TOKEN.to_owned(),
        KEY.to_owned(),
    ]
}

/// Whether a text holds a secret, raw or as JSON or a query would write it.
fn holds(text: &str, secret: &str) -> bool {
    let json = serde_json::to_string(secret).expect("text");
    let query = secret.replace('@', "%40");
    [secret, json.trim_matches('"'), &query].iter().any(|form| text.contains(form))
}

#[actix_web::test]
async fn no_answer_holds_a_ticket_a_code_or_a_key() {
    let world = World::after([
        sample("ev-ticket"),
        sample("ev-authorized"),
        sample("ev-fasteregister-ok"),
        sample("ev-unknown-infotype"),
        broken(),
    ])
    .await;
    let account = format!("/api/v1/components/{COMPONENT}/authorizers/{MERCHANT}");
    let letter = world.get("/api/v1/dead-letters").await.list().0[0]["id"].clone();
    let mut bodies = Vec::new();
    for address in [
        "/api/v1/components",
        &format!("/api/v1/components/{COMPONENT}"),
        "/api/v1/authorizers",
        &account,
        &format!("{account}?at_position=2"),
        &format!("{account}/events"),
        "/api/v1/events",
        "/api/v1/dead-letters",
        "/metrics",
        "/readyz",
    ] {
        let answer = world.get(address).await;
        assert_eq!(answer.status, 200, "{address}");
        bodies.push(answer.body);
    }
    bodies.push(
        world.post(&format!("/api/v1/dead-letters/{}/retry", letter.as_str().expect("text"))).await.body,
    );
    let all = bodies.concat();
    assert!(all.contains("示例企业"), "the scan sees what the same pushes say in public");
    for secret in secrets() {
        assert!(holds(&format!("{all}{secret}"), &secret), "a planted secret is found");
        assert!(!holds(&all, &secret), "a secret was answered: {}…", &secret[..8]);
    }
}

#[actix_web::test]
async fn a_secret_in_a_wrong_request_is_not_repeated() {
    let world = World::new();
    let secret = secrets().remove(0);
    for wrong in [
        format!("/api/v1/authorizers?status={secret}"),
        format!("/api/v1/authorizers?cursor={secret}"),
        format!("/api/v1/events?after={secret}"),
        format!("/api/v1/components/{secret}"),
        format!("/api/v1/{secret}"),
    ] {
        let answer = world.get(&wrong).await;
        assert!(answer.status >= 400 && !holds(&answer.body, &secret), "{answer:?}");
    }
}
