//! Callbacks that may be what ends the process that decides them: each is taken alone, so that the others go on.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use mandate_schema::CommandId;

/// Those that this process tries alone and has not finished: their notes are its own.
#[derive(Debug, Default)]
pub(super) struct Alone(Mutex<HashSet<CommandId>>);

impl Alone {
    pub(super) fn ids(&self) -> MutexGuard<'_, HashSet<CommandId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
