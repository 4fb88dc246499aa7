//! Faults of the API: what goes wrong with the next calls.

mod dirt;
mod effect;
mod order;
mod queue;

use serde::{Deserialize, Serialize};

pub(crate) use effect::FaultEffect;
pub(super) use effect::{Spoil, Step};
pub use queue::FaultRecord;
pub(crate) use queue::Faults;

/// What goes wrong. The value that a kind takes is in parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Not processed; answered with this `errcode` (number).
    Errcode,
    /// Processed at once; the answer comes late (duration).
    Latency,
    /// Processed late, and answered then (duration).
    LatencyBefore,
    /// Never processed; the connection is closed (optional duration: after that time).
    DropBefore,
    /// Processed; then the connection is closed without an answer (optional duration: after that time).
    DropAnswer,
    /// Not processed; answered with a 5xx status (optional number: the status, default 502).
    #[serde(rename = "http_5xx")]
    Http5xx,
    /// Not processed; answered 200 with an HTML page.
    Html,
    /// Processed; half of the JSON arrives.
    Truncated,
    /// Processed; the answer lacks fields (optional name or list of names: default all).
    MissingFields,
    /// Processed; the texts for people in the answer hold raw control characters.
    ControlCharacters,
    /// Processed; the texts for people end in half a character.
    CutUtf8,
    /// Processed; the texts for people hold an escaped half of a surrogate pair.
    LoneSurrogate,
    /// Processed; a byte-order mark stands before the answer.
    ByteOrderMark,
    /// Processed; numbers are texts.
    NumbersAsText,
    /// Processed; texts for people are numbers.
    TextsAsNumbers,
    /// Processed; fields are null (optional name or list of names: default all but ids and tokens).
    NullFields,
    /// Processed; the answer begins as a JSON object and is none.
    Unreadable,
    /// Processed; answered 200 with an empty body.
    EmptyBody,
    /// Processed; a page of the list names nobody.
    EmptyPage,
    /// Processed; an entry in the middle of a page of the list is this instead (optional, default null).
    UnreadableEntry,
    /// The quota is spent: 45009, until it is cleared or the count is down.
    Quota,
    /// The caller's address is not on the list: 61004.
    Ip,
    /// At once: all access tokens are bad (40001). With an authorizer, only that account's.
    InvalidateTokens,
    /// At once: all refresh tokens get a successor and are bad (61023).
    RotateRefreshTokens,
    /// At once: all tickets are expired (61005).
    ExpireTickets,
    /// At once: changes switches (object of names and values).
    Switch,
}
