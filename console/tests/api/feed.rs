//! The feed: the whole log in order.

use serde_json::Value;

use crate::{
    pushes::{COMPONENT, MERCHANT, granted, revoked, sample},
    world::{LOG_ID, World, keys, local, remote},
};

const OTHER: &str = "wxb000000000000001";

async fn world() -> World {
    World::after([
        sample("ev-ticket"),
        granted(MERCHANT, 0),
        granted(OTHER, 0),
        sample("ev-fasteregister-ok"),
        revoked(MERCHANT, 10),
        sample("ev-unknown-infotype"),
        granted(OTHER, 10),
    ])
    .await
}

fn sequences(page: &Value) -> Vec<u64> {
    let events = page["data"].as_array().expect("a list").iter();
    events.map(|event| event["sequence"].as_str().expect("text").parse().expect("a number")).collect()
}

#[actix_web::test]
async fn following_last_position_reads_every_event_once() {
    let world = world().await;
    assert_eq!(world.head().await, 7);
    for limit in [1, 2, 3, 7, 8] {
        let (mut after, mut seen) = (0, Vec::new());
        loop {
            let address = format!("/api/v1/events?after={after}&limit={limit}&log_id={LOG_ID}");
            let page = world.get(&address).await.json();
            assert_eq!(keys(&page), ["data", "last_position", "log_id"]);
            assert_eq!(page["log_id"], LOG_ID);
            let read = sequences(&page);
            assert!(read.len() <= limit);
            after = page["last_position"].as_u64().expect("a number");
            if read.is_empty() {
                break;
            }
            assert_eq!(read.last(), Some(&after));
            seen.extend(read);
        }
        assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7], "limit {limit}");
    }
}

#[actix_web::test]
async fn without_a_position_the_feed_starts_at_the_beginning() {
    let world = world().await;
    assert_eq!(sequences(&world.get("/api/v1/events").await.json()), [1, 2, 3, 4, 5, 6, 7]);
}

#[actix_web::test]
async fn filters_are_met_together_and_the_page_says_how_far_it_read() {
    let world = world().await;
    for (filter, expected, last) in [
        ("type=authorization.granted", vec![2, 3], 7),
        ("type=component.notice_received", vec![4, 6], 7),
        ("type=credentials.issued", vec![], 7),
        (&format!("authorizer={MERCHANT}"), vec![2, 5], 7),
        (&format!("component={COMPONENT}&authorizer={OTHER}&type=authorization.updated"), vec![7], 7),
        ("component=wxother0000", vec![], 7),
        (&format!("authorizer={MERCHANT}&limit=1"), vec![2], 2),
        (&format!("authorizer={MERCHANT}&after=2&limit=1"), vec![5], 5),
        ("after=7", vec![], 7),
    ] {
        let page = world.get(&format!("/api/v1/events?{filter}")).await.json();
        assert_eq!((sequences(&page), page["last_position"].as_u64()), (expected, Some(last)), "{filter}");
    }
}

#[actix_web::test]
async fn a_position_that_is_not_of_this_log_is_refused() {
    let world = world().await;
    for wrong in
        ["after=8", "after=18446744073709551615", "log_id=another", "after=3&log_id=another", "log_id="]
    {
        let detail = world.get(&format!("/api/v1/events?{wrong}")).await.problem(409, "log_reset");
        assert!(detail.contains("read again from the start"), "{detail}");
    }
    assert_eq!(world.get(&format!("/api/v1/events?after=7&log_id={LOG_ID}")).await.status, 200);
}

#[actix_web::test]
async fn who_waits_is_answered_by_the_next_event_that_is_wanted() {
    let world = world().await;
    let next = world.get("/api/v1/events?after=7&wait=30s");
    let (page, ()) = tokio::join!(next, world.take([granted("wxd000000000000004", 50)]));
    assert_eq!(page.json()["data"].as_array().expect("a list").len(), 1);
    let unwanted = world.get("/api/v1/events?after=7&type=authorization.revoked&wait=1");
    let (page, ()) = tokio::join!(unwanted, world.take([granted("wxd000000000000004", 60)]));
    let page = page.json();
    assert_eq!(page["data"].as_array().map(Vec::len), Some(0));
    assert_eq!(page["last_position"], world.head().await, "it has seen that there was nothing");
    for nonsense in ["wait=31", "wait=soon", "wait=-1"] {
        world.get(&format!("/api/v1/events?{nonsense}")).await.problem(400, "invalid_parameter");
    }
    world.get("/api/v1/authorizers?wait=20s").await.problem(400, "unknown_parameter");
}

#[actix_web::test]
async fn every_event_says_where_its_schema_is_which_needs_no_key() {
    let world = world().await;
    let feed = world.get("/api/v1/events").await.json();
    for event in feed["data"].as_array().expect("a list") {
        let answer = world.ask(remote(event["dataschema"].as_str().expect("an address"))).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/schema+json"));
        let schema: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!((&schema["$id"], &schema["title"]), (&event["dataschema"], &event["type"]));
    }
    let unknown = world.ask(remote("/api/v1/schemas/mandate.nonsense.v1.json")).await;
    assert_eq!((unknown.status, unknown.content_type.as_str()), (404, "application/problem+json"));
}

#[actix_web::test]
async fn a_stream_that_cannot_begin_says_why() {
    let world = world().await;
    world.get("/api/v1/events/stream?after=99").await.problem(409, "log_reset");
    world.get("/api/v1/events/stream?wait=1").await.problem(400, "unknown_parameter");
    world.get("/api/v1/events/stream?type=nonsense").await.problem(400, "invalid_parameter");
    let request = local("/api/v1/events/stream").insert_header(("last-event-id", "soon"));
    let detail = world.ask(request).await.problem(400, "invalid_parameter");
    assert!(detail.contains("Last-Event-ID"), "{detail}");
    let request = local("/api/v1/events/stream?after=1").insert_header(("last-event-id", "99"));
    world.ask(request).await.problem(409, "log_reset"); // what it has seen last counts
}

#[actix_web::test]
async fn a_page_from_the_end_has_what_comes_from_now_on() {
    let world = world().await;
    let page = world.get("/api/v1/events?after=end").await.json();
    assert_eq!((sequences(&page), &page["last_position"]), (Vec::new(), &Value::from(7)));
    let elsewhere = world.get("/api/v1/events?after=ends").await;
    elsewhere.problem(400, "invalid_parameter");
}
