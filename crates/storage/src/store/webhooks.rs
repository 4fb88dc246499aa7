//! Endpoints that events are delivered to, and attempts. What is known of one is text here; the worker reads it.

use uuid::Uuid;

use super::{Result, Store};
use crate::driver::{Row, Statement, dialect, prune, sql, values};

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRow {
    /// Its id.
    pub id: Uuid,
    /// Counts its changes, from 1: who changes it says which one was read.
    pub revision: u64,
    /// What is known of it, in JSON.
    pub data: String,
}

/// One attempt to deliver something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookAttemptRow {
    /// Its id, of version 7: later ones are greater.
    pub id: Uuid,
    /// The endpoint.
    pub webhook: Uuid,
    /// What is known of it, in JSON.
    pub data: String,
}

impl Store {
    /// Stores a new endpoint, at revision 1; `false` if there are `most` already, however many are stored at the same time.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn put_webhook(&self, id: Uuid, data: String, most: usize) -> Result<bool> {
        // Whoever waited for the turn counts what the one before has committed.
        let put = sql!(
            "insert into webhook (id, revision, data)
            select $1::uuid, 1, $2::text where (select count(*) from webhook) < $3"
        );
        let changed = self.driver.changes(vec![
            Statement::new(dialect!("webhook_turn"), values![]),
            Statement::new(put, values![id, data, most]),
        ]);
        Ok(changed.await?.last() == Some(&1))
    }

    /// All endpoints in order of their ids.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn webhooks(&self) -> Result<Vec<WebhookRow>> {
        self.driver.all(sql!("select id, revision, data from webhook order by id"), values![], webhook).await
    }

    /// An endpoint.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn webhook(&self, id: Uuid) -> Result<Option<WebhookRow>> {
        let find = sql!("select id, revision, data from webhook where id = $1");
        self.driver.first(find, values![id], webhook).await
    }

    /// Changes an endpoint that is still of the row's revision; `false`: it is not, or is gone.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn change_webhook(&self, row: WebhookRow) -> Result<bool> {
        let change =
            sql!("update webhook set revision = revision + 1, data = $3 where id = $1 and revision = $2");
        Ok(self.driver.change(change, values![row.id, row.revision, row.data]).await? == 1)
    }

    /// Removes an endpoint and its attempts; `false`: there is none.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn remove_webhook(&self, id: Uuid) -> Result<bool> {
        let changed = self.driver.changes(vec![
            Statement::new(sql!("delete from webhook where id = $1"), values![id]),
            Statement::new(sql!("delete from webhook_attempt where webhook = $1"), values![id]),
        ]);
        Ok(changed.await?.first() == Some(&1))
    }

    /// Stores attempts, each once; those of endpoints that are gone are dropped.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable): they may be stored.
    pub async fn put_webhook_attempts(&self, attempts: Vec<WebhookAttemptRow>) -> Result<()> {
        let put = sql!(
            "insert into webhook_attempt (id, webhook, data)
            select $1::uuid, $2::uuid, $3::text where exists (select 1 from webhook where id = $2)
            on conflict (id) do nothing"
        );
        let attempts = attempts
            .into_iter()
            .map(|WebhookAttemptRow { id, webhook, data }| Statement::new(put, values![id, webhook, data]));
        self.driver.changes(attempts.collect()).await.map(drop)
    }

    /// Attempts of an endpoint, newest first, those older than `before`.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn webhook_attempts(
        &self,
        webhook: Uuid,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<WebhookAttemptRow>> {
        let list = sql!(
            "select id, webhook, data from webhook_attempt
            where webhook = $1 and id < $2 order by id desc limit $3"
        );
        let read = |row: &Row<'_>| {
            let (id, webhook) = (row.get("id")?, row.get("webhook")?);
            Ok(WebhookAttemptRow { id, webhook, data: row.get("data")? })
        };
        self.driver.all(list, values![webhook, before.unwrap_or(Uuid::max()), limit], read).await
    }

    /// Deletes all but the newest attempts of an endpoint; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn trim_webhook_attempts(&self, webhook: Uuid, keep: usize) -> Result<usize> {
        let trim = prune!(
            "webhook_attempt",
            "id",
            "where webhook = $1 and id <= (
                select id from webhook_attempt where webhook = $1 order by id desc limit 1 offset $2
            )",
            3
        );
        self.driver.prune(trim, values![webhook, keep]).await
    }
}

fn webhook(row: &Row<'_>) -> Result<WebhookRow> {
    Ok(WebhookRow { id: row.get("id")?, revision: row.get("revision")?, data: row.get("data")? })
}
