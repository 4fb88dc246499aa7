//! How far an endpoint has come. Pure: what follows from a delivery that came through or failed.
//!
//! The log is followed in order. A stream whose next event cannot be delivered is *held* and tried again by itself, its later
//! events behind it, while the others go on: order is kept for each account, and one event that a receiver cannot take stops
//! nobody else. When everything fails, nothing new is begun until one of the held comes through. A receiver that refuses single
//! events is not down: a refused event is given up after a day if others came through meanwhile, so what is held is bounded by
//! its age.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use mandate_schema::{Position, StreamName};
use serde::{Deserialize, Serialize};

/// How long after each failure the next attempt follows: the example of the Standard Webhooks specification, 75 hours in all.
/// Beyond its end the last one repeats.
const SCHEDULE: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];
/// The longest wait, also when the receiver asks for more.
const WAIT_MAX: Duration = Duration::from_hours(24);
/// So many failures in a row, of whatever streams, and the endpoint counts as down.
const DOWN: u32 = 3;
/// How long an event is tried that its receiver refuses.
const REFUSED_MAX: SignedDuration = SignedDuration::from_hours(24);
/// Events that were given up and are listed; beyond that the oldest are dropped.
const GIVEN_UP_LISTED: usize = 100;

/// How far an endpoint has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Each event up to here was delivered, is not wanted, was given up, or waits in a stream that is held.
    pub position: Position,
    /// Streams whose next event could not be delivered yet.
    pub held: BTreeMap<StreamName, Held>,
    /// When the first attempt after the last success failed.
    pub failing_since: Option<Timestamp>,
    /// When something was delivered last.
    pub delivered_at: Option<Timestamp>,
    /// Events that were given up.
    pub given_up: u64,
    /// The newest of them, the last one last.
    #[serde(default)]
    pub given_up_events: VecDeque<GivenUp>,
    failed_in_a_row: u32,
}

/// A stream that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its next event is here or later.
    pub position: Position,
    /// How often that event was tried.
    pub attempts: u32,
    /// Since when it waits.
    pub since: Timestamp,
    /// When the receiver refused that event first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_since: Option<Timestamp>,
    /// When it is tried again.
    pub next_at: Timestamp,
}

/// An event that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// Its position: a rewind to it delivers it again.
    pub position: u64,
    /// Its id.
    pub event: String,
    /// Its published type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status of the last answer, if one came.
    pub status: Option<u16>,
    /// When it was given up.
    pub at: Timestamp,
}

/// An attempt that failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    /// When it began.
    pub(super) at: Timestamp,
    /// How long the receiver asks to wait.
    pub(super) asked: Option<Duration>,
    /// Makes the wait a little longer or shorter.
    pub(super) spread: f64,
    /// What it says about the receiver.
    pub(super) kind: FailureKind,
}

/// What a failure says about the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// It answers, and will not take this very event.
    Refused,
    /// It is away, busy, or does not know us: any event would fail.
    Unanswered,
}

impl FailureKind {
    /// By the status of the answer, if one came.
    pub(super) fn of(status: Option<u16>) -> Self {
        let is_about_receiver = |status| matches!(status, 401 | 403 | 404 | 408 | 425 | 429);
        match status {
            Some(status) if (400..500).contains(&status) && !is_about_receiver(status) => Self::Refused,
            _ => Self::Unanswered,
        }
    }
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is tried again.
    Retry,
    /// It never came through while others did.
    GivenUp,
}

impl Progress {
    /// The progress of an endpoint that begins behind a position.
    pub(super) fn behind(position: Position) -> Self {
        Self { position, ..Self::default() }
    }

    /// Whether events that were never tried are begun. If nothing is held, only they can tell whether a receiver is back.
    pub(crate) fn takes_new(&self) -> bool {
        self.held.is_empty() || !is_down(self.failed_in_a_row)
    }

    /// How many attempts in a row have failed.
    pub(super) fn failed_in_a_row(&self) -> u32 {
        self.failed_in_a_row
    }

