//! What is published, ready to send.

use std::fmt;

use jiff::Timestamp;
use lapin::BasicProperties;
use mandate_schema::{MESSAGE_TYPE, MessageEvent, Push};

use crate::topology::{INBOX, INBOX_KEY, MESSAGES};

/// The `type` of a callback in the inbox.
const CALLBACK_TYPE: &str = "mandate.callback";
/// Who sends.
const APP_ID: &str = "mandate";
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
    pub kind: &'static str,
    /// What the body is.
    pub content_type: &'static str,
    /// When it happened, to the second.
    pub timestamp: Timestamp,
    /// The body.
    pub body: Vec<u8>,
}

/// A callback on its way to the worker's inbox.
pub fn callback(push: &Push) -> Outgoing {
    Outgoing {
        exchange: INBOX,
        routing_key: INBOX_KEY.to_owned(),
        id: push.id.to_string(),
        kind: CALLBACK_TYPE,
        content_type: "application/json",
        timestamp: push.received_at,
        body: serde_json::to_vec(push).expect("texts, an id and a time become JSON"),
    }
}

/// A user's message for subscribers: `event` is what `push` says.
pub fn message(routing_key: String, event: &MessageEvent, push: &Push) -> Outgoing {
    Outgoing {
        exchange: MESSAGES,
        routing_key,
        id: push.id.to_string(),
        kind: MESSAGE_TYPE,
        content_type: "application/cloudevents+json",
        timestamp: push.received_at,
        body: serde_json::to_vec(event).expect("texts, ids and maps of texts become JSON"),
    }
}

impl Outgoing {
    pub(crate) fn properties(&self) -> BasicProperties {
        BasicProperties::default()
            .with_message_id(self.id.as_str().into())
            .with_type(self.kind.into())
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
