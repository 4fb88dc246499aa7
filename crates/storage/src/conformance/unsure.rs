//! A log whose answers get lost.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use mandate_schema::{CommandId, EventId, Position, StoredEvent};

use crate::{Appended, Command, CommandRecord, EventLog, EventQuery, StorageError, StreamQuery};

type Result<T> = std::result::Result<T, StorageError>;

/// Passes every call on. Some appends do not arrive, of others the answer is lost: the caller sees the same error.
#[derive(Clone)]
pub(super) struct Unsure<L> {
    log: L,
    dice: Arc<Mutex<fastrand::Rng>>,
    lost: Arc<AtomicU64>,
}

/// What happens to one call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    RequestLost,
    AnswerLost,
}

impl<L> Unsure<L> {
    /// One call of eight is lost, most of them after they were done.
    pub(super) fn new(log: L, seed: u64) -> Self {
        Self { log, dice: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))), lost: Arc::default() }
    }

    /// How many answers were lost after the call was done.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn fate(&self) -> Fate {
        match self.dice.lock().unwrap().u8(0..24) {
            0 => Fate::RequestLost,
            1 | 2 => Fate::AnswerLost,
            _ => Fate::Answered,
        }
    }
}

impl<L: EventLog> EventLog for Unsure<L> {
    async fn append_batch(&self, commands: Vec<Command>) -> Result<Vec<Appended>> {
        let fate = self.fate();
        if fate == Fate::RequestLost {
            return Err(StorageError::Unavailable("the request was lost".into()));
        }
        let answer = self.log.append_batch(commands).await?;
        if fate == Fate::AnswerLost {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return Err(StorageError::Unavailable("the answer was lost".into()));
        }
        Ok(answer)
    }

    async fn head(&self) -> Result<Position> {
        self.log.head().await
    }

    async fn rename_log(&self, log_id: &str) -> Result<()> {
        self.log.rename_log(log_id).await
    }

    async fn log_id(&self) -> Result<String> {
        self.log.log_id().await
    }

    async fn read(&self, query: EventQuery) -> Result<Vec<StoredEvent>> {
        self.log.read(query).await
    }

    async fn read_stream(&self, query: StreamQuery) -> Result<Vec<StoredEvent>> {
        self.log.read_stream(query).await
    }

    async fn event(&self, id: EventId) -> Result<Option<StoredEvent>> {
        self.log.event(id).await
    }

    async fn outcomes(&self, ids: Vec<CommandId>) -> Result<Vec<CommandRecord>> {
        self.log.outcomes(ids).await
    }
}
