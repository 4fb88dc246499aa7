//! The task queue.

use jiff::Timestamp;
use mandate_schema::{ComponentId, TaskId, sql::postgres as sql};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    PostgresStorage,
    convert::{get, int, rows as counted},
    rows,
};
use crate::{
    Claim, Claimed, Company, NextDue, StorageError, TaskCount, TaskDone, TaskQueue,
    convert::{limit, millis, parse, position, time, unsigned},
};

type Result<T> = std::result::Result<T, StorageError>;

impl TaskQueue for PostgresStorage {
    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>> {
        let (now, until, worker) = (millis(claim.now), millis(claim.leased_until), claim.worker);
        let connection = self.connection().await?;
        connection.change(sql::task_take_back, &[&now, &worker]).await?;
        let found = match claim.company {
            Company::Beside(most) => {
                let (mut components, mut kinds, mut counts) = (Vec::new(), Vec::new(), Vec::new());
                for (component, kind, count) in &claim.shares.running {
                    components.push(component.as_str());
                    kinds.push(kind.as_str());
                    counts.push(limit(*count));
                }
                let (most, calls) = (limit(most), limit(claim.shares.calls));
                let row: [&(dyn tokio_postgres::types::ToSql + Sync); 8] =
                    [&now, &until, &worker, &most, &components, &kinds, &counts, &calls];
                connection.all(sql::task_claim, &row).await?
            }
            Company::Alone => connection.all(sql::task_claim_alone, &[&now, &until, &worker]).await?,
        };
        let mut tasks = rows::collect(&found, rows::claimed)?;
        tasks.sort_by_key(|task| task.id); // the order of `returning` is not promised
        Ok(tasks)
    }

    async fn renew(&self, task: TaskId, attempt: u32, leased_until: Timestamp) -> Result<bool> {
        let (attempt, until) = (int(attempt), millis(leased_until));
        Ok(self.connection().await?.change(sql::task_renew, &[&task.0, &attempt, &until]).await? == 1)
    }

    async fn outlive(&self, task: TaskId, attempt: u32) -> Result<()> {
        self.connection().await?.change(sql::task_outlive, &[&task.0, &int(attempt)]).await?;
        Ok(())
    }

    async fn excuse(&self, worker: Uuid) -> Result<usize> {
        Ok(counted(self.connection().await?.change(sql::task_excuse, &[&worker]).await?))
    }

    async fn release(&self, task: TaskId, attempt: u32, now: Timestamp) -> Result<()> {
        let (attempt, now) = (int(attempt), millis(now));
        self.connection().await?.change(sql::task_release, &[&task.0, &attempt, &now]).await?;
        Ok(())
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

    async fn next_due(&self) -> Result<NextDue> {
        let row = self.connection().await?.one(sql::task_next_due, &[]).await?;
        let due = |column| get::<Option<i64>>(&row, column)?.map(time).transpose();
        Ok(NextDue { beside: due("beside")?, alone: due("alone")? })
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
        self.connection().await?.prune(sql::task_prune, &[&millis(before)]).await
    }
}

pub(super) fn done(row: &Row) -> Result<TaskDone> {
    let account = get::<Option<String>>(row, "authorizer")?;
    Ok(TaskDone {
        state: rows::task_state(row)?,
        position: get::<Option<i64>>(row, "position")?.map(position).transpose()?,
        authorizer: account.map(|id| parse(&id)).transpose()?,
        tag: get(row, "tag")?,
    })
}
