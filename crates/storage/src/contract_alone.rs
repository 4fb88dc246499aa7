//! The contract about callbacks that may be what ends the process that decides them: each is tried alone.

use std::future::Future;

use jiff::Timestamp;
use mandate_schema::CommandId;

use crate::StorageError;

type Result<T> = std::result::Result<T, StorageError>;

/// Notes about callbacks that are tried alone. A note is neither an outcome nor a dead letter.
pub trait TriedAlone: Send + Sync + 'static {
    /// Notes that a process begins to try a callback alone; answers how many processes noted the same before it and ended without
    /// an outcome.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn note_alone(
        &self,
        id: CommandId,
        detail: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<u32>> + Send;

    /// Removes the note about a callback that has an outcome.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn forget_alone(&self, id: CommandId) -> impl Future<Output = Result<()>> + Send;

    /// Removes the notes first made before a time; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn prune_alone(&self, before: Timestamp) -> impl Future<Output = Result<usize>> + Send;
}
