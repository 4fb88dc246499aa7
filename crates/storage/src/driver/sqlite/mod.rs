//! The embedded database: one file, one writer thread, a few readers.

pub(crate) mod connect;
mod migrate;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rusqlite::{Connection, ErrorCode, Statement, Transaction, ffi, params_from_iter};

pub use migrate::migrate;

use super::{Row, Sql, Value};
use crate::StorageError;
pub use crate::migration::Migrated;
use connect::Access;
use writer::Writer;

type Result<T> = std::result::Result<T, StorageError>;

/// One file. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sqlite {
    path: Arc<PathBuf>,
    writer: Writer,
    /// Idle reading connections.
    readers: Arc<Mutex<Vec<Connection>>>,
    readers_max: usize,
}

impl Sqlite {
    /// Opens a file that [`migrate`] has brought up to date. `readers` is how many reading connections are kept.
    ///
    /// # Errors
    ///
    /// - [`StorageError::Schema`]: the file is missing, or of another version than this program.
    /// - [`StorageError::Unavailable`]: it cannot be opened.
    pub(crate) fn open(path: &Path, readers: usize) -> Result<Self> {
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

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs a read on an idle connection, off the async threads.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let database = self.clone();
        let read = move || {
            let idle = database.readers.lock().expect("no reader panics with the lock").pop();
            let connection = match idle {
                Some(connection) => connection,
                None => connect::open(&database.path, Access::Read)?,
            };
            let result = work(&connection);
            let mut readers = database.readers.lock().expect("no reader panics with the lock");
            if readers.len() < database.readers_max {
                readers.push(connection);
            }
            result
        };
        tokio::task::spawn_blocking(read).await.map_err(|error| StorageError::Unavailable(error.into()))?
    }

    /// Runs a transaction on the writer thread.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        self.writer.transaction(work).await
    }

    /// Runs one statement where it may run: what changes nothing beside the writer.
    pub(super) async fn run<T, F>(&self, sql: Sql, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        if sql.is_read() { self.read(work).await } else { self.write(|tx| work(tx)).await }
    }
}

/// All rows of a statement, each read by `read`.
pub(crate) fn all<T>(
    connection: &Connection,
    sql: Sql,
    values: &[Value],
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    query(&mut *connection.prepare_cached(sql.sqlite)?, values, usize::MAX, read)
}

/// The first row.
pub(crate) fn first<T>(
    connection: &Connection,
    sql: Sql,
    values: &[Value],
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    Ok(query(&mut *connection.prepare_cached(sql.sqlite)?, values, 1, read)?.pop())
}

/// Runs a statement; how many rows it changed.
pub(crate) fn change(connection: &Connection, sql: Sql, values: &[Value]) -> Result<usize> {
    Ok(connection.prepare_cached(sql.sqlite)?.execute(params_from_iter(values))?)
}

fn query<T>(
    statement: &mut Statement<'_>,
    values: &[Value],
    most: usize,
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while found.len() < most
        && let Some(row) = rows.next()?
    {
        found.push(read(&Row::of_sqlite(row))?);
    }
    Ok(found)
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        match &error {
            E::SqliteFailure(failure, message) => match failure.code {
                ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig => {
                    Self::Data(error.into())
                }
                ErrorCode::Unknown if is_about_the_data(*failure, message.as_deref()) => {
                    Self::Data(error.into())
                }
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Unreadable(error.into()),
                _ => Self::Unavailable(error.into()),
            },
            E::FromSqlConversionFailure(..) | E::InvalidColumnType(..) | E::IntegralValueOutOfRange(..) => {
                Self::Unreadable(error.into())
            }
            _ => Self::Unavailable(error.into()),
        }
    }
}

/// Whether a failure without a code of its own is the data's fault, such as "malformed JSON" of a generated column. The same
/// data meets the same answer again; taken for an absence, it would stop everything behind it for ever. A table that is
/// missing is nobody's data: that is waited out.
fn is_about_the_data(failure: ffi::Error, message: Option<&str>) -> bool {
    failure.extended_code == ffi::SQLITE_ERROR && message.is_none_or(|text| !text.starts_with("no such "))
}
