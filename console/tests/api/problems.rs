//! Requests that cannot be answered say why.

use actix_web::http::Method;

use crate::{
    pushes::{COMPONENT, MERCHANT, granted},
    world::{World, local},
};

#[actix_web::test]
async fn an_unknown_address_is_a_problem_inside_and_outside_of_the_api() {
    let world = World::new();
    for address in ["/api/v1/nothing", "/api/v1", "/api/v2/components", "/wechat"] {
        world.get(address).await.problem(404, "unknown_route");
    }
}

#[actix_web::test]
async fn the_root_is_a_page_whose_links_lead_somewhere() {
    let world = World::new();
    let page = world.get("/").await;
    assert_eq!((page.status, page.content_type.as_str()), (200, "text/html; charset=utf-8"));
    let links: Vec<&str> =
        page.body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(links.len(), 6);
    for link in links.into_iter().filter(|link| link.starts_with("/api/")) {
        assert_eq!(world.get(link).await.status, 200, "{link}");
    }
}

#[actix_web::test]
async fn ids_that_cannot_be_ones_are_told_apart_from_unknown_ones() {
    let world = World::after([granted(MERCHANT, 0)]).await;
    for (known, bad) in [
        (format!("/components/{COMPONENT}x"), "/components/w!".to_owned()),
        (
            format!("/components/{COMPONENT}/authorizers/wxffffffffffffffff"),
            format!("/components/{COMPONENT}/authorizers/a.b.c.d"),
        ),
        (
            format!("/components/{COMPONENT}x/authorizers/{MERCHANT}"),
            format!("/components/%2e%2e/authorizers/{MERCHANT}"),
        ),
        (
            format!("/components/{COMPONENT}/authorizers/wxffffffffffffffff/events"),
            format!("/components/{COMPONENT}/authorizers/x/events"),
        ),
    ] {
        world.get(&format!("/api/v1{known}")).await.problem(404, "not_found");
        world.get(&format!("/api/v1{bad}")).await.problem(400, "invalid_id");
    }
    for act in ["retry", "discard"] {
        let unknown = format!("/api/v1/dead-letters/{}/{act}", uuid::Uuid::from_u128(1));
        world.post(&unknown).await.problem(404, "not_found");
        world.post(&format!("/api/v1/dead-letters/7/{act}")).await.problem(400, "invalid_id");
    }
}

#[actix_web::test]
async fn parameters_out_of_range_are_refused_by_name() {
    let world = World::after([granted(MERCHANT, 0)]).await;
    let lists = [
        "/components".to_owned(),
        "/authorizers".to_owned(),
        "/events".to_owned(),
        "/dead-letters".to_owned(),
        format!("/components/{COMPONENT}/authorizers/{MERCHANT}/events"),
    ];
    for list in &lists {
        for limit in ["0", "501", "-1", "many", ""] {
            let answer = world.get(&format!("/api/v1{list}?limit={limit}")).await;
            assert!(answer.problem(400, "invalid_parameter").contains("from 1 to 500"), "{list} {limit}");
        }
        assert_eq!(world.get(&format!("/api/v1{list}?limit=500")).await.status, 200, "{list}");
    }
    for (name, wrong) in [
        ("status", "/authorizers?status=gone"),
        ("component", "/authorizers?component=w!"),
        ("q", &format!("/authorizers?q={}", "x".repeat(101))),
        ("after", "/events?after=-1"),
        ("after", "/events?after=first"),
        ("type", "/events?type=mandate.authorization.granted.v1"),
        ("authorizer", "/events?authorizer=w"),
        ("at_position", &format!("/components/{COMPONENT}/authorizers/{MERCHANT}?at_position=now")),
    ] {
        let detail = world.get(&format!("/api/v1{wrong}")).await.problem(400, "invalid_parameter");
        assert!(detail.starts_with(&format!("query parameter {name}: ")), "{detail}");
    }
}

#[actix_web::test]
async fn a_parameter_given_twice_is_refused() {
    let world = World::new();
    let answer = world.get("/api/v1/authorizers?status=revoked&status=authorized").await;
    assert!(answer.problem(400, "invalid_parameter").contains("more than once"));
}

#[actix_web::test]
async fn cursors_are_of_one_list_and_not_made_up() {
    let merchants = ["wxa000000000000001", "wxa000000000000002"];
    let world = World::after(merchants.map(|merchant| granted(merchant, 0))).await;
    world.take([granted(merchants[0], 10)]).await;
    let of = |merchant: &str| format!("/api/v1/components/{COMPONENT}/authorizers/{merchant}/events");
    let accounts = world.get("/api/v1/authorizers?limit=1").await.list().1.expect("a next page");
    let events = world.get(&format!("{}?limit=1", of(merchants[0]))).await.list().1.expect("a next page");
    for wrong in [
        format!("/api/v1/authorizers?cursor={events}"),
        format!("/api/v1/dead-letters?cursor={accounts}"),
        format!("/api/v1/components?cursor={accounts}"),
        format!("{}?cursor={accounts}", of(merchants[0])),
        format!("{}?cursor={events}", of(merchants[1])),
        "/api/v1/authorizers?cursor=".to_owned(),
        "/api/v1/authorizers?cursor=7".to_owned(),
        "/api/v1/authorizers?cursor=%00%ff".to_owned(),
        format!("/api/v1/authorizers?cursor={}", "A".repeat(2_000)),
    ] {
        world.get(&wrong).await.problem(400, "invalid_cursor");
    }
}

#[actix_web::test]
async fn a_body_that_says_something_is_refused() {
    let world = World::new();
    let address = format!("/api/v1/dead-letters/{}/retry", uuid::Uuid::nil());
    let with = |body: String| {
        let json = ("content-type", "application/json; charset=utf-8");
        local(&address).method(Method::POST).insert_header(json).set_payload(body)
    };
    world.ask(with("{}".to_owned())).await.problem(404, "not_found");
    world.ask(with(r#"{"force":true}"#.to_owned())).await.problem(400, "invalid_body");
    world.ask(with(" ".repeat(1_025))).await.problem(413, "body_too_large");
}

#[actix_web::test]
async fn a_store_that_is_away_is_503_and_worth_another_try() {
    let world = World::new();
    world.lose_store();
    for address in ["/components", "/authorizers", "/events", "/dead-letters"] {
        let answer = world.get(&format!("/api/v1{address}")).await;
        let detail = answer.problem(503, "storage_unavailable");
        assert!(!detail.contains("mandate.db"), "{detail}");
        assert_eq!(answer.retry_after, "5", "{address}");
    }
    assert_eq!(world.get("/healthz").await.status, 200);
}
