//! The feed of messages.

use mandate_schema::event_schema;
use serde_json::Value;

use crate::{
    pushes::{MERCHANT, message},
    world::{World, keys},
};

const OTHER: &str = "wxb000000000000001";

fn contents(page: &Value) -> Vec<&str> {
    let messages = page["data"].as_array().expect("a list").iter();
    messages.map(|message| message["data"]["document"]["Content"].as_str().expect("text")).collect()
}

#[actix_web::test]
async fn following_last_position_reads_every_message_once_and_whole() {
    let world = World::after([message(MERCHANT, "一"), message(OTHER, "二"), message(MERCHANT, "三")]).await;
    world.take([message(OTHER, "二")]).await; // WeChat sent it again
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = world.get(&format!("/api/v1/messages?after={after}&limit=2")).await.json();
        assert_eq!(keys(&page), ["data", "last_position"]);
        after = page["last_position"].as_u64().expect("a number");
        if page["data"].as_array().is_some_and(Vec::is_empty) {
            break;
        }
        seen.extend(contents(&page).into_iter().map(str::to_owned));
        let first = &page["data"][0];
        let schema = event_schema("mandate.message.received.v1").expect("it is frozen");
        let schema: Value = serde_json::from_str(schema).expect("JSON");
        let schema = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
        assert!(schema.is_valid(first), "{first:#}");
        assert_eq!(first["type"], "mandate.message.received.v1");
        assert_eq!(first["subject"], first["data"]["authorizer"]);
        assert_eq!(first["data"]["msg_type"], "text");
        assert!(first["sequence"].as_str().is_some_and(|text| text.len() == 20), "{first}");
    }
    assert_eq!(seen, ["一", "二", "三"]);
    let beyond = world.get("/api/v1/messages?after=99").await;
    beyond.problem(409, "log_reset");
    for nonsense in ["wait=31", "wait=soon", "after=x", "limit=0", "type=text"] {
        let answer = world.get(&format!("/api/v1/messages?{nonsense}")).await;
        assert_eq!(answer.status, 400, "{nonsense}");
    }
}

#[actix_web::test]
async fn who_waits_is_answered_by_the_next_message() {
    let world = World::new();
    let waiting = world.get("/api/v1/messages?wait=30");
    let (page, ()) = tokio::join!(waiting, world.take([message(MERCHANT, "hi")]));
    assert_eq!(contents(&page.json()), ["hi"]);
    let nothing = world.get("/api/v1/messages?after=1&wait=0").await.json();
    assert_eq!((contents(&nothing).len(), &nothing["last_position"]), (0, &Value::from(1)));
}
