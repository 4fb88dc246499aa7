//! Which of two facts is newer: by `WeChat`'s time, never by arrival.

use jiff::{SignedDuration, Timestamp};
use mandate_schema::CreateTime;

/// How far `WeChat`'s clock may be from ours, and how old one of its answers may be.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// Where a callback stands beside the facts that are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// It is newer than every recorded fact, or the first one.
    Newer,
    /// It has no usable time, the time of a recorded fact, or one that a fact without a time may hide.
    Unclear,
    /// A recorded fact is newer.
    Older,
}

/// A time of `WeChat`'s, unless it lies in the future: then something is wrong with it, and it is no time.
///
/// The log holds no time of receipt, so decisions and folds both measure against the time of recording.
pub(crate) fn usable(time: Option<CreateTime>, recorded_at: Timestamp) -> Option<CreateTime> {
    time.filter(|time| *time <= latest(recorded_at))
}

/// The latest time that `WeChat` can mean.
pub(crate) fn latest(recorded_at: Timestamp) -> CreateTime {
    CreateTime(recorded_at.as_second() + TOLERANCE.as_secs())
}

/// The end of the time in which what was recorded then may still be contradicted by an older answer.
pub(crate) fn settled_at(recorded_at: Timestamp) -> Timestamp {
    recorded_at.checked_add(TOLERANCE).unwrap_or(Timestamp::MAX)
}

/// What the recorded facts say about the order of callbacks. Without facts every callback is newer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// The greatest of `WeChat`'s times among the facts.
    pub(crate) to: Option<CreateTime>,
    /// Until when a fact without a time may hide newer callbacks.
    pub(crate) unsure_until: Option<Timestamp>,
}

impl Age {
    /// Compares a callback with what is recorded; `now` is when it is recorded.
    pub(crate) fn of(time: Option<CreateTime>, known: Known, now: Timestamp) -> Self {
        let Some(time) = usable(time, now) else { return Self::Unclear };
        // WeChat's clock may be ahead: a callback that comes before `unsure_until` is hidden whatever it says.
        let by_our_clock = time.0.min(now.as_second());
        let is_hidden = known.unsure_until.is_some_and(|until| by_our_clock <= until.as_second());
        match known.to {
            Some(known_to) if time < known_to => Self::Older,
            Some(known_to) if time == known_to || is_hidden => Self::Unclear,
            None if is_hidden => Self::Unclear,
            Some(_) | None => Self::Newer,
        }
    }
}
