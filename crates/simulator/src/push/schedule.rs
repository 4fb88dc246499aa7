//! When and how often a push is delivered.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// Whether a push waits for something else than time. In JSON: `true`, `false` or `"next"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hold {
    /// It does not.
    #[default]
    No,
    /// Until it is released.
    UntilReleased,
    /// Until after the component's next push (other than a ticket) was delivered.
    AfterNext,
}

impl<'de> Deserialize<'de> for Hold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "true, false or \"next\"")]
        enum Form {
            Flag(bool),
            Word(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Flag(true) => Ok(Self::UntilReleased),
            Form::Flag(false) => Ok(Self::No),
            Form::Word(word) if word == "next" => Ok(Self::AfterNext),
            Form::Word(word) => {
                Err(de::Error::custom(format!("hold is true, false or \"next\", not {word:?}")))
            }
        }
    }
}

/// When and how often a push is delivered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// Deliveries of the same content, each encrypted anew.
    pub(crate) times: u32,
    /// Before the first of them.
    pub(crate) delay: Duration,
    pub(crate) hold: Hold,
    /// Whether the caller wants to know what the deliveries got.
    pub(crate) wait: bool,
}

impl Schedule {
    /// Once, at once.
    pub(crate) fn once() -> Self {
        Self { times: 1, delay: Duration::ZERO, hold: Hold::No, wait: true }
    }
}
