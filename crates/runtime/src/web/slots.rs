//! The connections of a listener: how many there may be, how long each may take, and which are closed first when it is
//! crowded. One word for each says what it is doing and since when; every change of it is a compare-and-swap, so that what is
//! closed never becomes a request, and a request is never closed.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use ipnet::IpNet;
use slab::Slab;
use tokio::sync::Notify;

use crate::{metrics::Metrics, throttle::network};

/// Bytes of requests that are held over all connections of the process. The heap holds about 2.5 times that.
pub(super) const HELD_MAX: usize = 32 << 20;
/// Bodies up to this are never closed for [`HELD_MAX`]: most pushes are below it.
const SMALL_BODY: usize = 8 << 10;
/// All connections are looked through for large bodies at most this often: where only small ones are left, that is in vain.
const ROOM_EVERY: Duration = Duration::from_millis(10);
/// How often all connections are looked at.
pub(super) const SWEEP: Duration = Duration::from_millis(250);
/// A connection younger than this is closed last: its request may be on the way.
const GRACE: Duration = SWEEP;
/// What a connection is doing, in the order in which they are closed when it is crowded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// The answer is out; what the client still sends is thrown away.
    Lingering,
    /// Nothing has come.
    Silent,
    /// A part of a head.
    Head,
    /// Between two requests.
    Kept,
    /// A head, and a part of a body.
    Body,
    /// The request is here. It is answered, however crowded it is.
    Busy,
    /// Its client does not take the answer.
    Stalled,
    /// To be closed.
    Closed,
}

impl Class {
    const ALL: [Self; 8] = [
        Self::Lingering,
        Self::Silent,
        Self::Head,
        Self::Kept,
        Self::Body,
        Self::Busy,
        Self::Stalled,
        Self::Closed,
    ];

    /// How long it may take while there is room.
    fn limit(self) -> Option<Duration> {
        match self {
            Self::Lingering => Some(Duration::from_secs(1)),
            Self::Silent | Self::Head | Self::Body => Some(Duration::from_secs(5)),
            Self::Kept | Self::Stalled => Some(Duration::from_secs(15)),
            Self::Busy | Self::Closed => None,
        }
    }

    /// Whether it may be closed to make room.
    fn gives_way(self) -> bool {
        self < Self::Busy
    }

    fn name(self) -> &'static str {
        match self {
            Self::Lingering => "lingering",
            Self::Silent => "silent",
            Self::Head => "head",
            Self::Kept => "kept",
            Self::Body => "body",
            Self::Busy => "busy",
            Self::Stalled => "stalled",
            Self::Closed => "closed",
        }
    }
}

/// Why a connection is closed before its client has closed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It took longer than it may.
    Time,
    /// The listener is full.
    Crowded,
    /// Too many bytes of requests are held.
    Bytes,
    /// The process stops.
    Stop,
}

impl Cause {
    fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Crowded => "crowded",
            Self::Bytes => "bytes",
            Self::Stop => "stop",
        }
    }
}

/// A connection that is to be closed must not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MustClose;

/// What a connection does, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word(u64);

impl Word {
    const TIME_BITS: u32 = 61;

    fn new(class: Class, since: u64) -> Self {
        Self((class as u64) << Self::TIME_BITS | since)
    }

    fn class(self) -> Class {
        Class::ALL[(self.0 >> Self::TIME_BITS) as usize]
    }

    /// Milliseconds since the listener's beginning.
    fn since(self) -> u64 {
        self.0 & ((1 << Self::TIME_BITS) - 1)
    }
}

struct Slot {
    word: AtomicU64,
    held: AtomicUsize,
    wake: Notify,
}

impl Slot {
    fn word(&self) -> Word {
        Word(self.word.load(Ordering::Acquire))
    }

