//! Refusals by address: whoever guesses neither fills the audit trail nor keeps the store busy.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use tokio::time::Instant;

/// Refusals of one address that are answered one after the other, and then how many in a second.
const BURST: f64 = 20.0;
const PER_SECOND: f64 = 1.0;
/// Addresses that are remembered; beyond that all are forgotten.
const ADDRESSES_MAX: usize = 10_000;

/// Refusals by address.
#[derive(Default)]
pub(super) struct Throttle(HashMap<Option<IpAddr>, Bucket>);

struct Bucket {
    left: f64,
    at: Instant,
    suppressed: u64,
}

impl Throttle {
    /// A refusal. `Ok`: it is to be noted, with so many before it that were not; `Err`: too many, to come back after this.
    pub(super) fn refused(&mut self, address: Option<IpAddr>, now: Instant) -> Result<u64, Duration> {
        if self.0.len() >= ADDRESSES_MAX && !self.0.contains_key(&address) {
            self.0.clear();
        }
        let bucket = self.0.entry(address).or_insert(Bucket { left: BURST, at: now, suppressed: 0 });
        let since = now.duration_since(bucket.at).as_secs_f64();
        bucket.left = (bucket.left + since * PER_SECOND).min(BURST);
        bucket.at = now;
        if bucket.left < 1.0 {
            bucket.suppressed += 1;
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / PER_SECOND));
        }
        bucket.left -= 1.0;
        Ok(std::mem::take(&mut bucket.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_refusals_are_noted_and_then_one_a_second() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        let address: IpAddr = "203.0.113.7".parse().unwrap();
        let mut refused = |seconds| throttle.refused(Some(address), start + Duration::from_secs(seconds));
        assert!((0..20).all(|_| refused(0) == Ok(0)));
        for _ in 0..7 {
            assert!(refused(0).is_err_and(|wait| wait <= Duration::from_secs(1)));
        }
        assert_eq!(refused(1), Ok(7), "those that were not noted are counted");
        assert!(refused(1).is_err());
        assert!((0..20).all(|_| refused(100).is_ok()));
        assert!(refused(100).is_err());
    }

    #[test]
    fn each_address_has_its_own_and_memory_is_bounded() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..30_000_u32 {
            assert_eq!(throttle.refused(Some(IpAddr::from(number.to_be_bytes())), now), Ok(0));
        }
        assert!(throttle.0.len() <= ADDRESSES_MAX);
    }
}
