//! What has to be done from time to time: figures for the metrics, and deleting what is old.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use mandate_runtime::{health::Dependency, metrics::Metrics, stop::Stop};
use mandate_storage::{Storage, StorageError};

use crate::{access::kept_since, inbound::messages::Messages, outbound::webhooks::Webhooks};

pub(crate) const EVERY: Duration = Duration::from_secs(5);
/// Done tasks are kept longer than any code lives, so that a second path to a code finds the result.
const TASKS_KEPT: SignedDuration = SignedDuration::from_hours(72);
/// Notes about callbacks that are tried alone: longer than any is handed over again.
const TRIED_ALONE_KEPT: SignedDuration = SignedDuration::from_hours(72);
/// Consent links and visits after they expired: less than the tasks that a visit's page shows the result of.
const CONSENTS_KEPT: SignedDuration = SignedDuration::from_hours(48);

/// Does what has to be done from time to time.
pub(crate) struct Housekeeping<S> {
    pub(crate) storage: S,
    pub(crate) messages: Arc<Messages<S>>,
    pub(crate) webhooks: Arc<Webhooks<S>>,
    pub(crate) audit_days: u32,
    pub(crate) metrics: Metrics,
    /// Shows whether the storage answers.
    pub(crate) health: Dependency,
}

impl<S: Storage> Housekeeping<S> {
    pub(crate) async fn run(&self, stop: &Stop) {
        loop {
            tokio::select! {
                () = stop.requested() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            match self.tidy().await {
                Ok(()) => self.health.ok(),
                Err(error) => self.health.failing(error.to_string()),
            }
        }
    }

    async fn tidy(&self) -> Result<(), StorageError> {
        self.measure().await?;
        let now = Timestamp::now();
        self.storage.prune_tasks(now - TASKS_KEPT).await?;
        self.storage.prune_alone(now - TRIED_ALONE_KEPT).await?;
        self.storage.prune_consents(now - CONSENTS_KEPT).await?;
        if let Some(oldest) = kept_since(now, self.audit_days) {
            self.storage.prune_audit(oldest).await?;
        }
        self.webhooks.prune_attempts().await?;
        self.messages.prune(now).await
    }

    /// Sets the gauges that are read from the store.
    pub(crate) async fn measure(&self) -> Result<(), StorageError> {
        self.metrics.log_position(self.storage.head().await?.0);
        self.metrics.dead_letters(self.storage.dead_letter_counts().await?);
        let tasks = self.storage.task_counts().await?;
        self.metrics.tasks(tasks.into_iter().map(|count| (count.kind, count.state.as_str(), count.count)));
        Ok(())
    }
}
