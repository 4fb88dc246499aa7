//! Claiming tasks: one statement on a server; on the embedded store short steps under its write lock.

use std::collections::HashMap;

use mandate_schema::TaskId;
use rusqlite::Connection;

use super::{Result, Store};
use crate::{
    Claim, Claimed, Company, NewTask, Shares,
    convert::limit,
    driver::{Driver, Postgres, Row, Sql, Sqlite, dialect, sql, sqlite, values},
};

/// Gives back what is under way beyond its lease: now, worker.
const TAKE_BACK: Sql = dialect!("task_take_back");

impl Store {
    /// Claims tasks that are due, oldest first; the attempt is counted before it runs. A task whose lease has ended is due
    /// again; its attempt is taken for dead, unless it was excused or is of the process that claims.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>> {
        let mut tasks = match &self.driver {
            Driver::Sqlite(database) => on_sqlite(database, claim).await?,
            Driver::Postgres(database) => Box::pin(on_postgres(database, claim)).await?,
        };
        tasks.sort_by_key(|task| task.id); // the order of `returning` is not promised
        Ok(tasks)
    }
}

async fn on_postgres(database: &Postgres, claim: Claim) -> Result<Vec<Claimed>> {
    let Claim { worker, now, leased_until, company, shares } = claim;
    let connection = database.connection().await?;
    connection.change(TAKE_BACK.postgres, &values![now, worker]).await?;
    let Company::Beside(most) = company else {
        let sql = sql!(POSTGRES / "task_claim_alone").postgres;
        return connection.all(sql, &values![now, leased_until, worker], claimed).await;
    };
    let (mut components, mut kinds, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for (component, kind, count) in shares.running {
        components.push(component.to_string());
        kinds.push(kind);
        counts.push(limit(count));
    }
    let values = values![now, leased_until, worker, most, components, kinds, counts, shares.calls];
    connection.all(sql!(POSTGRES / "task_claim").postgres, &values, claimed).await
}

async fn on_sqlite(database: &Sqlite, claim: Claim) -> Result<Vec<Claimed>> {
    let Claim { worker, now, leased_until, company, shares } = claim;
    let work = move |tx: &rusqlite::Transaction<'_>| {
        sqlite::change(tx, TAKE_BACK, &values![now, worker])?;
        let now = now.as_millisecond();
        let ids = match company {
            Company::Beside(most) => due_beside(tx, now, most, &shares)?,
            Company::Alone => sqlite::all(tx, sql!(SQLITE / "task_due_alone"), &values![now], due)?,
        };
        let mut tasks = Vec::with_capacity(ids.len());
        for (_, id) in ids {
            let values = values![id, leased_until, worker];
            tasks.extend(sqlite::first(tx, sql!(SQLITE / "task_begin"), &values, claimed)?);
        }
        Ok(tasks)
    };
    database.write(work).await
}

/// When a task is due, and its id.
type Due = (i64, TaskId);

fn due(row: &Row<'_>) -> Result<Due> {
    Ok((row.get("next_at")?, row.get("id")?))
}

/// What is due beside other tasks, oldest first, of each component and kind no more than its share.
fn due_beside(tx: &Connection, now: i64, most: usize, shares: &Shares) -> Result<Vec<Due>> {
    let mut groups: HashMap<(String, String), (usize, Vec<Due>)> = shares
        .running
        .iter()
        .map(|(component, kind, count)| ((component.as_str().to_owned(), kind.clone()), (*count, Vec::new())))
        .collect();
    let group_after = sql!(SQLITE / "task_group_after");
    let group = |row: &Row<'_>| Ok((row.get::<String>("component")?, row.get::<String>("kind")?));
    let mut last = (String::new(), String::new());
    while let Some((component, kind)) = sqlite::first(tx, group_after, &values![last.0, last.1], group)? {
        let values = values![component.as_str(), kind.as_str(), now, most];
        let found = sqlite::all(tx, sql!(SQLITE / "task_due_of_group"), &values, due)?;
        if !found.is_empty() {
            groups.entry((component.clone(), kind.clone())).or_default().1 = found;
        }
        last = (component, kind);
    }
    let share = shares.of(groups.len());
    let allowed =
        groups.into_values().flat_map(|(running, due)| due.into_iter().take(share.saturating_sub(running)));
    let mut due: Vec<Due> = allowed.collect();
    due.sort_unstable();
    due.truncate(most);
    Ok(due)
}

fn claimed(row: &Row<'_>) -> Result<Claimed> {
    let id = row.get("id")?;
    let (key, kind, component) = (row.get("key")?, row.get("kind")?, row.parse("component")?);
    let (authorizer, tag) = (row.parse_if_any("authorizer")?, row.get("tag")?);
    let payload = row.get("payload")?;
    let sealed = row.parse_if_any("sealed_by")?.zip(row.parse_if_any("sealed")?);
    Ok(Claimed {
        id,
        task: NewTask { key, kind, component, authorizer, tag, payload, sealed },
        attempt: row.get("attempt")?,
        tries: row.get::<u32>("tries")? + 1,
        created_at: row.get("created_at")?,
        deaths: row.get("deaths")?,
        head: row.get("head")?,
    })
}
