//! A log whose answers get lost.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use crate::{Appended, Command, StorageError, Store, appender::BatchLog};

type Result<T> = std::result::Result<T, StorageError>;

/// Passes every call on. Some appends do not arrive, of others the answer is lost: the caller sees the same error.
#[derive(Clone)]
pub(super) struct Unsure {
    log: Store,
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

impl Unsure {
    /// One call of eight is lost, most of them after they were done.
    pub(super) fn new(log: Store, seed: u64) -> Self {
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

impl BatchLog for Unsure {
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

    async fn is_free(&self) -> bool {
        self.log.log_is_free().await.unwrap_or(false)
    }
}
