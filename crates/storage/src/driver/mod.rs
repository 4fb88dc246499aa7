//! The seam between the databases: one enum, a few verbs, one kind of value and of row.
//!
//! A method of the store says what it wants in SQL and reads rows by the names of their columns; which database it is shows here alone,
//! and in the few methods that ask for it.

pub mod postgres;
mod row;
mod sql;
pub mod sqlite;
mod value;

use crate::{
    StorageError,
    convert::{PRUNED_AT_ONCE, limit},
};
pub(crate) use postgres::Postgres;
pub(crate) use row::Row;
pub(crate) use sql::{Sql, dialect, for_sqlite, prune, sql, text};
pub(crate) use sqlite::Sqlite;
pub(crate) use value::{Value, values};

type Result<T> = std::result::Result<T, StorageError>;

/// A statement with its values.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) sql: Sql,
    pub(crate) values: Vec<Value>,
}

impl Statement {
    pub(crate) fn new(sql: Sql, values: Vec<Value>) -> Self {
        Self { sql, values }
    }
}

/// A database. Cheap to clone.
///
/// What waits for a server is boxed: it is much to keep in every future above, also in those of a file.
#[derive(Clone)]
pub(crate) enum Driver {
    /// A file.
    Sqlite(Sqlite),
    /// A database of a server.
    Postgres(Postgres),
}

impl Driver {
    /// All rows of a statement, each read by `read`. One that changes something is a transaction of its own.
    pub(crate) async fn all<T: Send + 'static>(
        &self,
        sql: Sql,
        values: Vec<Value>,
        read: impl Fn(&Row<'_>) -> Result<T> + Send + 'static,
    ) -> Result<Vec<T>> {
        match self {
            Self::Sqlite(database) => {
                database.run(sql, move |connection| sqlite::all(connection, sql, &values, read)).await
            }
            Self::Postgres(database) => {
                let run = async { database.connection().await?.all(sql.postgres, &values, read).await };
                Box::pin(run).await
            }
        }
    }

    /// The first row of a statement, if there is one.
    pub(crate) async fn first<T: Send + 'static>(
        &self,
        sql: Sql,
        values: Vec<Value>,
        read: impl Fn(&Row<'_>) -> Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        match self {
            Self::Sqlite(database) => {
                database.run(sql, move |connection| sqlite::first(connection, sql, &values, read)).await
            }
            Self::Postgres(database) => {
                let run = async { database.connection().await?.first(sql.postgres, &values, read).await };
                Box::pin(run).await
            }
        }
    }

    /// The one row that there always is.
    pub(crate) async fn one<T: Send + 'static>(
        &self,
        sql: Sql,
        values: Vec<Value>,
        read: impl Fn(&Row<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.first(sql, values, read).await?.ok_or_else(missing)
    }

    /// Runs one statement; how many rows it changed.
    pub(crate) async fn change(&self, sql: Sql, values: Vec<Value>) -> Result<usize> {
        match self {
            Self::Sqlite(database) => database.write(move |tx| sqlite::change(tx, sql, &values)).await,
            Self::Postgres(database) => {
                let run = async { database.connection().await?.change(sql.postgres, &values).await };
                Box::pin(run).await
            }
        }
    }

    /// Runs statements in one transaction; how many rows each changed.
    pub(crate) async fn changes(&self, statements: Vec<Statement>) -> Result<Vec<usize>> {
        match self {
            _ if statements.is_empty() => Ok(Vec::new()),
            Self::Sqlite(database) => {
                let run = move |tx: &rusqlite::Transaction<'_>| {
                    statements.iter().map(|one| sqlite::change(tx, one.sql, &one.values)).collect()
                };
                database.write(run).await
            }
            Self::Postgres(database) => {
                let run = async {
                    let connection = database.connection().await?;
                    connection.transaction("begin", connection.changes(&statements)).await
                };
                Box::pin(run).await
            }
        }
    }

    /// Runs statements in one transaction, those behind the first one only if that changes a row; whether it did.
    pub(crate) async fn changes_if(&self, first: Statement, then: Vec<Statement>) -> Result<bool> {
        match self {
            Self::Sqlite(database) => {
                let run = move |tx: &rusqlite::Transaction<'_>| {
                    let is_changed = sqlite::change(tx, first.sql, &first.values)? > 0;
                    for one in then.iter().filter(|_| is_changed) {
                        sqlite::change(tx, one.sql, &one.values)?;
                    }
                    Ok(is_changed)
                };
                database.write(run).await
            }
            Self::Postgres(database) => {
                let run = async {
                    let connection = database.connection().await?;
                    let steps = async {
                        let is_changed = connection.change(first.sql.postgres, &first.values).await? > 0;
                        if is_changed {
                            connection.changes(&then).await?;
                        }
                        Ok(is_changed)
                    };
                    connection.transaction("begin", steps).await
                };
                Box::pin(run).await
            }
        }
    }

    /// Deletes as a statement says whose last parameter is how many rows at most, again and again until none is left; answers how
    /// many. Other writes go on between.
    pub(crate) async fn prune(&self, sql: Sql, values: Vec<Value>) -> Result<usize> {
        self.prune_up_to(usize::MAX, sql, values).await
    }

    /// As [`Driver::prune`], no more than `most`.
    pub(crate) async fn prune_up_to(&self, most: usize, sql: Sql, mut values: Vec<Value>) -> Result<usize> {
        let mut pruned = 0;
        let last = values.len();
        values.push(Value::Null);
        loop {
            values[last] = Value::Number(limit(PRUNED_AT_ONCE.min(most - pruned)));
            let count = self.change(sql, values.clone()).await?;
            pruned += count;
            if count < PRUNED_AT_ONCE {
                return Ok(pruned);
            }
        }
    }
}

pub(crate) fn missing() -> StorageError {
    StorageError::unreadable("a row that is always there is missing")
}
