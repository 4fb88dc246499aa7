//! What is published, ready to send.

use std::fmt;

use jiff::Timestamp;
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use mandate_schema::{CloudEvent, MESSAGE_TYPE, MessageEvent, Push, StoredEvent};

use crate::topology::{EVENTS, EVENTS_LOG, INBOX, INBOX_KEY, MESSAGES};

/// The `type` of a callback in the inbox.
const CALLBACK_TYPE: &str = "mandate.callback";
/// Who sends.
const APP_ID: &str = "mandate";
/// What the body of an event or a message of users is.
const CLOUD_EVENT: &str = "application/cloudevents+json";
/// The header that names the log of an event.
pub(crate) const LOG_ID: &str = "log_id";
/// On disk before it is confirmed.
const PERSISTENT: u8 = 2;

/// A message to publish. It is always persistent and mandatory.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The exchange that takes it.
    pub exchange: &'static str,
    /// Says which queues get it.
    pub routing_key: String,
    /// `message_id`: the same each time it is sent.
    pub id: String,
    /// The `type` property.
    pub kind: String,
    /// What the body is.
    pub content_type: &'static str,
    /// When it happened, to the second.
    pub timestamp: Timestamp,
    /// The log that it is of, as header `log_id`.
    pub log_id: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// A callback on its way to the worker's inbox.
pub fn callback(push: &Push) -> Outgoing {
    Outgoing {
        exchange: INBOX,
        routing_key: INBOX_KEY.to_owned(),
        id: push.id.to_string(),
        kind: CALLBACK_TYPE.to_owned(),
        content_type: "application/json",
        timestamp: push.received_at,
        log_id: None,
        body: serde_json::to_vec(push).expect("texts, an id and a time become JSON"),
    }
}

/// A user's message for subscribers: `event` is what `push` says.
pub fn message(routing_key: String, event: &MessageEvent, push: &Push) -> Outgoing {
    Outgoing {
        exchange: MESSAGES,
        routing_key,
        id: push.id.to_string(),
        kind: MESSAGE_TYPE.to_owned(),
        content_type: CLOUD_EVENT,
        timestamp: push.received_at,
        log_id: None,
        body: serde_json::to_vec(event).expect("texts, ids and maps of texts become JSON"),
    }
}

/// An event of the log `log_id` for subscribers: `published` is what `stored` says.
pub fn event(stored: &StoredEvent, published: &CloudEvent, log_id: &str) -> Outgoing {
    let subject = match (stored.stream.component(), stored.stream.authorizer()) {
        (Some(component), Some(authorizer)) => format!("{component}.{authorizer}"),
        (Some(component), None) => component.to_string(),
        (None, _) => published.subject.clone(),
    };
    Outgoing {
        exchange: EVENTS,
        routing_key: format!("{}.{subject}", stored.record.name),
        id: published.id.clone(),
        kind: published.kind.clone(),
        content_type: CLOUD_EVENT,
        timestamp: stored.record.recorded_at,
        log_id: Some(log_id.to_owned()),
        body: serde_json::to_vec(published).expect("texts and a map of JSON become JSON"),
    }
}

impl Outgoing {
    /// The same event straight to its stream, past every other queue.
    pub fn to_events_log(self) -> Self {
        Self { exchange: "", routing_key: EVENTS_LOG.to_owned(), ..self }
    }

    pub(crate) fn properties(&self) -> BasicProperties {
        let properties = BasicProperties::default();
        let properties = match &self.log_id {
            None => properties,
            Some(log_id) => {
                let mut headers = FieldTable::default();
                headers.insert(LOG_ID.into(), AMQPValue::LongString(log_id.as_str().into()));
                properties.with_headers(headers)
            }
        };
        properties
            .with_message_id(self.id.as_str().into())
            .with_type(self.kind.as_str().into())
            .with_content_type(self.content_type.into())
            .with_timestamp(u64::try_from(self.timestamp.as_second()).unwrap_or(0)) // before 1970 is no time of ours
            .with_delivery_mode(PERSISTENT)
            .with_app_id(APP_ID.into())
    }
}

impl fmt::Debug for Outgoing {
    /// Leaves the body out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("exchange", &self.exchange)
            .field("routing_key", &self.routing_key)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use mandate_schema::{CallbackId, ComponentId};

    use super::*;

    fn push() -> Push {
        Push {
            id: CallbackId(uuid::Uuid::from_u128(7)),
            component: ComponentId::parse("wx1f2e3d4c5b6a7988").unwrap(),
            authorizer: None,
            pair: "00ff12ab".parse().unwrap(),
            query: "timestamp=1".into(),
            body: "<xml>cipher</xml>".into(),
            received_at: "2026-11-22T00:00:00Z".parse().unwrap(),
            unverified: false,
        }
    }

    #[test]
    fn a_callback_goes_to_the_inbox_in_the_form_that_the_worker_reads() {
        let push = push();
        let outgoing = callback(&push);
        assert_eq!((outgoing.exchange, outgoing.routing_key.as_str()), ("mandate.inbox", "callback"));
        let back: Push = serde_json::from_slice(&outgoing.body).unwrap();
        assert_eq!(Push { id: push.id, ..back }, push);
    }

    #[test]
    fn what_is_published_is_persistent_and_named() {
        let properties = callback(&push()).properties();
        assert_eq!(properties.delivery_mode(), &Some(2));
        assert_eq!(
            properties.message_id().as_ref().unwrap().as_str(),
            "00000000-0000-0000-0000-000000000007"
        );
        assert_eq!(properties.app_id().as_ref().unwrap().as_str(), "mandate");
        assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "application/json");
        assert_eq!(properties.timestamp(), &Some(1_795_305_600));
    }

    #[test]
    fn debug_leaves_the_body_out() {
        let shown = format!("{:?}", callback(&push()));
        assert!(shown.contains("mandate.inbox") && !shown.contains("cipher"), "{shown}");
    }
}
