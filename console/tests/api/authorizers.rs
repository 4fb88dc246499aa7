//! `/authorizers` and one account.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    pushes::{COMPONENT, MERCHANT, granted, revoked},
    world::{World, assert_time, keys, local},
};

fn show(authorizer: &str) -> String {
    format!("/api/v1/components/{COMPONENT}/authorizers/{authorizer}")
}

fn app_ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["app_id"].as_str().expect("text")).collect()
}

#[actix_web::test]
async fn an_account_has_the_members_of_the_contract() {
    let world = World::after([granted(MERCHANT, 0)]).await;
    let answer = world.get(&show(MERCHANT)).await;
    let mut shown = answer.json();
    assert_time(&shown["updated_at"].take());
    assert_eq!(
        shown,
        json!({
            "component": COMPONENT, "app_id": MERCHANT, "status": "pending", "generation": 1, "version": 1,
            "position": 1, "authorized_at": "2026-01-01T00:00:00.000Z", "revoked_at": null, "permissions": [],
            "profile": null, "credentials": {"refresh_token": "missing", "access_token_expires_at": null},
            "updated_at": null,
        })
    );
    assert_eq!(answer.etag, r#""v1""#);
}

#[actix_web::test]
async fn an_unchanged_account_is_not_sent_again() {
    let world = World::after([granted(MERCHANT, 0)]).await;
    let ask =
        async |known: &str| world.ask(local(&show(MERCHANT)).insert_header(("if-none-match", known))).await;
    for known in [r#""v1""#, r#"W/"v1""#, r#""v0", "v1""#, "*"] {
        let answer = ask(known).await;
        assert_eq!((answer.status, answer.body.as_str()), (304, ""), "{known}");
        assert_eq!((answer.etag.as_str(), answer.cache_control.as_str()), (r#""v1""#, "no-store"));
    }
    for other in [r#""v2""#, "v1", r#""V1""#, ""] {
        assert_eq!(ask(other).await.status, 200, "{other}");
    }
    world.take([revoked(MERCHANT, 10)]).await;
    let answer = ask(r#""v1""#).await;
    assert_eq!((answer.json()["status"].as_str(), answer.etag.as_str()), (Some("revoked"), r#""v2""#));
}

#[actix_web::test]
async fn an_account_can_be_seen_as_of_any_position_of_the_log() {
    let world = World::after([
        granted("wxb000000000000001", 0),
        granted(MERCHANT, 0),
        granted("wxb000000000000001", 10),
        revoked(MERCHANT, 10),
    ])
    .await;
    let at = async |position: u64| world.get(&format!("{}?at_position={position}", show(MERCHANT))).await;
    for position in [0, 1] {
        at(position).await.problem(404, "not_found");
    }
    for (position, status, version) in [(2, "pending", 1), (3, "pending", 1), (4, "revoked", 2)] {
        let answer = at(position).await;
        let shown = answer.json();
        assert_eq!((&shown["status"], &shown["version"]), (&status.into(), &version.into()), "{position}");
        assert_eq!(answer.etag, format!(r#""v{version}""#));
    }
    assert_eq!(at(4).await.json(), world.get(&show(MERCHANT)).await.json());
    for beyond in [5, u64::MAX] {
        at(beyond).await.problem(409, "log_reset");
    }
}

#[actix_web::test]
async fn every_account_is_listed_once_whatever_the_page_size() {
    let merchants: Vec<_> = (0..7).map(|n| format!("wxa00000000000000{n}")).collect();
    let world = World::after(merchants.iter().rev().map(|merchant| granted(merchant, 0))).await;
    for limit in [1, 2, 3, 6, 7, 8, 500] {
        let items = world.pages("/api/v1/authorizers?", limit).await;
        assert_eq!(app_ids(&items), merchants, "limit {limit}");
    }
    let (items, next) = world.get("/api/v1/authorizers?limit=7").await.list();
    assert_eq!((items.len(), next), (7, None), "a page that is just full is the last one");
    assert_eq!(items[0], world.get(&show(&merchants[0])).await.json());
}

#[actix_web::test]
async fn the_next_page_keeps_the_filter() {
    let merchants: Vec<_> = (0..6).map(|n| format!("wxa00000000000000{n}")).collect();
    let world = World::after(merchants.iter().map(|merchant| granted(merchant, 0))).await;
    world.take(merchants.iter().step_by(2).map(|merchant| revoked(merchant, 10))).await;
    let mut seen = BTreeSet::new();
    let mut address = "/api/v1/authorizers?status=revoked&limit=2".to_owned();
    loop {
        let answer = world.get(&address).await;
        for item in answer.list().0 {
            assert_eq!(item["status"], "revoked");
            assert!(seen.insert(item["app_id"].to_string()), "twice: {item}");
        }
        let Some(link) = answer.link.strip_suffix(">; rel=\"next\"") else { break };
        address = link.trim_start_matches('<').to_owned();
    }
    assert_eq!(seen.len(), 3);
}

#[actix_web::test]
async fn filters_are_met_together() {
    let world = World::after([
        granted("wxa000000000000001", 0),
        granted("wxa000000000000002", 0),
        granted("wxb000000000000002", 0),
        revoked("wxa000000000000002", 10),
    ])
    .await;
    let found = async |filter: &str| {
        let (items, next) = world.get(&format!("/api/v1/authorizers?{filter}")).await.list();
        assert_eq!(next, None);
        app_ids(&items).join(" ")
    };
    assert_eq!(found("status=revoked").await, "wxa000000000000002");
    assert_eq!(found("status=authorized").await, "");
    assert_eq!(found("q=WXB0").await, "wxb000000000000002");
    assert_eq!(found("q=02&status=pending").await, "wxb000000000000002");
    assert_eq!(found("q=%25").await, "", "a percent sign is no wildcard");
    assert_eq!(found("component=wxother0000").await, "");
    assert_eq!(found(&format!("component={COMPONENT}&q=01")).await, "wxa000000000000001");
    assert_eq!(keys(&world.get("/api/v1/authorizers").await.json()), ["data", "next_cursor"]);
}
