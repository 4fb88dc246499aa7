//! The simulator's clock and durations as text.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};

/// A moment of the simulator's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Now(Timestamp);

impl Now {
    /// A moment in Unix seconds.
    #[cfg(test)]
    pub(crate) fn from_seconds(seconds: i64) -> Self {
        Self(Timestamp::from_second(seconds).expect("a sensible time"))
    }

    /// Unix seconds, the unit of everything that `WeChat` says.
    pub(crate) fn seconds(self) -> i64 {
        self.0.as_second()
    }

    /// For records.
    pub(crate) fn timestamp(self) -> Timestamp {
        self.0
    }
}

/// The real clock plus what was advanced. It never goes back.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead_millis: AtomicI64,
}

/// More than this the clock is never ahead: times stay far inside what every part can hold.
const AHEAD_MAX: Duration = Duration::from_hours(24 * 365 * 50);

impl Clock {
    /// The time here.
    pub(crate) fn now(&self) -> Now {
        let ahead = self.ahead_millis.load(Ordering::Relaxed);
        let real = Timestamp::now().as_millisecond();
        Now(Timestamp::from_millisecond(real.saturating_add(ahead)).unwrap_or(Timestamp::MAX))
    }

    /// Moves the clock forward; `None` if it would be more than 50 years ahead.
    pub(crate) fn advance(&self, by: Duration) -> Option<()> {
        let limit = i64::try_from(AHEAD_MAX.as_millis()).expect("50 years fit");
        let by = i64::try_from(by.as_millis()).ok()?;
        let moved = |ahead: i64| ahead.checked_add(by).filter(|ahead| *ahead <= limit);
        self.ahead_millis.try_update(Ordering::Relaxed, Ordering::Relaxed, moved).ok().map(|_| ())
    }
}

/// A duration in an order: text such as `"2h"`, `"1h30m"`, `"150ms"`, or a number of milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span(pub Duration);

impl Span {
    /// Reads the text form: whole numbers with the units `ms`, `s`, `m`, `h`, `d`.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let invalid =
            || format!("{text:?} is not a duration; write it as \"150ms\", \"5s\", \"2h\" or \"1h30m\"");
        let mut rest = text.trim();
        let mut total = Duration::ZERO;
        if rest.is_empty() {
            return Err(invalid());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
            let (number, after) = rest.split_at(digits);
            let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, after) = after.split_at(unit);
            let number: u64 = number.parse().map_err(|_| invalid())?;
            let millis = number.checked_mul(unit_millis(unit).ok_or_else(invalid)?).ok_or_else(invalid)?;
            total = total.checked_add(Duration::from_millis(millis)).ok_or_else(invalid)?;
            rest = after;
        }
        Ok(Self(total))
    }
}

fn unit_millis(unit: &str) -> Option<u64> {
    Some(match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    })
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a duration such as \"5s\", or a number of milliseconds")]
        enum Form {
            Millis(u64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Millis(millis) => Ok(Self(Duration::from_millis(millis))),
            Form::Text(text) => Self::parse(&text).map_err(de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, millis) in [("150ms", 150), ("5s", 5000), ("1h30m", 5_400_000), ("2d", 172_800_000)] {
            assert_eq!(Span::parse(text), Ok(Span(Duration::from_millis(millis))), "{text}");
        }
        for bad in ["", "5", "s", "5x", "-1s", "99999999999999999999s", "1.5h", "999999999999999999d"] {
            assert!(Span::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn the_clock_only_goes_forward_and_not_out_of_sight() {
        let clock = Clock::default();
        let before = clock.now().seconds();
        assert!(clock.advance(Duration::from_hours(2)).is_some());
        assert!(clock.now().seconds() >= before + 7200);
        assert!(clock.advance(Duration::from_hours(24 * 365 * 60)).is_none());
    }
}
