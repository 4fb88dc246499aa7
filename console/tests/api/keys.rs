//! Callers with keys: scopes, limits, revocation, refusals, the audit trail.

use actix_web::test::TestRequest;
use jiff::Timestamp;
use mandate_schema::{ApiKey, ApiKeyRecord, Reach, Scope};
use mandate_storage::Callers;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    pushes::{COMPONENT, granted, message},
    world::{World, local, remote},
};

const MINE: &str = "wxa000000000000001";
const OTHERS: &str = "wxb000000000000002";

/// A key in the store.
pub(crate) async fn key(world: &World, number: u8, scopes: &[Scope], reach: Reach) -> ApiKey {
    let key = ApiKey::new(&[number; 32]);
    let record = ApiKeyRecord {
        id: Uuid::from_u128(number.into()),
        name: format!("key {number}"),
        hash: key.hash(),
        scopes: scopes.iter().copied().collect(),
        reach,
        created_at: Timestamp::now(),
        expires_at: None,
        revoked_at: None,
        used_at: None,
    };
    world.core.storage.put_api_key(record).await.expect("the store is there");
    key
}

pub(crate) fn with(request: TestRequest, key: &ApiKey) -> TestRequest {
    request.insert_header(("authorization", format!("Bearer {}", key.expose())))
}

pub(crate) fn only(account: &str) -> Reach {
    Reach { authorizers: Some([account.parse().expect("an id")].into()), ..Reach::default() }
}

async fn world() -> World {
    World::after([granted(MINE, 0), granted(OTHERS, 1)]).await
}

#[actix_web::test]
async fn a_key_is_good_from_everywhere_and_once_there_is_one_nobody_comes_without() {
    let world = world().await;
    world.ask(local("/api/v1/components")).await.json();
    let key = key(&world, 1, &[Scope::StateRead], Reach::default()).await;
    let world = world.restarted(); // what a process knows of keys it believes for a second
    world.ask(with(remote("/api/v1/components"), &key)).await.json();
    for request in [local("/api/v1/components"), remote("/api/v1/components")] {
        let detail = world.ask(request).await.problem(401, "unauthenticated");
        assert!(detail.contains("API key"), "{detail}");
    }
    let mistyped = key.expose().replace('B', "C");
    let request = remote("/api/v1/components").insert_header(("authorization", format!("Bearer {mistyped}")));
    world.ask(request).await.problem(401, "unauthenticated");
}

#[actix_web::test]
async fn each_address_wants_its_scope() {
    let world = world().await;
    let account = format!("/api/v1/components/{COMPONENT}/authorizers/{MINE}");
    let addresses = [
        ("/api/v1/components".to_owned(), Scope::StateRead),
        (format!("/api/v1/components/{COMPONENT}"), Scope::StateRead),
        ("/api/v1/authorizers".to_owned(), Scope::StateRead),
        (account.clone(), Scope::StateRead),
        (format!("{account}/events"), Scope::EventsRead),
        ("/api/v1/events".to_owned(), Scope::EventsRead),
        ("/api/v1/messages".to_owned(), Scope::MessagesRead),
        (format!("{account}/access-token"), Scope::TokenRead),
        (format!("/api/v1/components/{COMPONENT}/access-token"), Scope::TokenRead),
        ("/api/v1/dead-letters".to_owned(), Scope::Admin),
    ];
    for (number, (address, scope)) in (1..).zip(&addresses) {
        let others: Vec<Scope> = Scope::ALL.into_iter().filter(|other| other != scope).collect();
        let without = key(&world, number, &others, Reach::default()).await;
        let detail = world.ask(with(remote(address), &without)).await.problem(403, "insufficient_scope");
        assert!(detail.contains(scope.as_str()), "{address}: {detail}");
        let just_so = key(&world, 100 + number, &[*scope], Reach::default()).await;
        let status = world.ask(with(remote(address), &just_so)).await.status;
        assert!(status == 200 || status == 503, "{address}: {status}"); // there is no ticket for tokens
    }
}

#[actix_web::test]
async fn a_limited_key_sees_its_own_and_nothing_else() {
    let world = world().await;
    let key = key(&world, 1, &[Scope::StateRead, Scope::EventsRead, Scope::TokenRead], only(MINE)).await;
    let ask = async |address: String| world.ask(with(remote(&address), &key)).await;
    let account = |account: &str| format!("/api/v1/components/{COMPONENT}/authorizers/{account}");
    ask(account(MINE)).await.json();
    for address in [
        account(OTHERS),
        format!("{}/events", account(OTHERS)),
        format!("{}/access-token", account(OTHERS)),
        format!("/api/v1/components/{COMPONENT}"),
        format!("/api/v1/components/{COMPONENT}/access-token"),
    ] {
        ask(address).await.problem(403, "out_of_reach");
    }
    let ids = |list: &Value, of: &str| -> Vec<Value> {
        list["data"].as_array().expect("a list").iter().map(|one| one[of].clone()).collect()
    };
    assert_eq!(ids(&ask("/api/v1/authorizers".into()).await.json(), "app_id"), [MINE]);
    assert!(ids(&ask("/api/v1/components".into()).await.json(), "app_id").is_empty());
    let feed = ask("/api/v1/events".into()).await.json();
    assert!(ids(&feed, "subject").iter().all(|subject| subject == MINE), "{feed}");
    assert_eq!(feed["last_position"], world.head().await, "the others are passed over");
}

#[actix_web::test]
async fn a_revoked_or_expired_key_opens_nothing() {
    let world = world().await;
    let revoked = key(&world, 1, &Scope::ALL, Reach::default()).await;
    world.ask(with(remote("/api/v1/components"), &revoked)).await.json();
    world
        .core
        .storage
        .revoke_api_key(Uuid::from_u128(1), Timestamp::now())
        .await
        .expect("the store is there");
    let world = world.restarted();
    // There is no active key any more, so it is as if there had never been one; this key opens nothing all the same.
    world.ask(with(remote("/api/v1/components"), &revoked)).await.problem(401, "unauthenticated");
    world.ask(with(local("/api/v1/components"), &revoked)).await.problem(401, "unauthenticated");
}

#[actix_web::test]
async fn whoever_guesses_is_slowed_down_and_nobody_else() {
    let world = world().await;
    let key = key(&world, 1, &[Scope::StateRead], Reach::default()).await;
    let wrong = ApiKey::new(&[9; 32]);
    let mut slowed = 0;
    for _ in 0..60 {
        let answer = world.ask(with(remote("/api/v1/components"), &wrong)).await;
        if answer.status == 429 {
            assert!(answer.retry_after.parse::<u64>().is_ok_and(|seconds| seconds > 0));
            slowed += 1;
        } else {
            answer.problem(401, "unauthenticated");
        }
    }
    assert!(slowed >= 30, "{slowed}");
    world.ask(with(remote("/api/v1/components"), &key)).await.json();
}

#[actix_web::test]
async fn a_limited_key_reads_the_messages_of_its_accounts() {
    let world =
        World::after([message(OTHERS, "theirs"), message(MINE, "mine"), message(OTHERS, "theirs, too")])
            .await;
    let key = key(&world, 1, &[Scope::MessagesRead], only(MINE)).await;
    let page = world.ask(with(remote("/api/v1/messages"), &key)).await.json();
    assert_eq!(page["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["data"][0]["data"]["document"]["Content"], "mine");
    assert_eq!(page["last_position"], 3, "how far it was read, whatever was seen");
}
