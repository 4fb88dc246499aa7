//! Durations as text: `"500ms"`, `"5s"`, `"15m"`, `"24h"`, `"30d"`.

use std::time::Duration;

use super::scalar::Setting;

/// Units by name, the longest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Far beyond any use, far below what any clock or timer can take.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

impl Setting for Duration {
    fn from_text(text: &str) -> Result<Self, String> {
        parse_duration(text).ok_or_else(|| {
            "must be a duration longer than zero, such as \"500ms\", \"5s\", \"24h\", \"30d\"".to_owned()
        })
    }

    fn show(&self) -> String {
        // 24h is said more often than 1d.
        let units = UNITS.iter().filter(|(name, _)| *name != "d" || self.as_secs() > 86_400);
        let millis = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        let exact = units.into_iter().find(|(_, unit)| millis.is_multiple_of(*unit));
        exact.map_or_else(|| format!("{self:?}"), |(name, unit)| format!("{}{name}", millis / unit))
    }
}

/// How often something is done by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// Not at all: `"never"`.
    Never,
    /// Once in this time.
    Period(Duration),
}

impl Setting for Every {
    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "never" => Ok(Self::Never),
            text => {
                let period = Duration::from_text(text).map_err(|reason| format!("{reason}, or \"never\""))?;
                Ok(Self::Period(period))
            }
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Never => "never".to_owned(),
            Self::Period(period) => period.show(),
        }
    }
}

/// Reads a duration such as `"24h"`; `None` if it is none, or nothing, or beyond all use.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, name) = text.split_at(digits);
    let (_, unit) = UNITS.iter().find(|(unit, _)| *unit == name)?;
    let millis = number.parse::<u64>().ok()?.checked_mul(*unit)?;
    Some(Duration::from_millis(millis)).filter(|duration| !duration.is_zero() && *duration <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("5s"), Some(Duration::from_secs(5)));
        assert_eq!(parse_duration("15m"), Some(Duration::from_mins(15)));
        assert_eq!(parse_duration("30d"), Some(Duration::from_hours(30 * 24)));
        for bad in [
            "",
            "5",
            "s",
            "5 s",
            "-5s",
            "+5s",
            "1.5h",
            "5S",
            "0s",
            "1h30m",
            "99999999999999999999d",
            "40000d",
        ] {
            assert_eq!(parse_duration(bad), None, "{bad:?} was accepted");
        }
    }

    #[test]
    fn durations_are_shown_in_the_longest_unit_that_is_exact() {
        for text in ["500ms", "5s", "90s", "15m", "24h", "30d", "3d"] {
            assert_eq!(Duration::from_text(text).expect("valid").show(), text);
        }
        assert_eq!(Duration::from_text("60s").expect("valid").show(), "1m");
    }
}
