//! What strangers may do in a row, by address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use tokio::time::Instant;

/// Addresses that are remembered; beyond that all are forgotten.
const ADDRESSES_MAX: usize = 10_000;
/// Whoever has one address of IPv6 usually has all that share its first 64 bits.
const IPV6_NETWORK: u128 = !0 << 64;

/// Counts by address: so many one after the other, and then so many in a second.
pub struct Throttle {
    burst: f64,
    per_second: f64,
    buckets: HashMap<Option<IpAddr>, Bucket>,
}

struct Bucket {
    left: f64,
    at: Instant,
    suppressed: u64,
}

impl Throttle {
    /// A throttle that lets `burst` through at once, and then `per_second`.
    pub fn new(burst: f64, per_second: f64) -> Self {
        Self { burst, per_second, buckets: HashMap::new() }
    }

    /// One more from this address. `Ok`: it is let through, with how many before it that were not.
    ///
    /// # Errors
    ///
    /// Too many: after how long the next one is let through.
    pub fn take(&mut self, address: Option<IpAddr>, now: Instant) -> Result<u64, Duration> {
        let address = address.map(network);
        if self.buckets.len() >= ADDRESSES_MAX && !self.buckets.contains_key(&address) {
            self.buckets.clear();
        }
        let full = Bucket { left: self.burst, at: now, suppressed: 0 };
        let bucket = self.buckets.entry(address).or_insert(full);
        let since = now.duration_since(bucket.at).as_secs_f64();
        bucket.left = (bucket.left + since * self.per_second).min(self.burst);
        bucket.at = now;
        if bucket.left < 1.0 {
            bucket.suppressed += 1;
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / self.per_second));
        }
        bucket.left -= 1.0;
        Ok(std::mem::take(&mut bucket.suppressed))
    }
}

/// Whom an address belongs to: of IPv6, all that share its first 64 bits.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK).into(),
        IpAddr::V4(address) => address.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_let_through_and_then_one_a_second() {
        let (mut throttle, start) = (Throttle::new(20.0, 1.0), Instant::now());
        let address: IpAddr = "203.0.113.7".parse().unwrap();
        let mut take = |seconds| throttle.take(Some(address), start + Duration::from_secs(seconds));
        assert!((0..20).all(|_| take(0) == Ok(0)));
        for _ in 0..7 {
            assert!(take(0).is_err_and(|wait| wait <= Duration::from_secs(1)));
        }
        assert_eq!(take(1), Ok(7), "those that were not are counted");
        assert!(take(1).is_err());
        assert!((0..20).all(|_| take(100).is_ok()));
        assert!(take(100).is_err());
    }

    #[test]
    fn each_address_has_its_own_and_memory_is_bounded() {
        let (mut throttle, now) = (Throttle::new(20.0, 1.0), Instant::now());
        for number in 0..30_000_u32 {
            assert_eq!(throttle.take(Some(IpAddr::from(number.to_be_bytes())), now), Ok(0));
        }
        assert!(throttle.buckets.len() <= ADDRESSES_MAX);
    }

    #[test]
    fn neighbours_of_ipv6_share_and_mapped_addresses_are_those_of_ipv4() {
        let (mut throttle, now) = (Throttle::new(1.0, 1.0), Instant::now());
        let mut take = |text: &str| throttle.take(Some(text.parse().unwrap()), now);
        assert!(take("2001:db8::1").is_ok() && take("2001:db8::ffff:1").is_err());
        assert!(take("2001:db8:0:1::1").is_ok());
        assert!(take("192.0.2.1").is_ok() && take("::ffff:192.0.2.1").is_err());
        assert!(take("192.0.2.2").is_ok());
    }
}
