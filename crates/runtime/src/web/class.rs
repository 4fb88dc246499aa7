//! What a connection is doing and since when, in one word: every change of it is a compare-and-swap, so that what is closed
//! never becomes a request, and a request is never closed.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use tokio::sync::Notify;

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
    pub(super) fn limit(self) -> Option<Duration> {
        match self {
            Self::Lingering => Some(Duration::from_secs(1)),
            Self::Silent | Self::Head | Self::Body => Some(Duration::from_secs(5)),
            Self::Kept | Self::Stalled => Some(Duration::from_secs(15)),
            Self::Busy | Self::Closed => None,
        }
    }

    /// Whether it may be closed to make room.
    pub(super) fn gives_way(self) -> bool {
        self < Self::Busy
    }

    pub(super) fn name(self) -> &'static str {
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
    pub(super) fn name(self) -> &'static str {
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
pub(super) struct Word(u64);

impl Word {
    const TIME_BITS: u32 = 61;

    pub(super) fn new(class: Class, since: u64) -> Self {
        Self((class as u64) << Self::TIME_BITS | since)
    }

    pub(super) fn class(self) -> Class {
        Class::ALL[(self.0 >> Self::TIME_BITS) as usize]
    }

    /// Milliseconds since the listener's beginning.
    pub(super) fn since(self) -> u64 {
        self.0 & ((1 << Self::TIME_BITS) - 1)
    }
}

/// A connection as its listener sees it.
pub(super) struct Slot {
    word: AtomicU64,
    /// Bytes of its request that are held.
    pub(super) held: AtomicUsize,
    pub(super) wake: Notify,
    /// Whether it was closed for its time alone: then there is room for its end.
    pub(super) had_its_time: AtomicBool,
}

impl Slot {
    pub(super) fn new(word: Word) -> Self {
        Self {
            word: AtomicU64::new(word.0),
            held: AtomicUsize::new(0),
            wake: Notify::new(),
            had_its_time: AtomicBool::new(false),
        }
    }

    pub(super) fn word(&self) -> Word {
        Word(self.word.load(Ordering::Acquire))
    }

    /// Goes from one thing to another, unless it has gone elsewhere meanwhile.
    pub(super) fn swap(&self, from: Word, to: Word) -> bool {
        self.word.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends it for good; what it was doing.
    pub(super) fn end(&self) -> Word {
        Word(self.word.swap(Word::new(Class::Closed, 0).0, Ordering::AcqRel))
    }
}
