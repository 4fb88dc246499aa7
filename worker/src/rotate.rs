//! Rotating the master key: every data key is wrapped anew by the first one of the ring, beside whatever runs. What data keys
//! have sealed stays as it is.

use mandate_runtime::{failpoint, random};
use mandate_schema::{MasterKeys, SealError, WrappedKey};
use mandate_storage::{StorageError, Store};

/// Data keys wrapped anew in one transaction.
const BATCH: usize = 500;

/// Why a rotation ended early. What is wrapped anew stays so, and the next run does the rest.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The store.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A data key does not open.
    #[error("data key {number} of {stream}: {source}")]
    Seal {
        /// The stream.
        stream: String,
        /// The key's number.
        number: u32,
        /// What is wrong.
        #[source]
        source: SealError,
    },
}

/// Wraps all data keys anew that another master key of the ring wraps; answers how many. Keys under a master key that the ring
/// lacks are left alone.
///
/// # Errors
///
/// [`RotateError`].
pub async fn rotate_master_key(
    storage: &Store,
    master: &MasterKeys,
    tell: impl Fn(usize),
) -> Result<usize, RotateError> {
    let mut rewrapped = 0;
    for old in master.ids().filter(|id| *id != master.first()) {
        loop {
            let keys = storage.keys_under(old, BATCH).await?;
            if keys.is_empty() {
                break;
            }
            let anew = keys.into_iter().map(|key| rewrap(master, key)).collect::<Result<Vec<_>, _>>()?;
            rewrapped += storage.rewrap_keys(anew).await?;
            failpoint::reached("seal.rotated");
            tell(rewrapped);
        }
    }
    Ok(rewrapped)
}

fn rewrap(master: &MasterKeys, key: WrappedKey) -> Result<(WrappedKey, WrappedKey), RotateError> {
    match master.rewrap(&key, random::bytes()) {
        Ok(anew) => Ok((key, anew)),
        Err(source) => Err(RotateError::Seal { stream: key.stream.to_string(), number: key.number, source }),
    }
}
