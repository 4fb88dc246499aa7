//! The journal as an operator's command sees it, beside the process that serves it.

use std::{fmt, path::Path, time::Duration};

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, ComponentId, journal_sql as sql};
use rusqlite::{Connection, TransactionBehavior};

use super::{JournalError, JournalStatus, ParkedBecause, ParkedMessage, Seq, file, read};

/// Rows that one write of a resend touches: the serving process waits for it at most a moment.
const CHUNK: i64 = 512;

/// How long a write waits for the serving process.
const BUSY: Duration = Duration::from_secs(5);

/// An existing journal, opened beside the process that serves it (or without one).
pub struct JournalFile {
    connection: Connection,
}

impl JournalFile {
    /// Opens the journal at `path`.
    ///
    /// # Errors
    ///
    /// [`JournalError::Missing`] if there is none; otherwise what is wrong with the file.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        file::check_sqlite()?;
        Ok(Self { connection: file::open_beside(path, BUSY)? })
    }

    /// What is in the journal.
    ///
    /// # Errors
    ///
    /// [`JournalError`]; its disposition says whether to try again.
    pub fn status(&self) -> Result<JournalStatus, JournalError> {
        read::status(&self.connection)
    }

    /// Makes settled callbacks that were received at `since` or later, and whose texts are still kept, new again; says how
    /// many. The serving process hands them over within about a second. They do not count against `journal_max`, whose
    /// room they had already, so a resend never makes callbacks be refused.
    ///
    /// # Errors
    ///
    /// [`JournalError`]; what was done before it stays done, and repeating the whole is harmless.
    pub fn resend(&mut self, since: Timestamp) -> Result<u64, JournalError> {
        let (mut after, mut resent) = (0, 0);
        loop {
            // Each statement is a transaction of its own; the next one starts behind its last row.
            let seqs = self.resend_chunk(after, since)?;
            let Some(last) = seqs.iter().max() else {
                return Ok(resent);
            };
            after = *last;
            resent += seqs.len() as u64;
        }
    }

    /// Messages that are parked, at most `limit` behind `after`, oldest first.
    ///
    /// # Errors
    ///
    /// [`JournalError`]; its disposition says whether to try again.
    pub fn parked(&self, after: Option<Seq>, limit: usize) -> Result<Vec<ParkedMessage>, JournalError> {
        let mut statement = self.connection.prepare_cached(sql::READ_PARKED)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map((after.map_or(0, |seq| seq.0), limit), |row| {
            Ok(ParkedMessage {
                seq: Seq(row.get("seq")?),
                received_at: Timestamp::from_millisecond(row.get("received_at")?).unwrap_or_default(),
                component: row.get("component")?,
                authorizer: row.get("authorizer")?,
                because: ParkedBecause::read(row.get("parked")?),
                tied: row.get("tied")?,
                kept: row.get("kept")?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Ties an original id to an appid, whatever it was tied to, and hands over what was parked under that appid and whose
    /// texts are still kept; says how many.
    ///
    /// # Errors
    ///
    /// [`JournalError`]; nothing has changed.
    pub fn tie(
        &mut self,
        component: &ComponentId,
        original_id: &str,
        authorizer: &AuthorizerId,
        now: Timestamp,
    ) -> Result<usize, JournalError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let ids = (component.as_str(), original_id, authorizer.as_str());
        transaction.execute(sql::TIE_ORIGINAL_ID, (ids.0, ids.1, ids.2, now.as_millisecond()))?;
        let released = transaction.execute(sql::RELEASE_PARKED, ids)?;
        transaction.commit()?;
        Ok(released)
    }

    fn resend_chunk(&mut self, after: i64, since: Timestamp) -> Result<Vec<i64>, JournalError> {
        let mut statement = self.connection.prepare_cached(sql::RESEND_CALLBACKS)?;
        let rows = statement.query_map((after, since.as_millisecond(), CHUNK), |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl fmt::Debug for JournalFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JournalFile")
    }
}
