//! Values that the journal takes and gives.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use mandate_schema::{CallbackId, Push, PushKind};

use super::parking::Origin;

/// Column `state` of a callback that the next place has an outcome for.
pub(super) const SETTLED: &str = "s";

/// Column `state` of a callback that was handed over.
pub(super) const HANDED_OVER: &str = "h";

/// Column `state` of a callback that waits for its hand-over.
pub(super) const NEW: &str = "n";

/// Tells the time. A value, so that tests can turn it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Place of a callback in the journal: grows in the order of commits, is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub(super) i64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the write-ahead log has when it is copied into the journal (16 MiB), and half as much again for the commit that
/// makes it so. A smaller reserve leaves a log on a full disk that can never be copied, and so never ends.
const RESERVE_BYTES: u64 = 24 << 20;

/// Limits of a journal.
#[derive(Clone)]
pub struct Limits {
    /// `journal_max`: how many bytes of callbacks may wait. Settled callbacks are kept for a resend while the file is
    /// smaller than this.
    pub max_bytes: u64,
    /// How long a callback waits for its commit before it is refused.
    pub commit_patience: Duration,
    /// How long a write waits for another process that holds the lock.
    pub busy_patience: Duration,
    /// How many callbacks may queue for the writer.
    pub queue: usize,
    /// Bytes of the file that is deleted when the disk is full, so that there is room to forget settled texts; 0 for
    /// none. It must be as large as the write-ahead log usually becomes, which has to be copied into the journal first.
    pub reserve_bytes: u64,
    /// How often an idle writer looks after the file.
    pub housekeeping: Duration,
    /// The time.
    pub clock: Clock,
}

impl Limits {
    /// The limits of a service with this `journal_max`, in bytes.
    pub fn new(max_bytes: u64) -> Self {
        Self {
            max_bytes,
            commit_patience: Duration::from_secs(3),
            busy_patience: Duration::from_secs(2),
            queue: 4_096,
            reserve_bytes: RESERVE_BYTES,
            housekeeping: Duration::from_secs(1),
            clock: Arc::new(Timestamp::now),
        }
    }

    /// How many bytes of messages may be parked; the oldest give way.
    pub(super) fn parked_max(&self) -> u64 {
        self.max_bytes / 16
    }

    /// How many messages are known by their id alone; the oldest are forgotten.
    pub(super) fn message_ids_max(&self) -> u64 {
        self.max_bytes / 8 / ROW_BYTES
    }

    /// From how many waiting bytes on a callback of this kind is refused. The message URL gives way first: its
    /// pushes are repeated by `WeChat`, an authorization's may not be.
    pub(super) fn ceiling(&self, kind: PushKind) -> u64 {
        match kind {
            PushKind::Event => self.max_bytes,
            PushKind::Message => self.max_bytes / 10 * 9,
        }
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}

/// How long a callback id is unique in the journal: repetitions by `WeChat`, and replays, stop here. Those of messages may be
/// forgotten earlier, see [`Limits::message_ids_max`].
pub(super) const DEDUPE_WINDOW: Duration = Duration::from_hours(72);

/// What a row costs beside its texts: other columns, indexes, page headers.
pub(super) const ROW_BYTES: u64 = 256;

/// A callback that is durable now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It was not there before.
    New,
    /// It was there already and is answered as the first one was.
    Duplicate,
    /// Its original id is tied to another appid than the URL's, or nothing can be done with it: it is kept and goes nowhere. Now,
    /// or the first time.
    Parked,
}

/// A callback to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) push: Push,
    pub(super) reading: Reading,
    pub(super) origin: Origin,
}

/// What is known of a callback's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// It is handed over. For a message: the account's original id, if it names one.
    Good { original_id: Option<String> },
    /// Nothing can be done with it, for this reason.
    Bad { reason: String },
}

/// Why a message is parked. As a text, a reason begins with a space, and an original id never does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParkedBecause {
    /// The account's original id in the message is tied to another appid than the URL's.
    OriginalId(String),
    /// Nothing can be done with it: what is wrong.
    Bad(String),
}

impl ParkedBecause {
    /// What column `parked` holds for a reason.
    pub(super) fn bad(reason: &str) -> String {
        format!(" {reason}")
    }

    /// Reads column `parked`.
    pub(super) fn read(text: String) -> Self {
        match text.strip_prefix(' ') {
            Some(reason) => Self::Bad(reason.to_owned()),
            None => Self::OriginalId(text),
        }
    }
}

/// A message that is parked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedMessage {
    /// Its place.
    pub seq: Seq,
    /// When it was received.
    pub received_at: Timestamp,
    /// The component whose URL was called.
    pub component: String,
    /// The appid in the URL.
    pub authorizer: String,
    /// Why it is parked.
    pub because: ParkedBecause,
    /// The appid that the message's original id is tied to.
    pub tied: Option<String>,
    /// Whether its text is still there.
    pub kept: bool,
}

/// A callback that waits for its hand-over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its place.
    pub seq: Seq,
    /// The callback.
    pub push: Push,
    /// How many processes ended while they handed it over.
    pub deaths: u32,
}

/// A callback that was handed over and whose outcome is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandedOver {
    /// Its place.
    pub seq: Seq,
    /// The callback.
    pub id: CallbackId,
    /// When it was handed over last.
    pub at: Timestamp,
    /// How often it was handed over.
    pub attempts: u32,
}

/// Whether the journal can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalHealth {
    /// It can.
    Writable,
    /// Not now; the text says why. It heals by itself.
    Refusing(&'static str),
    /// Never again in this process; the text says why.
    Failed(Arc<str>),
}

/// Rows and bytes in one state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Callbacks.
    pub rows: u64,
    /// Their size in bytes, as it counts against `journal_max`.
    pub bytes: u64,
}

/// What waits in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Not handed over yet.
    pub new: Amount,
    /// Handed over, without a known outcome.
    pub handed_over: Amount,
    /// When the one that waits longest was received; `None` if nothing waits.
    pub oldest: Option<Timestamp>,
}

impl Backlog {
    /// Callbacks without a known outcome.
    pub fn unsettled(&self) -> u64 {
        self.new.rows + self.handed_over.rows
    }
}

/// What is in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalStatus {
    /// What waits.
    pub waiting: Backlog,
    /// Settled callbacks whose texts are kept and can be handed over again.
    pub settled_kept: Amount,
    /// Settled callbacks of which only the id is kept, so that a repetition is recognised.
    pub ids_only: u64,
    /// Callbacks, counted among those that wait, whose rows are damaged: they are not handed over and never deleted.
    pub unreadable: u64,
    /// Messages that are parked, see [`Recorded::Parked`]. They are not handed over.
    pub parked: u64,
    /// Size of the file in bytes, without the write-ahead log.
    pub file_bytes: u64,
}
