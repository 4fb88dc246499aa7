//! The journal: where a callback is durable before `WeChat` hears `success`.
//!
//! One `SQLite` file (write-ahead log, `synchronous=FULL`), one writer thread, group commit. A callback goes from *new*
//! over *handed over* to *settled*. Its id is unique for 72 hours, so that repetitions and replays stop here; the oldest ids of
//! messages go earlier if they take an eighth of `journal_max`. Texts of settled callbacks stay while the file is below `journal_max`: they can be
//! handed over again ([`JournalFile::resend`]).

mod beside;
mod error;
mod file;
mod model;
mod parking;
mod read;
mod reserve;
mod store;
mod under_way;
mod writer;

use std::{
    collections::HashSet,
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use mandate_schema::{Push, PushKind};
use rusqlite::Connection;
use tokio::{
    sync::{oneshot, watch},
    task::spawn_blocking,
    time::timeout,
};
use tracing::{error, warn};

pub use beside::JournalFile;
pub use error::{Disposition, JournalError, RecordError};
pub use model::{
    Amount, Backlog, Clock, HandedOver, JournalHealth, JournalStatus, Limits, ParkedBecause, ParkedMessage,
    Recorded, Seq, Waiting,
};
pub use parking::Origin;

use file::ServingLock;
use model::{Entry, Reading};
use read::UnreadableRow;
use reserve::Reserve;
use store::{Mark, Store};
use under_way::UnderWay;
use writer::{Command, SLOW, Stored, Writer};

/// The journal of the serving process. Clones share it; when the last one is dropped, what has queued up is committed and
/// the file is closed.
#[derive(Clone)]
pub struct Journal(Arc<Shared>);

struct Shared {
    /// `None` only while being dropped.
    commands: Option<SyncSender<Command>>,
    writer: Option<JoinHandle<()>>,
    /// `None` once the journal is closed.
    reader: Arc<Mutex<Option<Connection>>>,
    health: Arc<watch::Sender<JournalHealth>>,
    stored: Arc<Stored>,
    under_way: UnderWay,
    limits: Limits,
    /// Rows that were reported as unreadable.
    unreadable: Mutex<HashSet<Seq>>,
}

impl Journal {
    /// Opens the journal at `path` for serving, and makes it if it is not there. Blocks for a moment.
    ///
    /// # Errors
    ///
    /// [`JournalError::InUse`] if another process serves it; otherwise what is wrong with the file or its folder.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, JournalError> {
        file::check_sqlite()?;
        file::prepare(path)?;
        let lock = ServingLock::take(path)?;
        let mut reserve = Reserve::new(path, limits.reserve_bytes);
        let writing = match file::open_writer(path, limits.busy_patience) {
            Err(JournalError::DiskFull) => {
                reserve.release();
                file::open_writer(path, limits.busy_patience)?
            }
            opened => opened?,
        };
        let reader = Arc::new(Mutex::new(Some(file::open_reader(path, limits.busy_patience)?)));
        let (commands, queue) = sync_channel(limits.queue);
        let health = Arc::new(watch::Sender::new(JournalHealth::Writable));
        let stored = Arc::<Stored>::default();
        let mut store = Store::new(writing, limits.clone());
        let under_way = UnderWay::open(path)?;
        count_deaths(&mut store, &under_way)?;
        let serving = Writer {
            store,
            limits: limits.clone(),
            commands: queue,
            health: Arc::clone(&health),
            stored: Arc::clone(&stored),
            swept: None,
            reserve,
            made_room: None,
            _lock: lock,
        };
        let failed = |source| JournalError::File { path: path.to_owned(), source };
        let thread = thread::Builder::new().name("journal".into()).spawn(guarded(serving)).map_err(failed)?;
        let commands = Some(commands);
        let (writer, unreadable) = (Some(thread), Mutex::default());
        Ok(Self(Arc::new(Shared { commands, writer, reader, health, stored, under_way, limits, unreadable })))
    }

    /// Stores a callback; when this returns `Ok`, it survives a loss of power.
    ///
    /// # Errors
    ///
    /// [`RecordError`], for each of which the answer to `WeChat` is 503.
    pub async fn record(&self, push: Push) -> Result<Recorded, RecordError> {
        let origin = Origin { address: None, content: push.id };
        self.record_entry(Entry { push, reading: Reading::Good { original_id: None }, origin }).await
    }

    /// Stores a message. The first appid that comes with an original id is tied to it; a message that comes with another one is
    /// parked.
    ///
    /// # Errors
    ///
    /// As [`Journal::record`].
    pub async fn record_message(
        &self,
        push: Push,
        original_id: Option<String>,
        origin: Origin,
    ) -> Result<Recorded, RecordError> {
        self.record_entry(Entry { push, reading: Reading::Good { original_id }, origin }).await
    }

    /// Stores a push of the message URL that nothing can be done with: it is parked, and its text goes with those of settled
    /// messages when there is no more room.
    ///
    /// # Errors
    ///
    /// As [`Journal::record`].
    pub async fn record_bad_message(
        &self,
        push: Push,
        reason: impl fmt::Display,
        origin: Origin,
    ) -> Result<Recorded, RecordError> {
        self.record_entry(Entry { push, reading: Reading::Bad { reason: reason.to_string() }, origin }).await
    }

    async fn record_entry(&self, entry: Entry) -> Result<Recorded, RecordError> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Command::Record(entry, answer)).map_err(|refused| match refused {
            Refused::Full => RecordError::Overloaded,
            Refused::Stopped => RecordError::Failed,
        })?;
        match timeout(self.0.limits.commit_patience, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_dropped)) => Err(RecordError::Failed),
            Err(_elapsed) => {
                self.0.too_slow();
                Err(RecordError::Slow)
            }
        }
    }

    /// Callbacks of a kind behind `after` that wait for their hand-over, in order: at most `limit` and about 4 MiB, at least one if
    /// there is any.
    /// Rows that cannot be read are logged once, left out, and stay ([`JournalStatus::unreadable`]).
    ///
    /// # Errors
    ///
    /// [`JournalError`]; its disposition says whether to try again.
    pub async fn waiting(
        &self,
        kind: PushKind,
        after: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Waiting>, JournalError> {
        let batch = self.read(move |connection| read::new_callbacks(connection, kind, after, limit)).await?;
        self.0.report(&batch.unreadable);
        Ok(batch.waiting)
    }

    /// The next callback of a kind that is handed over alone, since three processes ended while they handed it over. Those that
    /// ended the fewest come first.
    ///
    /// # Errors
    ///
    /// [`JournalError`]; its disposition says whether to try again.
    pub async fn suspect(&self, kind: PushKind) -> Result<Option<Waiting>, JournalError> {
        let mut batch = self.read(move |connection| read::suspect(connection, kind)).await?;
        self.0.report(&batch.unreadable);
        Ok(batch.waiting.pop())
    }

    /// Notes that callbacks of a kind are being handed over, in the order of their places. If the process dies before
    /// [`Journal::end_hand_over`], the next one counts a death for each of them.
    pub fn begin_hand_over(&self, kind: PushKind, seqs: &[Seq]) {
        self.0.under_way.begin(kind, seqs);
    }

    /// Notes that the process has survived a hand-over, whatever came of it.
    pub fn end_hand_over(&self, kind: PushKind, seqs: &[Seq]) {
        self.0.under_way.end(kind, seqs);
    }

    /// Notes that the process has survived all hand-overs of a kind, also those that were given up.
    pub fn end_hand_overs(&self, kind: PushKind) {
        self.0.under_way.end_all(kind);
    }

    /// Notes that the process is being stopped: should it be killed from now on, that is no callback's doing.
    pub fn count_no_deaths(&self) {
        self.0.under_way.stop();
    }

    /// Notes that callbacks were handed over and their outcome must be asked about.
    ///
    /// # Errors
    ///
    /// [`JournalError`]; with disposition [`Disposition::Retry`] they are still *new* and come again.
    pub async fn handed_over(&self, seqs: Vec<Seq>) -> Result<(), JournalError> {
        self.mark(Mark::HandedOver, seqs).await
    }

    /// Notes that the next place has an outcome for callbacks, so that they need not be kept.
    ///
    /// # Errors
    ///
    /// [`JournalError`]; with disposition [`Disposition::Retry`] they still wait and come again.
    pub async fn settle(&self, seqs: Vec<Seq>) -> Result<(), JournalError> {
        self.mark(Mark::Settled, seqs).await
    }

    /// Notes that callbacks which were handed over have been lost on their way: they are *new* again.
    ///
    /// # Errors
    ///
    /// [`JournalError`]; with disposition [`Disposition::Retry`] they are still *handed over*.
    pub async fn take_back(&self, seqs: Vec<Seq>) -> Result<(), JournalError> {
        self.mark(Mark::TakenBack, seqs).await
    }

    /// At most `limit` callbacks behind `after`, in order, that were handed over at least `age` ago and have no known
    /// outcome, with the journal's time of now.
    ///
    /// # Errors
    ///
    /// [`JournalError`]; its disposition says whether to try again.
    pub async fn handed_over_before(
        &self,
        after: Option<Seq>,
        age: Duration,
        limit: usize,
    ) -> Result<(Vec<HandedOver>, Timestamp), JournalError> {
        let now = (self.0.limits.clock)();
        let before =
            now.checked_sub(SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX)).unwrap_or(now);
        let found = self.read(move |connection| read::handed_over(connection, after, before, limit)).await?;
        Ok((found, now))
    }

    /// What waits.
    ///
    /// # Errors
    ///
    /// [`JournalError`]; its disposition says whether to try again.
    pub async fn backlog(&self) -> Result<Backlog, JournalError> {
        self.read(read::backlog).await
    }

    /// How long ago a message may have been received whose repetition is still recognised: 72 hours, or less if there are too
    /// many.
    ///
    /// # Errors
    ///
    /// [`JournalError`]; its disposition says whether to try again.
    pub async fn message_ids_reach(&self) -> Result<Duration, JournalError> {
        let limits = self.0.limits.clone();
        self.read(move |connection| read::message_ids_reach(connection, &limits)).await
    }

    /// What is in the journal.
    ///
    /// # Errors
    ///
    /// [`JournalError`]; its disposition says whether to try again.
    pub async fn status(&self) -> Result<JournalStatus, JournalError> {
        self.read(read::status).await
    }

    /// Returns when callbacks of a kind were stored since the last call. One waiter for each kind. Callbacks that another process
    /// resends do not count: look at [`Journal::waiting`] now and then as well.
    pub async fn stored(&self, kind: PushKind) {
        self.0.stored.of(kind).notified().await;
    }

    /// Whether the journal can be written, now and after each change.
    pub fn health(&self) -> watch::Receiver<JournalHealth> {
        self.0.health.subscribe()
    }

    /// Returns, with the reason, once the journal has failed for good: the process must stop then.
    pub async fn failed(&self) -> JournalError {
        let mut health = self.health();
        let failed = health.wait_for(|health| matches!(health, JournalHealth::Failed(_))).await;
        let reason = match failed.as_deref() {
            Ok(JournalHealth::Failed(reason)) => reason.to_string(),
            Ok(JournalHealth::Writable | JournalHealth::Refusing(_)) | Err(_) => "it has ended".to_owned(),
        };
        JournalError::Stopped(reason)
    }

    /// Commits what has queued up and closes the file, whoever still has a handle. Another process can serve it then.
    pub async fn close(&self) {
        let (closed, is_closed) = oneshot::channel();
        let shared = Arc::clone(&self.0);
        let ask = move || {
            shared.close_reader();
            // Waits for room in the queue. A writer that has ended has closed the file already.
            if let Some(commands) = &shared.commands {
                let _ = commands.send(Command::Close(closed));
            }
        };
        let _ = spawn_blocking(ask).await;
        let _ = is_closed.await;
    }

    async fn mark(&self, mark: Mark, seqs: Vec<Seq>) -> Result<(), JournalError> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Command::Mark(mark, seqs, answer)).map_err(|refused| match refused {
            Refused::Full => JournalError::Overloaded,
            Refused::Stopped => self.0.stopped(),
        })?;
        answered.await.unwrap_or_else(|_dropped| Err(self.0.stopped()))
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let reader = Arc::clone(&self.0.reader);
        let locked = move || match &*reader.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(connection) => read(connection),
            None => Err(JournalError::Stopped("it is closed".to_owned())),
        };
        spawn_blocking(locked).await.map_err(|failure| JournalError::Stopped(failure.to_string()))?
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("health", &*self.0.health.borrow()).finish_non_exhaustive()
    }
}

