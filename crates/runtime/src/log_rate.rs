//! How many lines a log takes for what strangers do: whoever floods a door must not fill the disk that the journal needs.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Lines in a period, the one that sums up what was left out included. Within any second there are at most twice as many.
const LINES: u32 = 5;

/// What [`LINES`] refers to.
const PERIOD: Duration = Duration::from_secs(1);

/// Lets some lines through, and counts the others.
#[derive(Debug, Default)]
pub struct LogRate(Mutex<Option<Window>>);

#[derive(Debug)]
struct Window {
    began: Instant,
    lines: u32,
    left_out: u32,
}

impl LogRate {
    /// Whether there may be a line now. If so: how many before it were left out, which one more line may say.
    pub fn admit(&self, now: Instant) -> Option<u32> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *window {
            Some(open) if now.duration_since(open.began) < PERIOD => {
                if open.lines < LINES {
                    open.lines += 1;
                    return Some(0);
                }
                open.left_out = open.left_out.saturating_add(1);
                None
            }
            other => {
                let left_out = other.as_ref().map_or(0, |before| before.left_out);
                let lines = if left_out > 0 { 2 } else { 1 };
                *other = Some(Window { began: now, lines, left_out: 0 });
                Some(left_out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_its_rest_is_counted() {
        let (log, start) = (LogRate::default(), Instant::now());
        let admitted = |now, count| (0..count).filter(|_| log.admit(now).is_some()).count();
        assert_eq!(admitted(start, 100), 5);
        assert_eq!(log.admit(start + PERIOD), Some(95));
        assert_eq!(admitted(start + PERIOD, 100), 3, "one line was the sum");
        assert_eq!(log.admit(start + 2 * PERIOD), Some(97));
        assert_eq!(log.admit(start + 4 * PERIOD), Some(0));
    }

    #[test]
    fn within_no_second_are_there_more_than_ten_lines() {
        let (log, start) = (LogRate::default(), Instant::now());
        let mut lines = Vec::new();
        for millis in 0..10_000 {
            let now = start + Duration::from_millis(millis);
            if let Some(left_out) = log.admit(now) {
                lines.extend(vec![now; if left_out > 0 { 2 } else { 1 }]);
            }
        }
        for from in &lines {
            let within = lines.iter().filter(|line| **line >= *from && **line < *from + PERIOD).count();
            assert!(within <= 10, "{within}");
        }
    }
}
