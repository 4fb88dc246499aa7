//! What all listeners of a process share: how many bytes of requests are held, and how many connections an address has.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    TrustedProxies,
    class::{Cause, Class},
    slots::Slots,
};
use crate::{metrics::Metrics, throttle::network};

/// Bytes of requests that are held over all connections of the process. The heap holds about 2.5 times that.
pub(super) const HELD_MAX: usize = 32 << 20;
/// What a body of 8 KiB holds at most, with its head. Such bodies are never closed for [`HELD_MAX`]: pushes are smaller.
const SMALL_HELD: usize = 16 << 10;
/// All connections are looked through for large bodies at most this often: where only small ones are left, that is in vain.
const ROOM_EVERY: Duration = Duration::from_millis(10);

/// An address has as many connections as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// What all listeners of a process share.
pub(super) struct Shared {
    pub(super) metrics: Metrics,
    /// Connections that one address may have.
    per_address: Option<u32>,
    /// Whom that does not concern.
    trusted: TrustedProxies,
    addresses: Mutex<HashMap<IpAddr, u32>>,
    pub(super) held: AtomicUsize,
    pub(super) listeners: Mutex<Vec<Weak<Slots>>>,
    made_room: Mutex<Option<Instant>>,
}

impl Shared {
    pub(super) fn new(metrics: Metrics, per_address: Option<u32>, trusted: TrustedProxies) -> Self {
        Self {
            metrics,
            per_address,
            trusted,
            addresses: Mutex::default(),
            held: AtomicUsize::new(0),
            listeners: Mutex::default(),
            made_room: Mutex::default(),
        }
    }

    /// Counts a connection of an address, if that is counted; [`Shared::leave`] when it ends.
    ///
    /// # Errors
    ///
    /// [`TooMany`].
    pub(super) fn enter(&self, address: IpAddr) -> Result<Option<IpAddr>, TooMany> {
        let Some(most) = self.per_address else { return Ok(None) };
        if self.trusted.contains(address) {
            return Ok(None);
        }
        let address = network(address);
        let mut addresses = lock(&self.addresses);
        let count = addresses.entry(address).or_default();
        if *count >= most {
            return Err(TooMany);
        }
        *count += 1;
        Ok(Some(address))
    }

    pub(super) fn leave(&self, address: IpAddr) {
        let mut addresses = lock(&self.addresses);
        if let Some(count) = addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&address);
            }
        }
    }

    /// Closes the oldest unfinished requests that are not small, until there is an eighth of room.
    pub(super) fn make_room(&self) {
        let mut made_room = lock(&self.made_room);
        if made_room.is_some_and(|made_room| made_room.elapsed() < ROOM_EVERY) {
            return;
        }
        *made_room = Some(Instant::now());
        let listeners: Vec<_> = lock(&self.listeners).iter().filter_map(Weak::upgrade).collect();
        let mut bodies = Vec::new();
        for slots in &listeners {
            let now = slots.now();
            bodies.extend(slots.all().into_iter().filter_map(|slot| {
                let (word, held) = (slot.word(), slot.held.load(Ordering::Relaxed));
                let is_large = matches!(word.class(), Class::Head | Class::Body) && held > SMALL_HELD;
                is_large.then(|| (now.saturating_sub(word.since()), held, word, slot, slots))
            }));
        }
        bodies.sort_by_key(|(age, ..)| std::cmp::Reverse(*age));
        let mut held = self.held.load(Ordering::Relaxed);
        for (_, freed, word, slot, slots) in bodies {
            if held <= HELD_MAX / 8 * 7 {
                break;
            }
            if slots.close(&slot, word, Cause::Bytes) {
                held = held.saturating_sub(freed);
            }
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