/// Why a command did not reach the writer.
enum Refused {
    Full,
    Stopped,
}

impl Shared {
    fn send(&self, command: Command) -> Result<(), Refused> {
        let commands = self.commands.as_ref().ok_or(Refused::Stopped)?;
        commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => Refused::Full,
            TrySendError::Disconnected(_) => Refused::Stopped,
        })
    }

    /// The writer closes the file last: only then the write-ahead log is copied into it and removed.
    fn close_reader(&self) {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// A caller's patience has ended while the writer still works on its commit; the writer sets it right again.
    fn too_slow(&self) {
        self.health.send_if_modified(|health| {
            let writable = *health == JournalHealth::Writable;
            if writable {
                *health = JournalHealth::Refusing(SLOW);
            }
            writable
        });
    }

    /// Logs each unreadable row once: they are met at every look.
    fn report(&self, rows: &[UnreadableRow]) {
        let mut reported = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        for row in rows.iter().filter(|row| reported.insert(row.seq)) {
            error!(seq = %row.seq, column = row.what, "{row}");
        }
    }

    fn stopped(&self) -> JournalError {
        JournalError::Stopped(match &*self.health.borrow() {
            JournalHealth::Failed(reason) => reason.to_string(),
            JournalHealth::Writable | JournalHealth::Refusing(_) => "it has ended".to_owned(),
        })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close_reader();
        self.commands = None;
        if let Some(writer) = self.writer.take() {
            // A panic of the writer was reported through the health already.
            let _ = writer.join();
        }
    }
}

/// Counts a death for what the last process was handing over. A journal that cannot be written now is served all the same.
fn count_deaths(store: &mut Store, under_way: &UnderWay) -> Result<(), JournalError> {
    for left in under_way.left() {
        match store.count_deaths(&left) {
            Ok(callbacks) => warn!(
                kind = left.kind.as_str(),
                callbacks, "the last process ended while it handed over {callbacks} callbacks"
            ),
            Err(error) if error.disposition() == Disposition::Retry => continue,
            Err(error) => return Err(error),
        }
        under_way.end_all(left.kind);
    }
    Ok(())
}

/// The writer's thread: a panic is a failure of the journal like any other.
fn guarded(writer: Writer) -> impl FnOnce() + Send + 'static {
    move || {
        let health = Arc::clone(&writer.health);
        let run = std::panic::AssertUnwindSafe(|| writer.run());
        if std::panic::catch_unwind(run).is_err() {
            health.send_replace(JournalHealth::Failed("the writer panicked".into()));
        }
    }
}

#[cfg(test)]
#[path = "../journal_tests/mod.rs"]
mod tests;
