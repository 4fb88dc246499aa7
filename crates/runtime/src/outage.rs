//! Something that does not work now: logged once for each new reason and once when it is over, tried again with jitter.

use std::{fmt::Display, time::Duration};

use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::{jitter::full_jitter, stop::Stop};

/// First wait; doubles up to [`LONGEST_WAIT`], the whole range at random.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Failures in a row.
#[derive(Debug)]
pub struct Outage {
    /// What it means that it fails, for the log.
    meaning: String,
    failures: u32,
    /// The reason that was logged last.
    reason: String,
}

impl Outage {
    /// No failure yet. `meaning` is what a log line says of a failure, before its reason: "callbacks wait in the journal".
    pub fn none(meaning: impl Into<String>) -> Self {
        Self { meaning: meaning.into(), failures: 0, reason: String::new() }
    }

    /// Notes a failure; how long to wait before the next try. The same reason in a row is logged once.
    pub fn failed(&mut self, error: &impl Display) -> Duration {
        let Self { meaning, failures, reason } = self;
        let said = error.to_string();
        if *reason == said {
            debug!(failures, "still, {meaning}: {said}");
        } else {
            warn!(error = said, "{meaning}, retrying: {said}");
            *reason = said;
        }
        let wait = full_jitter(FIRST_WAIT, LONGEST_WAIT, *failures);
        *failures = failures.saturating_add(1);
        wait
    }

    /// Notes a failure and waits before the next try, but not beyond the stop.
    pub async fn wait(&mut self, error: &impl Display, stop: &Stop) {
        let wait = self.failed(error);
        pause(wait, stop).await;
    }

    /// Notes a success.
    pub fn over(&mut self) {
        if self.failures > 0 {
            info!(failures = self.failures, "recovered: {}", self.meaning);
            self.failures = 0;
            self.reason.clear();
        }
    }
}

/// Waits, but not beyond the stop.
pub async fn pause(wait: Duration, stop: &Stop) {
    tokio::select! {
        () = stop.requested() => {}
        () = sleep(wait) => {}
    }
}
