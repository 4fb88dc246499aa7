//! Writes `docs/events.md`, the catalogue of events, from the frozen schemas and samples.

use std::fmt::Write;

use serde_json::Value;

use crate::{EVENT_NAMES, event_schema};

const BEGINNING: &str = "\
# Events

What Mandate publishes: over RabbitMQ, as a feed, as server-sent events, to webhooks; everywhere the same CloudEvent 1.0, in order for each account, each at least
once. `id` shows what comes again, `sequence` what is missing. No secret is in any event; a code appears as its SHA-256. An event may gain fields; what is
here stays.

`data` has four fields more in every event: `component` and `authorizer` (appids, null where there is none), `stream`, and `version`, its number in the stream.
Times named `create_time` are WeChat's own, in Unix seconds.

This page is written by `MANDATE_FREEZE_SCHEMAS=1 cargo test -p mandate-schema`.

| event | says |
| --- | --- |
";

fn schema(kind: &str) -> Value {
    serde_json::from_str(event_schema(kind).expect("each has a schema")).expect("JSON")
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// Follows a reference within a document.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str();
    pointer.and_then(|pointer| document.pointer(pointer.trim_start_matches('#'))).unwrap_or(value)
}

/// The type of a field, for people.
fn kind(document: &Value, value: &Value) -> String {
    let value = resolve(document, value);
    if let Some(constant) = value.get("const") {
        return format!("`{}`", constant.as_str().map_or_else(|| constant.to_string(), str::to_owned));
    }
    if let Some(choice) = value.get("oneOf").or_else(|| value.get("anyOf")).and_then(Value::as_array) {
        return choice.iter().map(|value| kind(document, value)).collect::<Vec<_>>().join(", ");
    }
    if let Some(names) = value.get("enum").and_then(Value::as_array) {
        return names
            .iter()
            .map(|name| format!("`{}`", name.as_str().unwrap_or_default()))
            .collect::<Vec<_>>()
            .join(", ");
    }
    match &value["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(document, &value["items"])),
        Value::String(name) => name.clone(),
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        _ => "anything".to_owned(),
    }
}

fn description<'a>(document: &'a Value, value: &'a Value) -> &'a str {
    let own = text(value, "description");
    if own.is_empty() { text(resolve(document, value), "description") } else { own }
}

fn routing_key(name: &str) -> String {
    match name.split('.').next() {
        Some("component") => format!("{name}.{{component}}"),
        Some("webhook") => format!("{name}.{{id}}"),
        _ => format!("{name}.{{component}}.{{authorizer}}"),
    }
}

fn section(page: &mut String, name: &str) {
    let published = format!("mandate.{name}.v1");
    let document = schema(&published);
    write!(
        page,
        "\n## {name}\n\n{}\n\nType `{published}`, routing key `{}`, [schema](../schema/events/{published}.json).\n",
        text(&document, "description"),
        routing_key(name)
    )
    .expect("text");
    let fields = document["properties"]["data"]["properties"].as_object().expect("fields");
    let own = fields
        .iter()
        .filter(|(name, _)| !["component", "authorizer", "stream", "version"].contains(&name.as_str()));
    let rows: Vec<String> = own
        .map(|(name, value)| {
            format!(
                "| `{name}` | {} | {} |\n",
                kind(&document, value),
                description(&document, value).replace('\n', " ")
            )
        })
        .collect();
    if !rows.is_empty() {
        write!(page, "\n| field | type | says |\n| --- | --- | --- |\n{}", rows.concat()).expect("text");
    }
    let sample = format!("{}/../testdata/published/{name}.v1.json", env!("CARGO_MANIFEST_DIR"));
    let sample = std::fs::read_to_string(sample).expect("each has a sample");
    write!(page, "\n```json\n{sample}```\n").expect("text");
}

#[test]
fn the_catalogue_tells_what_the_schemas_say() {
    let mut page = BEGINNING.to_owned();
    for name in EVENT_NAMES {
        let anchor = name.replace('.', "");
        let document = schema(&format!("mandate.{name}.v1"));
        writeln!(page, "| [`{name}`](#{anchor}) | {} |", text(&document, "description")).expect("text");
    }
    for name in EVENT_NAMES {
        section(&mut page, name);
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/events.md");
    if std::env::var_os("MANDATE_FREEZE_SCHEMAS").is_some() {
        std::fs::write(file, &page).expect("our own folder");
    }
    assert_eq!(std::fs::read_to_string(file).unwrap_or_default(), page, "docs/events.md");
}
