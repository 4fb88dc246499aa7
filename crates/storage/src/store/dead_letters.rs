//! What could not be handled. Dead letters are written by the append.

use jiff::Timestamp;
use mandate_schema::{CallbackId, CommandId, Push};
use uuid::Uuid;

use super::{Result, Store};
use crate::{
    DeadLetter, DeadLetterId, DeadLetterRow, DeadPayload, StorageError,
    convert::{from_json, told},
    driver::{Row, Sql, Statement, dialect, sql, values},
};

/// Columns of a letter, from those behind an id: after, limit.
const LIST: Sql = sql!(
    "select command, reason, detail, push_id, push, task, retries, recorded_at from dead_letter
    where command > $1 order by command limit $2"
);
/// The same of one: id.
const FIND: Sql = sql!(
    "select command, reason, detail, push_id, push, task, retries, recorded_at from dead_letter where command = $1"
);
pub(super) const REMOVE: Sql = sql!("delete from dead_letter where command = $1");
pub(super) const DISCARD: Sql =
    sql!("update command set outcome = 'discarded' where id = $1 and outcome = 'dead'");

impl Store {
    /// Dead letters in order of their ids, which begin with a time, behind `after`.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn dead_letters(
        &self,
        after: Option<DeadLetterId>,
        limit: usize,
    ) -> Result<Vec<DeadLetterRow>> {
        let after = after.map_or(Uuid::nil(), |id| id.0);
        self.driver.all(LIST, values![after, limit], letter).await
    }

    /// One dead letter.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn dead_letter(&self, id: DeadLetterId) -> Result<Option<DeadLetterRow>> {
        self.driver.first(FIND, values![id], letter).await
    }

    /// How many there are, by reason.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn dead_letter_counts(&self) -> Result<Vec<(String, u64)>> {
        let counts = sql!("select reason, count(*) as count from dead_letter group by reason");
        self.driver.all(counts, values![], |row| Ok((row.get("reason")?, row.get("count")?))).await
    }

    /// Gives a dead letter up for good, and its task with it; `false` if there is none.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn discard(&self, id: DeadLetterId, now: Timestamp) -> Result<bool> {
        let end_task = sql!(
            "update task set state = 'done', done_at = $2, ending = 'refusal', sealed = null
            where state = 'dead' and id = (select task from dead_letter where command = $1)"
        );
        let changed = self.driver.changes(vec![
            Statement::new(end_task, values![id, now]),
            Statement::new(REMOVE, values![id]), // letter before command, as an append does
            Statement::new(DISCARD, values![id]),
        ]);
        Ok(changed.await?.get(1) == Some(&1))
    }

    /// Makes the task of a dead letter ready again and removes the letter; `false` if there is none.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn revive_task(&self, id: DeadLetterId, now: Timestamp) -> Result<bool> {
        let settle = sql!(
            "update command set outcome = 'nothing' where id = $1 and outcome = 'dead'
            and exists (select 1 from dead_letter where command = $1 and task is not null)"
        );
        let remove = sql!("delete from dead_letter where command = $1 and task is not null");
        let changed = self.driver.changes(vec![
            Statement::new(dialect!("task_revive"), values![id, now]),
            Statement::new(settle, values![id]),
            Statement::new(remove, values![id]),
        ]);
        Ok(changed.await?.last() == Some(&1))
    }

    /// Counts a retry that failed again, for this reason.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn count_retry(&self, id: DeadLetterId, reason: &str, detail: &str) -> Result<()> {
        let count =
            sql!("update dead_letter set retries = retries + 1, reason = $2, detail = $3 where command = $1");
        self.driver.change(count, values![id, reason, told(detail)]).await.map(drop)
    }
}

/// Ends dead letters whose content has been dealt with elsewhere.
pub(super) fn settle(ids: Vec<Uuid>) -> [Statement; 2] {
    [
        Statement::new(dialect!("dead_letter_settle"), values![ids.clone()]),
        Statement::new(dialect!("dead_letter_remove"), values![ids]),
    ]
}

fn letter(row: &Row<'_>) -> Result<DeadLetterRow> {
    let command: CommandId = row.get("command")?;
    let (reason, detail) = (row.get("reason")?, row.get("detail")?);
    let (push_id, push): (Option<Uuid>, Option<&str>) = (row.get("push_id")?, row.get("push")?);
    let payload = match (push_id, push, row.get("task")?) {
        (Some(id), Some(push), None) => {
            let push: Push = from_json(push)?;
            DeadPayload::Push(Push { id: CallbackId(id), ..push })
        }
        (None, None, Some(task)) => DeadPayload::Task(task),
        _ => return Err(StorageError::unreadable("a dead letter with neither a push nor a task")),
    };
    let retries = row.get("retries")?;
    let recorded_at = row.get("recorded_at")?;
    Ok(DeadLetterRow { letter: DeadLetter { command, reason, detail, payload, recorded_at }, retries })
}
