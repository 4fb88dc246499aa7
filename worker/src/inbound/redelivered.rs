//! A callback that came often is tried alone, and set aside once that ends process after process.

use jiff::Timestamp;
use mandate_schema::{CommandId, Push};

use super::ingest::{Ingest, IngestError};

/// Processes that may end while they handle such a callback alone, beside the first.
const ENDED_MAX: u32 = 3;

/// Reason of the dead letter of a callback that came often.
const REDELIVERED: &str = "redelivered";

impl Ingest {
    /// A callback that came often is tried alone, after that is noted; the note is neither an outcome nor a dead letter. If it ends
    /// this process too, another one tries again, a few times, for it may have been chance; then it is a dead letter and not tried
    /// again unasked. An outcome removes the note. A note under a false id keeps nobody from trying the genuine callback.
    pub(crate) async fn take_alone(&self, push: Push, detail: String) -> Result<(), IngestError> {
        let id = CommandId::from(push.id);
        let storage = &self.log.storage;
        if !self.alone.ids().contains(&id) {
            if storage.note_alone(id, &detail, Timestamp::now()).await? > ENDED_MAX {
                return self.set_aside(push, detail).await;
            }
            self.alone.ids().insert(id);
        }
        self.retry(push).await?;
        storage.forget_alone(id).await?;
        self.alone.ids().remove(&id);
        Ok(())
    }

    /// Makes a callback a dead letter that ended each process. Its note stays, so that it is not tried if it comes again.
    async fn set_aside(&self, push: Push, detail: String) -> Result<(), IngestError> {
        let id = CommandId::from(push.id);
        let letter = self.log.storage.dead_letter(id).await?;
        if letter.is_none_or(|row| row.letter.reason != REDELIVERED) {
            self.bury(push, REDELIVERED, detail).await?;
        }
        tracing::error!(%id, "callback {id} ended each worker that handled it and is a dead letter");
        Ok(())
    }
}
