//! Streams and places in the log.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{AuthorizerId, ComponentId, InvalidId};

/// Place of an event in the whole log: starts at 1, has no gaps, grows in commit order. 0 stands before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Number of an event within its stream: starts at 1, has no gaps. 0 is the version of a stream without events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);

impl Version {
    /// The version after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a stream tells the history of. As text: `component/{c}`, `authorizer/{c}/{a}`, `webhook/{id}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum StreamName {
    /// A component: its tickets and notices.
    Component(ComponentId),
    /// A merchant's account as one component sees it.
    Authorizer(ComponentId, AuthorizerId),
    /// A webhook endpoint.
    Webhook(Uuid),
}

impl StreamName {
    /// The component the stream belongs to; webhooks belong to none.
    pub fn component(&self) -> Option<&ComponentId> {
        match self {
            Self::Component(component) | Self::Authorizer(component, _) => Some(component),
            Self::Webhook(_) => None,
        }
    }

    /// The account the stream is about, if it is about one.
    pub fn authorizer(&self) -> Option<&AuthorizerId> {
        match self {
            Self::Authorizer(_, authorizer) => Some(authorizer),
            Self::Component(_) | Self::Webhook(_) => None,
        }
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component(component) => write!(f, "component/{component}"),
            Self::Authorizer(component, authorizer) => write!(f, "authorizer/{component}/{authorizer}"),
            Self::Webhook(id) => write!(f, "webhook/{id}"),
        }
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for StreamName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = |reason| InvalidId { kind: "stream name", reason };
        let mut parts = text.split('/');
        let name = match (parts.next(), parts.next(), parts.next()) {
            (Some("component"), Some(component), None) => Self::Component(component.parse()?),
            (Some("authorizer"), Some(component), Some(authorizer)) => {
                Self::Authorizer(component.parse()?, authorizer.parse()?)
            }
            (Some("webhook"), Some(id), None) => {
                Self::Webhook(id.parse().map_err(|_| invalid("a webhook's id is a UUID"))?)
            }
            _ => return Err(invalid("expected component/…, authorizer/…/… or webhook/…")),
        };
        if parts.next().is_some() { Err(invalid("too many parts")) } else { Ok(name) }
    }
}

impl TryFrom<String> for StreamName {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<StreamName> for String {
    fn from(name: StreamName) -> Self {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_names_survive_their_text_form() {
        for text in [
            "component/wx1f2e3d4c5b6a7988",
            "authorizer/wx1f2e3d4c5b6a7988/wxa0b1c2d3e4f50617",
            "webhook/01890000-0000-7000-8000-000000000001",
        ] {
            assert_eq!(text.parse::<StreamName>().expect(text).to_string(), text);
        }
        for bad in [
            "",
            "component",
            "component/wx1f2e/extra/more",
            "authorizer/wx1f2e3d",
            "webhook/x",
            "tenant/wx1f2e",
        ] {
            assert!(bad.parse::<StreamName>().is_err(), "{bad}");
        }
    }
}
