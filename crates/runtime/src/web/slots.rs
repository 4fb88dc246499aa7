//! The connections of a listener: how many there may be, how long each may take, and which are closed first when it is
//! crowded.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use slab::Slab;

use super::{
    class::{Cause, Class, MustClose, Slot, Word},
    shared::{HELD_MAX, Shared, lock},
};

/// How often all connections are looked at.
pub(super) const SWEEP: Duration = Duration::from_millis(250);
/// A connection younger than this is closed last: its request may be on the way.
const GRACE: Duration = SWEEP;
/// The connections of one listener.
pub(super) struct Slots {
    name: &'static str,
    capacity: usize,
    began: Instant,
    list: Mutex<Slab<Arc<Slot>>>,
    /// How many of the list are to be closed and have not left yet.
    closing: AtomicUsize,
    shared: Arc<Shared>,
}

impl Slots {
    pub(super) fn new(name: &'static str, capacity: usize, shared: Arc<Shared>) -> Arc<Self> {
        Self::since(Instant::now(), name, capacity, shared)
    }

    fn since(began: Instant, name: &'static str, capacity: usize, shared: Arc<Shared>) -> Arc<Self> {
        let (list, closing) = (Mutex::default(), AtomicUsize::new(0));
        let slots = Arc::new(Self { name, capacity, began, list, closing, shared });
        let mut listeners = lock(&slots.shared.listeners);
        listeners.retain(|other| other.strong_count() > 0);
        listeners.push(Arc::downgrade(&slots));
        drop(listeners);
        slots
    }

    /// A place for a new connection; `None`: there is none, because all others are being answered, or its address has too many.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let Ok(counted) = self.shared.enter(address) else {
            self.shared.metrics.connection_closed(self.name, "address");
            return None;
        };
        let seat = self.sit(counted);
        if seat.is_none() {
            self.shared.metrics.connection_closed(self.name, "full");
            counted.inspect(|address| self.shared.leave(*address));
        }
        seat
    }

    fn sit(self: &Arc<Self>, counted: Option<IpAddr>) -> Option<Seat> {
        let slot = Arc::new(Slot::new(Word::new(Class::Silent, self.now())));
        let mut list = lock(&self.list);
        if self.open(&list) >= self.capacity {
            self.make_room(&list);
        }
        if self.open(&list) >= self.capacity {
            return None;
        }
        let key = list.insert(Arc::clone(&slot));
        drop(list);
        Some(Seat { slots: Arc::clone(self), slot, key, counted })
    }

    fn open(&self, list: &Slab<Arc<Slot>>) -> usize {
        list.len().saturating_sub(self.closing.load(Ordering::Acquire))
    }

    /// Closes a twentieth of the connections: the oldest of the first [`Class`] that there is.
    fn make_room(&self, list: &Slab<Arc<Slot>>) {
        let now = self.now();
        let mut others: Vec<_> = list
            .iter()
            .map(|(_, slot)| (slot.word(), slot))
            .filter(|(word, _)| word.class().gives_way())
            .map(|(word, slot)| {
                let is_young = now.saturating_sub(word.since()) < millis(GRACE);
                ((is_young, word.class(), word.since()), slot, word)
            })
            .collect();
        let enough = (self.capacity / 20).max(1);
        if others.len() > enough {
            others.select_nth_unstable_by_key(enough, |(order, ..)| *order);
        }
        for (_, slot, word) in others.into_iter().take(enough) {
            self.close(slot, word, Cause::Crowded);
        }
    }

    /// Closes what takes too long. The fuller it is, the less time there is.
    pub(super) fn sweep(&self) {
        let (now, all) = (self.now(), self.all());
        let patience = patience(all.len(), self.capacity);
        for slot in &all {
            let word = slot.word();
            let Some(limit) = word.class().limit() else { continue };
            // At the next look it would have taken too long.
            let taken = Duration::from_millis(now.saturating_sub(word.since())) + SWEEP;
            if taken > limit * patience / PERCENT {
                self.close(slot, word, Cause::Time);
            }
        }
        self.shared.metrics.connections(self.name, all.len());
        self.shared.metrics.request_bytes_held(self.shared.held.load(Ordering::Relaxed));
    }

    /// Closes what has not become a request.
    pub(super) fn close_unfinished(&self) {
        for slot in self.all() {
            let word = slot.word();
            if word.class().gives_way() {
                self.close(&slot, word, Cause::Stop);
            }
        }
    }

    pub(super) fn close(&self, slot: &Slot, word: Word, cause: Cause) -> bool {
        // Before the change: whoever sees that it must close may leave at once, and counts on both.
        self.closing.fetch_add(1, Ordering::AcqRel);
        slot.had_its_time.store(cause == Cause::Time, Ordering::Release);
        let is_closed = slot.swap(word, Word::new(Class::Closed, word.since()));
        if is_closed {
            self.shared.metrics.connection_closed(self.name, close_reason(word.class(), cause));
            slot.wake.notify_one();
        } else {
            self.closing.fetch_sub(1, Ordering::AcqRel);
        }
        is_closed
    }

    pub(super) fn all(&self) -> Vec<Arc<Slot>> {
        lock(&self.list).iter().map(|(_, slot)| Arc::clone(slot)).collect()
    }

    pub(super) fn now(&self) -> u64 {
        millis(self.began.elapsed())
    }
}