    fn swap(&self, from: Word, to: Word) -> bool {
        self.word.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// What all listeners of a process share.
pub(super) struct Shared {
    pub(super) metrics: Metrics,
    /// Connections that one address may have.
    pub(super) per_address: Option<u32>,
    /// Whom that does not concern.
    pub(super) trusted: Vec<IpNet>,
    addresses: Mutex<HashMap<IpAddr, u32>>,
    held: AtomicUsize,
    listeners: Mutex<Vec<Weak<Slots>>>,
    made_room: Mutex<Option<Instant>>,
}

impl Shared {
    pub(super) fn new(metrics: Metrics, per_address: Option<u32>, trusted: Vec<IpNet>) -> Self {
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

    /// Counts a connection of an address; `None`: it has too many.
    fn enter(&self, address: IpAddr) -> Option<Option<IpAddr>> {
        let Some(most) = self.per_address else { return Some(None) };
        let address = address.to_canonical();
        if self.trusted.iter().any(|trusted| trusted.contains(&address)) {
            return Some(None);
        }
        let address = network(address);
        let mut addresses = lock(&self.addresses);
        let count = addresses.entry(address).or_default();
        (*count < most).then(|| {
            *count += 1;
            Some(address)
        })
    }

    fn leave(&self, address: IpAddr) {
        let mut addresses = lock(&self.addresses);
        if let Some(count) = addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&address);
            }
        }
    }

    /// Closes the oldest unfinished bodies that are not small, until there is an eighth of room.
    fn make_room(&self) {
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
                let is_large = word.class() == Class::Body && held > SMALL_BODY;
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
        let began = Instant::now();
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
        let Some(counted) = self.shared.enter(address) else {
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
        let slot = Arc::new(Slot {
            word: AtomicU64::new(Word::new(Class::Silent, self.now()).0),
            held: AtomicUsize::new(0),
            wake: Notify::new(),
        });
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
            if taken > limit.mul_f64(patience) {
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

    fn close(&self, slot: &Slot, word: Word, cause: Cause) -> bool {
        let is_closed = slot.swap(word, Word::new(Class::Closed, word.since()));
        if is_closed {
            self.closing.fetch_add(1, Ordering::AcqRel);
            self.shared.metrics.connection_closed(self.name, close_reason(word.class(), cause));
            slot.wake.notify_one();
        }
        is_closed
    }

    fn all(&self) -> Vec<Arc<Slot>> {
        lock(&self.list).iter().map(|(_, slot)| Arc::clone(slot)).collect()
    }

    fn now(&self) -> u64 {
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

/// All of the time up to half full, a fifth of it when full.
fn patience(open: usize, capacity: usize) -> f64 {
    let (open, capacity) = (open as f64, capacity.max(1) as f64);
    (1.8 - 1.6 * (open / capacity)).clamp(0.2, 1.0)
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
    pub(super) fn become_(&self, class: Class) -> Result<(), MustClose> {
        self.change(|_| Word::new(class, self.slots.now()))
    }

    /// Goes on from one thing to another, if that is what it does.
    pub(super) fn turn(&self, from: Class, to: Class) {
        let word = self.slot.word();
        if word.class() == from {
            self.slot.swap(word, Word::new(to, self.slots.now()));
        }
    }

    /// The next part of a body has to come; `spent` is how much of its time is over.
    pub(super) fn wait_for_body(&self, spent: Duration) {
        let word = self.slot.word();
        if word.class() == Class::Busy {
            let since = self.slots.now().saturating_sub(millis(spent));
            self.slot.swap(word, Word::new(Class::Body, since));
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

    /// Returns once it must close.
    pub(super) async fn closed(&self) {
        while self.slot.word().class() != Class::Closed {
            self.slot.wake.notified().await;
        }
    }

    /// A silent connection that was to be closed has its whole request after all.
    pub(super) fn revive(&self) {
        let word = self.slot.word();
        if word.class() == Class::Closed && self.slot.swap(word, Word::new(Class::Head, self.slots.now())) {
            self.slots.closing.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hold(0);
        // From here on nobody can close it any more, so nobody counts it as closing.
        let last = Word(self.slot.word.swap(Word::new(Class::Closed, 0).0, Ordering::AcqRel));
        let mut list = lock(&self.slots.list);
        list.remove(self.key);
        if last.class() == Class::Closed {
            self.slots.closing.fetch_sub(1, Ordering::AcqRel);
        }
        drop(list);
        self.counted.inspect(|address| self.slots.shared.leave(*address));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
