//! Which of two facts is newer: by `WeChat`'s time, never by arrival.

use jiff::{SignedDuration, Timestamp};
use mandate_schema::CreateTime;

use crate::Authorizer;

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

impl Age {
    /// Compares a callback with what is recorded; `now` is when it is recorded.
    pub(crate) fn of(time: Option<CreateTime>, state: Option<&Authorizer>, now: Timestamp) -> Self {
        let Some(time) = usable(time, now) else { return Self::Unclear };
        let Some(state) = state else { return Self::Newer };
        // WeChat's clock may be ahead: a callback that comes before `unsure_until` is hidden whatever it says.
        let by_our_clock = time.0.min(now.as_second());
        let is_hidden = state.unsure_until.is_some_and(|until| by_our_clock <= until.as_second());
        match state.known_to {
            Some(known_to) if time < known_to => Self::Older,
            Some(known_to) if time == known_to || is_hidden => Self::Unclear,
            None if is_hidden => Self::Unclear,
            Some(_) | None => Self::Newer,
        }
    }
}
