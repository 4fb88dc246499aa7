//! JSON Schemas (2020-12) of the published events. The files are frozen: a program that was written after one must go on reading
//! what we publish. They may gain fields; what they say already stays.

macro_rules! frozen {
    ($name:literal) => {
        (concat!("mandate.", $name, ".v1"), include_str!(concat!("../events/mandate.", $name, ".v1.json")))
    };
}

/// Types of published events with their schemas.
pub const EVENT_SCHEMAS: [(&str, &str); 14] = [
    frozen!("component.ticket_received"),
    frozen!("component.notice_received"),
    frozen!("authorization.granted"),
    frozen!("authorization.updated"),
    frozen!("authorization.revoked"),
    frozen!("authorization.permissions_changed"),
    frozen!("credentials.issued"),
    frozen!("credentials.rotated"),
    frozen!("credentials.rejected"),
    frozen!("credentials.recovered"),
    frozen!("redemption.failed"),
    frozen!("profile.recorded"),
    frozen!("authorizer.erased"),
    frozen!("webhook.disabled"),
];

/// The schema of messages, which have no version of the log's: written by hand, frozen all the same.
const MESSAGE_SCHEMA: (&str, &str) = frozen!("message.received");

/// The schema of a published type, such as `mandate.authorization.granted.v1`.
pub fn event_schema(kind: &str) -> Option<&'static str> {
    EVENT_SCHEMAS.iter().chain([&MESSAGE_SCHEMA]).find(|(known, _)| *known == kind).map(|(_, schema)| *schema)
}

#[cfg(test)]
mod tests {
    use schemars::{JsonSchema, generate::SchemaSettings};
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::{
        CredentialsIssued, CredentialsRecovered, CredentialsRejected, CredentialsRotated, EVENT_NAMES,
        Erased, Granted, NoticeReceived, PermissionsChanged, Profile, RedemptionFailed, Revoked,
        TicketReceived, WebhookDisabled,
    };

    /// What the code says today about an event's data, and what the event is.
    fn today(name: &str) -> (Value, &'static str) {
        match name {
            "component.ticket_received" => {
                (data::<TicketReceived>(), "WeChat pushed a ticket. The ticket itself is never published.")
            }
            "component.notice_received" => (
                data::<NoticeReceived>(),
                "WeChat pushed something else to the auth-event URL. document: all elements but secret ones, by their path; null once erased.",
            ),
            "authorization.granted" => {
                (data::<Granted>(), "An account that was not held has authorized the component.")
            }
            "authorization.updated" => {
                (data::<Granted>(), "An account that was held has confirmed its authorization again.")
            }
            "authorization.revoked" => (data::<Revoked>(), "The account has revoked its authorization."),
            "authorization.permissions_changed" => (
                data::<PermissionsChanged>(),
                "The permission sets that the account grants are others than before. Ids are an open list.",
            ),
            "credentials.issued" => (data::<CredentialsIssued>(), "A code was redeemed."),
            "credentials.rotated" => {
                (data::<CredentialsRotated>(), "A refresh brought another refresh token.")
            }
            "credentials.rejected" => (
                data::<CredentialsRejected>(),
                "WeChat refuses our credentials, and recovery failed: only the merchant can authorize anew.",
            ),
            "credentials.recovered" => (data::<CredentialsRecovered>(), "A refresh token was recovered."),
            "redemption.failed" => {
                (data::<RedemptionFailed>(), "A code could not be redeemed, and recovery failed.")
            }
            "profile.recorded" => (
                data::<Profile>(),
                "The account's profile, when it differs from the last one. Once it has been erased none of its fields is there.",
            ),
            "authorizer.erased" => (data::<Erased>(), "The account's secrets and personal data were erased."),
            "webhook.disabled" => {
                (data::<WebhookDisabled>(), "A webhook endpoint was disabled after failing for too long.")
            }
            other => panic!("{other} has no schema"),
        }
    }

    fn data<T: JsonSchema>() -> Value {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        settings.into_generator().into_root_schema_for::<T>().to_value()
    }

