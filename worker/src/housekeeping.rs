//! What has to be done from time to time: figures for the metrics, and deleting what is old.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use mandate_runtime::{health::Dependency, metrics::Metrics, stop::Stop};
use mandate_storage::{StorageError, Store};

use crate::{access::kept_since, inbound::messages::Messages, outbound::webhooks::Webhooks};

const EVERY: Duration = Duration::from_secs(5);
/// Done tasks are kept longer than any code lives, so that a second path to a code finds the result.
const TASKS_KEPT: SignedDuration = SignedDuration::from_hours(72);
/// Notes about callbacks that are tried alone: longer than any is handed over again.
const TRIED_ALONE_KEPT: SignedDuration = SignedDuration::from_hours(72);
/// Consent links and visits after they expired: less than the tasks that a visit's page shows the result of.
const CONSENTS_KEPT: SignedDuration = SignedDuration::from_hours(48);

/// Does what has to be done from time to time.
pub(crate) struct Housekeeping {
    pub(crate) storage: Store,
    pub(crate) messages: Arc<Messages>,
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) audit_days: u32,
    pub(crate) metrics: Metrics,
    /// Shows whether the storage answers.
    pub(crate) health: Dependency,
}

impl Housekeeping {
    pub(crate) async fn run(&self, stop: &Stop) {
        loop {
            tokio::select! {
                () = stop.requested() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            // A round that is interrupted is one whose next statement comes after the next start.
            let tidied = tokio::select! {
                () = stop.requested() => return,
                tidied = self.tidy() => tidied,
            };
            match tidied {
                Ok(()) => self.health.ok(),
                Err(failures) => self.health.failing(failures),
            }
        }
    }

    /// Does all of it, each on its own: what fails keeps nothing else from being done.
    ///
    /// # Errors
    ///
    /// What failed, and why.
    pub(crate) async fn tidy(&self) -> Result<(), String> {
        let now = Timestamp::now();
        let done = [
            ("reading figures", self.measure().await),
            ("deleting old tasks", self.storage.prune_tasks(now - TASKS_KEPT).await.map(drop)),
            (
                "deleting old notes of callbacks tried alone",
                self.storage.prune_alone(now - TRIED_ALONE_KEPT).await.map(drop),
            ),
            ("deleting old consents", self.storage.prune_consents(now - CONSENTS_KEPT).await.map(drop)),
            ("deleting old audit entries", self.prune_audit(now).await),
            ("deleting old webhook attempts", self.webhooks.prune_attempts().await),
            ("deleting messages of erased authorizers", self.storage.prune_erased_messages().await.map(drop)),
            ("deleting old messages", self.messages.prune(now).await),
        ];
        let failed =
            |(what, done): (&str, Result<(), StorageError>)| Some(format!("{what}: {}", done.err()?));
        let failures: Vec<String> = done.into_iter().filter_map(failed).collect();
        if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
    }

    async fn prune_audit(&self, now: Timestamp) -> Result<(), StorageError> {
        match kept_since(now, self.audit_days) {
            Some(oldest) => self.storage.prune_audit(oldest).await.map(drop),
            None => Ok(()),
        }
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