/// The label of the metric.
fn close_reason(class: Class, cause: Cause) -> &'static str {
    match cause {
        Cause::Time => class.name(),
        Cause::Crowded | Cause::Bytes | Cause::Stop => cause.name(),
    }
}

const PERCENT: u32 = 100;

/// All of the time up to half full, a fifth of it when full, in percent.
fn patience(open: usize, capacity: usize) -> u32 {
    let full = open.saturating_mul(100) / capacity.max(1);
    u32::try_from(180_usize.saturating_sub(full.saturating_mul(8) / 5)).unwrap_or(PERCENT).clamp(20, PERCENT)
}

/// A connection's place in the list. Gives it back when it is dropped.
pub(super) struct Seat {
    slots: Arc<Slots>,
    slot: Arc<Slot>,
    key: usize,
    counted: Option<IpAddr>,
}

impl Seat {
    /// Goes on to something else.
    ///
    /// # Errors
    ///
    /// [`MustClose`].
    pub(super) fn begin(&self, class: Class) -> Result<(), MustClose> {
        self.change(|_| Word::new(class, self.slots.now()))
    }

    /// A request waits for its client: for the rest of its body, or until some of the answer is taken. `spent` is how much of its
    /// time is over, `extra` what it has beside that.
    pub(super) fn wait(&self, class: Class, spent: Duration, extra: Duration) {
        let word = self.slot.word();
        if word.class() == Class::Busy {
            let since = (self.slots.now() + millis(extra)).saturating_sub(millis(spent));
            self.slot.swap(word, Word::new(class, since));
        }
    }

    /// A request does not wait any more.
    pub(super) fn go_on(&self, class: Class) {
        let word = self.slot.word();
        if word.class() == class {
            self.slot.swap(word, Word::new(Class::Busy, self.slots.now()));
        }
    }

    fn change(&self, next: impl Fn(Word) -> Word) -> Result<(), MustClose> {
        loop {
            let word = self.slot.word();
            if word.class() == Class::Closed {
                return Err(MustClose);
            }
            if self.slot.swap(word, next(word)) {
                return Ok(());
            }
        }
    }

    /// So many bytes of its request are held now.
    pub(super) fn hold(&self, bytes: usize) {
        let before = self.slot.held.swap(bytes, Ordering::Relaxed);
        let shared = &self.slots.shared;
        if bytes <= before {
            shared.held.fetch_sub(before - bytes, Ordering::Relaxed);
        } else if shared.held.fetch_add(bytes - before, Ordering::Relaxed) + (bytes - before) > HELD_MAX {
            shared.make_room();
        }
    }

