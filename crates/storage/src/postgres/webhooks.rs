//! Endpoints that events are delivered to, and attempts.

use mandate_schema::sql::postgres as sql;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{PostgresStorage, convert::get, rows};
use crate::{
    StorageError, WebhookAttemptRow, WebhookRow, Webhooks,
    convert::{limit, signed, unsigned},
};

type Result<T> = std::result::Result<T, StorageError>;

impl Webhooks for PostgresStorage {
    async fn put_webhook(&self, id: Uuid, data: String, most: usize) -> Result<bool> {
        let (connection, most) = (self.connection().await?, limit(most));
        let work = async {
            // Whoever waited for the turn counts what the one before has committed.
            connection.change(sql::webhook_turn, &[]).await?;
            Ok(connection.change(sql::webhook_put, &[&id, &data, &most]).await? == 1)
        };
        connection.transaction("begin", work).await
    }

    async fn webhooks(&self) -> Result<Vec<WebhookRow>> {
        rows::collect(&self.connection().await?.all(sql::webhook_list, &[]).await?, webhook)
    }

    async fn webhook(&self, id: Uuid) -> Result<Option<WebhookRow>> {
        let found = self.connection().await?.first(sql::webhook_find, &[&id]).await?;
        found.as_ref().map(webhook).transpose()
    }

    async fn change_webhook(&self, row: WebhookRow) -> Result<bool> {
        let (connection, revision) = (self.connection().await?, signed(row.revision));
        Ok(connection.change(sql::webhook_change, &[&row.id, &revision, &row.data]).await? == 1)
    }

    async fn remove_webhook(&self, id: Uuid) -> Result<bool> {
        let connection = self.connection().await?;
        let work = async {
            let removed = connection.change(sql::webhook_remove, &[&id]).await?;
            connection.change(sql::webhook_attempt_remove, &[&id]).await?;
            Ok(removed == 1)
        };
        connection.transaction("begin", work).await
    }

    async fn put_webhook_attempts(&self, attempts: Vec<WebhookAttemptRow>) -> Result<()> {
        let connection = self.connection().await?;
        let work = async {
            for WebhookAttemptRow { id, webhook, data } in &attempts {
                connection.change(sql::webhook_attempt_put, &[id, webhook, data]).await?;
            }
            Ok(())
        };
        connection.transaction("begin", work).await
    }

    async fn webhook_attempts(
        &self,
        webhook: Uuid,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<WebhookAttemptRow>> {
        let (connection, most) = (self.connection().await?, limit(most));
        let found = connection.all(sql::webhook_attempt_list, &[&webhook, &before, &most]).await?;
        rows::collect(&found, |row| {
            Ok(WebhookAttemptRow {
                id: get(row, "id")?,
                webhook: get(row, "webhook")?,
                data: get(row, "data")?,
            })
        })
    }

    async fn trim_webhook_attempts(&self, webhook: Uuid, keep: usize) -> Result<usize> {
        let (connection, keep) = (self.connection().await?, limit(keep));
        connection.prune(sql::webhook_attempt_trim, &[&webhook, &keep]).await
    }
}

fn webhook(row: &Row) -> Result<WebhookRow> {
    Ok(WebhookRow {
        id: get(row, "id")?,
        revision: unsigned(get(row, "revision")?)?,
        data: get(row, "data")?,
    })
}
