//! Dead letters.

use jiff::Timestamp;
use mandate_schema::{CallbackId, CommandId, Push, TaskId, sql::sqlite as sql};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{
    SqliteStorage,
    convert::{blob, from_json, limit, millis, time, told, unsigned, uuid},
    rows,
};
use crate::{DeadLetter, DeadLetterId, DeadLetterRow, DeadLetters, DeadPayload, StorageError, TriedAlone};

type Result<T> = std::result::Result<T, StorageError>;

impl DeadLetters for SqliteStorage {
    async fn dead_letters(&self, after: Option<DeadLetterId>, max: usize) -> Result<Vec<DeadLetterRow>> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(sql::dead_letter_list)?;
            let after = after.as_ref().map(|id| blob(&id.0));
            rows::collect(statement.query(params![after, limit(max)])?, letter)
        })
        .await
    }

    async fn dead_letter(&self, id: DeadLetterId) -> Result<Option<DeadLetterRow>> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(sql::dead_letter_find)?;
            let mut found = statement.query([blob(&id.0)])?;
            found.next()?.map(letter).transpose()
        })
        .await
    }

    async fn dead_letter_counts(&self) -> Result<Vec<(String, u64)>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(sql::dead_letter_counts)?;
            rows::collect(statement.query([])?, |row| Ok((row.get(0)?, unsigned(row.get(1)?)?)))
        })
        .await
    }

    async fn discard(&self, id: DeadLetterId, now: Timestamp) -> Result<bool> {
        self.write(move |tx| {
            tx.prepare_cached(sql::task_discard)?.execute(params![blob(&id.0), millis(now)])?;
            let removed = tx.prepare_cached(sql::dead_letter_remove)?.execute([blob(&id.0)])?;
            tx.prepare_cached(sql::command_discard)?.execute([blob(&id.0)])?;
            Ok(removed == 1)
        })
        .await
    }

    async fn revive_task(&self, id: DeadLetterId, now: Timestamp) -> Result<bool> {
        self.write(move |tx| {
            let mut statement = tx.prepare_cached(sql::dead_letter_find)?;
            let task: Option<Option<Vec<u8>>> =
                statement.query_row([blob(&id.0)], |row| row.get(5)).optional()?;
            let Some(Some(task)) = task else { return Ok(false) };
            tx.prepare_cached(sql::task_revive)?.execute(params![task, millis(now)])?;
            settle(tx, id)?;
            Ok(true)
        })
        .await
    }

    async fn count_retry(&self, id: DeadLetterId, reason: &str, detail: &str) -> Result<()> {
        let (reason, detail) = (reason.to_owned(), told(detail));
        self.write(move |tx| {
            tx.prepare_cached(sql::dead_letter_count_retry)?.execute(params![blob(&id.0), reason, detail])?;
            Ok(())
        })
        .await
    }
}

impl TriedAlone for SqliteStorage {
    async fn note_alone(&self, id: CommandId, detail: &str, now: Timestamp) -> Result<u32> {
        let detail = told(detail);
        self.write(move |tx| {
            let mut statement = tx.prepare_cached(sql::tried_alone_note)?;
            Ok(statement.query_row(params![blob(&id.0), detail, millis(now)], |row| row.get(0))?)
        })
        .await
    }

    async fn forget_alone(&self, id: CommandId) -> Result<()> {
        self.write(move |tx| {
            tx.prepare_cached(sql::tried_alone_forget)?.execute([blob(&id.0)])?;
            Ok(())
        })
        .await
    }

    async fn prune_alone(&self, before: Timestamp) -> Result<usize> {
        self.prune(sql::tried_alone_prune, &[millis(before).into()]).await
    }
}

/// Ends a dead letter whose content has been dealt with elsewhere.
pub(super) fn settle(tx: &Transaction<'_>, id: DeadLetterId) -> Result<()> {
    if tx.prepare_cached(sql::dead_letter_remove)?.execute([blob(&id.0)])? > 0 {
        tx.prepare_cached(sql::command_revive)?.execute([blob(&id.0)])?;
    }
    Ok(())
}

fn letter(row: &Row<'_>) -> Result<DeadLetterRow> {
    let push_id: Option<Vec<u8>> = row.get(3)?;
    let push: Option<String> = row.get(4)?;
    let task: Option<Vec<u8>> = row.get(5)?;
    let payload = match (push_id, push, task) {
        (Some(id), Some(push), None) => {
            let push: Push = from_json(&push)?;
            DeadPayload::Push(Push { id: CallbackId(uuid(&id)?), ..push })
        }
        (None, None, Some(task)) => DeadPayload::Task(TaskId(uuid(&task)?)),
        _ => {
            return Err(StorageError::unreadable("a dead letter with neither a push nor a task"));
        }
    };
    Ok(DeadLetterRow {
        letter: DeadLetter {
            command: CommandId(uuid(&row.get::<_, Vec<u8>>(0)?)?),
            reason: row.get(1)?,
            detail: row.get(2)?,
            payload,
            recorded_at: time(row.get(7)?)?,
        },
        retries: row.get(6)?,
    })
}
