//! Every event that a story publishes is what its frozen schema says.

use std::{collections::HashMap, sync::LazyLock};

use jsonschema::Validator;
use mandate_schema::EVENT_SCHEMAS;
use serde_json::Value;

static VALIDATORS: LazyLock<HashMap<&str, Validator>> = LazyLock::new(|| {
    let validator = |text: &str| {
        let schema: Value = serde_json::from_str(text).expect("JSON");
        jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
    };
    EVENT_SCHEMAS.iter().map(|(kind, schema)| (*kind, validator(schema))).collect()
});

#[track_caller]
pub(super) fn assert_valid(events: &[Value]) {
    for event in events {
        let kind = event["type"].as_str().expect("a type");
        let validator = VALIDATORS.get(kind).unwrap_or_else(|| panic!("{kind} has no schema"));
        let complaints: Vec<String> =
            validator.iter_errors(event).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(complaints.is_empty(), "{kind} is not what its schema says: {complaints:#?}\n{event:#}");
    }
}
