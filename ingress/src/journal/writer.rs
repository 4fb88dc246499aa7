//! The one thread that writes: takes what has queued up, commits once, then answers all of it.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use mandate_schema::PushKind;
use tokio::sync::{Notify, oneshot, watch};
use tracing::{error, warn};

use super::{
    Disposition, JournalError, JournalHealth, Limits, RecordError, Recorded, Seq,
    file::ServingLock,
    model::Entry,
    reserve::Reserve,
    store::{Changes, Mark, Store},
};

/// Commands that share one commit.
const GROUP: usize = 1_024;

/// Rows that one step of housekeeping touches, so that callbacks never wait long for it.
const CHUNK: usize = 1_024;

/// How long a sweep that found nothing more to delete is not repeated.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// Why the journal refuses, as operators read it.
mod reason {
    pub(super) const DISK_FULL: &str = "no room left on the journal's disk";
    pub(super) const LOCKED: &str = "another process holds the journal's write lock";
    pub(super) const JOURNAL_FULL: &str = "what waits has reached journal_max";
}

/// The disk is too slow; also said by callers whose patience ends.
pub(super) const SLOW: &str = "a commit takes longer than callbacks can wait";

/// What the writer is asked to do.
pub(super) enum Command {
    /// Store a callback.
    Record(Entry, oneshot::Sender<Result<Recorded, RecordError>>),
    /// Note how far hand-overs have come.
    Mark(Mark, Vec<Seq>, oneshot::Sender<Result<(), JournalError>>),
    /// End, and say so once the file is closed.
    Close(oneshot::Sender<()>),
    /// Run something on the store, for tests.
    #[cfg(test)]
    Inspect(Box<dyn FnOnce(&mut Store) + Send>),
}

type Callback = (Entry, oneshot::Sender<Result<Recorded, RecordError>>);
type Marking = (Mark, Vec<Seq>, oneshot::Sender<Result<(), JournalError>>);

/// Commands that are committed together.
#[derive(Default)]
struct Group {
    callbacks: Vec<Callback>,
    markings: Vec<Marking>,
    close: Option<oneshot::Sender<()>>,
}

/// The writer's side of a journal.
pub(super) struct Writer {
    pub(super) store: Store,
    pub(super) limits: Limits,
    pub(super) commands: Receiver<Command>,
    pub(super) health: Arc<watch::Sender<JournalHealth>>,
    pub(super) stored: Arc<Stored>,
    pub(super) swept: Option<Instant>,
    pub(super) reserve: Reserve,
    pub(super) made_room: Option<Instant>,
    pub(super) _lock: ServingLock,
}

/// Tells of new callbacks, for each kind.
#[derive(Debug, Default)]
pub(super) struct Stored {
    events: Notify,
    messages: Notify,
}

impl Stored {
    pub(super) fn of(&self, kind: PushKind) -> &Notify {
        match kind {
            PushKind::Event => &self.events,
            PushKind::Message => &self.messages,
        }
    }
}

impl Writer {
    /// Writes until it is told to close, until every handle of the journal is gone, or until the first error that is fatal.
    pub(super) fn run(mut self) {
        let ended = self.work();
        if let Err(error) = &ended {
            error!(%error, "the journal cannot be written any more: {error}");
            self.health.send_replace(JournalHealth::Failed(error.to_string().into()));
        }
        drop(self);
        if let Ok(Some(closed)) = ended {
            let _ = closed.send(());
        }
    }

