//! Calls to `WeChat` that wait, with unique keys and leases. They are queued and finished by the append, and taken by a
//! [claim](Store::claim).

use jiff::Timestamp;
use mandate_schema::{ComponentId, TaskId};
use uuid::Uuid;

use super::{Result, Store};
use crate::{
    NextDue, StorageError, TaskCount, TaskDone, TaskState,
    driver::{Row, dialect, prune, sql, values},
};

impl Store {
    /// Prolongs the claim of an attempt that is under way; `false` if it is no longer the current one.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`]: the claim may end, and another worker may begin the next attempt.
    pub async fn renew(&self, task: TaskId, attempt: u32, leased_until: Timestamp) -> Result<bool> {
        let renew =
            sql!("update task set leased_until = $3 where id = $1 and attempt = $2 and state = 'running'");
        Ok(self.driver.change(renew, values![task, attempt, leased_until]).await? == 1)
    }

    /// The process of an attempt that may be taken for dead is alive: that was no death. May be called again.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn outlive(&self, task: TaskId, attempt: u32) -> Result<()> {
        self.driver.change(dialect!("task_outlive"), values![task, attempt]).await.map(drop)
    }

    /// Excuses the attempts that a process has now: the ends of their leases are no deaths. It was asked to stop, or it does not
    /// know what it has claimed. Answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn excuse(&self, worker: Uuid) -> Result<usize> {
        let excuse = sql!("update task set excused = true where worker = $1 and state = 'running'");
        self.driver.change(excuse, values![worker]).await
    }

    /// Gives an attempt back that was not tried, because its process stops; it is due at once. Ignored if another attempt has
    /// begun.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`]: the lease will end by itself.
    pub async fn release(&self, task: TaskId, attempt: u32, now: Timestamp) -> Result<()> {
        let release = sql!(
            "update task set state = 'ready', next_at = $3, leased_until = null
            where id = $1 and attempt = $2 and state = 'running'"
        );
        self.driver.change(release, values![task, attempt, now]).await.map(drop)
    }

    /// Gives an attempt back that ended without success, to be tried again at `next_at`. It has not killed its process, so
    /// the task has no deaths any more. Ignored if another attempt has begun.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`]: the lease will end by itself.
    pub async fn retry(&self, task: TaskId, attempt: u32, next_at: Timestamp, reason: &str) -> Result<()> {
        self.driver.change(dialect!("task_retry"), values![task, attempt, next_at, reason]).await.map(drop)
    }

    /// Makes the tasks of a component that wait for this reason due now; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn wake(&self, component: &ComponentId, reason: &str, now: Timestamp) -> Result<usize> {
        let wake = sql!(
            "update task set next_at = $3 where component = $1 and reason = $2 and state = 'ready' and next_at > $3"
        );
        self.driver.change(wake, values![component, reason, now]).await
    }

    /// Ends all leases: attempts that died with their process are due at once. Only for a caller that knows that no other
    /// worker runs.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn end_leases(&self, now: Timestamp) -> Result<usize> {
        self.driver
            .change(sql!("update task set leased_until = $1 where state = 'running'"), values![now])
            .await
    }

    /// When the next task is due.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn next_due(&self) -> Result<NextDue> {
        let read = |row: &Row<'_>| Ok(NextDue { beside: row.get("beside")?, alone: row.get("alone")? });
        self.driver.one(dialect!("task_next_due"), values![], read).await
    }

    /// How many tasks there are, by kind and state.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn task_counts(&self) -> Result<Vec<TaskCount>> {
        let counts = sql!("select kind, state, count(*) as count from task group by kind, state");
        let read = |row: &Row<'_>| {
            Ok(TaskCount { kind: row.get("kind")?, state: task_state(row)?, count: row.get("count")? })
        };
        self.driver.all(counts, values![], read).await
    }

    /// Deletes tasks done before `before`; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn prune_tasks(&self, before: Timestamp) -> Result<usize> {
        let done = prune!("task", "id", "where state = 'done' and done_at < $1", 2);
        self.driver.prune(done, values![before]).await
    }
}

/// Columns key, state, position, authorizer, tag.
pub(super) fn done(row: &Row<'_>) -> Result<(String, TaskDone)> {
    let key = row.get("key")?;
    let (state, position) = (task_state(row)?, row.get("position")?);
    let (authorizer, tag) = (row.parse_if_any("authorizer")?, row.get("tag")?);
    Ok((key, TaskDone { state, position, authorizer, tag }))
}

fn task_state(row: &Row<'_>) -> Result<TaskState> {
    let text = row.get("state")?;
    TaskState::parse(text).ok_or_else(|| StorageError::unreadable(format!("unknown task state {text}")))
}
