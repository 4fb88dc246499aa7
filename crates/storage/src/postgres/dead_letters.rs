//! Dead letters.

use jiff::Timestamp;
use mandate_schema::{CommandId, sql::postgres as sql};
use uuid::Uuid;

use super::{PostgresStorage, connection::Connection, convert::get, rows};
use crate::{
    DeadLetterId, DeadLetterRow, DeadLetters, StorageError, TriedAlone,
    convert::{limit, millis, told, unsigned},
};

type Result<T> = std::result::Result<T, StorageError>;

impl DeadLetters for PostgresStorage {
    async fn dead_letters(&self, after: Option<DeadLetterId>, max: usize) -> Result<Vec<DeadLetterRow>> {
        let (after, max) = (after.map(|id| id.0), limit(max));
        let found = self.connection().await?.all(sql::dead_letter_list, &[&after, &max]).await?;
        rows::collect(&found, rows::letter)
    }

    async fn dead_letter(&self, id: DeadLetterId) -> Result<Option<DeadLetterRow>> {
        let found = self.connection().await?.first(sql::dead_letter_find, &[&id.0]).await?;
        found.as_ref().map(rows::letter).transpose()
    }

    async fn dead_letter_counts(&self) -> Result<Vec<(String, u64)>> {
        rows::collect(&self.connection().await?.all(sql::dead_letter_counts, &[]).await?, |row| {
            Ok((get(row, "reason")?, unsigned(get(row, "count")?)?))
        })
    }

    async fn discard(&self, id: DeadLetterId, now: Timestamp) -> Result<bool> {
        let connection = self.connection().await?;
        let work = async {
            connection.change(sql::task_discard, &[&id.0, &millis(now)]).await?;
            let removed = connection.change(sql::dead_letter_remove, &[&id.0]).await?;
            connection.change(sql::command_discard, &[&id.0]).await?;
            Ok(removed == 1)
        };
        connection.transaction("begin", work).await
    }

    async fn revive_task(&self, id: DeadLetterId, now: Timestamp) -> Result<bool> {
        let connection = self.connection().await?;
        let work = async {
            let letter = connection.first(sql::dead_letter_find, &[&id.0]).await?;
            let task = letter.map(|row| get::<Option<Uuid>>(&row, "task")).transpose()?.flatten();
            let Some(task) = task else { return Ok(false) };
            connection.change(sql::task_revive, &[&task, &millis(now)]).await?;
            settle(&connection, id).await?;
            Ok(true)
        };
        connection.transaction("begin", work).await
    }

    async fn count_retry(&self, id: DeadLetterId, reason: &str, detail: &str) -> Result<()> {
        let connection = self.connection().await?;
        connection.change(sql::dead_letter_count_retry, &[&id.0, &reason, &told(detail)]).await?;
        Ok(())
    }
}

impl TriedAlone for PostgresStorage {
    async fn note_alone(&self, id: CommandId, detail: &str, now: Timestamp) -> Result<u32> {
        let connection = self.connection().await?;
        let noted = connection.all(sql::tried_alone_note, &[&id.0, &told(detail), &millis(now)]).await?;
        let row = noted.first().ok_or_else(|| StorageError::unreadable("no note was written"))?;
        Ok(u32::try_from(get::<i32>(row, "ended")?).unwrap_or(u32::MAX))
    }

    async fn forget_alone(&self, id: CommandId) -> Result<()> {
        self.connection().await?.change(sql::tried_alone_forget, &[&id.0]).await?;
        Ok(())
    }

    async fn prune_alone(&self, before: Timestamp) -> Result<usize> {
        self.connection().await?.prune(sql::tried_alone_prune, &[&millis(before)]).await
    }
}

/// Ends a dead letter whose content has been dealt with elsewhere.
pub(super) async fn settle(connection: &Connection, id: DeadLetterId) -> Result<()> {
    if connection.change(sql::dead_letter_remove, &[&id.0]).await? > 0 {
        connection.change(sql::command_revive, &[&id.0]).await?;
    }
    Ok(())
}
