//! `CloudEvents` 1.0: the published form of an event.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{AuthorizerId, ComponentId, Event, StoredEvent, StreamName, format_time, stored::data_of};

/// A published event, structured JSON form. It never holds a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CloudEvent {
    /// Always `1.0`.
    pub specversion: String,
    /// The event's id: the same at every delivery.
    pub id: String,
    /// `/wechat/component/{c}`, or `/mandate` for webhooks.
    pub source: String,
    /// `mandate.{name}.v{form}`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The authorizer, else the component, else the webhook's id.
    pub subject: String,
    /// When `WeChat` says that it happened, else when it was recorded. RFC 3339, milliseconds.
    pub time: String,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// Where the schema of the event is served; test deliveries have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataschema: Option<String>,
    /// The position, padded with zeros to 20 digits so that it sorts as text.
    pub sequence: String,
    /// Events of one key are in order.
    pub partitionkey: String,
    /// When it was recorded.
    pub recordedtime: String,
    /// The command that caused it: a callback's id, or an attempt of a task.
    pub causationid: String,
    /// W3C trace context; all events of one command share the trace id.
    pub traceparent: String,
    /// The public data with `component`, `authorizer`, `stream` and `version`.
    pub data: Map<String, Value>,
}

impl CloudEvent {
    /// The published form of a stored event and its decoded data.
    pub fn new(stored: &StoredEvent, event: &Event) -> Self {
        let record = &stored.record;
        let key = match &stored.stream {
            StreamName::Component(component) => component.to_string(),
            StreamName::Authorizer(_, authorizer) => authorizer.to_string(),
            StreamName::Webhook(id) => id.to_string(),
        };
        let kind = format!("mandate.{}.v{}", record.name, record.form);
        Self {
            specversion: "1.0".into(),
            id: record.id.to_string(),
            source: stored
                .stream
                .component()
                .map_or_else(|| "/mandate".into(), |component| format!("/wechat/component/{component}")),
            dataschema: Some(format!("/api/v1/schemas/{kind}.json")),
            kind,
            subject: key.clone(),
            time: format_time(record.occurred_at.unwrap_or(record.recorded_at)),
            datacontenttype: "application/json".into(),
            sequence: format!("{:020}", stored.position.0),
            partitionkey: key,
            recordedtime: format_time(record.recorded_at),
            causationid: record.causation.to_string(),
            traceparent: traceparent(stored),
            data: published_data(stored, event),
        }
    }
}

fn published_data(stored: &StoredEvent, event: &Event) -> Map<String, Value> {
    let mut data = match data_of(event) {
        Value::Object(data) => data,
        _ => Map::new(),
    };
    let text = |text: Option<&str>| text.map_or(Value::Null, |text| Value::String(text.to_owned()));
    data.insert("component".into(), text(stored.stream.component().map(ComponentId::as_str)));
    data.insert("authorizer".into(), text(stored.stream.authorizer().map(AuthorizerId::as_str)));
    data.insert("stream".into(), Value::String(stored.stream.to_string()));
    data.insert("version".into(), Value::from(stored.version.0));
    data
}

fn traceparent(stored: &StoredEvent) -> String {
    let span = &stored.record.id.0.as_bytes()[8..];
    let span = u64::from_be_bytes(span.try_into().expect("a UUID has 16 bytes")).max(1);
    format!("00-{}-{span:016x}-00", stored.record.causation.0.simple())
}