    /// When the next of the held is tried again.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.held.values().map(|held| held.next_at).min()
    }

    /// An event came through.
    pub(super) fn delivered(&mut self, now: Timestamp) {
        if is_down(self.failed_in_a_row) {
            self.try_now(now); // it is back
        }
        self.failed_in_a_row = 0;
        self.failing_since = None;
        self.delivered_at = Some(now);
    }

    /// An event did not come through.
    pub(super) fn failed(&mut self, stream: &StreamName, position: Position, failure: &Failure) -> Verdict {
        let Failure { at, asked, spread, kind } = *failure;
        self.failing_since.get_or_insert(at);
        match kind {
            FailureKind::Refused => self.answers_again(at),
            FailureKind::Unanswered => self.failed_in_a_row = self.failed_in_a_row.saturating_add(1),
        }
        let before = self.held.remove(stream).filter(|held| held.position == position && held.attempts > 0);
        let (attempts, since, refused_since) =
            before.map_or((1, at, None), |held| (held.attempts + 1, held.since, held.refused_since));
        let refused_since = refused_since.or((kind == FailureKind::Refused).then_some(at));
        let came_through_after = |since| self.delivered_at.is_some_and(|delivered| delivered > since);
        let refused_until = refused_since.map(|since| (since, since + REFUSED_MAX));
        let is_refused_for_good = kind == FailureKind::Refused
            && refused_until.is_some_and(|(since, until)| at >= until && came_through_after(since));
        if is_refused_for_good || attempts as usize > SCHEDULE.len() && came_through_after(since) {
            self.given_up += 1;
            self.hold(stream.clone(), Position(position.0 + 1), at);
            return Verdict::GivenUp;
        }
        let wait = SCHEDULE[(attempts as usize).min(SCHEDULE.len()) - 1].mul_f64(spread);
        let wait = wait.max(asked.unwrap_or_default()).min(WAIT_MAX.mul_f64(spread.max(1.0)));
        let next_at = match refused_until {
            // The last attempt is made when the time is over.
            Some((_, until)) if until > at => later(at, wait).min(until),
            _ => later(at, wait),
        };
        self.held.insert(stream.clone(), Held { position, attempts, since, refused_since, next_at });
        Verdict::Retry
    }

    /// A receiver that refuses one event is there for the others. What was never tried follows at once; what failed keeps its time,
    /// for nothing came through.
    fn answers_again(&mut self, now: Timestamp) {
        if is_down(self.failed_in_a_row) {
            for held in self.held.values_mut().filter(|held| held.attempts == 0) {
                held.next_at = held.next_at.min(now);
            }
        }
        self.failed_in_a_row = 0;
    }

    /// Lists an event that was given up.
    pub(super) fn list_given_up(&mut self, event: GivenUp) {
        self.given_up_events.push_back(event);
        while self.given_up_events.len() > GIVEN_UP_LISTED {
            self.given_up_events.pop_front();
        }
    }

    /// A stream goes on from a position that was not tried: as soon as possible, but if the endpoint is down when it is back.
    pub(super) fn hold(&mut self, stream: StreamName, position: Position, now: Timestamp) {
        if self.held.get(&stream).is_some_and(|held| held.position == position) {
            return; // it waits there already
        }
        let next_at = if is_down(self.failed_in_a_row) { later(now, WAIT_MAX) } else { now };
        self.held.insert(stream, Held { position, attempts: 0, since: now, refused_since: None, next_at });
    }

    /// Everything of a stream was delivered.
    pub(super) fn release(&mut self, stream: &StreamName) {
        self.held.remove(stream);
    }

    /// All that waits is due, and failures begin to count anew.
    pub(super) fn begin_anew(&mut self, now: Timestamp) {
        self.try_now(now);
        self.failing_since = None;
        self.failed_in_a_row = 0;
    }

    /// Events from a position on are delivered again.
    pub(super) fn rewind(&mut self, from: Position) {
        self.held.retain(|_, held| held.position < from);
        self.given_up_events.retain(|event| event.position < from.0);
        self.begin_anew(Timestamp::UNIX_EPOCH);
        self.position = self.position.min(Position(from.0.saturating_sub(1)));
    }

    fn try_now(&mut self, now: Timestamp) {
        for held in self.held.values_mut() {
            held.next_at = held.next_at.min(now);
        }
    }
}

/// Whether an endpoint with so many failures in a row counts as down.
pub(super) fn is_down(failed_in_a_row: u32) -> bool {
    failed_in_a_row >= DOWN
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok()).unwrap_or(now)
}

#[cfg(test)]
mod tests;
