//! Data keys, wrapped. They are written by the append.

use mandate_schema::{StreamName, WrappedKey};

use super::{Result, Store};
use crate::driver::{Row, Sql, Statement, dialect, sql, values};

/// A key that was not destroyed: stream, number.
pub(super) const FIND: Sql = sql!(
    "select stream, number, master, wrapped from data_key where stream = $1 and number = $2 and wrapped is not null"
);

impl Store {
    /// A data key; `None` if there is none or it was destroyed.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn key(&self, stream: &StreamName, number: u32) -> Result<Option<WrappedKey>> {
        self.driver.first(FIND, values![stream, number], wrapped).await
    }

    /// One data key wrapped by each master key that is in use.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn key_samples(&self) -> Result<Vec<WrappedKey>> {
        self.driver.all(dialect!("key_samples"), values![], wrapped).await
    }

    /// How many data keys each master key wraps.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn key_counts(&self) -> Result<Vec<(String, u64)>> {
        let counts = sql!(
            "select master, count(*) as count from data_key where wrapped is not null group by master order by master"
        );
        self.driver.all(counts, values![], |row| Ok((row.get("master")?, row.get("count")?))).await
    }

    /// Some of the data keys that a master key wraps.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn keys_under(&self, master: &str, limit: usize) -> Result<Vec<WrappedKey>> {
        let keys = sql!(
            "select stream, number, master, wrapped from data_key
            where wrapped is not null and master = $1 order by stream, number limit $2"
        );
        self.driver.all(keys, values![master, limit], wrapped).await
    }

    /// Puts other wrapped forms of data keys in place of these, each only if it is still there as it was: one that was
    /// destroyed or rewrapped meanwhile stays so. Answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable): they may be in place.
    pub async fn rewrap_keys(&self, keys: Vec<(WrappedKey, WrappedKey)>) -> Result<usize> {
        let rewrap = sql!(
            "update data_key set master = $4, wrapped = $5 where stream = $1 and number = $2 and wrapped = $3"
        );
        let keys = keys.into_iter().map(|(old, new)| {
            Statement::new(rewrap, values![&old.stream, old.number, old.bytes, new.master, new.bytes])
        });
        Ok(self.driver.changes(keys.collect()).await?.into_iter().sum())
    }
}

/// Columns stream, number, master, wrapped.
pub(super) fn wrapped(row: &Row<'_>) -> Result<WrappedKey> {
    Ok(WrappedKey {
        stream: row.parse("stream")?,
        number: row.get("number")?,
        master: row.get("master")?,
        bytes: row.get("wrapped")?,
    })
}
