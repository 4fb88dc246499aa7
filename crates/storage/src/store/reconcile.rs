//! Comparisons with `WeChat`'s list, one at a time for each component, each of which outlives its process.

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, ComponentId, StreamName};
use uuid::Uuid;

use super::{Result, Store};
use crate::{
    Reconciliation,
    driver::{Row, Statement, dialect, sql, values},
};

impl Store {
    /// The comparison of a component that is under way.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn reconciliation(&self, component: &ComponentId) -> Result<Option<Reconciliation>> {
        let find = sql!("select id, head, started_at, progress from reconciliation where component = $1");
        self.driver.first(find, values![component], reconciliation).await
    }

    /// Begins a comparison, unless one is under way; answers the one that is.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn begin_reconciliation(
        &self,
        component: &ComponentId,
        now: Timestamp,
        progress: &str,
    ) -> Result<Reconciliation> {
        let values = values![component, Uuid::new_v4(), now, progress];
        self.driver.one(sql!(RECONCILE / "reconciliation_begin"), values, reconciliation).await
    }

    /// Moves a comparison on from the progress it had, and notes the accounts that the list has named. `false`: another
    /// process has moved it on or ended it, and nothing was noted.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn advance_reconciliation(
        &self,
        component: &ComponentId,
        from: &Reconciliation,
        progress: &str,
        named: Vec<AuthorizerId>,
    ) -> Result<bool> {
        let advance = sql!(
            "update reconciliation set progress = $4 where component = $1 and id = $2 and progress = $3"
        );
        let advance = Statement::new(advance, values![component, from.id, from.progress.as_str(), progress]);
        let named: Vec<String> = named.iter().map(ToString::to_string).collect();
        let note = Statement::new(dialect!("reconciled_put"), values![component, named]);
        self.driver.changes_if(advance, vec![note]).await
    }

    /// Accounts of a component that we hold and the list has not named, in order, behind `after`.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn not_named(
        &self,
        component: &ComponentId,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamName>> {
        let after = after.map(ToString::to_string).unwrap_or_default();
        let values = values![component, after, limit];
        self.driver.all(dialect!("reconciled_missing"), values, |row| row.parse("stream")).await
    }

    /// Ends a comparison. Nothing of it stays.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn end_reconciliation(&self, component: &ComponentId, id: Uuid) -> Result<()> {
        let end = sql!("delete from reconciliation where component = $1 and id = $2");
        let clear = sql!("delete from reconciled where component = $1");
        let clear = Statement::new(clear, values![component]);
        self.driver.changes_if(Statement::new(end, values![component, id]), vec![clear]).await.map(drop)
    }
}

fn reconciliation(row: &Row<'_>) -> Result<Reconciliation> {
    Ok(Reconciliation {
        id: row.get("id")?,
        head: row.get("head")?,
        started_at: row.get("started_at")?,
        progress: row.get("progress")?,
    })
}