    /// Returns whom to tell that the file is closed.
    fn work(&mut self) -> Result<Option<oneshot::Sender<()>>, JournalError> {
        self.assess()?;
        self.reserve.hold();
        loop {
            match self.commands.recv_timeout(self.limits.housekeeping) {
                Ok(first) => {
                    let mut group = self.collect(first);
                    let close = group.close.take();
                    self.commit(group)?;
                    if close.is_some() {
                        return Ok(close);
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.heal()?,
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
            self.keep_house()?;
        }
    }

    /// What has queued up behind the first command.
    fn collect(&mut self, first: Command) -> Group {
        let mut group = Group::default();
        let mut next = Some(first);
        while let Some(command) = next {
            match command {
                Command::Record(entry, answer) => group.callbacks.push((entry, answer)),
                Command::Mark(mark, seqs, answer) => group.markings.push((mark, seqs, answer)),
                Command::Close(closed) => group.close = Some(closed),
                #[cfg(test)]
                Command::Inspect(act) => act(&mut self.store),
            }
            let full = group.close.is_some() || group.callbacks.len() + group.markings.len() >= GROUP;
            next = if full { None } else { self.commands.try_recv().ok() };
        }
        group
    }

    fn commit(&mut self, group: Group) -> Result<(), JournalError> {
        if group.callbacks.is_empty() && group.markings.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        let applied = match self.store.apply(&group.changes()) {
            Err(JournalError::DiskFull) if self.make_room()? => self.store.apply(&group.changes()),
            applied => applied,
        };
        match applied {
            Ok(outcomes) => {
                self.made_room = None; // what was settled can give way
                self.answer(group, outcomes);
                self.judge(started.elapsed())
            }
            Err(error) => self.refuse(group, error),
        }
    }

    fn answer(&self, group: Group, outcomes: Vec<Result<Recorded, RecordError>>) {
        // A caller who no longer listens has answered 503 already; what he sent is stored all the same.
        for ((entry, answer), outcome) in group.callbacks.into_iter().zip(outcomes) {
            if outcome == Ok(Recorded::New) {
                self.stored.of(entry.push.kind()).notify_one();
            }
            let _ = answer.send(outcome);
        }
        for (_, _, answer) in group.markings {
            let _ = answer.send(Ok(()));
        }
    }

    /// Makes room on a full disk; says whether it is worth trying again. Without a reserve that is not more often than
    /// an idle writer looks after the file: where nothing can be won, callers must not wait for it each time.
    fn make_room(&mut self) -> Result<bool, JournalError> {
        let released = self.reserve.release();
        if !released && self.made_room.is_some_and(|made| made.elapsed() < self.limits.housekeeping) {
            return Ok(false);
        }
        let made = self.store.make_room();
        self.made_room = Some(Instant::now());
        made.map(|()| true)
    }

    /// Refuses a group that could not be committed. Fatal errors are returned once everybody has his answer.
    fn refuse(&mut self, group: Group, error: JournalError) -> Result<(), JournalError> {
        let refusal = match &error {
            JournalError::DiskFull => RecordError::DiskFull,
            JournalError::Locked => RecordError::Locked,
            _ => RecordError::Failed,
        };
        for (_, answer) in group.callbacks {
            let _ = answer.send(Err(refusal));
        }
        if error.disposition() == Disposition::Stop {
            for (_, _, answer) in group.markings {
                let _ = answer.send(Err(JournalError::Stopped(error.to_string())));
            }
            return Err(error);
        }
        self.mark_alone(group.markings)?;
        self.unwell(error)
    }

    /// Marks need less room and may fit where callbacks do not.
    fn mark_alone(&mut self, markings: Vec<Marking>) -> Result<(), JournalError> {
        for (mark, seqs, answer) in markings {
            let changes = Changes { marks: vec![(mark, &seqs)], ..Changes::default() };
            match self.store.apply(&changes) {
                Err(error) if error.disposition() == Disposition::Stop => {
                    let _ = answer.send(Err(JournalError::Stopped(error.to_string())));
                    return Err(error);
                }
                outcome => {
                    if outcome.is_ok() {
                        self.made_room = None;
                    }
                    let _ = answer.send(outcome.map(drop));
                }
            }
        }
        Ok(())
    }

    /// Sets the health after an error that may pass; returns any other.
    fn unwell(&self, error: JournalError) -> Result<(), JournalError> {
        match error {
            JournalError::DiskFull => self.set_health(JournalHealth::Refusing(reason::DISK_FULL)),
            JournalError::Locked => self.set_health(JournalHealth::Refusing(reason::LOCKED)),
            fatal => return Err(fatal),
        }
        Ok(())
    }

    /// Sets the health after a commit that took this long.
    fn judge(&self, took: Duration) -> Result<(), JournalError> {
        if took <= self.limits.commit_patience {
            return self.assess();
        }
        warn!(took_seconds = took.as_secs_f64(), "a commit to the journal took {took:?}");
        self.set_health(JournalHealth::Refusing(SLOW));
        Ok(())
    }

    /// The file can be written; looks whether `journal_max` leaves room.
    fn assess(&self) -> Result<(), JournalError> {
        match self.store.waiting_bytes() {
            Ok(bytes) if bytes < self.limits.ceiling(PushKind::Event) => {
                self.set_health(JournalHealth::Writable);
            }
            Ok(_) => self.set_health(JournalHealth::Refusing(reason::JOURNAL_FULL)),
            Err(error) => return self.unwell(error),
        }
        Ok(())
    }

    /// Tries whether a journal that refuses can be written again. Without it, a service that gets no callbacks because it
    /// is not ready would never become ready.
    fn heal(&mut self) -> Result<(), JournalError> {
        let health = self.health.borrow().clone();
        if health == JournalHealth::Writable {
            return Ok(());
        }
        if health == JournalHealth::Refusing(reason::JOURNAL_FULL) {
            return self.assess(); // nothing is wrong with the disk
        }
        if health == JournalHealth::Refusing(reason::DISK_FULL) {
            self.make_room()?;
        }
        let started = Instant::now();
        match self.store.probe() {
            Ok(()) => self.judge(started.elapsed()),
            Err(error) => self.unwell(error),
        }
    }

    /// One step of housekeeping: gives back old texts while the file is too large, forgets ids whose window has passed or that are too
    /// many, and what was parked beyond its bounds.
    fn keep_house(&mut self) -> Result<(), JournalError> {
        self.tidy().or_else(|error| self.unwell(error))
    }

    fn tidy(&mut self) -> Result<(), JournalError> {
        if self.store.is_over_limit()? {
            self.store.drop_kept_texts(CHUNK)?;
        }
        self.store.bound_parked(CHUNK)?;
        if self.swept.is_none_or(|swept| swept.elapsed() >= SWEEP_EVERY) {
            let deleted = self.store.delete_expired(CHUNK)?.max(self.store.bound_message_ids(CHUNK)?);
            self.swept = (deleted < CHUNK).then(Instant::now);
        }
        if *self.health.borrow() == JournalHealth::Writable {
            self.reserve.hold();
        }
        Ok(())
    }

    fn set_health(&self, health: JournalHealth) {
        self.health.send_if_modified(|current| {
            let changed = *current != health;
            *current = health;
            changed
        });
    }
}

impl Group {
    fn changes(&self) -> Changes<'_> {
        Changes {
            entries: self.callbacks.iter().map(|(entry, _)| entry).collect(),
            marks: self.markings.iter().map(|(mark, seqs, _)| (*mark, seqs.as_slice())).collect(),
        }
    }
}
