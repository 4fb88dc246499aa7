//! Why a push was not taken.

use mandate_wechat::{envelope::EnvelopeError, message::MalformedMessage};

use crate::journal::RecordError;

/// A push that was not taken. The caller learns no more than the status.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The path takes only POST.
    #[error("the method is not POST")]
    Method,
    /// The body is larger than `body_max`.
    #[error("the body is too large")]
    TooLarge,
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    SlowBody,
    /// The connection ended, or its framing broke, before the body did.
    #[error("the body did not arrive whole")]
    BrokenBody,
    /// It is not an envelope that a key of ours opens.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The body is not UTF-8.
    #[error("the body is not UTF-8")]
    NotText,
    /// The decrypted message is not one that `WeChat` sends.
    #[error("the message is malformed")]
    Message(#[from] MalformedMessage),
    /// It is an event of the auth-event URL, sent to the message URL.
    #[error("an event of the auth-event URL came to the message URL")]
    WrongUrl,
    /// It is genuine, but could not be made durable.
    #[error(transparent)]
    NotStored(#[from] RecordError),
}

impl Refusal {
    /// The name in metrics and logs.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Method => "method_not_allowed",
            Self::TooLarge => "too_large",
            Self::SlowBody => "slow_body",
            Self::BrokenBody => "broken_body",
            Self::Envelope(error) => error.kind(),
            Self::NotText => "malformed_envelope",
            Self::Message(_) | Self::WrongUrl => "malformed_message",
            Self::NotStored(error) => error.kind(),
        }
    }
}
