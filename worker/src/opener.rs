//! Opening pushes: the worker verifies, decrypts and identifies them itself, whoever handed them over.

use std::collections::HashMap;

use mandate_schema::{CallbackId, ComponentId, CreateTime, Push, Secret};
use mandate_wechat::{
    callback::{Callback, MalformedMessage, parse_callback},
    envelope::{CallbackQuery, EnvelopeError, KeyRing},
    message::{Message, parse_message},
};

/// The key rings of all components.
pub struct Opener(HashMap<ComponentId, KeyRing>);

/// A push that was opened.
pub struct OpenedPush {
    /// Its id, computed from its content.
    pub id: CallbackId,
    /// What it says.
    pub content: Content,
}

/// What an opened push says.
pub enum Content {
    /// A callback of the auth-event URL.
    Callback(Box<Callback>),
    /// A push of the message URL.
    Message(Box<Message>),
}

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
    /// It is not the XML it should be.
    #[error("the message of the push is not readable: {0}")]
    Malformed(#[from] MalformedMessage),
}

impl OpenError {
    /// The reason as a dead letter's and a metric's label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownComponent(_) => "unknown_component",
            Self::UnknownPair(_) => UNKNOWN_PAIR,
            Self::Envelope(error) => error.kind(),
            Self::Malformed(_) => "malformed_message",
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

    /// Verifies, decrypts, parses and identifies a push.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(&self, push: &Push) -> Result<OpenedPush, OpenError> {
        let ring =
            self.0.get(&push.component).ok_or_else(|| OpenError::UnknownComponent(push.component.clone()))?;
        if !ring.knows(push.pair) {
            return Err(OpenError::UnknownPair(push.pair));
        }
        let query = CallbackQuery::parse(&push.query)?;
        let opened = ring.open(&query, push.body.as_bytes())?;
        let text: &Secret = &opened.plaintext;
        let (create_time, content) = if push.authorizer.is_some() {
            let message = parse_message(text.expose())?;
            (message.create_time, Content::Message(Box::new(message)))
        } else {
            let signed_at = CreateTime(query.timestamp.parse().unwrap_or_default());
            let callback = parse_callback(text.expose(), signed_at)?;
            (callback.time(), Content::Callback(Box::new(callback)))
        };
        let id = CallbackId::compute(create_time, &push.component, push.authorizer.as_ref(), text.expose());
        Ok(OpenedPush { id, content })
    }
}
