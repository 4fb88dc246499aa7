//! Tokens, the comparison with `WeChat`'s list, and what callers did.

use std::time::Duration;

use jiff::Timestamp;
use mandate_schema::{Position, SealedText, StreamName};
use uuid::Uuid;

/// A token row; the default is that of a stream without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenRow {
    /// The sealed access token and its expiry by our clock.
    pub access: Option<(SealedText, Timestamp)>,
    /// Generation it belongs to.
    pub generation: u64,
    /// The last refresh failed, and the row is as it was then.
    pub failure: Option<TokenFailure>,
}

/// How the last refreshes of a token failed, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFailure {
    /// Failures in a row.
    pub failures: u32,
    /// When the next refresh may be tried.
    pub not_before: Timestamp,
    /// What failed, JSON text of the holder. Never holds a secret.
    pub reason: String,
}

/// The right to refresh one token, until it expires or is taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Fence: a result of an older one is never stored.
    pub fence: u64,
    /// The row when the lease was taken.
    pub row: TokenRow,
}

/// A number that rises with every new holder of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence(pub u64);

/// Whose tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenOf {
    /// Components.
    Components,
    /// Authorizers.
    Authorizers,
}

impl TokenOf {
    /// The names of their streams: from one, below the other.
    pub(crate) fn streams(self) -> (&'static str, &'static str) {
        match self {
            Self::Components => ("component/", "component0"), // 0 follows /
            Self::Authorizers => ("authorizer/", "authorizer0"),
        }
    }
}

/// Which tokens are to be refreshed ahead of time.
#[derive(Clone, Copy, Debug)]
pub struct Expiring {
    /// Whose.
    pub of: TokenOf,
    /// The caller's time, as in all columns of a token.
    pub now: Timestamp,
    /// They expire before this time.
    pub before: Timestamp,
    /// They were read at this time or later.
    pub used: Timestamp,
    /// For so long nobody else gets them, on the database's clock.
    pub hold: Duration,
    /// So many at most.
    pub limit: usize,
}

/// A comparison of one component's accounts with `WeChat`'s list, which is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciliation {
    /// Its id.
    pub id: Uuid,
    /// The log head when it began: accounts with a fact above it wait for the next one.
    pub head: Position,
    /// When it began.
    pub started_at: Timestamp,
    /// How far it has come, JSON text of whoever does it.
    pub progress: String,
}

/// Reads of a token through one key within one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenReads {
    /// The beginning of the minute.
    pub minute: Timestamp,
    /// The key's id.
    pub api_key: Uuid,
    /// Whose token.
    pub stream: StreamName,
    /// How many.
    pub count: u64,
}

/// An entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id, which begins with its time.
    pub id: Uuid,
    /// When.
    pub recorded_at: Timestamp,
    /// Who: a key by id and name, or a user of the command line.
    pub actor: String,
    /// From where, if it came over the network.
    pub address: Option<String>,
    /// What, as a short name.
    pub act: String,
    /// On what.
    pub subject: Option<String>,
    /// More, for people. Never holds a secret.
    pub detail: Option<String>,
}
