//! Data keys in use: sealing and opening what the log and the tables hold.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use mandate_runtime::random;
use mandate_schema::{
    DataKey, EventRecord, Field, MasterKeys, Place, SealError, SealedAt, SealedText, Secret, StreamName,
    WrappedKey,
};
use mandate_storage::{StorageError, Store};
use uuid::Uuid;

/// How long data keys are kept unwrapped: another process may destroy them.
const CACHED_FOR: Duration = Duration::from_secs(1);
/// Data keys kept unwrapped at most; beyond that all are dropped and unwrapped again as needed.
const CACHED_MAX: usize = 4_096;

/// Why something could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The key does not open it.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// The master keys and the data keys that they unwrap.
pub struct Vault {
    storage: Store,
    master: MasterKeys,
    unwrapped: Mutex<Unwrapped>,
}

/// Data keys that were read since a moment ago.
struct Unwrapped {
    since: Instant,
    keys: HashMap<(StreamName, u32), Arc<DataKey>>,
}

impl Vault {
    /// A vault over the wrapped keys in `storage`.
    pub fn new(storage: Store, master: MasterKeys) -> Self {
        Self {
            storage,
            master,
            unwrapped: Mutex::new(Unwrapped { since: Instant::now(), keys: HashMap::new() }),
        }
    }

    /// A new random data key with its wrapped form, which the caller stores in the append that first uses it.
    pub fn new_key(&self, stream: &StreamName, number: u32) -> (Arc<DataKey>, WrappedKey) {
        let bytes = zeroize::Zeroizing::new(random::bytes::<32>());
        let wrapped = self.master.wrap(stream, number, &bytes, random::bytes());
        (Arc::new(DataKey::new(number, &bytes)), wrapped)
    }

    /// The data key with this number; `None` if it was destroyed.
    ///
    /// # Errors
    ///
    /// [`VaultError`]; [`VaultError::Seal`] will not heal by itself: a master key is missing.
    pub async fn key(&self, stream: &StreamName, number: u32) -> Result<Option<Arc<DataKey>>, VaultError> {
        let name = (stream.clone(), number);
        if let Some(key) = self.cache().keys.get(&name) {
            return Ok(Some(key.clone()));
        }
        let Some(wrapped) = self.storage.key(stream, number).await? else {
            return Ok(None);
        };
        let key = Arc::new(self.master.unwrap(&wrapped)?);
        self.cache().keys.insert(name, key.clone());
        Ok(Some(key))
    }

    /// A data key that was read just now, unwrapped unless that was done a moment ago.
    ///
    /// # Errors
    ///
    /// [`SealError`]: a master key is missing.
    pub(crate) fn learn(&self, wrapped: &WrappedKey) -> Result<Arc<DataKey>, SealError> {
        let name = (wrapped.stream.clone(), wrapped.number);
        if let Some(key) = self.cache().keys.get(&name) {
            return Ok(key.clone());
        }
        let key = Arc::new(self.master.unwrap(wrapped)?);
        self.cache().keys.insert(name, key.clone());
        Ok(key)
    }

    /// Keeps keys unwrapped that were stored just now: what they seal is mostly opened at once.
    pub(super) fn keep(&self, stored: &[WrappedKey]) {
        for key in stored {
            if let Err(error) = self.learn(key) {
                tracing::error!(stream = %key.stream, %error, "a data key that was made just now does not open");
            }
        }
    }

    /// Unwraps a key that the caller has read already.
    ///
    /// # Errors
    ///
    /// [`SealError`].
    pub fn unwrap(&self, wrapped: &WrappedKey) -> Result<DataKey, SealError> {
        self.master.unwrap(wrapped)
    }

    /// Seals a text.
    pub fn seal(&self, key: &DataKey, place: Place<'_>, text: &Secret) -> SealedText {
        key.seal(place, text, random::bytes())
    }

    /// Opens a sealed text; `None` if its key was destroyed.
    ///
    /// # Errors
    ///
    /// As [`Vault::key`].
    pub async fn open(&self, place: Place<'_>, sealed: &SealedText) -> Result<Option<Secret>, VaultError> {
        let Some(key) = self.key(place.stream, sealed.key).await? else {
            return Ok(None);
        };
        Ok(Some(key.open(place, sealed)?))
    }

    /// Opens a sealed field that state keeps; `None` if its key was destroyed.
    ///
    /// # Errors
    ///
    /// As [`Vault::key`].
    pub async fn open_at(
        &self,
        stream: &StreamName,
        sealed: &SealedAt,
    ) -> Result<Option<Secret>, VaultError> {
        self.open(sealed.place(stream), &sealed.text).await
    }

    /// Seals the id of a visit to a consent page.
    pub fn seal_state(&self, visit: Uuid) -> String {
        self.master.seal_state(visit, random::bytes())
    }

    /// The id in a state of ours.
    pub fn open_state(&self, state: &str) -> Option<Uuid> {
        self.master.open_state(state)
    }

    /// The cache, emptied when its time is over.
    fn cache(&self) -> MutexGuard<'_, Unwrapped> {
        let mut cache = self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.since.elapsed() > CACHED_FOR || cache.keys.len() >= CACHED_MAX {
            *cache = Unwrapped { since: Instant::now(), keys: HashMap::new() };
        }
        cache
    }
}

/// Where a field of an event is sealed.
pub(crate) fn place_of<'a>(
    stream: &'a StreamName,
    version: mandate_schema::Version,
    record: &'a EventRecord,
    field: Field,
) -> Place<'a> {
    Place { stream, version: version.0, kind: &record.name, field: field.as_str(), form: record.form }
}
