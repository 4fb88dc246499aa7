//! The append: everything that one batch of commands stores, in one transaction. On `SQLite` it is a series of statements on the writer
//! thread, on `PostgreSQL` one call of the function `append_batch`.

mod form;
pub(super) mod postgres;
pub(super) mod sqlite;

use super::{Result, Store};
use crate::{Appended, Command, driver::Driver};

impl Store {
    /// Stores a batch in one transaction; answers each command in order. The result is that of one command after the other.
    ///
    /// Several commands of one stream are a chain: each expects the version that the one before it leaves. A chain counts up to its
    /// first command that is not stored: what follows in that stream is a [`Appended::Conflict`], unless it has an outcome already.
    /// So a call that is repeated answers duplicates.
    ///
    /// # Errors
    ///
    /// - [`StorageError::Unavailable`](crate::StorageError::Unavailable): the outcome is unknown. Repeat the same call.
    /// - [`StorageError::Data`](crate::StorageError::Data): nothing was stored; one of the commands is refused. Repeat them one by one.
    pub async fn append_batch(&self, commands: Vec<Command>) -> Result<Vec<Appended>> {
        match &self.driver {
            _ if commands.is_empty() => Ok(Vec::new()),
            Driver::Sqlite(database) => database.write(move |tx| sqlite::append_batch(tx, &commands)).await,
            Driver::Postgres(database) => {
                let run = async { postgres::append_on(&database.connection().await?, &commands).await };
                Box::pin(run).await
            }
        }
    }
}
