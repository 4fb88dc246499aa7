//! The task queue.

use std::collections::HashMap;

use jiff::Timestamp;
use mandate_schema::{ComponentId, TaskId, sql::sqlite as sql};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{
    SqliteStorage, append,
    convert::{blob, limit, millis, parse, position, time, unsigned, uuid},
    rows,
};
use crate::{
    Claim, Claimed, Company, NewTask, NextDue, Shares, StorageError, TaskCount, TaskDone, TaskQueue,
    TaskState,
};

type Result<T> = std::result::Result<T, StorageError>;

impl TaskQueue for SqliteStorage {
    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>> {
        self.write(move |tx| {
            let (now, until, worker) = (millis(claim.now), millis(claim.leased_until), blob(&claim.worker));
            tx.prepare_cached(sql::task_take_back)?.execute(params![now, worker])?;
            let head = append::head(tx)?;
            let due = match claim.company {
                Company::Beside(most) => due(tx, now, most, &claim.shares)?,
                Company::Alone => ids(tx.prepare_cached(sql::task_due_alone)?.query([now])?)?,
            };
            let mut begin = tx.prepare_cached(sql::task_begin)?;
            let mut tasks = Vec::with_capacity(due.len());
            for (_, id) in due {
                let found = begin.query(params![id, until, worker])?;
                tasks.extend(rows::collect(found, |row| claimed(row, head))?);
            }
            tasks.sort_by_key(|task| task.id);
            Ok(tasks)
        })
        .await
    }

    async fn renew(&self, task: TaskId, attempt: u32, leased_until: Timestamp) -> Result<bool> {
        self.write(move |tx| {
            let renewed = tx.prepare_cached(sql::task_renew)?.execute(params![
                blob(&task.0),
                attempt,
                millis(leased_until)
            ])?;
            Ok(renewed == 1)
        })
        .await
    }

    async fn outlive(&self, task: TaskId, attempt: u32) -> Result<()> {
        self.write(move |tx| {
            tx.prepare_cached(sql::task_outlive)?.execute(params![blob(&task.0), attempt])?;
            Ok(())
        })
        .await
    }

    async fn excuse(&self, worker: Uuid) -> Result<usize> {
        self.write(move |tx| Ok(tx.prepare_cached(sql::task_excuse)?.execute([blob(&worker)])?)).await
    }

    async fn release(&self, task: TaskId, attempt: u32, now: Timestamp) -> Result<()> {
        self.write(move |tx| {
            tx.prepare_cached(sql::task_release)?.execute(params![blob(&task.0), attempt, millis(now)])?;
            Ok(())
        })
        .await
    }

    async fn retry(&self, task: TaskId, attempt: u32, next_at: Timestamp, reason: &str) -> Result<()> {
        let reason = reason.to_owned();
        self.write(move |tx| {
            tx.prepare_cached(sql::task_retry)?.execute(params![
                blob(&task.0),
                attempt,
                millis(next_at),
                reason
            ])?;
            Ok(())
        })
        .await
    }

    async fn wake(&self, component: &ComponentId, reason: &str, now: Timestamp) -> Result<usize> {
        let (component, reason) = (component.clone(), reason.to_owned());
        self.write(move |tx| {
            let mut statement = tx.prepare_cached(sql::task_wake)?;
            Ok(statement.execute(params![component.as_str(), reason, millis(now)])?)
        })
        .await
    }

    async fn end_leases(&self, now: Timestamp) -> Result<usize> {
        self.write(move |tx| Ok(tx.prepare_cached(sql::task_end_leases)?.execute([millis(now)])?)).await
    }

    async fn next_due(&self) -> Result<NextDue> {
        self.read(|c| {
            let (beside, alone): (Option<i64>, Option<i64>) =
                c.prepare_cached(sql::task_next_due)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(NextDue { beside: beside.map(time).transpose()?, alone: alone.map(time).transpose()? })
        })
        .await
    }

