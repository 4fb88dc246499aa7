//! Why a push was not taken.

use mandate_schema::ComponentId;
use mandate_wechat::envelope::{EnvelopeError, NobodyOpens};

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
    /// The connection ended, or its framing broke, before the body did.
    #[error("the body did not arrive whole")]
    BrokenBody,
    /// It is not an envelope that a key of ours opens.
    #[error(transparent)]
    Envelope(#[from] NobodyOpens),
    /// It is genuine, but could not be made durable.
    #[error("{source}")]
    NotStored {
        /// Why.
        source: RecordError,
        /// The component that it is for.
        component: ComponentId,
    },
}

impl Refusal {
    /// The name in metrics and logs.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Method => "method_not_allowed",
            Self::TooLarge => "too_large",
            Self::BrokenBody => "broken_body",
            Self::Envelope(NobodyOpens { error, .. }) => error.kind(),
            Self::NotStored { source, .. } => source.kind(),
        }
    }

    /// The component that the push is for, as far as it is known.
    pub(super) fn component(&self) -> Option<&ComponentId> {
        match self {
            Self::Method | Self::TooLarge | Self::BrokenBody => None,
            Self::Envelope(NobodyOpens { signer, .. }) => signer.as_ref(),
            Self::NotStored { component, .. } => Some(component),
        }
    }
}

impl From<EnvelopeError> for Refusal {
    fn from(error: EnvelopeError) -> Self {
        NobodyOpens { error, signer: None }.into()
    }
}