    /// Descriptions are the code's own comments: without what is meant for readers of code.
    fn for_everybody(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(text)) = fields.get_mut("description") {
                    *text = text.replace('`', "").replace("**", "").replace("None", "null");
                }
                fields.values_mut().for_each(for_everybody);
            }
            Value::Array(items) => items.iter_mut().for_each(for_everybody),
            _ => {}
        }
    }

    /// The whole document: the `CloudEvent` around the data, which says beside its own where it is from.
    fn document(name: &str) -> Value {
        let kind = format!("mandate.{name}.v1");
        let (mut data, description) = today(name);
        let own = data.as_object_mut().expect("a struct");
        let definitions = own.remove("$defs").unwrap_or_else(|| json!({}));
        for noise in ["$schema", "title", "description"] {
            own.remove(noise);
        }
        // An erased profile has none of its own fields.
        let mut required: Vec<Value> = match own.remove("required") {
            Some(Value::Array(required)) if name != "profile.recorded" => required,
            _ => Vec::new(),
        };
        let properties = own.entry("properties").or_insert_with(|| json!({}));
        let properties = properties.as_object_mut().expect("fields");
        for (field, schema) in [
            ("component", json!({ "type": ["string", "null"], "description": "Appid of the component." })),
            ("authorizer", json!({ "type": ["string", "null"], "description": "Appid of the account." })),
            ("stream", json!({ "type": "string", "description": "The stream that the event is of." })),
            (
                "version",
                json!({ "type": "integer", "minimum": 1, "description": "Its number in the stream." }),
            ),
        ] {
            properties.insert(field.to_owned(), schema);
            required.push(json!(field));
        }
        own.insert("required".into(), Value::Array(required));
        let text = |description: &str| json!({ "type": "string", "description": description });
        let time = |description: &str| json!({ "type": "string", "format": "date-time", "description": description });
        let around = json!({
            "specversion": { "const": "1.0" },
            "id": { "type": "string", "format": "uuid", "description": "The same at every delivery." },
            "source": text("/wechat/component/{component}, or /mandate."),
            "type": { "const": kind },
            "subject": text("The account, else the component, else the webhook."),
            "time": time("When WeChat says that it happened, else when it was recorded."),
            "datacontenttype": { "const": "application/json" },
            "dataschema": { "const": format!("/api/v1/schemas/{kind}.json") },
            "sequence": { "type": "string", "pattern": "^[0-9]{20}$", "description": "Position in the log." },
            "partitionkey": text("Events of one key are in order."),
            "recordedtime": time("When it was recorded."),
            "causationid": { "type": "string", "format": "uuid", "description": "The command that caused it." },
            "traceparent": text("W3C trace context."),
            "data": data,
        });
        let required: Vec<&String> = around.as_object().expect("an object").keys().collect();
        let mut schema = Map::from_iter([
            ("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema")),
            ("$id".to_owned(), json!(format!("/api/v1/schemas/{kind}.json"))),
            ("title".to_owned(), json!(kind)),
            ("description".to_owned(), json!(description)),
            ("type".to_owned(), json!("object")),
            ("required".to_owned(), json!(required)),
            ("properties".to_owned(), around),
        ]);
        if definitions != json!({}) {
            schema.insert("$defs".to_owned(), definitions);
        }
        let mut schema = Value::Object(schema);
        for_everybody(&mut schema);
        schema
    }

    /// After a wanted change: `MANDATE_FREEZE_SCHEMAS=1 cargo test -p mandate-schema`, and look at the difference.
    #[test]
    fn the_frozen_schemas_are_what_the_code_publishes() {
        let freeze = std::env::var_os("MANDATE_FREEZE_SCHEMAS").is_some();
        for name in EVENT_NAMES {
            let text = serde_json::to_string_pretty(&document(name)).expect("JSON") + "\n";
            let kind = format!("mandate.{name}.v1");
            if freeze {
                let file = format!("{}/events/{kind}.json", env!("CARGO_MANIFEST_DIR"));
                std::fs::write(file, &text).expect("our own folder");
            } else {
                assert_eq!(event_schema(&kind), Some(text.as_str()), "{kind}");
            }
        }
        assert_eq!(EVENT_SCHEMAS.len(), EVENT_NAMES.len());
    }
}
