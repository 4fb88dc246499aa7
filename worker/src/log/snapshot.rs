//! A stream as a decision needs it.

use std::sync::Arc;

use mandate_schema::{DataKey, Event, EventRecord, SealedAt, Secret, StreamName, Version};
use mandate_storage::{Loaded, Store};

use super::{
    fold::{self, ReadError, StreamState, recorded},
    vault::{Vault, VaultError},
};

/// A stream's state, version and keys, all of one moment: what is stored, or what an append will leave.
pub(crate) struct Snapshot {
    /// The state.
    pub(crate) state: StreamState,
    /// Its version.
    pub(crate) version: Version,
    /// The greatest number of its data keys.
    pub(crate) last_key: u32,
    /// The key that it seals with; `None`: the next secret makes one.
    pub(crate) key: Option<Arc<DataKey>>,
    /// Keys that are not stored yet.
    pub(super) made: Vec<Arc<DataKey>>,
    /// Events that are not stored yet.
    pub(super) added: Vec<Event>,
}

impl Snapshot {
    /// Of what was loaded. A state of an older form is folded again from the log.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub(super) async fn of(
        storage: &Store,
        vault: &Vault,
        stream: &StreamName,
        loaded: &Loaded,
    ) -> Result<Self, ReadError> {
        let (state, version) = match &loaded.state {
            Some(row) => (fold::state_of_row(storage, vault, row).await?, row.version),
            None => (StreamState::empty(stream), Version(0)),
        };
        let key = loaded.key.as_ref().map(|key| vault.learn(key)).transpose()?;
        Ok(Self { state, version, last_key: loaded.last_key, key, made: Vec::new(), added: Vec::new() })
    }

    /// Folds one more event onto the state.
    pub(super) fn evolve(&mut self, record: &EventRecord, event: Event) {
        self.version = self.version.next();
        let state = std::mem::replace(&mut self.state, StreamState::Component(None));
        self.state = state.evolve(recorded(record, self.version, &event));
        self.added.push(event);
    }

    /// Opens what the state keeps sealed, also under a key that is not stored yet; `None` if its key was destroyed.
    ///
    /// # Errors
    ///
    /// [`VaultError`].
    pub(super) async fn open(
        &self,
        vault: &Vault,
        stream: &StreamName,
        sealed: &SealedAt,
    ) -> Result<Option<Secret>, VaultError> {
        let number = sealed.text.key;
        match self.made.iter().chain(&self.key).find(|key| key.number() == number) {
            Some(key) => Ok(Some(key.open(sealed.place(stream), &sealed.text)?)),
            None => vault.open_at(stream, sealed).await,
        }
    }
}

/// Loads one stream.
///
/// # Errors
///
/// [`ReadError`].
pub(crate) async fn load(storage: &Store, vault: &Vault, stream: &StreamName) -> Result<Snapshot, ReadError> {
    Snapshot::of(storage, vault, stream, &storage.load(stream).await?).await
}
