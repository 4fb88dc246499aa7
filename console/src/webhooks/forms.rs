//! What callers say and hear about webhooks.

use std::collections::BTreeSet;

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, ComponentId, Position, StreamName, serialize_maybe_time, serialize_time};
use mandate_worker::webhooks::{Attempt, Rewind, Webhook};
use serde::{Deserialize, Serialize};

/// Streams shown of those that wait.
const HELD_SHOWN: usize = 20;

/// The body of `POST /webhooks`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    pub(super) url: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) types: BTreeSet<String>,
    pub(super) component: Option<ComponentId>,
    pub(super) authorizer: Option<AuthorizerId>,
    pub(super) after: Option<u64>,
}

/// The body of `PATCH /webhooks/{id}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    pub(super) url: Option<String>,
    pub(super) description: Option<String>,
    pub(super) types: Option<BTreeSet<String>>,
}

/// The body of `POST /webhooks/{id}/rewind`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RewindOrder {
    pub(super) position: Option<u64>,
    pub(super) time: Option<Timestamp>,
    #[serde(default)]
    pub(super) dry_run: bool,
}

/// The body of `POST /webhooks/{id}/rotate-secret`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    /// Seconds.
    pub(super) expires_in: Option<u64>,
}

/// A webhook as its operator sees it.
#[derive(Debug, Serialize)]
pub struct WebhookView {
    /// Its id.
    pub id: String,
    /// Its address.
    pub url: String,
    description: String,
    types: BTreeSet<String>,
    component: Option<ComponentId>,
    authorizer: Option<AuthorizerId>,
    /// `active`, `paused` or `disabled`.
    pub state: &'static str,
    /// Each event up to here was delivered, is not wanted, was given up, or is held.
    pub position: Position,
    /// Events of the log behind that.
    pub lag: u64,
    /// How many streams wait for another attempt.
    pub held_streams: usize,
    /// The first of them, in order of their names.
    held: Vec<HeldView>,
    given_up: u64,
    /// The newest of them, the last one first.
    given_up_events: Vec<GivenUpView>,
    #[serde(serialize_with = "serialize_maybe_time")]
    delivered_at: Option<Timestamp>,
    #[serde(serialize_with = "serialize_maybe_time")]
    failing_since: Option<Timestamp>,
    #[serde(serialize_with = "serialize_time")]
    created_at: Timestamp,
    secrets: Vec<SecretView>,
}

/// A stream whose next event waits.
#[derive(Debug, Serialize)]
struct HeldView {
    stream: StreamName,
    position: Position,
    attempts: u32,
    #[serde(serialize_with = "serialize_time")]
    next_at: Timestamp,
}

/// An event that was given up.
#[derive(Debug, Serialize)]
struct GivenUpView {
    position: Position,
    event: String,
    #[serde(rename = "type")]
    kind: String,
    status: Option<u16>,
    #[serde(serialize_with = "serialize_time")]
    at: Timestamp,
}

/// A secret, which itself is told only once.
#[derive(Debug, Serialize)]
struct SecretView {
    #[serde(serialize_with = "serialize_time")]
    created_at: Timestamp,
    #[serde(serialize_with = "serialize_maybe_time")]
    expires_at: Option<Timestamp>,
}

/// A webhook with its newest attempts.
#[derive(Debug, Serialize)]
pub(super) struct Detail {
    #[serde(flatten)]
    pub(super) webhook: WebhookView,
    pub(super) attempts: Vec<Attempt>,
}

/// A webhook with the secret that its operator is told this once.
#[derive(Serialize)]
pub(super) struct Told {
    #[serde(flatten)]
    pub(super) webhook: WebhookView,
    pub(super) secret: String,
}

/// What a rewind delivers again.
#[derive(Debug, Serialize)]
pub(super) struct RewindView {
    position: Position,
    events: u64,
    rewound: bool,
}

impl WebhookView {
    /// The view of a webhook over a log that ends at `head`.
    pub fn new(webhook: Webhook, head: Position) -> Self {
        let Webhook { id, url, description, filter, created_at, state, secrets, progress } = webhook;
        let waiting = progress.held.iter().take(HELD_SHOWN).map(|(stream, held)| HeldView {
            stream: stream.clone(),
            position: held.position,
            attempts: held.attempts,
            next_at: held.next_at,
        });
        let given_up_events = progress.given_up_events.into_iter().rev().map(|event| GivenUpView {
            position: Position(event.position),
            event: event.event,
            kind: event.kind,
            status: event.status,
            at: event.at,
        });
        let secrets = secrets
            .into_iter()
            .map(|secret| SecretView { created_at: secret.created_at, expires_at: secret.expires_at });
        Self {
            id: id.to_string(),
            url,
            description,
            types: filter.types,
            component: filter.component,
            authorizer: filter.authorizer,
            state: state.as_str(),
            position: progress.position,
            lag: head.0.saturating_sub(progress.position.0),
            held_streams: progress.held.len(),
            held: waiting.collect(),
            given_up: progress.given_up,
            given_up_events: given_up_events.collect(),
            delivered_at: progress.delivered_at,
            failing_since: progress.failing_since,
            created_at,
            secrets: secrets.collect(),
        }
    }
}

impl RewindView {
    pub(super) fn new(rewind: Rewind, rewound: bool) -> Self {
        Self { position: rewind.position, events: rewind.events, rewound }
    }
}
