//! Trying dead letters again.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use mandate_runtime::stop::Stop;
use mandate_schema::Push;
use mandate_storage::{DeadLetterId, DeadLetterRow, DeadPayload, StorageError};

use super::{
    ingest::{Ingest, IngestError, Ingested},
    opener::UNKNOWN_PAIR,
};
use tokio::sync::Notify;

/// Dead letters read at once.
const PAGE: usize = 200;
/// How long to wait for a store that is away.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What became of a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retried {
    /// It was decided, or its task is queued again.
    Revived,
    /// It failed in the same way.
    StillDead,
}

/// Why a dead letter could not be tried again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// There is none with this id.
    #[error("there is no dead letter {0}")]
    NotFound(DeadLetterId),
    /// It has no new outcome; try again later.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The store.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The dead letters of a worker.
pub struct DeadLetters {
    pub(crate) ingest: Ingest,
    /// Notified when there may be a task to claim.
    pub(crate) queued: Arc<Notify>,
}

impl DeadLetters {
    /// Tries a dead letter again.
    ///
    /// # Errors
    ///
    /// [`RetryError`].
    pub async fn retry(&self, id: DeadLetterId) -> Result<Retried, RetryError> {
        let row = self.ingest.log.storage.dead_letter(id).await?.ok_or(RetryError::NotFound(id))?;
        match row.letter.payload {
            DeadPayload::Push(push) => Ok(self.retry_push(id, push).await?),
            DeadPayload::Task(_) => {
                self.ingest.log.storage.revive_task(id, Timestamp::now()).await?;
                self.queued.notify_one();
                Ok(Retried::Revived)
            }
        }
    }

    pub(crate) async fn retry_push(&self, id: DeadLetterId, push: Push) -> Result<Retried, RetryError> {
        match self.ingest.retry(push).await? {
            Ingested::Dead => Ok(Retried::StillDead),
            Ingested::Decided | Ingested::Duplicate => {
                // Deciding removes the letter of the same id; a letter under a false hint is done with, too.
                self.ingest.log.storage.discard(id, Timestamp::now()).await?;
                Ok(Retried::Revived)
            }
        }
    }

    /// As [`DeadLetters::retry_unknown_pairs`], as often as it takes while the store is away.
    pub(crate) async fn retry_unknown_pairs_until(&self, stop: &Stop) -> Result<(), StorageError> {
        while !stop.is_requested() {
            match self.retry_unknown_pairs().await {
                Err(error) if error.is_transient() => {
                    tokio::select! {
                        () = stop.requested() => {}
                        () = tokio::time::sleep(LOOK_AGAIN) => {}
                    }
                }
                ended => return ended,
            }
        }
        Ok(())
    }

    /// Tries those again that a newer configuration may open: keys may have been rotated in the wrong order.
    pub(crate) async fn retry_unknown_pairs(&self) -> Result<(), StorageError> {
        let mut after = None;
        loop {
            let page: Vec<DeadLetterRow> = self.ingest.log.storage.dead_letters(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.letter.command);
            for row in page.into_iter().filter(|row| row.letter.reason == UNKNOWN_PAIR) {
                let id = row.letter.command;
                match self.retry(id).await {
                    Ok(outcome) => tracing::info!(%id, ?outcome, "dead letter {id} was tried again"),
                    Err(error) => tracing::warn!(%id, %error, "dead letter {id} could not be tried again"),
                }
            }
        }
    }
}
