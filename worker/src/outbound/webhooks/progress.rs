//! How far an endpoint has come. Pure: what follows from a delivery that came through or failed.
//!
//! The log is followed in order. A stream whose next event cannot be delivered is *held* and tried again by itself, its later
//! events behind it, while the others go on: order is kept for each account, and one event that a receiver cannot take stops
//! nobody else. When everything fails, nothing new is begun until one of the held comes through.

use std::{collections::BTreeMap, time::Duration};

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
/// Streams held at most; beyond that nothing new is begun.
const HELD_MAX: usize = 256;

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
    /// When it is tried again.
    pub next_at: Timestamp,
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
        self.held.is_empty() || !is_down(self.failed_in_a_row) && self.held.len() < HELD_MAX
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

    /// An event did not come through; `asked` is how long its receiver asks to wait, `spread` makes the wait a little longer
    /// or shorter.
    pub(super) fn failed(
        &mut self,
        stream: &StreamName,
        position: Position,
        now: Timestamp,
        asked: Option<Duration>,
        spread: f64,
    ) -> Verdict {
        self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
        self.failing_since.get_or_insert(now);
        let before = self.held.remove(stream).filter(|held| held.position == position && held.attempts > 0);
        let (attempts, since) = before.map_or((1, now), |held| (held.attempts + 1, held.since));
        let others_came_through = self.delivered_at.is_some_and(|at| at > since);
        if attempts as usize > SCHEDULE.len() && others_came_through {
            self.given_up += 1;
            self.hold(stream.clone(), Position(position.0 + 1), now);
            return Verdict::GivenUp;
        }
        let wait = SCHEDULE[(attempts as usize).min(SCHEDULE.len()) - 1].mul_f64(spread);
        let wait = wait.max(asked.unwrap_or_default()).min(WAIT_MAX.mul_f64(spread.max(1.0)));
        let next_at = later(now, wait);
        self.held.insert(stream.clone(), Held { position, attempts, since, next_at });
        Verdict::Retry
    }

    /// A stream goes on from a position that was not tried: as soon as possible, but if the endpoint is down when it is back.
    pub(super) fn hold(&mut self, stream: StreamName, position: Position, now: Timestamp) {
        if self.held.get(&stream).is_some_and(|held| held.position == position) {
            return; // it waits there already
        }
        let next_at = if is_down(self.failed_in_a_row) { later(now, WAIT_MAX) } else { now };
        self.held.insert(stream, Held { position, attempts: 0, since: now, next_at });
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
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn stream(number: u8) -> StreamName {
        format!("authorizer/wx1f2e3d4c5b6a7988/wxa0b1c2d3e4f506{number:02}").parse().unwrap()
    }

    /// Fails at its time until `done`; the seconds of the attempts.
    fn fails_until(progress: &mut Progress, done: impl Fn(&mut Progress, Verdict) -> bool) -> Vec<i64> {
        let mut attempts = vec![0];
        let mut now = at(0);
        loop {
            let verdict = progress.failed(&stream(1), Position(7), now, None, 1.0);
            if done(progress, verdict) || attempts.len() > 20 {
                return attempts;
            }
            now = progress.held[&stream(1)].next_at;
            attempts.push(now.as_second());
        }
    }

    #[test]
    fn an_event_is_tried_by_the_schedule_and_given_up_if_others_come_through() {
        let mut progress = Progress::behind(Position(7));
        let attempts = fails_until(&mut progress, |progress, verdict| {
            progress.delivered(at(1_000_000));
            verdict == Verdict::GivenUp
        });
        let waits: Vec<i64> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(waits, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        assert_eq!(progress.given_up, 1);
        let held = &progress.held[&stream(1)];
        assert_eq!((held.position, held.attempts), (Position(8), 0), "the stream goes on behind it");
    }

    #[test]
    fn nothing_is_given_up_while_nothing_comes_through() {
        let mut progress = Progress::behind(Position(7));
        progress.delivered(at(-1));
        let attempts = fails_until(&mut progress, |_, verdict| verdict == Verdict::GivenUp);
        assert_eq!(attempts.len(), 21, "it goes on");
        assert_eq!(attempts[20] - attempts[19], 86_400);
        assert_eq!(progress.failing_since, Some(at(0)));
    }

    #[test]
    fn a_receiver_is_left_alone_as_long_as_it_asks_but_a_day_at_most() {
        let mut progress = Progress::default();
        let mut next = |asked| {
            progress.held.clear();
            progress.failed(&stream(1), Position(1), at(0), Some(Duration::from_secs(asked)), 1.0);
            progress.held[&stream(1)].next_at.as_second()
        };
        assert_eq!((next(1), next(60), next(1_000_000)), (5, 60, 86_400));
    }

    #[test]
    fn an_endpoint_that_fails_three_times_in_a_row_is_down_until_one_comes_through() {
        let mut progress = Progress::behind(Position(9));
        for number in 1..=3 {
            assert!(progress.takes_new(), "{number}");
            progress.failed(&stream(number), Position(number.into()), at(0), None, 1.0);
        }
        assert!(!progress.takes_new());
        progress.hold(stream(4), Position(4), at(0));
        assert_eq!(progress.next_at(), Some(at(5)));
        progress.delivered(at(6));
        assert!(progress.takes_new());
        assert!(progress.held.values().all(|held| held.next_at <= at(6)), "and the others follow at once");
        assert_eq!(progress.failing_since, None);
    }

    #[test]
    fn an_endpoint_that_is_down_is_asked_by_new_events_if_nothing_else_waits() {
        let mut progress = Progress::default();
        for number in 1..=3 {
            progress.failed(&stream(number), Position(number.into()), at(0), None, 1.0);
        }
        for number in 1..=3 {
            assert!(!progress.takes_new());
            progress.release(&stream(number)); // its events are not wanted any more
        }
        assert!(progress.takes_new());
    }

    #[test]
    fn one_account_that_fails_is_no_reason_to_hurry_or_to_stop() {
        let mut progress = Progress::default();
        progress.failed(&stream(1), Position(1), at(0), None, 1.0);
        progress.delivered(at(1));
        assert_eq!(progress.next_at(), Some(at(5)), "its own time");
        assert!(progress.takes_new());
    }

    #[test]
    fn an_event_that_had_to_wait_for_another_round_keeps_its_attempts() {
        let mut progress = Progress::default();
        progress.failed(&stream(1), Position(1), at(0), None, 1.0);
        progress.hold(stream(1), Position(1), at(7));
        let held = &progress.held[&stream(1)];
        assert_eq!((held.attempts, held.since, held.next_at), (1, at(0), at(5)), "and is still due");
    }

    #[test]
    fn another_event_of_a_stream_is_tried_from_the_beginning_of_the_schedule() {
        let mut progress = Progress::default();
        progress.failed(&stream(1), Position(1), at(0), None, 1.0);
        progress.failed(&stream(1), Position(2), at(10), None, 1.0);
        let held = &progress.held[&stream(1)];
        assert_eq!((held.attempts, held.next_at, held.since), (1, at(15), at(10)));
    }

    #[test]
    fn a_rewind_goes_back_and_forgets_what_it_reads_again() {
        let mut progress = Progress::behind(Position(100));
        progress.failed(&stream(1), Position(20), at(0), None, 1.0);
        progress.failed(&stream(2), Position(50), at(0), None, 1.0);
        progress.failed(&stream(3), Position(60), at(0), None, 1.0);
        assert!(!progress.takes_new());
        progress.rewind(Position(31));
        assert_eq!(progress.position, Position(30));
        assert_eq!(progress.held.keys().collect::<Vec<_>>(), [&stream(1)]);
        assert!(progress.takes_new() && progress.held[&stream(1)].next_at < at(1), "whatever failed before");
        progress.rewind(Position(0));
        assert_eq!((progress.position, progress.held.len()), (Position(0), 0));
    }
}
