//! Comparing at the start and from time to time.

use std::time::Duration;

use mandate_runtime::stop::Stop;
use mandate_schema::ComponentId;
use mandate_storage::StorageError;

use super::{Manner, ReconcileError, Reconciler};
use crate::lease::take_turn;

/// After a start, until the first comparison: callbacks that waited are dealt with by then.
const SETTLING: Duration = Duration::from_mins(1);
/// How often it is looked whether one is due.
const LOOK_AGAIN: Duration = Duration::from_mins(5);

/// When and how a worker compares by itself.
#[derive(Clone, Copy, Debug)]
pub struct ReconcileSettings {
    /// From one comparison to the next; `None`: only on request.
    pub every: Option<Duration>,
    /// Calls to `WeChat` in a minute at most.
    pub calls_per_minute: u32,
}

impl Reconciler {
    /// Compares a component when it is time, until the process stops.
    pub(crate) async fn run(&self, component: &ComponentId, stop: &Stop) {
        let Some(every) = self.settings.every else { return };
        let mut wait = SETTLING;
        loop {
            tokio::select! {
                () = stop.requested() => return,
                () = tokio::time::sleep(wait) => wait = LOOK_AGAIN,
            }
            match self.is_due(component, every).await {
                Ok(true) => self.reconcile_now(component, stop).await,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "it cannot be seen whether a comparison is due"),
            }
        }
    }

    /// Whether a comparison was cut off, or it is this process's turn to begin one.
    async fn is_due(&self, component: &ComponentId, every: Duration) -> Result<bool, StorageError> {
        if self.log.storage.reconciliation(component).await?.is_some() {
            return Ok(true);
        }
        take_turn(&self.log.storage, &format!("turn/reconcile/{component}"), every).await
    }

    async fn reconcile_now(&self, component: &ComponentId, stop: &Stop) {
        let manner = Manner { calls_per_minute: self.settings.calls_per_minute, dry_run: false };
        match self.reconcile(component, manner, stop, |_| {}).await {
            Ok(report) => tracing::info!(%component, listed = report.listed, granted = report.granted,
                updated = report.updated, recovered = report.recovered, to_confirm = report.to_confirm,
                without_token = report.without_token, short_by = report.short_by, unreadable = report.unreadable,
                unreadable_streams = report.unreadable_streams,
                "the authorizers of {component} were compared with WeChat's list"),
            Err(ReconcileError::Stopped | ReconcileError::Elsewhere) => {}
            Err(error) => tracing::warn!(%component,
                "the authorizers of {component} were not all compared with WeChat's list; this goes on later: {error}"),
        }
    }
}