    /// Whether the listener needs each place that becomes free.
    pub(super) fn is_crowded(&self) -> bool {
        lock(&self.slots.list).len() >= self.slots.capacity / 4 * 3
    }

    /// Returns once it must close.
    pub(super) async fn closed(&self) {
        while self.slot.word().class() != Class::Closed {
            self.slot.wake.notified().await;
        }
    }

    /// A silent connection that was to be closed has its whole request after all.
    pub(super) fn revive(&self) {
        self.reopen(Class::Head);
    }

    /// The answer is out; waits for the client's end. One that was closed to make room does not wait.
    ///
    /// # Errors
    ///
    /// [`MustClose`].
    pub(super) fn linger(&self) -> Result<(), MustClose> {
        if self.slot.had_its_time.swap(false, Ordering::AcqRel) {
            self.reopen(Class::Lingering);
        }
        self.begin(Class::Lingering)
    }

    fn reopen(&self, class: Class) {
        let word = self.slot.word();
        if word.class() == Class::Closed && self.slot.swap(word, Word::new(class, self.slots.now())) {
            self.slots.closing.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hold(0);
        // From here on nobody can close it any more, so nobody counts it as closing.
        let was = self.slot.end().class();
        let mut list = lock(&self.slots.list);
        list.remove(self.key);
        if was == Class::Closed {
            self.slots.closing.fetch_sub(1, Ordering::AcqRel);
        }
        drop(list);
        self.counted.inspect(|address| self.slots.shared.leave(*address));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::{metrics::Metrics, web::TrustedProxies};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn shared() -> Arc<Shared> {
        Arc::new(Shared::new(Metrics::new(), None, TrustedProxies::default()))
    }

    /// A listener that has been open for a minute.
    fn slots(capacity: usize) -> Arc<Slots> {
        let began = Instant::now().checked_sub(Duration::from_mins(1)).expect("the machine is up longer");
        Slots::since(began, "test", capacity, shared())
    }

    impl Slots {
        /// A connection that has been doing this for so many seconds.
        fn with(self: &Arc<Self>, class: Class, seconds: u64) -> Seat {
            let seat = self.enter(HERE).expect("there is room");
            let word = Word::new(class, self.now() - seconds * 1_000);
            assert!(seat.slot.swap(seat.slot.word(), word));
            seat
        }
    }

    fn is_closed(seat: &Seat) -> bool {
        seat.slot.word().class() == Class::Closed
    }

    fn closed(seats: &[Seat]) -> Vec<usize> {
        (0..seats.len()).filter(|at| is_closed(&seats[*at])).collect()
    }

    #[test]
    fn when_it_is_crowded_the_oldest_unfinished_go_first() {
        let slots = slots(7);
        let seats = [
            slots.with(Class::Busy, 50),
            slots.with(Class::Body, 4),
            slots.with(Class::Kept, 14),
            slots.with(Class::Head, 2),
            slots.with(Class::Head, 4),
            slots.with(Class::Silent, 1),
            slots.with(Class::Silent, 2),
        ];
        let mut later = Vec::new();
        for expected in [6, 5, 4, 3, 2, 1] {
            later.push(slots.enter(HERE).expect("somebody gives way"));
            assert!(is_closed(&seats[expected]), "{expected} of {:?}", closed(&seats));
            later.last().expect("just came").begin(Class::Busy).expect("nobody closed it");
        }
        assert_eq!(closed(&seats), [1, 2, 3, 4, 5, 6], "a request that is here is never closed");
        assert!(slots.enter(HERE).is_none(), "all others are being answered");
    }

    #[test]
    fn the_youngest_go_last_whatever_they_do() {
        let slots = slots(2);
        let (young, old) = (slots.with(Class::Silent, 0), slots.with(Class::Body, 3));
        let _new = slots.enter(HERE).expect("there is room");
        assert!(is_closed(&old) && !is_closed(&young));
    }

    #[test]
    fn a_twentieth_gives_way_at_once() {
        let slots = slots(100);
        let seats: Vec<_> = (0..100).map(|_| slots.with(Class::Silent, 1)).collect();
        let _new = slots.enter(HERE).expect("there is room");
        assert_eq!(closed(&seats).len(), 5);
    }

    #[test]
    fn each_may_take_its_time_and_no_longer() {
        let slots = slots(1_000);
        let limits =
            [(Class::Silent, 5), (Class::Head, 5), (Class::Body, 5), (Class::Kept, 15), (Class::Stalled, 15)];
        for (class, limit) in limits {
            let (before, after) = (slots.with(class, limit - 1), slots.with(class, limit));
            slots.sweep();
            assert!(!is_closed(&before) && is_closed(&after), "{class:?}");
        }
        let busy = slots.with(Class::Busy, 59);
        slots.sweep();
        assert!(!is_closed(&busy));
    }

    #[test]
    fn the_fuller_it_is_the_less_time_there_is() {
        assert_eq!([0, 50, 75, 100, 110].map(|open| patience(open, 100)), [100, 100, 60, 20, 20]);
        let slots = slots(10);
        let seats: Vec<_> = (0..10).map(|_| slots.with(Class::Kept, 3)).collect();
        slots.sweep();
        assert_eq!(closed(&seats).len(), 10, "15 s become 3 s");
    }

    #[test]
    fn it_is_crowded_from_three_quarters_on() {
        let slots = slots(8);
        let mut seats: Vec<_> = (0..5).map(|_| slots.with(Class::Busy, 1)).collect();
        assert!(!seats[0].is_crowded());
        seats.push(slots.with(Class::Busy, 1));
        assert!(seats[0].is_crowded());
    }

    #[test]
    fn what_is_closed_never_becomes_a_request_and_gives_its_place_back_once() {
        let slots = slots(1);
        let first = slots.with(Class::Head, 1);
        let second = slots.enter(HERE).expect("the first gives way");
        assert_eq!(first.begin(Class::Busy), Err(MustClose));
        drop(first);
        assert_eq!(slots.closing.load(Ordering::Relaxed), 0);
        second.begin(Class::Busy).expect("it is open");
        assert!(slots.enter(HERE).is_none());
        drop(second);
        assert!(slots.enter(HERE).is_some());
    }

    #[test]
    fn the_oldest_large_bodies_go_when_too_many_bytes_are_held() {
        let slots = slots(100);
        let (small, request) = (slots.with(Class::Body, 4), slots.with(Class::Busy, 4));
        small.hold(8 << 10);
        request.hold(1 << 20);
        let bodies: Vec<_> = (0..31).map(|age| slots.with(Class::Body, age)).collect();
        for body in &bodies {
            body.hold(1 << 20);
        }
        assert_eq!(closed(&bodies), [26, 27, 28, 29, 30], "down to seven eighths");
        assert!(!is_closed(&small) && !is_closed(&request));
        drop(bodies);
        assert_eq!(slots.shared.held.load(Ordering::Relaxed), (1 << 20) + (8 << 10));
    }

    #[test]
    fn an_address_may_have_so_many_and_a_proxy_more() {
        let shared = Arc::new(Shared::new(Metrics::new(), Some(2), TrustedProxies::default()));
        let slots = Slots::new("test", 100, shared);
        let enter = |text: &str| slots.enter(text.parse().expect("an address"));
        let (one, two) = (enter("2001:db8::1"), enter("2001:db8::2"));
        assert!(one.is_some() && two.is_some() && enter("2001:db8::3").is_none());
        assert!(enter("192.0.2.1").is_some(), "another address");
        drop(one);
        assert!(enter("2001:db8::3").is_some());
        let local: Vec<_> = (0..10).map(|_| enter("127.0.0.1")).collect();
        assert!(local.iter().all(Option::is_some));
    }
}
