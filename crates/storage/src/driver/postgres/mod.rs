//! A `PostgreSQL` server, for any number of processes. `PostgreSQL` 15 or later.

pub(crate) mod connect;
mod connection;
mod migrate;
mod tls;

use std::sync::Arc;

use deadpool_postgres::Pool;
use mandate_schema::Secret;
use tokio_postgres::error::SqlState;

pub use migrate::migrate;

pub(crate) use connection::Connection;

use crate::StorageError;

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

/// One database of a server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Postgres {
    pool: Pool,
    settings: Arc<PostgresSettings>,
}

impl Postgres {
    /// Opens a database that [`migrate`] has brought up to date, on a server that does not lose what it has committed.
    ///
    /// # Errors
    ///
    /// - [`StorageError::Schema`]: the address cannot be used, the server may lose commits or is too old, or the database is
    ///   of another version than this program.
    /// - [`StorageError::Unavailable`]: the server does not answer.
    pub(crate) async fn open(settings: &PostgresSettings) -> Result<Self, StorageError> {
        let database = Self { pool: connect::pool(settings)?, settings: Arc::new(settings.clone()) };
        let connection = database.connection().await?;
        connect::check_server(&connection).await?;
        migrate::check(&connection).await?;
        Ok(database)
    }

    pub(crate) async fn connection(&self) -> Result<Connection, StorageError> {
        Connection::take(&self.pool).await
    }

    /// A connection beside the pool: what a session of it keeps or sets goes away with it.
    pub(crate) async fn connection_of_its_own(&self) -> Result<Connection, StorageError> {
        let pool = connect::pool(&PostgresSettings { pool: 1, ..(*self.settings).clone() })?;
        Connection::take(&pool).await
    }
}

impl From<tokio_postgres::Error> for StorageError {
    /// Whether the data is at fault, or the same call may succeed later. A missing table is nobody's data: that is waited out.
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(state) if is_about_the_data(state) => Self::Data(told(&error).into()),
            Some(_) | None => Self::Unavailable(told(&error).into()),
        }
    }
}

/// Classes of SQLSTATE: 22 data exception, 23 constraint violation, 54 limit of the program.
fn is_about_the_data(state: &SqlState) -> bool {
    matches!(state.code().get(..2), Some("22" | "23" | "54"))
}

/// What the server said, or why it could not be asked.
fn told(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(said), _) => format!("{} ({})", said.message(), said.code().code()),
        (None, Some(source)) if source.to_string().contains("certificate") => format!(
            "{error}: {source}. Name its CA in storage.ca_file; on a network that you trust, sslmode=disable does without TLS"
        ),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
