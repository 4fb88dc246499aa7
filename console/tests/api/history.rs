//! One account's events, newest first.

use crate::{
    pushes::{COMPONENT, MERCHANT, granted, revoked, sample},
    world::{World, keys},
};

fn history() -> String {
    format!("/api/v1/components/{COMPONENT}/authorizers/{MERCHANT}/events")
}

#[actix_web::test]
async fn events_come_newest_first_and_once_whatever_the_page_size() {
    let world = World::after([sample("ev-ticket"), granted("wxb000000000000001", 0)]).await;
    world.take([granted(MERCHANT, 0), revoked(MERCHANT, 10), sample("ev-unknown-infotype")]).await;
    world.take([granted(MERCHANT, 20), granted(MERCHANT, 30)]).await;
    for limit in [1, 2, 3, 4, 5] {
        let events = world.pages(&format!("{}?", history()), limit).await;
        let names: Vec<_> = events.iter().map(|event| event["type"].as_str().expect("text")).collect();
        assert_eq!(
            names,
            [
                "mandate.authorization.updated.v1",
                "mandate.authorization.granted.v1",
                "mandate.authorization.revoked.v1",
                "mandate.authorization.granted.v1",
            ],
            "limit {limit}"
        );
        let versions: Vec<_> = events.iter().map(|event| event["data"]["version"].as_u64()).collect();
        assert_eq!(versions, [Some(4), Some(3), Some(2), Some(1)]);
    }
}

#[actix_web::test]
async fn an_event_that_comes_between_two_pages_is_not_on_the_second() {
    let world = World::after([granted(MERCHANT, 0), revoked(MERCHANT, 10)]).await;
    let (_, next) = world.get(&format!("{}?limit=1", history())).await.list();
    world.take([granted(MERCHANT, 20)]).await;
    let (rest, _) = world.get(&format!("{}?cursor={}", history(), next.expect("a next page"))).await.list();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0]["data"]["version"], 1);
}

#[actix_web::test]
async fn an_event_has_the_members_of_the_contract() {
    let world = World::after([granted(MERCHANT, 0)]).await;
    let event = &world.get(&history()).await.list().0[0];
    assert_eq!(
        keys(event),
        [
            "causationid",
            "data",
            "datacontenttype",
            "dataschema",
            "id",
            "partitionkey",
            "recordedtime",
            "sequence",
            "source",
            "specversion",
            "subject",
            "time",
            "traceparent",
            "type",
        ]
    );
    assert_eq!(event["time"], "2026-01-01T00:00:00.000Z");
    assert_eq!(event["subject"], MERCHANT);
    assert_eq!(event["sequence"], "00000000000000000001");
    assert_eq!(event["source"], format!("/wechat/component/{COMPONENT}"));
}
