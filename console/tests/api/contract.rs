//! Every answer of every test is one that `openapi.json` describes.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
};

use actix_web::http::{Method, Uri};
use jsonschema::Validator;
use mandate_schema::OPENAPI;
use serde_json::{Value, json};

use crate::world::Answer;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(OPENAPI).expect("JSON"));
static VALIDATORS: LazyLock<Mutex<HashMap<String, &'static Validator>>> = LazyLock::new(Mutex::default);

/// An operation, with its path and method.
struct Operation<'a> {
    path: &'a str,
    method: String,
    told: &'a Value,
}

pub(crate) fn document() -> &'static Value {
    &DOCUMENT
}

/// Asserts that the document describes this answer to this request.
#[track_caller]
pub(crate) fn assert_described(method: &Method, uri: &Uri, answer: &Answer) {
    // Outside of it, unknown addresses and the health of the process.
    let Some(path) = uri.path().strip_prefix("/api/v1") else { return };
    let Some(operation) = operation(path, method) else {
        assert!(
            matches!(answer.status, 401 | 403 | 404 | 405 | 429),
            "{method} {path} is not described: {answer:?}"
        );
        return;
    };
    let status = answer.status.to_string();
    let described = &operation.told["responses"][&status];
    let response = if described.is_null() { "default" } else { status.as_str() };
    if response == "default" {
        assert!(answer.status >= 400, "{method} {path}: {status} is not described");
    } else {
        operation.knows_parameters(uri);
    }
    operation.fits(response, answer);
}

fn operation<'a>(path: &str, method: &Method) -> Option<Operation<'a>> {
    let method = method.as_str().to_ascii_lowercase();
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    // A path without parameters goes before one with them.
    let mut found: Vec<_> = paths.iter().filter(|(template, _)| is_like(template, path)).collect();
    found.sort_by_key(|(template, _)| template.matches('{').count());
    let (path, operations) = found.first()?;
    let told = operations.get(&method)?;
    Some(Operation { path, method, told })
}

fn is_like(template: &str, path: &str) -> bool {
    let (mut parts, mut wanted) = (path.split('/'), template.split('/').peekable());
    while let Some(want) = wanted.next() {
        let Some(part) = parts.next() else { return false };
        if want == "{path}" && wanted.peek().is_none() {
            return true; // the rest, slashes included
        }
        if want != part && !want.starts_with('{') {
            return false;
        }
    }
    parts.next().is_none()
}

fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(pointer) => {
            DOCUMENT.pointer(pointer.trim_start_matches('#')).expect("what is referred to is there")
        }
        None => value,
    }
}

impl Operation<'static> {
    /// All parameters of a query that was accepted are described.
    #[track_caller]
    fn knows_parameters(&self, uri: &Uri) {
        // What is passed on to WeChat is WeChat's.
        if self.path.starts_with("/proxy/") {
            return;
        }
        let described = self.told["parameters"].as_array();
        let known: Vec<&str> = described
            .into_iter()
            .flatten()
            .map(resolve)
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().expect("a name"))
            .collect();
        for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split('=').next().unwrap_or_default();
            assert!(known.contains(&name), "{} {}: {name} is not described", self.method, self.path);
        }
    }

    #[track_caller]
    fn fits(&self, response: &str, answer: &Answer) {
        let described = resolve(&self.told["responses"][response]);
        let Some(content) = described["content"].as_object() else {
            assert_eq!(answer.body, "", "{} {}: no body is described", self.method, self.path);
            return;
        };
        let media = answer.content_type.split(';').next().unwrap_or_default();
        let Some(media) = content.get(media).or_else(|| content.get("*/*")) else {
            panic!("{} {}: {media:?} is not described", self.method, self.path)
        };
        let (Some(schema), Ok(body)) = (media.get("schema"), serde_json::from_str::<Value>(&answer.body))
        else {
            return;
        };
        let validator = validator(&format!("{} {} {response}", self.method, self.path), schema);
        let complaints: Vec<String> =
            validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(complaints.is_empty(), "{} {} {response}: {complaints:#?}\n{body:#}", self.method, self.path);
    }
}

fn validator(name: &str, schema: &Value) -> &'static Validator {
    let mut known = VALIDATORS.lock().expect("unpoisoned");
    known.entry(name.to_owned()).or_insert_with(|| {
        let mut schema = schema.clone();
        schema["components"] = json!({ "schemas": DOCUMENT["components"]["schemas"] });
        nothing_else(&mut schema);
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
        Box::leak(Box::new(validator))
    })
}

/// Readers must take fields that they do not know; we must not have any that nobody described.
fn nothing_else(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") && fields.get("type") == Some(&json!("object")) {
                fields.entry("additionalProperties").or_insert(json!(false));
            }
            fields.values_mut().for_each(nothing_else);
        }
        Value::Array(items) => items.iter_mut().for_each(nothing_else),
        _ => {}
    }
}
