//! A push as `WeChat` sent it: what is journaled, relayed and opened again by the worker.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use ring::digest;
use serde::{Deserialize, Serialize};

use crate::{AuthorizerId, CallbackId, ComponentId, InvalidId, Secret};

/// Which of the two callback URLs a push came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PushKind {
    /// The auth-event URL: tickets, authorization changes, registration results.
    Event,
    /// The message URL: messages and events of an authorizer's users.
    Message,
}

impl PushKind {
    /// The name in logs, metrics and the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Message => "message",
        }
    }
}

/// A push exactly as `WeChat` sent it, still encrypted, with the id that ingress computed for it.
///
/// The serialised form is the body of a message in the broker's inbox; `id` travels beside it as `message_id` and is a
/// hint there: the worker computes it itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// The callback id that ingress computed.
    #[serde(skip, default = "nil_id")]
    pub id: CallbackId,
    /// The component whose URL was called.
    pub component: ComponentId,
    /// The authorizer from `$APPID$` of the message URL (unsigned); `None` on the event URL.
    pub authorizer: Option<AuthorizerId>,
    /// The pair of token and key that opened it.
    pub pair: PairId,
    /// The query string as received.
    pub query: String,
    /// The encrypted request body as received.
    pub body: String,
    /// When ingress received it.
    pub received_at: Timestamp,
    /// For a message: ingress has not seen its original id with this appid before. Only the unsigned URL says that they belong
    /// together.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unverified: bool,
}

fn nil_id() -> CallbackId {
    CallbackId(uuid::Uuid::nil())
}

impl Push {
    /// Which URL it came to.
    pub fn kind(&self) -> PushKind {
        if self.authorizer.is_some() { PushKind::Message } else { PushKind::Event }
    }
}

impl fmt::Debug for Push {
    /// Leaves query and body out: they are `WeChat`'s ciphertext, but nobody needs them in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push")
            .field("id", &self.id)
            .field("component", &self.component)
            .field("authorizer", &self.authorizer)
            .field("pair", &self.pair)
            .finish_non_exhaustive()
    }
}

/// Names a pair of message-check token and `EncodingAESKey` without giving it away: the first 8 hex digits of SHA-256 over
/// the token, one zero byte and the 32 key bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PairId([u8; 4]);

impl PairId {
    /// The id of a pair.
    pub fn of(token: &Secret, key: &[u8; 32]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(token.expose().as_bytes());
        context.update(&[0]);
        context.update(key);
        let hash = context.finish();
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&hash.as_ref()[..4]);
        Self(bytes)
    }
}

impl fmt::Display for PairId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PairId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PairId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let number = (text.len() == 8).then(|| u32::from_str_radix(text, 16).ok()).flatten();
        number
            .map(|n| Self(n.to_be_bytes()))
            .ok_or(InvalidId { kind: "pair id", reason: "it must be 8 hex digits" })
    }
}

impl TryFrom<String> for PairId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<PairId> for String {
    fn from(id: PairId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_survives_its_inbox_form_but_for_the_hint() {
        let push = Push {
            id: CallbackId(uuid::Uuid::from_u128(7)),
            component: ComponentId::parse("wx1f2e3d4c5b6a7988").expect("valid"),
            authorizer: None,
            pair: "00ff12ab".parse().expect("valid"),
            query: "timestamp=1".into(),
            body: "<xml/>".into(),
            received_at: "2026-11-22T00:00:00Z".parse().expect("valid"),
            unverified: false,
        };
        let text = serde_json::to_string(&push).expect("plain");
        let back: Push = serde_json::from_str(&text).expect("own form");
        assert_eq!(Push { id: push.id, ..back }, push);
    }
}
