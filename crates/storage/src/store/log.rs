//! The append-only log.
//!
//! Positions are dense and visible in order: a reader that has seen position n has seen everything below.

use mandate_schema::{CommandId, EventId, EventRecord, Position, StoredEvent};
use uuid::Uuid;

use super::{Result, Store};
use crate::{
    CommandOutcome, CommandRecord, EventOrder, EventQuery, StorageError, StreamQuery,
    driver::{Row, Sql, dialect, sql, values},
};

/// Columns position, `log_id`.
pub(super) const HEAD: Sql = sql!("select position, log_id from log_head where shard = 0");
/// The log in order of position: after, limit.
pub(super) const READ: Sql = sql!(LOG / "event_read");

impl Store {
    /// Position of the last event.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn head(&self) -> Result<Position> {
        self.driver.one(HEAD, values![], |row| row.get("position")).await
    }

    /// Whether the log can be appended to just now: it answers, and no append of another process has it.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub(crate) async fn log_is_free(&self) -> Result<bool> {
        let head: Option<Position> =
            self.driver.first(dialect!("log_free"), values![], |row| row.get("position")).await?;
        Ok(head.is_some())
    }

    /// Gives the log another name, so that its readers learn that positions they have seen may be others now.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn rename_log(&self, log_id: &str) -> Result<()> {
        let rename = sql!("update log_head set log_id = $1 where shard = 0");
        self.driver.change(rename, values![log_id]).await.map(drop)
    }

    /// The random name of this log; another one after a restore.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn log_id(&self) -> Result<String> {
        self.driver.one(HEAD, values![], |row| row.get("log_id")).await
    }

    /// Reads the log in order of position.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unreadable`]: stop, do not skip.
    pub async fn read(&self, query: EventQuery) -> Result<Vec<StoredEvent>> {
        self.driver.all(READ, values![query.after, query.limit], event).await
    }

    /// Reads one stream.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unreadable`]: stop, do not skip.
    pub async fn read_stream(&self, query: StreamQuery) -> Result<Vec<StoredEvent>> {
        let sql = match query.order {
            EventOrder::Ascending => sql!(LOG / "event_read_stream"),
            EventOrder::Descending => sql!(LOG / "event_read_stream_backwards"),
        };
        let up_to = query.up_to.unwrap_or(Position(u64::MAX));
        let before = query.before.map_or(u64::MAX, |version| version.0);
        let values = values![&query.stream, query.after, up_to, before, query.limit];
        self.driver.all(sql, values, event).await
    }

    /// One event by its id.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unreadable`].
    pub async fn event(&self, id: EventId) -> Result<Option<StoredEvent>> {
        self.driver.first(sql!(LOG / "event_by_id"), values![id], event).await
    }

    /// Those of the commands that have an outcome. At most 1,000 ids.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn outcomes(&self, ids: Vec<CommandId>) -> Result<Vec<CommandRecord>> {
        let ids: Vec<Uuid> = ids.into_iter().map(|id| id.0).collect();
        let read = |row: &Row<'_>| {
            let (id, outcome) = (row.get("id")?, outcome(row.get("outcome")?)?);
            Ok(CommandRecord { id, outcome, position: row.get("position")? })
        };
        self.driver.all(dialect!("command_find"), values![ids], read).await
    }
}

/// Columns of an event.
pub(super) fn event(row: &Row<'_>) -> Result<StoredEvent> {
    Ok(StoredEvent {
        position: row.get("position")?,
        stream: row.parse("stream")?,
        version: row.get("version")?,
        record: EventRecord {
            id: row.get("id")?,
            name: row.get("name")?,
            form: row.get("form")?,
            causation: row.get("command")?,
            occurred_at: row.get("occurred_at")?,
            recorded_at: row.get("recorded_at")?,
            data: row.get("data")?,
            sealed: row.json("sealed")?,
        },
    })
}

pub(super) fn outcome(text: &str) -> Result<CommandOutcome> {
    CommandOutcome::parse(text).ok_or_else(|| StorageError::unreadable(format!("unknown outcome {text}")))
}
