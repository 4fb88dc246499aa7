//! What can go wrong with the journal, and what follows from it.

use std::{io, path::PathBuf};

use rusqlite::ffi;
use rustix::process::{Resource, getrlimit};

/// What the process does about a journal error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Refuse or wait, and try again: nothing is wrong with the file.
    Retry,
    /// Stop with a non-zero result. After a failed write nobody knows what the disk holds; starting again recovers what
    /// was committed, going on might answer `success` for what was not.
    Stop,
}

/// The journal could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The `SQLite` in this program is older than 3.51.3 and may corrupt a file that two processes write.
    #[error("SQLite {0} is too old for the journal: 3.51.3 or later is needed")]
    OldSqlite(i32),
    /// Another process serves this journal.
    #[error("the journal {0} is served by another process")]
    InUse(PathBuf),
    /// There is no journal file.
    #[error("there is no journal at {0}")]
    Missing(PathBuf),
    /// The file is a database of something else.
    #[error("{0} is not a journal")]
    NotAJournal(PathBuf),
    /// The file was written by another release.
    #[error("the journal has form {found}, this release knows form {known}")]
    UnknownForm {
        /// Found in the file.
        found: i32,
        /// What this release reads and writes.
        known: i32,
    },
    /// The file system cannot hold a write-ahead log (some network file systems).
    #[error("the journal's file system does not support write-ahead logging")]
    NoWriteAheadLog,
    /// The journal's folder or lock file.
    #[error("cannot prepare {path}: {source}")]
    File {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk, or the room the file may take, is full.
    #[error("no room left for the journal")]
    DiskFull,
    /// Another process held the write lock for too long.
    #[error("the journal is locked by another process")]
    Locked,
    /// More commands queue for the writer than it may hold.
    #[error("the journal's writer has too much to do")]
    Overloaded,
    /// The writer has ended; the text says why.
    #[error("the journal's writer has stopped: {0}")]
    Stopped(String),
    /// Any other failure of the database.
    #[error("journal: {0}")]
    Database(#[source] rusqlite::Error),
}

impl JournalError {
    /// What the process does about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::DiskFull | Self::Locked | Self::Overloaded => Disposition::Retry,
            Self::OldSqlite(_)
            | Self::InUse(_)
            | Self::Missing(_)
            | Self::NotAJournal(_)
            | Self::UnknownForm { .. }
            | Self::NoWriteAheadLog
            | Self::File { .. }
            | Self::Stopped(_)
            | Self::Database(_) => Disposition::Stop,
        }
    }
}

impl From<rusqlite::Error> for JournalError {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, _) = &error else {
            return Self::Database(error);
        };
        match (failure.code, failure.extended_code) {
            // On a full disk the shared memory of the write-ahead log cannot grow either.
            (ffi::ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => Self::DiskFull,
            // So is a file that has reached the size that the process may write (RLIMIT_FSIZE).
            (_, ffi::SQLITE_IOERR_WRITE) if getrlimit(Resource::Fsize).current.is_some() => Self::DiskFull,
            (ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked, _) => Self::Locked,
            _ => Self::Database(error),
        }
    }
}

/// A callback that was not stored. The answer to `WeChat` is 503, whichever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// What waits has reached `journal_max` (for the message URL: 90 % of it).
    #[error("the journal holds as much as journal_max allows")]
    JournalFull,
    /// The disk is full.
    #[error("no room left on the journal's disk")]
    DiskFull,
    /// More callbacks queue for the writer than it may hold.
    #[error("too many callbacks wait for the journal's writer")]
    Overloaded,
    /// The commit takes too long. The callback may still be stored; its repetition is a duplicate then.
    #[error("the journal's disk is too slow")]
    Slow,
    /// Another process holds the journal's write lock.
    #[error("the journal is locked by another process")]
    Locked,
    /// The journal has failed and the process is about to stop.
    #[error("the journal has failed")]
    Failed,
}

impl RecordError {
    /// The name in metrics and logs.
    pub fn kind(self) -> &'static str {
        match self {
            Self::JournalFull => "journal_full",
            Self::DiskFull => "disk_full",
            Self::Overloaded => "journal_overloaded",
            Self::Slow => "journal_slow",
            Self::Locked => "journal_locked",
            Self::Failed => "journal_failed",
        }
    }

    /// What follows for the process.
    pub fn disposition(self) -> Disposition {
        match self {
            Self::JournalFull | Self::DiskFull | Self::Overloaded | Self::Slow | Self::Locked => {
                Disposition::Retry
            }
            Self::Failed => Disposition::Stop,
        }
    }
}
