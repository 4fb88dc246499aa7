//! How many stories run at once.
//!
//! `tests/runner` starts more threads than there are processors, because most of a story is waiting: for a process to
//! start, a lease to end, a retry to come. What a story takes of the machine meanwhile is its weight.

use tokio::sync::{Semaphore, SemaphorePermit};

/// What all stories together may weigh.
const ALL: u32 = 3;

static TURNS: Semaphore = Semaphore::const_new(ALL as usize);

/// What a story takes of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// It waits for minutes and does little: it runs beside any other.
    None,
    /// A few pushes and processes.
    Usual,
    /// It loads the machine, or judges how fast something is: no two of them at once, and few others.
    Heavy,
}

/// Held while a story runs.
#[derive(Debug)]
pub(crate) struct Turn(#[expect(dead_code, reason = "held for its drop")] Option<SemaphorePermit<'static>>);

impl Turn {
    /// Waits for a place among the stories. They come in the order in which they ask.
    pub(crate) async fn of(weight: Weight) -> Self {
        let permits = match weight {
            Weight::None => return Self(None),
            Weight::Usual => 1,
            Weight::Heavy => ALL / 2 + 1,
        };
        Self(Some(TURNS.acquire_many(permits).await.expect("never closed")))
    }
}
