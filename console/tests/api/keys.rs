//! Callers with keys: scopes, limits, revocation, refusals, the audit trail.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use actix_web::test::TestRequest;
use jiff::{SignedDuration, Timestamp};
use mandate_schema::{ApiKey, ApiKeyRecord, Reach, Scope};

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
    world.worker.storage.put_api_key(record(number, scopes, reach)).await.expect("the store is there");
    ApiKey::new(&[number; 32])
}

pub(crate) fn record(number: u8, scopes: &[Scope], reach: Reach) -> ApiKeyRecord {
    ApiKeyRecord {
        id: Uuid::from_u128(number.into()),
        name: format!("key {number}"),
        hash: ApiKey::new(&[number; 32]).hash(),
        scopes: scopes.iter().copied().collect(),
        reach,
        created_at: Timestamp::now(),
        expires_at: None,
        revoked_at: None,
        used_at: None,
    }
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
        .worker
        .storage
        .revoke_api_key(Uuid::from_u128(1), Timestamp::now())
        .await
        .expect("the store is there");
    let world = world.restarted();
    world.ask(with(remote("/api/v1/components"), &revoked)).await.problem(401, "unauthenticated");
    world.ask(with(local("/api/v1/components"), &revoked)).await.problem(401, "unauthenticated");
}

#[actix_web::test]
async fn once_there_was_a_key_nobody_comes_without_whatever_became_of_it() {
    for (revoked, expired) in [(true, false), (false, true), (true, true)] {
        let world = world().await;
        world.ask(local("/api/v1/components")).await.json();
        let now = Timestamp::now();
        let record = ApiKeyRecord {
            expires_at: expired.then_some(now - SignedDuration::from_secs(1)),
            ..record(1, &[Scope::StateRead], Reach::default())
        };
        world.worker.storage.put_api_key(record.clone()).await.expect("the store is there");
        if revoked {
            assert!(world.worker.storage.revoke_api_key(record.id, now).await.expect("the store is there"));
        }
        let world = world.restarted();
        for address in ["/api/v1/components", "/api/v1/events", "/api/v1/dead-letters"] {
            world.ask(local(address)).await.problem(401, "unauthenticated");
        }
    }
}

#[actix_web::test]
async fn who_is_passed_on_or_sent_by_another_site_is_not_let_in_without_a_key() {
    let world = world().await;
    for (name, value, code) in [
        ("x-forwarded-for", "203.0.113.7", "loopback_only"),
        ("x-forwarded-host", "localhost", "loopback_only"),
        ("forwarded", "for=127.0.0.1", "loopback_only"),
        ("x-real-ip", "127.0.0.1", "loopback_only"),
        ("via", "1.1 proxy", "loopback_only"),
        ("sec-fetch-site", "cross-site", "cross_origin"),
        ("sec-fetch-site", "same-site", "cross_origin"),
    ] {
        let request = local("/api/v1/components").insert_header((name, value));
        world.ask(request).await.problem(403, code);
    }
    world.ask(local("/api/v1/components").insert_header(("sec-fetch-site", "same-origin"))).await.json();
    // A key is good whatever the way.
    let key = key(&world, 1, &[Scope::StateRead], Reach::default()).await;
    let request = with(local("/api/v1/components"), &key).insert_header(("x-forwarded-for", "203.0.113.7"));
    world.ask(request.insert_header(("sec-fetch-site", "cross-site"))).await.json();
}

/// Revokes the key with this number.
async fn revoke(world: &World, number: u128) {
    let revoked = world.worker.storage.revoke_api_key(Uuid::from_u128(number), Timestamp::now()).await;
    assert!(revoked.expect("the store is there"));
}

#[actix_web::test]
async fn who_waits_with_a_key_that_is_revoked_gets_nothing_more() {
    for (address, scope) in [
        ("/api/v1/events?after=end&wait=30", Scope::EventsRead),
        ("/api/v1/messages?wait=30", Scope::MessagesRead),
    ] {
        let world = World::after([granted(OTHERS, 1)]).await;
        let key = key(&world, 1, &[scope], Reach::default()).await;
        let at_once = address.replace("wait=30", "wait=0");
        world.ask(with(remote(&at_once), &key)).await.json(); // from here on it is believed for a second
        let poll = world.ask(with(remote(address), &key));
        let meanwhile = async {
            revoke(&world, 1).await;
            world.take([granted(MINE, 0), message(MINE, "too late")]).await;
        };
        let (answer, ()) = tokio::join!(poll, meanwhile);
        let detail = answer.problem(401, "unauthenticated");
        assert!(!detail.contains(MINE), "{address}: {detail}");
    }
}

