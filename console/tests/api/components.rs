//! `/components`.

use jiff::Timestamp;
use mandate_console::list_components;
use mandate_schema::ComponentId;
use serde_json::json;

use crate::{
    pushes::{COMPONENT, granted, revoked, sample},
    world::{World, assert_time, keys},
};

#[actix_web::test]
async fn a_component_without_a_ticket_says_so() {
    let world = World::new();
    let counts = json!({"authorized": 0, "revoked": 0, "pending": 0, "broken": 0});
    let component = json!({"app_id": COMPONENT, "ticket": null, "access_token": null, "authorizers": counts});
    assert_eq!(world.get(&format!("/api/v1/components/{COMPONENT}")).await.json(), component);
    assert_eq!(
        world.get("/api/v1/components").await.json(),
        json!({"data": [component], "next_cursor": null})
    );
}

#[actix_web::test]
async fn a_component_shows_the_age_of_its_ticket_and_counts_its_accounts() {
    let world = World::after([
        sample("ev-ticket"),
        granted("wxa000000000000001", 0),
        granted("wxa000000000000002", 0),
        revoked("wxa000000000000002", 10),
        revoked("wxa000000000000003", 10),
    ])
    .await;
    let shown = world.get(&format!("/api/v1/components/{COMPONENT}")).await.json();
    assert_eq!(keys(&shown), ["access_token", "app_id", "authorizers", "ticket"]);
    assert_eq!(shown["authorizers"], json!({"authorized": 0, "revoked": 2, "pending": 1, "broken": 0}));
    assert_eq!(keys(&shown["ticket"]), ["age_seconds", "received_at"]);
    assert_time(&shown["ticket"]["received_at"]);
    assert!((0..60).contains(&shown["ticket"]["age_seconds"].as_i64().expect("a number")));
}

#[actix_web::test]
async fn components_come_in_pages_in_order_of_their_ids() {
    let world = World::new();
    let ids = ["wxc3", "wxc1", "wxc2"].map(|id| ComponentId::parse(&format!("{id}00000000")).expect("valid"));
    let page = async |after, limit| {
        let page = list_components(&world.views, &ids, after, limit, Timestamp::now()).await.expect("a page");
        let shown: Vec<_> = page.data.into_iter().map(|component| component.app_id).collect();
        (shown, page.next_cursor.is_some())
    };
    assert_eq!(page(None, 2).await, (vec![ids[1].clone(), ids[2].clone()], true));
    assert_eq!(page(Some(ids[2].clone()), 2).await, (vec![ids[0].clone()], false));
}
