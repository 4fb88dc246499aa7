//! The task queue.

use jiff::Timestamp;
use mandate_schema::{ComponentId, TaskId, sql::postgres as sql};

use super::{
    PostgresStorage,
    convert::{get, int, rows as counted},
    rows,
};
use crate::{
    Claimed, StorageError, TaskCount, TaskDone, TaskQueue,
    convert::{limit, millis, parse, position, time, unsigned},
};

type Result<T> = std::result::Result<T, StorageError>;

impl TaskQueue for PostgresStorage {
    async fn claim(&self, now: Timestamp, leased_until: Timestamp, max: usize) -> Result<Vec<Claimed>> {
        let (now, until, max) = (millis(now), millis(leased_until), limit(max));
        let found = self.connection().await?.all(sql::task_claim, &[&now, &until, &max]).await?;
        let mut tasks = rows::collect(&found, rows::claimed)?;
        tasks.sort_by_key(|task| task.id); // the order of `returning` is not promised
        Ok(tasks)
    }

    async fn renew(&self, task: TaskId, attempt: u32, leased_until: Timestamp) -> Result<bool> {
        let (attempt, until) = (int(attempt), millis(leased_until));
        Ok(self.connection().await?.change(sql::task_renew, &[&task.0, &attempt, &until]).await? == 1)
    }

    async fn retry(&self, task: TaskId, attempt: u32, next_at: Timestamp, reason: &str) -> Result<()> {
        let (attempt, next_at) = (int(attempt), millis(next_at));
        self.connection().await?.change(sql::task_retry, &[&task.0, &attempt, &next_at, &reason]).await?;
        Ok(())
    }

    async fn wake(&self, component: &ComponentId, reason: &str, now: Timestamp) -> Result<usize> {
        let (component, now) = (component.as_str(), millis(now));
        let woken = self.connection().await?.change(sql::task_wake, &[&component, &reason, &now]).await?;
        Ok(counted(woken))
    }

    async fn end_leases(&self, now: Timestamp) -> Result<usize> {
        Ok(counted(self.connection().await?.change(sql::task_end_leases, &[&millis(now)]).await?))
    }

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        let row = self.connection().await?.one(sql::task_next_due, &[]).await?;
        get::<Option<i64>>(&row, "min")?.map(time).transpose()
    }

    async fn task_by_key(&self, key: &str) -> Result<Option<TaskDone>> {
        let found = self.connection().await?.first(sql::task_by_key, &[&key]).await?;
        found
            .map(|row| {
                let last = get::<Option<i64>>(&row, "position")?.map(position).transpose()?;
                let account = get::<Option<String>>(&row, "authorizer")?;
                let authorizer = account.map(|id| parse(&id)).transpose()?;
                Ok(TaskDone { state: rows::task_state(&row)?, position: last, authorizer })
            })
            .transpose()
    }

    async fn task_counts(&self) -> Result<Vec<TaskCount>> {
        rows::collect(&self.connection().await?.all(sql::task_counts, &[]).await?, |row| {
            Ok(TaskCount {
                kind: get(row, "kind")?,
                state: rows::task_state(row)?,
                count: unsigned(get(row, "count")?)?,
            })
        })
    }

    async fn prune_tasks(&self, before: Timestamp) -> Result<usize> {
        Ok(counted(self.connection().await?.change(sql::task_prune, &[&millis(before)]).await?))
    }
}