#[actix_web::test]
async fn a_poll_ends_soon_after_its_key_though_nothing_happens() {
    for (address, scope) in [
        ("/api/v1/events?after=end&wait=30", Scope::EventsRead),
        ("/api/v1/messages?wait=30", Scope::MessagesRead),
    ] {
        let world = world().await;
        let begun = Instant::now();
        let expires_at = Some(Timestamp::now() + SignedDuration::from_millis(1_500));
        let record = ApiKeyRecord { expires_at, ..record(1, &[scope], Reach::default()) };
        world.worker.storage.put_api_key(record).await.expect("the store is there");
        world.ask(with(remote(address), &ApiKey::new(&[1; 32]))).await.problem(401, "unauthenticated");
        assert!(begun.elapsed() < Duration::from_secs(10), "{address}: {:?}", begun.elapsed());
    }
}

#[actix_web::test]
async fn the_trail_and_the_limits_name_whom_a_trusted_proxy_asks_for() {
    let world = world().await;
    key(&world, 1, &[Scope::StateRead], Reach::default()).await;
    let world = world.restarted();
    let behind = |peer: [u8; 4], client: &str| {
        let request = TestRequest::with_uri("/api/v1/components").peer_addr((peer, 50_000).into());
        request.insert_header(("x-forwarded-for", client.to_owned()))
    };
    for (peer, client) in [
        ([127, 0, 0, 1], "203.0.113.1, 203.0.113.2"),
        ([127, 0, 0, 2], "2001:db8::7, 127.0.0.9"),
        ([10, 0, 0, 9], "203.0.113.3"),
        ([192, 168, 0, 9], "127.0.0.1"),
    ] {
        world.ask(behind(peer, client)).await.problem(401, "unauthenticated");
    }
    // Whoever is behind the proxy is slowed down alone.
    for _ in 0..30 {
        world.ask(behind([127, 0, 0, 1], "203.0.113.8")).await;
    }
    assert_eq!(world.ask(behind([127, 0, 0, 1], "203.0.113.8")).await.status, 429);
    assert_eq!(world.ask(behind([127, 0, 0, 1], "203.0.113.9")).await.status, 401);
    world.worker.access.write().await.expect("the store is there");
    let entries = world.worker.storage.audit(None, 1_000).await.expect("the store is there");
    let addresses: BTreeSet<&str> = entries.iter().filter_map(|entry| entry.address.as_deref()).collect();
    let expected = ["10.0.0.9", "192.168.0.9", "2001:db8::7", "203.0.113.2", "203.0.113.8", "203.0.113.9"];
    assert_eq!(addresses, expected.into());
}

#[actix_web::test]
async fn little_is_kept_of_what_strangers_send_and_not_without_limit() {
    let world = world().await;
    key(&world, 1, &[Scope::StateRead], Reach::default()).await;
    let world = world.restarted();
    for (number, length) in (0_u8..).zip([10, 255, 256, 257, 5_000, 60_000]) {
        let address = format!("/api/v1/{}", "p".repeat(length));
        world.ask(remote(&address).peer_addr(([198, 51, 100, number], 1).into())).await;
    }
    for number in 0..2_000_u32 {
        let [.., high, low] = number.to_be_bytes();
        world.ask(remote("/api/v1/components").peer_addr(([203, high, low, 1], 1).into())).await;
    }
    world.worker.access.write().await.expect("the store is there");
    let entries = world.worker.storage.audit(None, 10_000).await.expect("the store is there");
    let refused: Vec<_> = entries.iter().filter(|entry| entry.act == "request.refused").collect();
    assert!((6..=110).contains(&refused.len()), "{}", refused.len());
    for entry in &refused {
        let subject = entry.subject.as_deref().expect("what was asked");
        assert!(subject.starts_with("GET /api/v1/") && subject.chars().count() <= 256, "{subject}");
    }
    assert!(refused.iter().any(|entry| entry.subject.as_deref() == Some("GET /api/v1/pppppppppp")));
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
