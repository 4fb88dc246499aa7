//! The journal's file: lock, settings of a connection, form.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use mandate_schema::journal_sql::{APPLICATION_ID, CREATE, FORM, UPGRADES};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::JournalError;

/// First `SQLite` whose write-ahead log survives two processes that write and checkpoint at the same instant.
const OLDEST_SQLITE: i32 = 3_051_003;

/// Pages in the write-ahead log before they are copied into the file; a small log bounds what one bad frame hides.
const CHECKPOINT_PAGES: i32 = 4_000;

/// The write-ahead log shrinks to this many bytes after a burst.
const WAL_KEPT_BYTES: i64 = 64 << 20;

/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 32;

/// Proves that this process is the one that serves a journal. Released when dropped, and by the system when the process
/// dies, however it dies.
#[derive(Debug)]
pub(super) struct ServingLock {
    _file: File,
}

impl ServingLock {
    pub(super) fn take(journal: &Path) -> Result<Self, JournalError> {
        let path = beside(journal, ".lock");
        let file = private_file(&path).map_err(|source| JournalError::File { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(JournalError::InUse(journal.to_owned())),
            Err(TryLockError::Error(source)) => Err(JournalError::File { path, source }),
        }
    }
}

/// Refuses a `SQLite` with the write-ahead log's reset bug.
pub(super) fn check_sqlite() -> Result<(), JournalError> {
    match rusqlite::version_number() {
        OLDEST_SQLITE.. => Ok(()),
        old => Err(JournalError::OldSqlite(old)),
    }
}

/// Makes the journal's folder and an empty file that only this user reads, if they are not there.
pub(super) fn prepare(path: &Path) -> Result<(), JournalError> {
    let folder = folder(path);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| JournalError::File { path, source }
    };
    if !folder.is_dir() {
        fs::create_dir_all(folder).map_err(failed(folder))?;
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
        sync_folder(above.unwrap_or(Path::new("."))).map_err(failed(folder))?;
    }
    private_file(path).map(drop).map_err(failed(path))
}

/// Opens the connection that writes; makes tables in an empty file.
pub(super) fn open_writer(path: &Path, busy: Duration) -> Result<Connection, JournalError> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, busy)?;
    let empty: bool = connection
        .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| match JournalError::from(error) {
            JournalError::Database(_) => JournalError::NotAJournal(path.to_owned()),
            other => other,
        })?;
    let form = if empty { 0 } else { form_of(&connection, path)? };
    set_up_writer(&connection)?;
    bring_up(&mut connection, form)?;
    if empty {
        sync_folder(folder(path))
            .map_err(|source| JournalError::File { path: folder(path).to_owned(), source })?;
    }
    Ok(connection)
}

/// Opens a second connection beside the serving one, to write a little (`resend`) and read.
pub(super) fn open_beside(path: &Path, busy: Duration) -> Result<Connection, JournalError> {
    if !path.exists() {
        return Err(JournalError::Missing(path.to_owned()));
    }
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, busy)?;
    check_form(&connection, path)?;
    set_up_writer(&connection)?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path, busy: Duration) -> Result<Connection, JournalError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, busy)?;
    check_form(&connection, path)?;
    Ok(connection)
}

fn connect(path: &Path, access: OpenFlags, busy: Duration) -> Result<Connection, JournalError> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(busy)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

fn set_up_writer(connection: &Connection) -> Result<(), JournalError> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(JournalError::NoWriteAheadLog);
    }
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
    Ok(())
}

fn check_form(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    match form_of(connection, path)? {
        FORM => Ok(()),
        found => Err(JournalError::UnknownForm { found, known: FORM }),
    }
}

/// The form of a journal: this program's, or an older one.
fn form_of(connection: &Connection, path: &Path) -> Result<i32, JournalError> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, form) = match (number("application_id"), number("user_version")) {
        (Ok(application), Ok(form)) => (application, form),
        (Err(error), _) | (_, Err(error)) => match JournalError::from(error) {
            JournalError::Database(rusqlite::Error::SqliteFailure(failure, _))
                if failure.code == rusqlite::ErrorCode::NotADatabase =>
            {
                return Err(JournalError::NotAJournal(path.to_owned()));
            }
            other => return Err(other),
        },
    };
    match (application, form) {
        (APPLICATION_ID, form @ 1..=FORM) => Ok(form),
        (APPLICATION_ID, found) => Err(JournalError::UnknownForm { found, known: FORM }),
        _ => Err(JournalError::NotAJournal(path.to_owned())),
    }
}

/// Makes the tables of an empty file (form 0), or what an older form lacks.
fn bring_up(connection: &mut Connection, form: i32) -> Result<(), JournalError> {
    let steps = match usize::try_from(form) {
        Ok(0) => &[CREATE],
        Ok(form) => &UPGRADES[form - 1..],
        Err(_) => &[],
    };
    if steps.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for statement in steps.iter().copied().flatten() {
        transaction.execute(statement, [])?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORM)?;
    transaction.commit()?;
    Ok(())
}

/// Opens or makes a file that only this user can read. `SQLite` gives its side files the same mode.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
