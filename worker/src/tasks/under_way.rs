//! What is under way in this process, and what may begin beside it.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use mandate_schema::ComponentId;
use mandate_storage::{Claimed, Company, NextDue, Shares};
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep_until, timeout_at},
};

/// The queue is looked at at least this often: another process may have queued something.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How long attempts that end are gathered before others begin in their places: one claim for many.
const GATHER: Duration = Duration::from_millis(20);
/// With less under way than this, what is queued begins at once.
const FEW: usize = 4;
/// How long it is believed that more is due beside what is under way; then it is asked whether a task waits to run alone.
pub(super) const BELIEVED_FOR: Duration = Duration::from_secs(1);

/// A component and a kind of task.
type Group = (ComponentId, String);

/// The attempts under way in this process.
#[derive(Default)]
pub(crate) struct UnderWay {
    attempts: JoinSet<()>,
    groups: HashMap<Id, Group>,
    /// Whether the last one that began tolerates no other.
    pub(super) was_alone: bool,
    /// Whether a claim was not answered: this process may have attempts that it knows nothing of.
    pub(super) is_unsure: bool,
    /// When it was seen last that no task waits to run alone, if the last claim took all it could.
    more_is_due: Option<Instant>,
    claimed_at: Option<Instant>,
}

impl UnderWay {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.attempts.len()
    }

    /// Begins an attempt.
    pub(super) fn begin(&mut self, claimed: &Claimed, attempt: impl Future<Output = ()> + Send + 'static) {
        let group = (claimed.task.component.clone(), claimed.task.kind.clone());
        let handle = self.attempts.spawn(attempt);
        self.groups.insert(handle.id(), group);
    }

    /// Waits for the next one to end; `None` if there is none.
    pub(crate) async fn next_end(&mut self) -> Option<()> {
        let ended = self.attempts.join_next_with_id().await?;
        self.note(ended);
        Some(())
    }

    /// Waits until attempts have ended: half of them, or those that end about the same time as the first. `None` if there is none.
    pub(super) async fn make_room(&mut self) -> Option<()> {
        let begun = self.count();
        self.next_end().await?;
        let deadline = Instant::now() + GATHER;
        while self.count() > begun / 2 {
            match timeout_at(deadline, self.next_end()).await {
                Ok(Some(())) => {}
                Ok(None) | Err(_) => break,
            }
        }
        Some(())
    }

    /// What was queued while much is under way is gathered for a moment since the last claim, too.
    pub(super) async fn gather_queued(&self) {
        let last = self.claimed_at.filter(|_| self.count() >= FEW);
        if let Some(last) = last {
            sleep_until(last + GATHER).await;
        }
    }

    /// Notes all that have ended.
    pub(super) fn join_ended(&mut self) {
        while let Some(ended) = self.attempts.try_join_next_with_id() {
            self.note(ended);
        }
    }

    fn note(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                // A defect of ours. The lease of the attempt ends by itself, and the task is due again.
                tracing::error!(%error, "an attempt at a task panicked");
                error.id()
            }
        };
        self.groups.remove(&id);
    }

    /// What is under way, for a claim.
    pub(super) fn shares(&self, calls: usize) -> Shares {
        let mut running: HashMap<&Group, usize> = HashMap::new();
        for group in self.groups.values() {
            *running.entry(group).or_default() += 1;
        }
        let running =
            running.into_iter().map(|((component, kind), count)| (component.clone(), kind.clone(), count));
        Shares { calls, running: running.collect() }
    }

    /// Notes what a claim brought. If it took as much as it could, there may be more of it: nothing has to be asked before the next one.
    pub(super) fn note_claim(&mut self, calls: usize, seen_at: Instant) {
        let shares = self.shares(calls);
        let share = shares.of(shares.running.len());
        let is_full = self.count() >= calls || shares.running.iter().any(|(_, _, count)| *count >= share);
        self.more_is_due = is_full.then_some(seen_at);
        self.claimed_at = Some(Instant::now());
    }

    /// Since when it is believed that more is due, if a claim need not ask.
    pub(super) fn believes_more(&self) -> Option<Instant> {
        self.more_is_due.filter(|seen_at| seen_at.elapsed() < BELIEVED_FOR && !self.was_alone)
    }

    /// What may be claimed now, or how long to wait before the next look.
    pub(super) fn claimable(&self, calls: usize, due: NextDue, now: Timestamp) -> Result<Company, Duration> {
        let is_due = |time: Option<Timestamp>| time.is_some_and(|time| time <= now);
        let room = calls - self.count();
        if room == 0 || (self.was_alone && room < calls) {
            return Err(LOOK_AGAIN); // the end of an attempt makes room
        }
        match (is_due(due.alone), is_due(due.beside)) {
            // After one that ran alone the others have their turn, so that many of them hold nobody up.
            (_, true) if self.was_alone => Ok(Company::Beside(room)),
            (true, _) if room == calls => Ok(Company::Alone),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Attempts that end after so many milliseconds.
    fn ending(after: impl IntoIterator<Item = u64>) -> UnderWay {
        let mut under_way = UnderWay::default();
        for millis in after {
            under_way.attempts.spawn(tokio::time::sleep(Duration::from_millis(millis)));
        }
        under_way
    }

    #[tokio::test(start_paused = true)]
    async fn room_is_made_for_half_of_what_was_under_way_at_once() {
        let mut under_way = ending(1..=32);
        under_way.make_room().await.unwrap();
        assert_eq!(under_way.count(), 16);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_ended_does_not_wait_for_those_that_take_long() {
        let mut under_way = ending([1, 2, 60_000, 60_000, 60_000, 60_000]);
        let begun = Instant::now();
        under_way.make_room().await.unwrap();
        assert_eq!(under_way.count(), 4);
        assert!(begun.elapsed() < Duration::from_millis(50));
    }

    #[tokio::test(start_paused = true)]
    async fn little_is_never_gathered() {
        let mut under_way = ending([60_000, 60_000]);
        under_way.claimed_at = Some(Instant::now());
        let begun = Instant::now();
        under_way.gather_queued().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        under_way.attempts.spawn(std::future::pending());
        under_way.attempts.spawn(std::future::pending());
        under_way.gather_queued().await;
        assert_eq!(begun.elapsed(), GATHER);
    }
}
