//! Comparisons with `WeChat`'s list.

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, ComponentId, StreamName, sql::postgres as sql};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{PostgresStorage, convert::get};
use crate::{
    Reconciliation, Reconciliations, StorageError,
    convert::{limit, millis, parse, position, time},
};

type Result<T> = std::result::Result<T, StorageError>;

impl Reconciliations for PostgresStorage {
    async fn reconciliation(&self, component: &ComponentId) -> Result<Option<Reconciliation>> {
        let component = component.as_str();
        let found = self.connection().await?.first(sql::reconciliation_find, &[&component]).await?;
        found.as_ref().map(reconciliation).transpose()
    }

    async fn begin_reconciliation(
        &self,
        component: &ComponentId,
        now: Timestamp,
        progress: &str,
    ) -> Result<Reconciliation> {
        let (component, id, now) = (component.as_str(), Uuid::new_v4(), millis(now));
        let connection = self.connection().await?;
        connection.change(sql::reconciliation_begin, &[&component, &id, &now, &progress]).await?;
        reconciliation(&connection.one(sql::reconciliation_find, &[&component]).await?)
    }

    async fn advance_reconciliation(
        &self,
        component: &ComponentId,
        from: &Reconciliation,
        progress: &str,
        named: Vec<AuthorizerId>,
    ) -> Result<bool> {
        let component = component.as_str();
        let named: Vec<&str> = named.iter().map(AuthorizerId::as_str).collect();
        let connection = self.connection().await?;
        let work = async {
            let moved = connection
                .change(sql::reconciliation_advance, &[&component, &from.id, &from.progress, &progress])
                .await?;
            if moved == 1 {
                connection.change(sql::reconciled_put, &[&component, &named]).await?;
            }
            Ok(moved == 1)
        };
        connection.transaction("begin", work).await
    }

    async fn not_named(
        &self,
        component: &ComponentId,
        after: Option<&StreamName>,
        most: usize,
    ) -> Result<Vec<StreamName>> {
        let (component, most) = (component.as_str(), limit(most));
        let after = after.map(ToString::to_string).unwrap_or_default();
        let rows =
            self.connection().await?.all(sql::reconciled_missing, &[&component, &after, &most]).await?;
        rows.iter().map(|row| parse(&get::<String>(row, "stream")?)).collect()
    }

    async fn end_reconciliation(&self, component: &ComponentId, id: Uuid) -> Result<()> {
        let component = component.as_str();
        let connection = self.connection().await?;
        let work = async {
            if connection.change(sql::reconciliation_end, &[&component, &id]).await? == 1 {
                connection.change(sql::reconciled_clear, &[&component]).await?;
            }
            Ok(())
        };
        connection.transaction("begin", work).await
    }
}

fn reconciliation(row: &Row) -> Result<Reconciliation> {
    Ok(Reconciliation {
        id: get(row, "id")?,
        head: position(get(row, "head")?)?,
        started_at: time(get(row, "started_at")?)?,
        progress: get(row, "progress")?,
    })
}
