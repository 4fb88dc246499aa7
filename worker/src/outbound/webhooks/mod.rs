//! Webhooks: events delivered to addresses of subscribers, signed, in order for each account, tried for days.

mod address;
mod deliver;
mod endpoint;
mod manage;
mod progress;
mod rewind;
mod run;
mod secrets;
mod sender;
mod signature;
mod told;

use std::{sync::Arc, time::Duration};

use ipnet::IpNet;
use mandate_runtime::metrics::Metrics;
use mandate_storage::StorageError;
use tokio::sync::Notify;
use uuid::Uuid;

pub use address::AddressError;
pub use endpoint::{Attempt, Webhook, WebhookFilter, WebhookSecret, WebhookState};
pub use manage::{WebhookChange, WebhookOrder};
pub use progress::{GivenUp, Held, Progress};
pub use rewind::{Rewind, RewindTo};
pub use secrets::OVERLAP_DEFAULT;
pub use sender::{Sender, Sent};
pub use signature::{is_secret, new_secret};

use crate::log::{Log, fold::ReadError};

/// Endpoints at most.
const WEBHOOKS_MAX: usize = 100;

/// The endpoints of subscribers.
pub struct Webhooks {
    log: Arc<Log>,
    sender: Sender,
    settings: WebhookSettings,
    /// Notified when an operator has changed one.
    changed: Notify,
    metrics: Metrics,
}

impl Webhooks {
    pub(crate) fn new(log: Arc<Log>, settings: WebhookSettings, metrics: Metrics) -> Self {
        let sender = Sender::new(settings.allow_private.clone());
        Self { log, sender, settings, changed: Notify::new(), metrics }
    }
}

/// What the settings say about webhooks.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Networks that an endpoint may be in though they are not public.
    pub allow_private: Vec<IpNet>,
    /// An endpoint that fails for so long is disabled.
    pub disable_after: Duration,
}

/// Why something cannot be done with an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// There is no such endpoint.
    #[error("there is no webhook {0}")]
    Unknown(Uuid),
    /// It cannot be called.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Something of the order cannot be used.
    #[error("{0}")]
    Order(String),
    /// There are enough.
    #[error("there are {WEBHOOKS_MAX} webhooks already: delete one that is not needed")]
    TooMany,
    /// The store or the log.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<StorageError> for WebhookError {
    fn from(error: StorageError) -> Self {
        Self::Read(error.into())
    }
}
