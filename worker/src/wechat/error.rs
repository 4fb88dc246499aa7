//! Calls without a usable answer.

use jiff::Timestamp;
use mandate_wechat::api::Refusal;

/// A call without a usable answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// `WeChat` refused.
    #[error(transparent)]
    Refused(Refusal),
    /// The request did not reach `WeChat`.
    #[error("WeChat's API was not reached: {0}")]
    NotSent(String),
    /// No answer, or none of `WeChat`'s API: it may have processed the request.
    #[error("the answer of WeChat's API was lost: {0}")]
    AnswerLost(String),
    /// `WeChat`'s API answered and has processed the request, but the answer cannot be read. This is about this one request and
    /// says nothing about others: no breaker counts it.
    #[error("the answer of WeChat's API cannot be read: {0}")]
    Unreadable(String),
    /// The call was not made: the API is left alone for a while, because all calls failed, or the quota is spent.
    #[error("{api} is not called before {until}: {why}")]
    Paused {
        /// The API.
        api: &'static str,
        /// When it is called again.
        until: Timestamp,
        /// The failure that began the pause.
        why: Box<CallError>,
    },
}

impl CallError {
    /// `WeChat`'s refusal, if it said no.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Paused { why, .. } => why.refusal(),
            Self::NotSent(_) | Self::AnswerLost(_) | Self::Unreadable(_) => None,
        }
    }
}
