//! How a connection to `RabbitMQ` is, for health and for whoever waits for it.

/// The state of one connection. No text in it holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it does now.
    pub state: LinkState,
    /// What works but is not as it should be, such as a queue with other arguments than ours.
    pub warnings: Vec<String>,
}

/// What a connection does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// It is being made for the first time.
    Connecting,
    /// It works.
    Up,
    /// `RabbitMQ` takes nothing on it, because it is short of memory or disk.
    Blocked {
        /// What `RabbitMQ` said.
        reason: String,
    },
    /// It failed, and is tried again; or it was stopped.
    Down {
        /// The last failure.
        reason: String,
    },
}

impl Link {
    pub(crate) fn connecting() -> Self {
        Self { state: LinkState::Connecting, warnings: Vec::new() }
    }

    pub(crate) fn down(reason: &str) -> Self {
        Self { state: LinkState::Down { reason: reason.to_owned() }, warnings: Vec::new() }
    }

    pub(crate) fn is_blocked(&self) -> bool {
        matches!(self.state, LinkState::Blocked { .. })
    }

    /// Why it does no work now; `None` if it does.
    pub fn failing(&self) -> Option<String> {
        match &self.state {
            LinkState::Connecting => Some("connecting to RabbitMQ".to_owned()),
            LinkState::Up => None,
            LinkState::Blocked { reason } => Some(format!("RabbitMQ takes nothing now: {reason}")),
            LinkState::Down { reason } => Some(format!("no connection to RabbitMQ: {reason}")),
        }
    }
}
