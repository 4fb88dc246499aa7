//! How long to wait before trying again.

use std::time::Duration;

/// First wait; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Longest wait.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A random wait between nothing and `0.2 s * 2^failures`, at most 5 s. The whole range is random, so that processes
/// which lost the same broker do not come back to it together.
pub(crate) fn wait(failures: u32) -> Duration {
    longest(failures).mul_f64(fastrand::f64())
}

fn longest(failures: u32) -> Duration {
    FIRST_WAIT.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_doubles_until_five_seconds() {
        let waits: Vec<u128> = (0..7).map(|failures| longest(failures).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(longest(u32::MAX), LONGEST_WAIT);
    }

    #[test]
    fn waits_are_spread_over_the_whole_range() {
        let waits: Vec<Duration> = (0..1000).map(|_| wait(2)).collect();
        assert!(waits.iter().all(|wait| *wait <= longest(2)));
        assert!(waits.iter().any(|wait| *wait < longest(2) / 4));
        assert!(waits.iter().any(|wait| *wait > longest(2) / 4 * 3));
    }
}
