//! The embedded store: one file, one writer thread, a few readers.

mod append;
mod callers;
mod connect;
mod consents;
mod convert;
mod dead_letters;
mod gather;
mod leases;
mod migrate;
mod queue;
mod read;
mod rebuild;
mod reconcile;
mod rows;
mod tokens;
mod webhooks;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rusqlite::{Connection, types::Value};

pub use migrate::migrate;

pub use crate::migration::Migrated;
use crate::{
    StorageError,
    convert::{PRUNED_AT_ONCE, limit},
};
use connect::Access;
use writer::Writer;

/// The store in one `SQLite` file. Cheap to clone.
#[derive(Clone)]
pub struct SqliteStorage {
    path: Arc<PathBuf>,
    writer: Writer,
    /// Idle reading connections.
    readers: Arc<Mutex<Vec<Connection>>>,
    readers_max: usize,
}

impl SqliteStorage {
    /// Opens a store that [`migrate`] has brought up to date. `readers` is how many reading connections are kept.
    ///
    /// # Errors
    ///
    /// - [`StorageError::Schema`]: the file is missing, or of another version than this program.
    /// - [`StorageError::Unavailable`]: it cannot be opened.
    pub fn open(path: &Path, readers: usize) -> Result<Self, StorageError> {
        if !path.exists() {
            return Err(StorageError::Schema(format!(
                "there is no database at {}; run `mandate migrate`",
                path.display()
            )));
        }
        let connection = connect::open(path, Access::Write)?;
        migrate::check(&connection)?;
        Ok(Self {
            path: Arc::new(path.to_owned()),
            writer: Writer::start(connection)?,
            readers: Arc::default(),
            readers_max: readers.max(1),
        })
    }

    /// Runs a read on an idle connection, off the async threads.
    async fn read<T, F>(&self, work: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    {
        let storage = self.clone();
        let read = move || {
            let idle = storage.readers.lock().expect("no reader panics with the lock").pop();
            let connection = match idle {
                Some(connection) => connection,
                None => connect::open(&storage.path, Access::Read)?,
            };
            let result = work(&connection);
            let mut readers = storage.readers.lock().expect("no reader panics with the lock");
            if readers.len() < storage.readers_max {
                readers.push(connection);
            }
            result
        };
        tokio::task::spawn_blocking(read).await.map_err(|error| StorageError::Unavailable(error.into()))?
    }

    /// Runs a transaction on the writer thread.
    async fn write<T, F>(&self, work: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Transaction<'_>) -> Result<T, StorageError> + Send + 'static,
    {
        self.writer.transaction(work).await
    }

    /// Deletes as a statement says whose last parameter is how many rows at most, again and again until none is left; answers how many.
    /// Other writes go on between.
    async fn prune(&self, sql: &'static str, parameters: &[Value]) -> Result<usize, StorageError> {
        self.prune_up_to(usize::MAX, sql, parameters).await
    }

    /// As [`SqliteStorage::prune`], no more than `most`.
    async fn prune_up_to(
        &self,
        most: usize,
        sql: &'static str,
        parameters: &[Value],
    ) -> Result<usize, StorageError> {
        let mut pruned = 0;
        loop {
            let chunk = Value::Integer(limit(PRUNED_AT_ONCE.min(most - pruned)));
            let parameters: Vec<Value> = parameters.iter().cloned().chain([chunk]).collect();
            let count = self
                .write(move |tx| {
                    Ok(tx.prepare_cached(sql)?.execute(rusqlite::params_from_iter(parameters))?)
                })
                .await?;
            pruned += count;
            if count < PRUNED_AT_ONCE {
                return Ok(pruned);
            }
        }
    }
}

impl std::fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStorage").field("path", &self.path).finish_non_exhaustive()
    }
}
