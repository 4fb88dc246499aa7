//! How long to wait before trying again.

use std::time::Duration;

/// A random wait between zero and `base * 2^attempt`, at most `cap` ("full jitter").
///
/// `attempt` counts the failures before this one, from 0. The whole range is random, so that many callers who lost
/// the same server do not come back to it together.
pub fn full_jitter(base: Duration, cap: Duration, attempt: u32) -> Duration {
    ceiling(base, cap, attempt).mul_f64(fastrand::f64())
}

/// The longest wait that [`full_jitter`] may choose.
fn ceiling(base: Duration, cap: Duration, attempt: u32) -> Duration {
    base.saturating_mul(2_u32.saturating_pow(attempt)).min(cap)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_millis(200);
    const CAP: Duration = Duration::from_secs(5);

    #[test]
    fn the_longest_wait_doubles_until_the_cap() {
        let waits: Vec<u128> = (0..7).map(|attempt| ceiling(BASE, CAP, attempt).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(ceiling(BASE, CAP, u32::MAX), CAP);
    }

    #[test]
    fn waits_are_spread_over_the_whole_range_and_never_exceed_it() {
        let waits: Vec<Duration> = (0..1000).map(|_| full_jitter(BASE, CAP, 2)).collect();
        let longest = BASE * 4;
        assert!(waits.iter().all(|wait| *wait <= longest));
        assert!(waits.iter().any(|wait| *wait < longest / 4), "no short wait in 1,000");
        assert!(waits.iter().any(|wait| *wait > longest / 4 * 3), "no long wait in 1,000");
    }
}
