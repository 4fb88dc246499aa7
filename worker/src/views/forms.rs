//! The forms of what is shown: the API's answers and the commands' JSON.

use jiff::Timestamp;
use mandate_domain::Status;
use mandate_schema::{
    AuthorizerId, CloudEvent, ComponentId, Position, Profile, Version, serialize_maybe_time, serialize_time,
};
use serde::Serialize;

/// A component: `GET /components/{c}`.
#[derive(Clone, Debug, Serialize)]
pub struct ComponentView {
    /// Its appid.
    pub app_id: ComponentId,
    /// Its current ticket.
    pub ticket: Option<TicketView>,
    /// Its access token.
    pub access_token: Option<TokenView>,
    /// Its accounts by status.
    pub authorizers: StatusCounts,
}

/// When a ticket came.
#[derive(Clone, Debug, Serialize)]
pub struct TicketView {
    /// When it was received.
    #[serde(serialize_with = "serialize_time")]
    pub received_at: Timestamp,
    /// Seconds since then.
    pub age_seconds: i64,
}

/// When a token expires.
#[derive(Clone, Debug, Serialize)]
pub struct TokenView {
    /// By our clock.
    #[serde(serialize_with = "serialize_time")]
    pub expires_at: Timestamp,
}

/// Numbers of accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StatusCounts {
    /// Held, with credentials.
    pub authorized: u64,
    /// Revoked.
    pub revoked: u64,
    /// Held, credentials on their way.
    pub pending: u64,
    /// Held, credentials lost.
    pub broken: u64,
}

/// An account: `GET /components/{c}/authorizers/{a}`.
#[derive(Clone, Debug, Serialize)]
pub struct AuthorizerView {
    /// The component.
    pub component: ComponentId,
    /// The account's appid.
    pub app_id: AuthorizerId,
    /// Where it stands.
    pub status: Status,
    /// Number of facts in its stream.
    pub generation: u64,
    /// Version of its stream.
    pub version: Version,
    /// Position of its last event.
    pub position: Position,
    /// When it authorized us last.
    #[serde(serialize_with = "serialize_maybe_time")]
    pub authorized_at: Option<Timestamp>,
    /// When it revoked last.
    #[serde(serialize_with = "serialize_maybe_time")]
    pub revoked_at: Option<Timestamp>,
    /// Permission sets granted.
    pub permissions: Vec<i64>,
    /// Its profile.
    pub profile: Option<Profile>,
    /// What credentials we hold; never the credentials.
    pub credentials: CredentialsView,
    /// When its last event was recorded.
    #[serde(serialize_with = "serialize_time")]
    pub updated_at: Timestamp,
}

/// What credentials are held.
#[derive(Clone, Debug, Serialize)]
pub struct CredentialsView {
    /// `present` or `missing`.
    pub refresh_token: &'static str,
    /// When the access token expires; `None` if there is none, and in views of the past.
    #[serde(serialize_with = "serialize_maybe_time")]
    pub access_token_expires_at: Option<Timestamp>,
}

/// A page of the feed.
#[derive(Clone, Debug, Serialize)]
pub struct FeedPage {
    /// The events.
    pub data: Vec<CloudEvent>,
    /// How far the page has read: the next `after`.
    pub last_position: Position,
    /// The log they are of.
    pub log_id: String,
}

impl StatusCounts {
    pub(super) fn add(&mut self, status: &str, count: u64) {
        match Status::ALL.into_iter().find(|known| known.as_str() == status) {
            Some(Status::Authorized) => self.authorized += count,
            Some(Status::Revoked) => self.revoked += count,
            Some(Status::Pending) => self.pending += count,
            Some(Status::Broken) => self.broken += count,
            None => {}
        }
    }
}
