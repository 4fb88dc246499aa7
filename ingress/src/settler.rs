//! Asks what became of callbacks that were handed over: settles those that have an outcome, and hands those over again that
//! were lost on their way.
//!
//! This is what makes a purged queue, a lost broker disk or a mistake of an operator a delay and not a loss.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mandate_broker::{ASK_MAX, CallbackOutcomes, OutcomesUnavailable};
use mandate_runtime::{
    failpoint,
    outage::{Outage, pause},
    stop::Stop,
};
use tokio::time::timeout;
use tracing::warn;

use crate::journal::{Disposition, HandedOver, Journal, JournalError, Seq};

/// How long after its hand-over a callback is asked about first: usually it has its outcome by then.
const ASK_AFTER: Duration = Duration::from_secs(1);

/// How often is asked while outcomes are missing.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long after its first hand-over a callback without an outcome is handed over again; the wait doubles each time.
const FIRST_REPEAT: SignedDuration = SignedDuration::from_mins(1);

/// The longest wait between two hand-overs.
const LAST_REPEAT: SignedDuration = SignedDuration::from_mins(60);

/// Settles what was handed over.
#[derive(Debug)]
pub struct Settler<O> {
    journal: Journal,
    outcomes: O,
    /// Where the round over all of them has come to.
    after: Option<Seq>,
}

/// What one step found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// All that it asked about, and there is more.
    Onwards,
    /// Not all, or there is no more: ask again a moment later.
    Later,
}

/// A step that learned nothing, or could not note what it learned. Repeating it is harmless.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// Nobody can say now.
    #[error(transparent)]
    Outcomes(#[from] OutcomesUnavailable),
    /// Nobody answered in time.
    #[error("there was no answer within {PATIENCE:?}")]
    Timeout,
    /// The journal could not be read or marked.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl SettleError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Outcomes(_) | Self::Timeout => Disposition::Retry,
            Self::Journal(error) => error.disposition(),
        }
    }
}

impl<O: CallbackOutcomes> Settler<O> {
    /// A settler of this journal, which asks `outcomes`.
    pub fn new(journal: Journal, outcomes: O) -> Self {
        Self { journal, outcomes, after: None }
    }

    /// Asks about the next callbacks that were handed over, at most 1,000. Those with an outcome are settled. Those without
    /// one are *new* again once their time has come: after 1, 2, 4 … 60 minutes. Nothing is handed over again while nobody
    /// can say what became of it.
    ///
    /// # Errors
    ///
    /// [`SettleError`].
    pub async fn step(&mut self) -> Result<Settled, SettleError> {
        let (page, now) = self.journal.handed_over_before(self.after, ASK_AFTER, ASK_MAX).await?;
        let full = page.len() == ASK_MAX;
        let last = page.last().map(|row| row.seq);
        let mut all = true;
        if !page.is_empty() {
            let ids = page.iter().map(|row| row.id).collect();
            let settled = timeout(PATIENCE, self.outcomes.settled(ids))
                .await
                .map_err(|_elapsed| SettleError::Timeout)??;
            let (done, open): (Vec<_>, Vec<_>) = page.into_iter().partition(|row| settled.contains(&row.id));
            all = open.is_empty();
            self.settle(&done).await?;
            self.take_back(open, now).await?;
        }
        self.after = if full { last } else { None };
        Ok(if full && all { Settled::Onwards } else { Settled::Later })
    }

    async fn settle(&self, done: &[HandedOver]) -> Result<(), JournalError> {
        if done.is_empty() {
            return Ok(());
        }
        failpoint::reached("settler.before_settle");
        self.journal.settle(seqs(done)).await
    }

    async fn take_back(&self, open: Vec<HandedOver>, now: Timestamp) -> Result<(), JournalError> {
        let lost: Vec<_> =
            open.into_iter().filter(|row| now.duration_since(row.at) >= repeat_after(row)).collect();
        if lost.is_empty() {
            return Ok(());
        }
        warn!(
            callbacks = lost.len(),
            "{} callbacks have no outcome yet and are handed over again",
            lost.len()
        );
        self.journal.take_back(seqs(&lost)).await
    }

    /// Steps until the stop is requested.
    ///
    /// # Errors
    ///
    /// [`SettleError`] of disposition [`Disposition::Stop`] only; all others are waited for, with jitter.
    pub async fn run(mut self, stop: Stop) -> Result<(), SettleError> {
        let mut outage = Outage::none("callbacks that were handed over cannot be settled");
        while !stop.is_requested() {
            match self.step().await {
                Ok(found) => {
                    outage.over();
                    if found == Settled::Later {
                        pause(ASK_EVERY, &stop).await;
                    }
                }
                Err(error) if error.disposition() == Disposition::Stop => return Err(error),
                Err(error) => outage.wait(&error, &stop).await,
            }
        }
        Ok(())
    }
}

fn seqs(rows: &[HandedOver]) -> Vec<Seq> {
    rows.iter().map(|row| row.seq).collect()
}

/// How long after its last hand-over a callback is handed over again.
fn repeat_after(row: &HandedOver) -> SignedDuration {
    let doubled = 1_i32.checked_shl(row.attempts.saturating_sub(1)).filter(|times| *times > 0);
    doubled
        .and_then(|times| FIRST_REPEAT.checked_mul(times))
        .map_or(LAST_REPEAT, |wait| wait.min(LAST_REPEAT))
}

#[cfg(test)]
#[path = "settler_tests.rs"]
mod tests;
