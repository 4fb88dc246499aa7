//! Keys of the API's callers, what they open, and for whom.

use std::{collections::BTreeSet, fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{AuthorizerId, ComponentId, InvalidId, Secret};

/// How every key begins, so that people and secret scanners know one when they see it.
const PREFIX: &str = "mdt_";
/// Random bytes of a key.
const RANDOM: usize = 32;
/// Bytes of SHA-256 behind them: a key that was cut or mistyped is told from one that was revoked.
const CHECKSUM: usize = 3;

/// A key of a caller. Its text is shown once; what is stored is its [hash](ApiKey::hash).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey(Secret);

impl ApiKey {
    /// A key from random bytes.
    pub fn new(random: &[u8; RANDOM]) -> Self {
        let body = BASE64.encode(random);
        Self(Secret::new(format!("{PREFIX}{body}{}", checksum(&body))))
    }

    /// Reads a key.
    ///
    /// # Errors
    ///
    /// [`InvalidId`]: it is no key, or was cut or mistyped.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let invalid = |reason| InvalidId { kind: "API key", reason };
        let rest = text.strip_prefix(PREFIX).ok_or_else(|| invalid("it must begin with mdt_"))?;
        let at = rest.len().checked_sub(CHECKSUM * 4 / 3).filter(|at| rest.is_char_boundary(*at));
        let (body, check) = rest.split_at(at.ok_or_else(|| invalid("it was cut"))?);
        if check != checksum(body) {
            return Err(invalid("it was cut or mistyped"));
        }
        Ok(Self(Secret::new(text)))
    }

    /// The text, to show it once.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// SHA-256 of the text. The key is random enough that nothing slower is needed.
    pub fn hash(&self) -> [u8; 32] {
        digest(&SHA256, self.0.expose().as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}

fn checksum(body: &str) -> String {
    BASE64.encode(&digest(&SHA256, body.as_bytes()).as_ref()[..CHECKSUM])
}

/// What a key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Components and accounts as they are.
    #[serde(rename = "state:read")]
    StateRead,
    /// Access tokens, and their replacement.
    #[serde(rename = "token:read")]
    TokenRead,
    /// The event log.
    #[serde(rename = "events:read")]
    EventsRead,
    /// Messages of the message URL.
    #[serde(rename = "messages:read")]
    MessagesRead,
    /// Authorization links.
    #[serde(rename = "link:create")]
    LinkCreate,
    /// Webhooks.
    #[serde(rename = "webhook:manage")]
    WebhookManage,
    /// Calls to `WeChat` on behalf of accounts.
    #[serde(rename = "proxy")]
    Proxy,
    /// What an operator does: dead letters.
    #[serde(rename = "admin")]
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::StateRead,
        Self::TokenRead,
        Self::EventsRead,
        Self::MessagesRead,
        Self::LinkCreate,
        Self::WebhookManage,
        Self::Proxy,
        Self::Admin,
    ];

    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StateRead => "state:read",
            Self::TokenRead => "token:read",
            Self::EventsRead => "events:read",
            Self::MessagesRead => "messages:read",
            Self::LinkCreate => "link:create",
            Self::WebhookManage => "webhook:manage",
            Self::Proxy => "proxy",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or(InvalidId {
            kind: "scope",
            reason: "it must be state:read, token:read, events:read, messages:read, link:create, webhook:manage, proxy or admin",
        })
    }
}

/// For which components and accounts a key is good; `None`: for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// Only these components.
    pub components: Option<BTreeSet<ComponentId>>,
    /// Only these accounts, and nothing that is about a component as a whole.
    pub authorizers: Option<BTreeSet<AuthorizerId>>,
}

impl Reach {
    /// Whether something is within reach; without an account it is about the component as a whole.
    pub fn covers(&self, component: &ComponentId, authorizer: Option<&AuthorizerId>) -> bool {
        let component = self.components.as_ref().is_none_or(|known| known.contains(component));
        let account = self
            .authorizers
            .as_ref()
            .is_none_or(|known| authorizer.is_some_and(|authorizer| known.contains(authorizer)));
        component && account
    }

    /// Whether nothing is out of reach.
    pub fn is_unlimited(&self) -> bool {
        self.components.is_none() && self.authorizers.is_none()
    }
}

/// What is stored of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// Its id, which may be shown.
    pub id: Uuid,
    /// Its name, for people.
    pub name: String,
    /// [Hash](ApiKey::hash) of its text.
    pub hash: [u8; 32],
    /// What it opens.
    pub scopes: BTreeSet<Scope>,
    /// For whom.
    pub reach: Reach,
    /// When it was made.
    pub created_at: jiff::Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<jiff::Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<jiff::Timestamp>,
    /// When it was last used, to the minute.
    pub used_at: Option<jiff::Timestamp>,
}

impl ApiKeyRecord {
    /// Whether it opens anything at this time.
    pub fn is_active(&self, now: jiff::Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written_and_never_shown() {
        let key = ApiKey::new(&[7; 32]);
        assert!(key.expose().starts_with("mdt_") && key.expose().len() == 51);
        assert_eq!(ApiKey::parse(key.expose()), Ok(key.clone()));
        assert_ne!(key.hash(), ApiKey::new(&[8; 32]).hash());
        assert_eq!(format!("{key:?}"), "ApiKey(Secret(…))");
    }

    #[test]
    fn a_cut_or_mistyped_key_is_none() {
        let key = ApiKey::new(&[7; 32]).expose().to_owned();
        let (mistyped, cut) = (key.replacen('B', "C", 1), &key[..50]);
        assert_ne!(mistyped, key);
        for wrong in [mistyped.as_str(), cut, "mdt_", "mdt_é", "mdt_ab", "sk_live", "", &format!("{key}x")] {
            assert!(ApiKey::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn scopes_are_read_by_their_names() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
            assert_eq!(serde_json::to_string(&scope).expect("plain"), format!("\"{scope}\""));
        }
        assert!("root".parse::<Scope>().is_err());
    }

    #[test]
    fn a_reach_is_as_wide_as_it_says() {
        let component = |text: &str| text.parse::<ComponentId>().expect("an id");
        let authorizer = |text: &str| text.parse::<AuthorizerId>().expect("an id");
        let (a, b) = (component("wx1f2e3d4c5b6a7988"), component("wx1f2e3d4c5b6a7989"));
        let (x, y) = (authorizer("wxa0b1c2d3e4f50617"), authorizer("wxa0b1c2d3e4f50618"));
        assert!(Reach::default().covers(&a, None) && Reach::default().covers(&a, Some(&x)));
        let of_a = Reach { components: Some([a.clone()].into()), ..Reach::default() };
        assert!(of_a.covers(&a, None) && of_a.covers(&a, Some(&x)) && !of_a.covers(&b, Some(&x)));
        let of_x = Reach { authorizers: Some([x.clone()].into()), ..Reach::default() };
        assert!(of_x.covers(&a, Some(&x)) && !of_x.covers(&a, Some(&y)) && !of_x.covers(&a, None));
    }
}
