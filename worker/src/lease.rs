//! What one process does for all: who holds a lease leads, and prolongs it in time.

use std::time::Duration;

use mandate_storage::{StorageError, Store};
use tokio::time::Instant;
use uuid::Uuid;

/// A lease that this process has or would like to have.
///
/// The storage counts its time on the database's clock, the holder on a clock that cannot be set, from before the call: it stops
/// believing in the lease before another process can get it.
pub(crate) struct Lease {
    name: String,
    holder: Uuid,
    length: Duration,
    until: Option<Instant>,
}

impl Lease {
    /// The lease of this name, which is lost so long after its holder was last seen.
    pub(crate) fn new(name: impl Into<String>, length: Duration) -> Self {
        Self { name: name.into(), holder: Uuid::now_v7(), length, until: None }
    }

    /// Whether this process has the lease; it is taken or prolonged if less than two thirds of its time are left.
    ///
    /// # Errors
    ///
    /// [`StorageError`]: it may be held until its time is over, see [`Self::is_held`].
    pub(crate) async fn hold(&mut self, storage: &Store) -> Result<bool, StorageError> {
        let now = Instant::now();
        if self.until.is_some_and(|until| now + self.length * 2 / 3 < until) {
            return Ok(true);
        }
        let taken = storage.take(&self.name, self.holder, self.length).await?;
        self.until = taken.map(|_| now + self.length);
        Ok(self.is_held()) // the answer may have taken longer than the lease
    }

    /// Whether the time for which it was taken last is not over yet.
    pub(crate) fn is_held(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }

    /// Gives the lease back, if it is this process's.
    pub(crate) async fn give_back(&mut self, storage: &Store) {
        self.until = None;
        if let Err(error) = storage.give_back(&self.name, self.holder).await {
            tracing::debug!(%error, "the lease {} ends by itself", self.name);
        }
    }
}

/// Takes the turn at something that one process of all does once in a time; `false` if it was taken within that time.
///
/// # Errors
///
/// [`StorageError`].
pub(crate) async fn take_turn(storage: &Store, name: &str, once_in: Duration) -> Result<bool, StorageError> {
    // Nobody holds it afterwards, the process that took it neither.
    Ok(storage.take(name, Uuid::now_v7(), once_in).await?.is_some())
}