    async fn task_counts(&self) -> Result<Vec<TaskCount>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(sql::task_counts)?;
            rows::collect(statement.query([])?, |row| {
                Ok(TaskCount {
                    kind: row.get(0)?,
                    state: task_state(&row.get::<_, String>(1)?)?,
                    count: unsigned(row.get(2)?)?,
                })
            })
        })
        .await
    }

    async fn prune_tasks(&self, before: Timestamp) -> Result<usize> {
        self.prune(sql::task_prune, &[millis(before).into()]).await
    }
}

/// When a task is due, and its id.
type Due = (i64, Vec<u8>);

/// What is due beside other tasks, oldest first, of each component and kind no more than its share.
fn due(tx: &Connection, now: i64, most: usize, shares: &Shares) -> Result<Vec<Due>> {
    let mut groups: HashMap<(String, String), (usize, Vec<Due>)> = shares
        .running
        .iter()
        .map(|(component, kind, count)| ((component.as_str().to_owned(), kind.clone()), (*count, Vec::new())))
        .collect();
    let mut last = (String::new(), String::new());
    let mut next = tx.prepare_cached(sql::task_group_after)?;
    while let Some(group) =
        next.query_row(params![last.0, last.1], |row| Ok((row.get(0)?, row.get(1)?))).optional()?
    {
        let mut statement = tx.prepare_cached(sql::task_due_of_group)?;
        let found = ids(statement.query(params![group.0, group.1, now, limit(most)])?)?;
        if !found.is_empty() {
            groups.entry(group.clone()).or_default().1 = found;
        }
        last = group;
    }
    let share = shares.of(groups.len());
    let allowed =
        groups.into_values().flat_map(|(running, due)| due.into_iter().take(share.saturating_sub(running)));
    let mut due: Vec<Due> = allowed.collect();
    due.sort_unstable();
    due.truncate(most);
    Ok(due)
}

fn ids(found: rusqlite::Rows<'_>) -> Result<Vec<Due>> {
    rows::collect(found, |row| Ok((row.get(0)?, row.get(1)?)))
}

fn task_state(text: &str) -> Result<TaskState> {
    TaskState::parse(text).ok_or_else(|| StorageError::unreadable(format!("unknown task state {text}")))
}

/// The task with this key.
pub(super) fn find(connection: &Connection, key: &str) -> Result<Option<TaskDone>> {
    let mut statement = connection.prepare_cached(sql::task_by_key)?;
    rows::collect(statement.query([key])?, done).map(|found| found.into_iter().next())
}

fn done(row: &Row<'_>) -> Result<TaskDone> {
    let account: Option<String> = row.get(2)?;
    Ok(TaskDone {
        state: task_state(&row.get::<_, String>(0)?)?,
        position: row.get::<_, Option<i64>>(1)?.map(position).transpose()?,
        authorizer: account.map(|id| parse(&id)).transpose()?,
        tag: row.get(3)?,
    })
}

fn claimed(row: &Row<'_>, head: mandate_schema::Position) -> Result<Claimed> {
    let sealed_by: Option<String> = row.get(7)?;
    let sealed: Option<String> = row.get(8)?;
    let sealed = sealed_by.zip(sealed).map(|(by, text)| Ok::<_, StorageError>((parse(&by)?, parse(&text)?)));
    Ok(Claimed {
        id: TaskId(uuid(&row.get::<_, Vec<u8>>(0)?)?),
        task: NewTask {
            key: row.get(1)?,
            kind: row.get(2)?,
            component: parse(&row.get::<_, String>(3)?)?,
            authorizer: row.get::<_, Option<String>>(4)?.map(|id| parse(&id)).transpose()?,
            tag: row.get(5)?,
            payload: row.get(6)?,
            sealed: sealed.transpose()?,
        },
        attempt: row.get(9)?,
        tries: row.get::<_, u32>(10)? + 1,
        deaths: row.get(12)?,
        head,
        created_at: time(row.get(11)?)?,
    })
}
