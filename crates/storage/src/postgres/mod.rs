//! The store on a `PostgreSQL` server, for any number of processes. `PostgreSQL` 15 or later.

mod append;
mod append_form;
mod callers;
mod connect;
mod connection;
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
mod tls;
mod tokens;
mod webhooks;

use std::sync::Arc;

use deadpool_postgres::Pool;
use mandate_schema::Secret;

pub use migrate::migrate;

use crate::StorageError;
use connection::Connection;

/// How the server is reached.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:port/database?sslmode=…`. TLS always verifies the certificate.
    pub url: Secret,
    /// PEM text of a private CA, beside Mozilla's roots.
    pub ca: Option<Vec<u8>>,
    /// The most connections that are opened.
    pub pool: usize,
}

/// The store on a server. Cheap to clone.
#[derive(Clone)]
pub struct PostgresStorage {
    pool: Pool,
    settings: Arc<PostgresSettings>,
}

impl PostgresStorage {
    /// Opens a store that [`migrate`] has brought up to date, on a server that does not lose what it has committed.
    ///
    /// # Errors
    ///
    /// - [`StorageError::Schema`]: the address cannot be used, the server may lose commits or is too old, or the database is
    ///   of another version than this program.
    /// - [`StorageError::Unavailable`]: the server does not answer.
    pub async fn open(settings: &PostgresSettings) -> Result<Self, StorageError> {
        let storage = Self { pool: connect::pool(settings)?, settings: Arc::new(settings.clone()) };
        let connection = storage.connection().await?;
        connect::check_server(&connection).await?;
        migrate::check(&connection).await?;
        Ok(storage)
    }

    async fn connection(&self) -> Result<Connection, StorageError> {
        Connection::take(&self.pool).await
    }
}

impl std::fmt::Debug for PostgresStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStorage").finish_non_exhaustive()
    }
}
