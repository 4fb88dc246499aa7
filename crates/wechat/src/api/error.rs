//! Why there is no answer.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// `WeChat` said no.
    #[error(transparent)]
    Refused(Refusal),
    /// The body does not begin as a JSON object: it is empty, or a page of some proxy. Whether the call took effect is unknown.
    #[error("the answer is not a JSON object")]
    NotJson,
    /// The body begins as a JSON object and is none, even repaired. The call probably took effect.
    #[error("the answer begins as a JSON object, but cannot be read")]
    Unreadable,
    /// The call took effect, but its answer lacks this field, or it is unreadable.
    #[error("the answer has no {0}")]
    MissingField(&'static str),
}

/// A refusal by `WeChat`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The error number, never 0: see [`crate::errors`].
    pub errcode: i64,
    /// The error text, without the request id, at most 500 characters. For people; never decide on it.
    pub errmsg: String,
    /// The id of the request, by which `WeChat` can tell more about it.
    pub rid: Option<String>,
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WeChat refused: {} {}", self.errcode, self.errmsg)?;
        self.rid.as_ref().map_or(Ok(()), |rid| write!(f, " (rid {rid})"))
    }
}
