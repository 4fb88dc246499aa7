//! What one process does for all: who leads is believed to for a while, and prolongs it in time.

use jiff::{SignedDuration, Timestamp};
use mandate_storage::{Checkpoints, StorageError};
use uuid::Uuid;

/// A lead that this process has or would like to have.
pub(crate) struct Lead {
    name: String,
    holder: Uuid,
    holds_for: SignedDuration,
    until: Timestamp,
}

impl Lead {
    /// The lead of this name, which is lost so long after its holder was last seen.
    pub(crate) fn new(name: impl Into<String>, holds_for: SignedDuration) -> Self {
        Self { name: name.into(), holder: Uuid::now_v7(), holds_for, until: Timestamp::UNIX_EPOCH }
    }

    /// Whether this process leads for a third of the time at least; it takes or prolongs the lead if need be.
    ///
    /// # Errors
    ///
    /// [`StorageError`].
    pub(crate) async fn hold<S: Checkpoints>(&mut self, storage: &S) -> Result<bool, StorageError> {
        let now = Timestamp::now();
        if now + self.holds_for * 2 / 3 < self.until {
            return Ok(true);
        }
        let until = now + self.holds_for;
        let leads = storage.lead(&self.name, self.holder, now, until).await?;
        self.until = if leads { until } else { Timestamp::UNIX_EPOCH };
        Ok(leads)
    }

    /// Gives the lead up, if it is this process's.
    pub(crate) async fn resign<S: Checkpoints>(&self, storage: &S) {
        if let Err(error) = storage.resign(&self.name, self.holder).await {
            tracing::debug!(%error, "the lead of the {} ends by itself", self.name);
        }
    }
}
