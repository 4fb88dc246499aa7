//! The stored form of events, and the way back.
//!
//! `form` is the version of an event type's stored form. An event is written once and never changed; a reader lifts older
//! forms with pure functions, one step at a time, before it decodes. `testdata/events/` holds a frozen sample of each form.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{CommandId, Event, EventId, Field, Position, SealedText, StreamName, Version};

/// The form in which every event type is written today.
pub const EVENT_FORM: u16 = 1;

/// The sealed fields of one event.
pub type SealedFields = BTreeMap<Field, SealedText>;

/// An event as a row of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// Place in the log.
    pub position: Position,
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its number in that stream.
    pub version: Version,
    /// The event itself.
    pub record: EventRecord,
}

/// What the writer of an event decides; position and version are the log's.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    /// Identity.
    pub id: EventId,
    /// Stored type name.
    pub name: String,
    /// Version of the stored form.
    pub form: u16,
    /// The command that caused it.
    pub causation: CommandId,
    /// When `WeChat` says that it happened.
    pub occurred_at: Option<Timestamp>,
    /// When the worker recorded it.
    pub recorded_at: Timestamp,
    /// Public data, JSON text.
    pub data: String,
    /// Sealed fields.
    pub sealed: SealedFields,
}

/// A row of the log that this program cannot read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The type or form is unknown: it was written by a newer program.
    #[error("event type {name} form {form} is unknown to this program; it was written by a newer one")]
    Unknown {
        /// Stored type name.
        name: String,
        /// Stored form.
        form: u16,
    },
    /// The data is not what the form says.
    #[error("the data of a {name} event is not readable")]
    Malformed {
        /// Stored type name.
        name: String,
        /// The parser's reason.
        #[source]
        source: serde_json::Error,
    },
}

/// All stored type names, in the order of the contract.
pub const EVENT_NAMES: [&str; 14] = [
    "component.ticket_received",
    "component.notice_received",
    "authorization.granted",
    "authorization.updated",
    "authorization.revoked",
    "authorization.permissions_changed",
    "credentials.issued",
    "credentials.rotated",
    "credentials.rejected",
    "credentials.recovered",
    "redemption.failed",
    "profile.recorded",
    "authorizer.erased",
    "webhook.disabled",
];

impl Event {
    /// The event's data as stored in the clear, and the part that is stored sealed though it is published, as JSON text.
    pub fn to_stored(&self) -> (String, Option<(Field, String)>) {
        let mut data = data_of(self);
        let sealed = match self {
            Self::NoticeReceived(_) => data
                .as_object_mut()
                .and_then(|data| data.remove("document"))
                .map(|text| (Field::Document, text.to_string())),
            Self::ProfileRecorded(_) => {
                Some((Field::Profile, std::mem::replace(&mut data, json!({})).to_string()))
            }
            _ => None,
        };
        (data.to_string(), sealed)
    }

    /// Reads a stored event. `opened` is the text of its sealed published field, `None` if there is none or its key is gone.
    ///
    /// # Errors
    ///
    /// [`DecodeError`]: the reader must stop; skipping would lose a fact.
    pub fn from_stored(record: &EventRecord, opened: Option<&str>) -> Result<Self, DecodeError> {
        let malformed = |source| DecodeError::Malformed { name: record.name.clone(), source };
        if record.form != EVENT_FORM || !EVENT_NAMES.contains(&record.name.as_str()) {
            return Err(DecodeError::Unknown { name: record.name.clone(), form: record.form });
        }
        let mut data: Value = serde_json::from_str(&record.data).map_err(&malformed)?;
        let opened: Value = opened.map_or(Ok(Value::Null), serde_json::from_str).map_err(&malformed)?;
        match record.name.as_str() {
            "component.notice_received" => {
                // What is not an object is refused below.
                if let Some(data) = data.as_object_mut() {
                    data.insert("document".into(), opened);
                }
            }
            "profile.recorded" => data = opened,
            _ => {}
        }
        serde_json::from_value(json!({"type": record.name, "data": data})).map_err(malformed)
    }

    /// Which sealed field is published, so that a reader opens it.
    pub fn published_field(name: &str) -> Option<Field> {
        match name {
            "component.notice_received" => Some(Field::Document),
            "profile.recorded" => Some(Field::Profile),
            _ => None,
        }
    }
}

/// The public data of an event as a JSON object; an erased profile is an empty one.
pub(crate) fn data_of(event: &Event) -> Value {
    let mut value = serde_json::to_value(event).expect("events have no maps with keys other than text");
    match value["data"].take() {
        Value::Null => json!({}),
        data => data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, form: u16, data: &Value) -> EventRecord {
        let command = CommandId(uuid::Uuid::from_u128(1));
        EventRecord {
            id: EventId::of_command(command, 0),
            name: name.into(),
            form,
            causation: command,
            occurred_at: None,
            recorded_at: Timestamp::UNIX_EPOCH,
            data: data.to_string(),
            sealed: SealedFields::new(),
        }
    }

    #[test]
    fn a_frozen_sample_of_every_form_is_still_read_and_written_the_same() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/events");
        let mut names = Vec::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let sample: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let name = sample["name"].as_str().unwrap();
            let form = u16::try_from(sample["form"].as_u64().unwrap()).unwrap();
            let opened = (!sample["opened"].is_null()).then(|| sample["opened"].to_string());
            let event = Event::from_stored(&record(name, form, &sample["data"]), opened.as_deref()).unwrap();
            assert_eq!(event.name(), name);
            let (data, sealed) = event.to_stored();
            if form == EVENT_FORM {
                let data: Value = serde_json::from_str(&data).unwrap();
                assert_eq!(data, sample["data"], "{name}");
                let sealed: Option<Value> = sealed.map(|(_, text)| serde_json::from_str(&text).unwrap());
                assert_eq!(sealed.unwrap_or_default(), sample["opened"], "{name}");
            }
            names.push(name.to_owned());
        }
        assert!(
            EVENT_NAMES.iter().all(|name| names.iter().any(|n| n == name)),
            "a type has no sample: {names:?}"
        );
        println!("{} frozen samples", names.len());
    }

    #[test]
    fn an_event_of_a_newer_program_stops_the_reader() {
        for (name, form) in [("authorization.granted", 2), ("authorization.dreamt", 1)] {
            let error = Event::from_stored(&record(name, form, &json!({})), None).unwrap_err();
            assert!(matches!(error, DecodeError::Unknown { .. }));
        }
    }

    #[test]
    fn what_was_erased_reads_as_nothing() {
        let profile = Event::from_stored(&record("profile.recorded", 1, &json!({})), None).unwrap();
        assert_eq!(profile, Event::ProfileRecorded(None));
        let data = json!({"info_type": "x", "create_time": 1});
        let notice = Event::from_stored(&record("component.notice_received", 1, &data), None).unwrap();
        assert!(matches!(notice, Event::NoticeReceived(notice) if notice.document.is_none()));
    }
}
