//! Comparisons with `WeChat`'s list.

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, ComponentId, StreamName, sql::sqlite as sql};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{
    SqliteStorage,
    convert::{blob, limit, millis, parse, position, time, uuid},
};
use crate::{Reconciliation, Reconciliations, StorageError};

type Result<T> = std::result::Result<T, StorageError>;

impl Reconciliations for SqliteStorage {
    async fn reconciliation(&self, component: &ComponentId) -> Result<Option<Reconciliation>> {
        let component = component.clone();
        self.read(move |c| find(c, &component)).await
    }

    async fn begin_reconciliation(
        &self,
        component: &ComponentId,
        now: Timestamp,
        progress: &str,
    ) -> Result<Reconciliation> {
        let (component, progress) = (component.clone(), progress.to_owned());
        self.write(move |tx| {
            let id = Uuid::new_v4();
            tx.prepare_cached(sql::reconciliation_begin)?.execute(params![
                component.as_str(),
                blob(&id),
                millis(now),
                progress
            ])?;
            find(tx, &component)?.ok_or_else(|| StorageError::unreadable("a row that was just written"))
        })
        .await
    }

    async fn advance_reconciliation(
        &self,
        component: &ComponentId,
        from: &Reconciliation,
        progress: &str,
        named: Vec<AuthorizerId>,
    ) -> Result<bool> {
        let (component, from, progress) = (component.clone(), from.clone(), progress.to_owned());
        self.write(move |tx| {
            let moved = tx.prepare_cached(sql::reconciliation_advance)?.execute(params![
                component.as_str(),
                blob(&from.id),
                from.progress,
                progress
            ])? == 1;
            if moved {
                let mut put = tx.prepare_cached(sql::reconciled_put)?;
                for authorizer in &named {
                    put.execute([component.as_str(), authorizer.as_str()])?;
                }
            }
            Ok(moved)
        })
        .await
    }

    async fn not_named(
        &self,
        component: &ComponentId,
        after: Option<&StreamName>,
        most: usize,
    ) -> Result<Vec<StreamName>> {
        let component = component.clone();
        let after = after.map(ToString::to_string).unwrap_or_default();
        self.read(move |c| {
            let mut statement = c.prepare_cached(sql::reconciled_missing)?;
            let mut rows = statement.query(params![component.as_str(), after, limit(most)])?;
            let mut streams = Vec::new();
            while let Some(row) = rows.next()? {
                streams.push(parse(&row.get::<_, String>(0)?)?);
            }
            Ok(streams)
        })
        .await
    }

    async fn end_reconciliation(&self, component: &ComponentId, id: Uuid) -> Result<()> {
        let component = component.clone();
        self.write(move |tx| {
            let ended = tx
                .prepare_cached(sql::reconciliation_end)?
                .execute(params![component.as_str(), blob(&id)])?;
            if ended == 1 {
                tx.prepare_cached(sql::reconciled_clear)?.execute([component.as_str()])?;
            }
            Ok(())
        })
        .await
    }
}

fn find(connection: &Connection, component: &ComponentId) -> Result<Option<Reconciliation>> {
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let found: Option<(Vec<u8>, i64, i64, String)> = connection
        .prepare_cached(sql::reconciliation_find)?
        .query_row([component.as_str()], read)
        .optional()?;
    let Some((id, head, started_at, progress)) = found else { return Ok(None) };
    Ok(Some(Reconciliation {
        id: uuid(&id)?,
        head: position(head)?,
        started_at: time(started_at)?,
        progress,
    }))
}
