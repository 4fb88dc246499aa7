//! `openapi.json` and `asyncapi.json`: served, and about what is there.

use std::collections::BTreeSet;

use actix_web::http::Method;
use mandate_schema::{ASYNCAPI, EVENT_NAMES, EVENT_SCHEMAS, OPENAPI, event_schema};
use serde_json::Value;

use crate::{
    contract::document,
    world::{World, local, remote},
};

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

/// The addresses that the routes of the server have.
fn routes() -> BTreeSet<String> {
    let source = include_str!("../../src/routes.rs");
    let quoted = source.split('"').skip(1).step_by(2).filter(|text| text.starts_with('/'));
    let below = quoted.map(|text| text.strip_prefix("/api/v1").unwrap_or(text).replace(":.*}", "}"));
    below.filter(|path| !path.is_empty()).collect()
}

#[actix_web::test]
async fn every_route_is_described_and_nothing_else() {
    let paths = document()["paths"].as_object().expect("paths");
    assert_eq!(paths.keys().cloned().collect::<BTreeSet<_>>(), routes());
    let world = World::new();
    for (path, operations) in paths {
        // With a parameter that nobody knows, so that nothing is done.
        let address = format!("/api/v1{}?nonsense=1", path.replace(['{', '}'], ""));
        for method in METHODS {
            let described = operations.get(method.to_ascii_lowercase()).is_some();
            let request = local(&address).method(Method::from_bytes(method.as_bytes()).expect("a method"));
            let status = world.ask(request).await.status;
            assert_eq!(status == 405, !described, "{method} {path} answers {status}");
        }
    }
}

#[actix_web::test]
async fn the_documents_are_served_to_everybody() {
    let world = World::new();
    for (name, text) in [("openapi", OPENAPI), ("asyncapi", ASYNCAPI)] {
        let answer = world.ask(remote(&format!("/api/v1/{name}.json"))).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/json"));
        assert!(answer.body == text && answer.names.contains(&"cache-control".to_owned()));
    }
}

/// All values of `$ref` in a document.
fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn what_the_documents_refer_to_is_there() {
    for text in [OPENAPI, ASYNCAPI] {
        let document: Value = serde_json::from_str(text).expect("JSON");
        for reference in references(&document) {
            let found = match reference.strip_prefix("./schemas/") {
                Some(file) => event_schema(file.trim_end_matches(".json")).is_some(),
                None => document.pointer(reference.trim_start_matches('#')).is_some(),
            };
            assert!(found, "{reference}");
        }
    }
}

#[test]
fn every_event_is_a_message_of_the_channels_that_have_events() {
    let document: Value = serde_json::from_str(ASYNCAPI).expect("JSON");
    let names: BTreeSet<&str> = EVENT_SCHEMAS.iter().map(|(kind, _)| *kind).collect();
    for channel in ["events", "eventsLog", "stream", "webhook"] {
        let messages = document["channels"][channel]["messages"].as_object().expect("messages");
        let kinds: BTreeSet<&str> = messages
            .keys()
            .map(|name| document["components"]["messages"][name]["name"].as_str().expect("a name"))
            .collect();
        assert_eq!(kinds, names, "{channel}");
    }
    for (channel, name) in [("events", "mandate.events"), ("messages", "mandate.messages")] {
        assert_eq!(document["channels"][channel]["bindings"]["amqp"]["exchange"]["name"], name);
        let log = &document["channels"][format!("{channel}Log")]["bindings"]["amqp"]["queue"]["name"];
        assert_eq!(log, &format!("{name}.log"));
    }
}

#[test]
fn the_types_that_can_be_asked_for_are_the_events() {
    let types = &document()["components"]["schemas"]["EventType"]["enum"];
    let types: Vec<&str> =
        types.as_array().expect("a list").iter().map(|name| name.as_str().expect("text")).collect();
    assert_eq!(types, EVENT_NAMES);
}
