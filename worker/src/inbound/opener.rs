//! Opening pushes: the worker verifies, decrypts and identifies them itself, whoever handed them over.

use std::collections::HashMap;

use mandate_schema::{ComponentId, Push};
use mandate_wechat::{
    envelope::{CallbackQuery, EnvelopeError, KeyRing},
    push::{self, GenuinePush},
};

/// The key rings of all components.
pub struct Opener(HashMap<ComponentId, KeyRing>);

/// Why a push cannot be opened. It will fail in the same way until the configuration changes.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its component is not configured.
    #[error("component {0} is not configured here")]
    UnknownComponent(ComponentId),
    /// Its pair of token and key is not configured.
    #[error(
        "the pair of token and EncodingAESKey {0} is not configured here; add it to `previous` and restart"
    )]
    UnknownPair(mandate_schema::PairId),
    /// It is forged or damaged.
    #[error("the push does not open: {}", .0.kind())]
    Envelope(#[from] EnvelopeError),
}

impl OpenError {
    /// The reason as a dead letter's and a metric's label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownComponent(_) => "unknown_component",
            Self::UnknownPair(_) => UNKNOWN_PAIR,
            Self::Envelope(error) => error.kind(),
        }
    }
}

/// Reason of dead letters that are tried again at every start.
pub const UNKNOWN_PAIR: &str = "unknown_pair";

impl Opener {
    /// An opener for these components.
    pub fn new(rings: impl IntoIterator<Item = KeyRing>) -> Self {
        Self(rings.into_iter().map(|ring| (ring.component().clone(), ring)).collect())
    }

    /// Whether a component is configured.
    pub(crate) fn serves(&self, component: &ComponentId) -> bool {
        self.0.contains_key(component)
    }

    /// Verifies, decrypts, identifies and reads a push, as ingress did.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(&self, push: &Push) -> Result<GenuinePush, OpenError> {
        let ring =
            self.0.get(&push.component).ok_or_else(|| OpenError::UnknownComponent(push.component.clone()))?;
        if !ring.knows(push.pair) {
            return Err(OpenError::UnknownPair(push.pair));
        }
        let query = CallbackQuery::parse(&push.query)?;
        Ok(push::open(ring, &query, push.body.as_bytes(), push.authorizer.as_ref())?)
    }
}
