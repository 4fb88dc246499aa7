//! Endpoints that events are delivered to, and attempts.

use mandate_schema::sql::sqlite as sql;
use rusqlite::{Row, params};
use uuid::Uuid;

use super::{
    SqliteStorage,
    convert::{blob, limit, signed, unsigned, uuid},
    rows,
};
use crate::{StorageError, WebhookAttemptRow, WebhookRow, Webhooks};

type Result<T> = std::result::Result<T, StorageError>;

impl Webhooks for SqliteStorage {
    async fn put_webhook(&self, id: Uuid, data: String, most: usize) -> Result<bool> {
        self.write(move |tx| {
            let row = params![blob(&id), data, limit(most)];
            Ok(tx.prepare_cached(sql::webhook_put)?.execute(row)? == 1)
        })
        .await
    }

    async fn webhooks(&self) -> Result<Vec<WebhookRow>> {
        self.read(|c| rows::collect(c.prepare_cached(sql::webhook_list)?.query([])?, webhook)).await
    }

    async fn webhook(&self, id: Uuid) -> Result<Option<WebhookRow>> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(sql::webhook_find)?;
            Ok(rows::collect(statement.query([blob(&id)])?, webhook)?.pop())
        })
        .await
    }

    async fn change_webhook(&self, row: WebhookRow) -> Result<bool> {
        self.write(move |tx| {
            let change = params![blob(&row.id), signed(row.revision), row.data];
            Ok(tx.prepare_cached(sql::webhook_change)?.execute(change)? == 1)
        })
        .await
    }

    async fn remove_webhook(&self, id: Uuid) -> Result<bool> {
        self.write(move |tx| {
            tx.prepare_cached(sql::webhook_attempt_remove)?.execute([blob(&id)])?;
            Ok(tx.prepare_cached(sql::webhook_remove)?.execute([blob(&id)])? == 1)
        })
        .await
    }

    async fn put_webhook_attempts(&self, attempts: Vec<WebhookAttemptRow>) -> Result<()> {
        self.write(move |tx| {
            let mut statement = tx.prepare_cached(sql::webhook_attempt_put)?;
            for attempt in &attempts {
                statement.execute(params![blob(&attempt.id), blob(&attempt.webhook), attempt.data])?;
            }
            Ok(())
        })
        .await
    }

    async fn webhook_attempts(
        &self,
        webhook: Uuid,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<WebhookAttemptRow>> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(sql::webhook_attempt_list)?;
            let found = params![blob(&webhook), before.as_ref().map(blob), limit(most)];
            rows::collect(statement.query(found)?, |row| {
                Ok(WebhookAttemptRow { id: id(row, 0)?, webhook: id(row, 1)?, data: row.get(2)? })
            })
        })
        .await
    }

    async fn trim_webhook_attempts(&self, webhook: Uuid, keep: usize) -> Result<usize> {
        let parameters = [webhook.as_bytes().to_vec().into(), limit(keep).into()];
        self.prune(sql::webhook_attempt_trim, &parameters).await
    }
}

fn webhook(row: &Row<'_>) -> Result<WebhookRow> {
    Ok(WebhookRow { id: id(row, 0)?, revision: unsigned(row.get(1)?)?, data: row.get(2)? })
}

fn id(row: &Row<'_>, column: usize) -> Result<Uuid> {
    uuid(&row.get::<_, Vec<u8>>(column)?)
}
