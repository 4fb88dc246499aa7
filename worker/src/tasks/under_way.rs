//! What is under way in this process, and what may begin beside it.

use std::time::Duration;

use jiff::Timestamp;
use mandate_storage::{Company, NextDue};
use tokio::task::JoinSet;

/// Tasks under way at once.
pub(super) const CONCURRENCY: usize = 32;
/// The queue is looked at at least this often: another process may have queued something.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// The attempts under way in this process.
#[derive(Default)]
pub(crate) struct UnderWay {
    pub(super) attempts: JoinSet<()>,
    /// Whether the last one that began tolerates no other.
    pub(super) was_alone: bool,
    /// Whether a claim was not answered: this process may have attempts that it knows nothing of.
    pub(super) is_unsure: bool,
}

impl UnderWay {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.attempts.len()
    }

    /// Waits for the next one to end; `None` if there is none.
    pub(crate) async fn next_end(&mut self) -> Option<()> {
        if let Err(error) = self.attempts.join_next().await? {
            // A defect of ours. The lease of the attempt ends by itself, and the task is due again.
            tracing::error!(%error, "an attempt at a task panicked");
        }
        Some(())
    }

    /// What may be claimed now, or how long to wait before the next look.
    pub(super) fn claimable(&self, due: NextDue, now: Timestamp) -> Result<Company, Duration> {
        let is_due = |time: Option<Timestamp>| time.is_some_and(|time| time <= now);
        let room = CONCURRENCY - self.count();
        if room == 0 || (self.was_alone && room < CONCURRENCY) {
            return Err(LOOK_AGAIN); // the end of an attempt makes room
        }
        match (is_due(due.alone), is_due(due.beside)) {
            // After one that ran alone the others have their turn, so that many of them hold nobody up.
            (_, true) if self.was_alone => Ok(Company::Beside(room)),
            (true, _) if room == CONCURRENCY => Ok(Company::Alone),
            (true, _) => Err(LOOK_AGAIN), // until nothing is under way
            (false, true) => Ok(Company::Beside(room)),
            (false, false) => {
                let next = due.alone.into_iter().chain(due.beside).min();
                let wait = next.map_or(LOOK_AGAIN, |next| {
                    Duration::try_from(next.duration_since(now)).unwrap_or_default()
                });
                Err(wait.min(LOOK_AGAIN))
            }
        }
    }
}
