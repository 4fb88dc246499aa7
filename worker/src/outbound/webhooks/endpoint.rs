//! What is stored of an endpoint and of an attempt.

use std::collections::BTreeSet;

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, ComponentId, SealedText, StoredEvent, StreamName, serialize_time};
use mandate_storage::{StorageError, WebhookRow};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::progress::Progress;

/// An endpoint that events are delivered to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its id.
    pub id: Uuid,
    /// Its address.
    pub url: String,
    /// What it is for, for people.
    pub description: String,
    /// Which events it wants.
    pub filter: WebhookFilter,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Whether it is delivered to.
    pub state: WebhookState,
    /// What signs its deliveries, newest first.
    pub secrets: Vec<WebhookSecret>,
    /// How far it has come.
    pub progress: Progress,
}

/// Which events an endpoint wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookFilter {
    /// Only these stored types; none named: all.
    pub types: BTreeSet<String>,
    /// Only of this component.
    pub component: Option<ComponentId>,
    /// Only of this account.
    pub authorizer: Option<AuthorizerId>,
}

/// Whether an endpoint is delivered to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookState {
    /// It is.
    Active,
    /// An operator has paused it.
    Paused,
    /// It failed for too long.
    Disabled,
}

/// A secret that signs deliveries, sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WebhookSecret {
    /// Counts the secrets of the endpoint, from 1.
    pub number: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it signs, if another has followed.
    pub expires_at: Option<Timestamp>,
    pub(super) sealed: SealedText,
}

/// What became of one attempt to deliver an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its id.
    pub id: Uuid,
    /// When it began, in milliseconds.
    #[serde(serialize_with = "serialize_time")]
    pub at: Timestamp,
    /// The event's id, which is the `webhook-id` too.
    pub event: String,
    /// The event's published type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The event's position; `None`: a test.
    pub position: Option<u64>,
    /// Whether the receiver took it: a status from 200 to 299.
    pub delivered: bool,
    /// The status of the answer, if one came.
    pub status: Option<u16>,
    /// Why there was none.
    pub error: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
    /// The beginning of the answer, 1 KiB at most.
    pub answer: Option<String>,
}

impl WebhookFilter {
    /// Whether an event is wanted.
    pub(super) fn wants(&self, stored: &StoredEvent) -> bool {
        let (component, authorizer) = (stored.stream.component(), stored.stream.authorizer());
        (self.types.is_empty() || self.types.contains(&stored.record.name))
            && (self.component.is_none() || self.component.as_ref() == component)
            && (self.authorizer.is_none() || self.authorizer.as_ref() == authorizer)
    }
}

impl WebhookState {
    /// Its name in the API and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}

impl Webhook {
    pub(super) fn read(row: &WebhookRow) -> Result<Self, StorageError> {
        serde_json::from_str(&row.data).map_err(StorageError::unreadable)
    }

    pub(super) fn write(&self) -> String {
        serde_json::to_string(self).expect("plain data")
    }

    /// The stream of its events, whose key seals its secrets.
    pub(super) fn stream(&self) -> StreamName {
        StreamName::Webhook(self.id)
    }

    /// Its address without the query, where receivers like to have tokens.
    pub(super) fn shown_url(&self) -> &str {
        self.url.split_once('?').map_or(self.url.as_str(), |(before, _)| before)
    }
}
