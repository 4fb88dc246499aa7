//! What carries events between processes. The traits stand here, and `RabbitMQ` behind them: a [`Publisher`] and a consumer of
//! the inbox ([`consume`]), each with a connection of its own and a supervisor that makes it again for ever.

mod backoff;
mod connection;
mod consumer;
mod declare;
mod error;
mod failure;
mod inbox;
mod link;
mod outcomes;
mod outgoing;
mod publisher;
mod settings;
mod supervisor;
mod tail;
mod topology;
mod window;

use std::future::Future;

use mandate_schema::{Push, PushKind};

pub use consumer::consume;
pub use error::PublishError;
pub use inbox::{Delivery, Inbox};
pub use link::{Link, LinkState};
pub use outgoing::{Outgoing, callback, event, message};
pub use publisher::{Publisher, Session, Tail};
pub use settings::{Settings, SettingsError};
pub use tail::LastMessage;
pub use topology::{EVENTS, EVENTS_LOG, INBOX, INBOX_KEY, INBOX_QUEUE, MESSAGES, MESSAGES_LOG, Topology};

pub use outcomes::{ASK_MAX, CallbackOutcomes, OutcomesUnavailable};

/// The next durable place for callbacks: the worker's own ingest in one process, a broker's inbox between two.
pub trait CallbackSink: Send + Sync + 'static {
    /// Whether `accept` settles pushes of this kind: `true` when an `Ok` means that nothing more can become of them, so that
    /// the journal may forget them; `false` when they were only handed over and must be asked about later.
    fn settles(kind: PushKind) -> bool;

    /// Takes a batch, in the order of the journal. `Ok` means *durable here, you may forget it*; repeats are harmless.
    ///
    /// # Errors
    ///
    /// [`SinkUnavailable`]: nothing is promised about any push of the batch; hand all of it over again later.
    fn accept(&self, batch: Vec<Push>) -> impl Future<Output = Result<(), SinkUnavailable>> + Send;

    /// Takes one callback alone, since `deaths` processes have ended while they handed it over among others.
    ///
    /// # Errors
    ///
    /// As [`CallbackSink::accept`].
    fn accept_alone(
        &self,
        push: Push,
        deaths: u32,
    ) -> impl Future<Output = Result<(), SinkUnavailable>> + Send {
        let _ = deaths;
        self.accept(vec![push])
    }
}

/// The next place did not take a batch. Safe to repeat: ids make it idempotent.
#[derive(Debug, thiserror::Error)]
#[error("the next place cannot take callbacks now: {0}")]
pub struct SinkUnavailable(#[source] pub Box<dyn std::error::Error + Send + Sync>);
