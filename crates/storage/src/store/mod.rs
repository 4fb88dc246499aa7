//! The store: the event log and all that is committed with it, one file for each subject.
//!
//! Every method is written once, on the verbs of the [driver](crate::driver). Only the append, a claim, a landing and a rebuild exist
//! twice, side by side.
//!
//! Every method may answer [`StorageError::Unavailable`]; what that means for what was asked, and what else it may answer, stands on
//! the method.

mod alone;
mod append;
mod callers;
mod checkpoints;
mod claim;
mod consent;
mod dead_letters;
mod gather;
mod keys;
mod leases;
mod log;
mod messages;
mod rebuild;
mod reconcile;
mod states;
mod tasks;
mod tokens;
mod webhooks;

use std::path::Path;

use crate::{
    StorageError,
    driver::{Driver, Postgres, Sqlite},
    postgres::PostgresSettings,
};

pub use consent::{ConsentLink, ConsentTerms, ConsentVisit, Landed};
pub use gather::{Gathered, Wanted};
pub use rebuild::Folder;
pub use webhooks::{WebhookAttemptRow, WebhookRow};

type Result<T> = std::result::Result<T, StorageError>;

/// The store in one `SQLite` file, or on a `PostgreSQL` server. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    driver: Driver,
}

impl Store {
    /// Opens a `SQLite` file that [`sqlite::migrate`](crate::sqlite::migrate) has brought up to date. `readers` is how many reading
    /// connections are kept.
    ///
    /// # Errors
    ///
    /// - [`StorageError::Schema`]: the file is missing, or of another version than this program.
    /// - [`StorageError::Unavailable`]: it cannot be opened.
    pub fn open_sqlite(path: &Path, readers: usize) -> Result<Self> {
        Ok(Self { driver: Driver::Sqlite(Sqlite::open(path, readers)?) })
    }

    /// Opens a database that [`postgres::migrate`](crate::postgres::migrate) has brought up to date, on a server that does not lose
    /// what it has committed.
    ///
    /// # Errors
    ///
    /// - [`StorageError::Schema`]: the address cannot be used, the server may lose commits or is too old, or the database is
    ///   of another version than this program.
    /// - [`StorageError::Unavailable`]: the server does not answer.
    pub async fn open_postgres(settings: &PostgresSettings) -> Result<Self> {
        Ok(Self { driver: Driver::Postgres(Postgres::open(settings).await?) })
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.driver {
            Driver::Sqlite(database) => f.debug_tuple("Store").field(&database.path()).finish(),
            Driver::Postgres(_) => f.debug_tuple("Store").finish_non_exhaustive(),
        }
    }
}
