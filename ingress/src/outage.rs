//! An outage of the next place: told once when it begins and once when it is over, waited out with jitter.

use std::{fmt::Display, time::Duration};

use mandate_runtime::{jitter::full_jitter, stop::Stop};
use tokio::time::sleep;
use tracing::{debug, info, warn};

/// First wait; doubles up to [`LONGEST_WAIT`], the whole range at random.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Failures in a row.
#[derive(Debug)]
pub(crate) struct Outage {
    /// What it means that it fails, for the log.
    meaning: &'static str,
    failures: u32,
}

impl Outage {
    /// No failure yet.
    pub(crate) fn none(meaning: &'static str) -> Self {
        Self { meaning, failures: 0 }
    }

    /// Notes a failure and waits before the next try, but not beyond the stop. The metrics show how long it lasts.
    pub(crate) async fn wait(&mut self, error: &impl Display, stop: &Stop) {
        let Self { meaning, failures } = *self;
        if failures == 0 {
            warn!(%error, "{meaning}: {error}");
        } else {
            debug!(%error, failures, "still, {meaning}: {error}");
        }
        pause(full_jitter(FIRST_WAIT, LONGEST_WAIT, failures), stop).await;
        self.failures = failures.saturating_add(1);
    }

    /// Notes a success.
    pub(crate) fn over(&mut self) {
        if self.failures > 0 {
            info!(failures = self.failures, "no longer so: {}", self.meaning);
            self.failures = 0;
        }
    }
}

/// Waits, but not beyond the stop.
pub(crate) async fn pause(wait: Duration, stop: &Stop) {
    tokio::select! {
        () = stop.requested() => {}
        () = sleep(wait) => {}
    }
}
