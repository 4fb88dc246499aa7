//! The contract about endpoints that events are delivered to. What is known of one is text here; the worker reads it.

use std::future::Future;

use uuid::Uuid;

use crate::StorageError;

type Result<T> = std::result::Result<T, StorageError>;

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

/// Endpoints and attempts.
pub trait Webhooks: Send + Sync + 'static {
    /// Stores a new endpoint, at revision 1; `false` if there are `most` already, however many are stored at the same time.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn put_webhook(&self, id: Uuid, data: String, most: usize) -> impl Future<Output = Result<bool>> + Send;

    /// All endpoints in order of their ids.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn webhooks(&self) -> impl Future<Output = Result<Vec<WebhookRow>>> + Send;

    /// An endpoint.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn webhook(&self, id: Uuid) -> impl Future<Output = Result<Option<WebhookRow>>> + Send;

    /// Changes an endpoint that is still of the row's revision; `false`: it is not, or is gone.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn change_webhook(&self, row: WebhookRow) -> impl Future<Output = Result<bool>> + Send;

    /// Removes an endpoint and its attempts; `false`: there is none.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn remove_webhook(&self, id: Uuid) -> impl Future<Output = Result<bool>> + Send;

    /// Stores attempts, each once; those of endpoints that are gone are dropped.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`]: some may be stored.
    fn put_webhook_attempts(
        &self,
        attempts: Vec<WebhookAttemptRow>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Attempts of an endpoint, newest first, those older than `before`.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn webhook_attempts(
        &self,
        webhook: Uuid,
        before: Option<Uuid>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<WebhookAttemptRow>>> + Send;

    /// Deletes all but the newest attempts of an endpoint; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn trim_webhook_attempts(&self, webhook: Uuid, keep: usize)
    -> impl Future<Output = Result<usize>> + Send;
}
