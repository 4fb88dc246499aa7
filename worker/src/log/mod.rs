//! The event log: the one handle through which every use case decides and appends.
//!
//! [`Log::decide`] loads what a batch of decisions needs, opens what is sealed, decides the items of one stream on one another,
//! seals, and appends all of it at once; after a conflict it decides again. What follows an append happens here and nowhere else.

pub(crate) mod access_token;
mod chain;
mod decide;
pub(crate) mod fold;
mod gatherer;
mod head;
mod item;
pub(crate) mod payload;
pub(crate) mod record;
pub(crate) mod snapshot;
pub(crate) mod time;
pub(crate) mod vault;

use std::{sync::Arc, time::Duration};

use mandate_runtime::{failpoint, metrics::Metrics};
use mandate_schema::{Position, StreamName, WrappedKey};
use mandate_storage::{AppendObserver, Appended, Appender, Command, StorageError, Store, Wanted};
use tokio::sync::{Notify, watch};

use fold::ReadError;
use gatherer::Gatherer;
pub(crate) use item::{Decided, Finishes, Held, Item, Landing, Needs, Ruling, Seen, Verdict};
use snapshot::Snapshot;
use vault::Vault;

/// What must be forgotten of a stream once something was appended to it.
pub(crate) trait Forget: Send + Sync + 'static {
    /// Forgets it.
    fn forget(&self, stream: &StreamName);
}

/// The handle on the log. Shared by all parts of a worker.
pub(crate) struct Log {
    pub(crate) storage: Store,
    pub(crate) vault: Arc<Vault>,
    gatherer: Gatherer,
    appender: Appender,
    /// What this process knows of the streams' tokens.
    tokens: Arc<dyn Forget>,
    /// Where the log ends, as far as this process knows.
    head: watch::Sender<Position>,
    /// Notified when there may be something to claim.
    tasks: Arc<Notify>,
    metrics: Metrics,
}

impl Log {
    /// Starts the appender. Call it inside a tokio runtime.
    pub(crate) fn start(
        storage: Store,
        vault: Arc<Vault>,
        tokens: Arc<dyn Forget>,
        tasks: Arc<Notify>,
        metrics: Metrics,
    ) -> Self {
        let appender = Appender::start(storage.clone(), Arc::new(Observer(metrics.clone())));
        let gatherer = Gatherer::start(storage.clone());
        Self {
            storage,
            vault,
            gatherer,
            appender,
            tokens,
            head: watch::Sender::new(Position(0)),
            tasks,
            metrics,
        }
    }

    /// Reads one stream.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub(crate) async fn read(&self, stream: &StreamName) -> Result<Snapshot, ReadError> {
        let wanted = Wanted { streams: vec![stream.clone()], ..Wanted::default() };
        let found = self.gatherer.gather(wanted).await?;
        Snapshot::of(&self.storage, &self.vault, stream, found.stream(stream)?).await
    }

    /// Appends a command that needs no decision on a stream.
    ///
    /// # Errors
    ///
    /// As [`Appender::append_all`].
    pub(crate) async fn append(&self, command: Command) -> Result<Appended, StorageError> {
        self.append_all(vec![command]).await.remove(0)
    }

    async fn append_all(&self, commands: Vec<Command>) -> Vec<Result<Appended, StorageError>> {
        let changed: Vec<StreamName> = commands.iter().filter_map(Command::stream).cloned().collect();
        let made: Vec<Vec<WrappedKey>> = commands.iter().map(new_keys).collect();
        let queues_tasks = commands.iter().any(queues_tasks);
        let appended = self.appender.append_all(commands).await;
        for (made, appended) in made.iter().zip(&appended) {
            if matches!(appended, Ok(Appended::Stored(_))) {
                self.vault.keep(made);
            }
        }
        self.after_append(&changed, queues_tasks, appended.iter().flatten());
        appended
    }

    /// What follows every append: cached tokens of its streams are forgotten, tasks are announced, and who waits for the log to grow
    /// is woken.
    fn after_append<'a>(
        &self,
        changed: &[StreamName],
        queues_tasks: bool,
        appended: impl Iterator<Item = &'a Appended>,
    ) {
        for stream in changed {
            self.tokens.forget(stream);
        }
        if queues_tasks {
            self.tasks.notify_one();
        }
        let stored = appended.filter_map(|appended| match appended {
            Appended::Stored(position) => *position,
            Appended::Duplicate(_) | Appended::Conflict | Appended::Finished => None,
        });
        if let Some(position) = stored.max() {
            self.metrics.log_position(position.0);
            self.grew_to(position);
        }
    }
}

/// The keys that a command stores. An authorizer that is erased has none.
fn new_keys(command: &Command) -> Vec<WrappedKey> {
    match command {
        Command::Decided(append) if append.erases.is_none() => {
            append.keys.iter().map(|key| key.wrapped.clone()).collect()
        }
        Command::Decided(_) | Command::GivenUp(_) | Command::Dead(_) => Vec::new(),
    }
}

fn queues_tasks(command: &Command) -> bool {
    match command {
        Command::Decided(append) => append.queues_tasks(),
        Command::GivenUp(given_up) => given_up.asks.is_some(),
        Command::Dead(_) => false,
    }
}

struct Observer(Metrics);

impl AppendObserver for Observer {
    fn before(&self, _: usize) {
        failpoint::reached("append.before");
    }

    fn after(&self, commands: usize, took: Duration) {
        failpoint::reached("append.after");
        self.0.append_batch_commands(commands);
        self.0.append_seconds(took);
    }
}
