//! Opening connections with the settings that durability rests on.

use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::StorageError;

/// Versions before this one can corrupt a WAL database when two connections checkpoint at the same instant.
const SAFE_VERSION: i32 = 3_051_003;

/// How long a connection waits for another one's lock.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Create the file if it is missing.
    Create,
    /// Read and write.
    Write,
    /// Read only.
    Read,
}

/// Opens a connection: WAL, every commit on disk before it returns.
pub(crate) fn open(path: &Path, access: Access) -> Result<Connection, StorageError> {
    if rusqlite::version_number() < SAFE_VERSION {
        return Err(StorageError::Schema(format!(
            "SQLite {} can corrupt a database in WAL mode; at least 3.51.3 is needed",
            rusqlite::version()
        )));
    }
    if access == Access::Create {
        create(path)?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    use_wal(&connection)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    // What is erased or replaced is overwritten in the file, where that costs no further page.
    connection.pragma_update_and_check(None, "secure_delete", "fast", |_| Ok(()))?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cache_size", -1_024)?; // KiB; the operating system caches the rest
    connection.set_prepared_statement_cache_capacity(64);
    if access == Access::Read {
        connection.pragma_update(None, "query_only", true)?;
    }
    Ok(connection)
}

/// Switches to WAL, on which durability and reading beside the writer rest.
fn use_wal(connection: &Connection) -> Result<(), StorageError> {
    let deadline = Instant::now() + BUSY_WAIT;
    loop {
        let switched =
            connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0));
        match switched {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(StorageError::Schema(format!(
                    "the database stays in journal mode {mode} and cannot be used with WAL; is it on a network drive?"
                )));
            }
            // Of several connections that switch a new file at once SQLite lets one through and refuses the others without
            // the usual wait. They wait here: this lock is free once the first one is done.
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                connection.execute_batch("begin immediate; rollback")?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// Creates the file, if it is missing, for its owner alone: it holds profiles in the clear. SQLite gives the files beside it
/// the same mode.
fn create(path: &Path) -> Result<(), StorageError> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    file.map(|_| ()).map_err(|error| StorageError::Unavailable(error.into()))
}
