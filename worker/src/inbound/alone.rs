//! Callbacks that may be what ends the process that decides them: each is taken alone, so that the others go on.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use mandate_schema::{CommandId, Push};
use mandate_storage::Storage;

use crate::inbound::ingest::{Ingest, IngestError};

/// Processes that may end while they handle such a callback alone, beside the first.
const ENDED_MAX: u32 = 3;

/// Reason of the dead letter of a callback that came often.
const REDELIVERED: &str = "redelivered";

/// Those that this process takes alone and has not finished: their dead letters are its own.
#[derive(Debug, Default)]
pub(crate) struct Alone(Mutex<HashSet<CommandId>>);

impl Alone {
    fn ids(&self) -> std::sync::MutexGuard<'_, HashSet<CommandId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Storage> Ingest<S> {
    /// A callback that came often is taken alone, after its dead letter is written. If it ends this process too, another one
    /// tries again, a few times, for it may have been chance; then the letter is its outcome and it is not tried again unasked.
    /// Success removes the letter. A letter under a false id stays, and the genuine callback of that id revives it.
    pub(crate) async fn take_alone(&self, push: Push, detail: String) -> Result<(), IngestError> {
        let id = CommandId::from(push.id);
        let begun_here = !self.alone.ids().insert(id);
        let left = self.storage.dead_letter(id).await?.filter(|row| row.letter.reason == REDELIVERED);
        match left {
            Some(row) if !begun_here && row.retries >= ENDED_MAX => {
                tracing::error!(%id, "callback {id} ended each worker that handled it and stays a dead letter");
            }
            left => {
                match left {
                    Some(_) if !begun_here => self.storage.count_retry(id, REDELIVERED, &detail).await?,
                    _ => self.bury(push.clone(), REDELIVERED, detail).await?,
                }
                self.retry(push).await?;
            }
        }
        self.alone.ids().remove(&id);
        Ok(())
    }
}
