//! What operators do with endpoints.

use std::collections::BTreeSet;

use jiff::Timestamp;
use mandate_schema::{EVENT_NAMES, Position, Secret};
use mandate_storage::{StorageError, WebhookRow};
use uuid::Uuid;

use super::{Attempt, Progress, WEBHOOKS_MAX, Webhook, WebhookError, WebhookFilter, WebhookState, Webhooks};

/// Longest description, in characters.
const DESCRIPTION_MAX: usize = 200;
/// Attempts kept of each endpoint.
const ATTEMPTS_KEPT: usize = 1_000;

/// A new endpoint.
#[derive(Clone, Debug, Default)]
pub struct WebhookOrder {
    /// Its address.
    pub url: String,
    /// What it is for.
    pub description: String,
    /// Which events it wants.
    pub filter: WebhookFilter,
    /// It begins behind this position; `None`: with what is appended from now on.
    pub after: Option<Position>,
}

/// What of an endpoint is to be different. `None`: as it is.
#[derive(Clone, Debug, Default)]
pub struct WebhookChange {
    /// Its address.
    pub url: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The stored types that it wants.
    pub types: Option<BTreeSet<String>>,
}

impl Webhooks {
    /// Registers an endpoint; the secret that signs its deliveries is told this once.
    ///
    /// # Errors
    ///
    /// [`WebhookError`].
    pub async fn create(&self, order: WebhookOrder) -> Result<(Webhook, Secret), WebhookError> {
        let WebhookOrder { url, description, filter, after } = order;
        check_description(&description)?;
        check_types(&filter.types)?;
        if filter.authorizer.is_some() && filter.component.is_none() {
            return Err(WebhookError::Order("authorizer needs component".to_owned()));
        }
        self.sender.check(&url).await?;
        let head = self.log.storage.head().await?;
        if let Some(after) = after.filter(|after| *after > head) {
            return Err(WebhookError::Order(format!("after: {after} is beyond the head {head} of the log")));
        }
        if self.log.storage.webhooks().await?.len() >= WEBHOOKS_MAX {
            return Err(WebhookError::TooMany);
        }
        let now = Timestamp::now();
        let mut webhook = Webhook {
            id: Uuid::now_v7(),
            url,
            description,
            filter,
            created_at: now,
            state: WebhookState::Active,
            secrets: Vec::new(),
            progress: Progress::behind(after.unwrap_or(head)),
        };
        self.make_key(&webhook, now).await?;
        let secret = self.add_secret(&mut webhook, now).await?;
        // Others may have been registered since they were counted.
        if !self.log.storage.put_webhook(webhook.id, webhook.write(), WEBHOOKS_MAX).await? {
            return Err(WebhookError::TooMany);
        }
        self.changed.notify_one();
        Ok((webhook, secret))
    }

    /// All endpoints, oldest first.
    ///
    /// # Errors
    ///
    /// [`StorageError`].
    pub async fn all(&self) -> Result<Vec<Webhook>, StorageError> {
        self.log.storage.webhooks().await?.iter().map(Webhook::read).collect()
    }

    /// An endpoint.
    ///
    /// # Errors
    ///
    /// [`WebhookError`].
    pub async fn find(&self, id: Uuid) -> Result<Webhook, WebhookError> {
        let row = self.log.storage.webhook(id).await?.ok_or(WebhookError::Unknown(id))?;
        Ok(Webhook::read(&row)?)
    }

    /// Attempts to deliver to an endpoint, newest first, those older than `before`.
    ///
    /// # Errors
    ///
    /// [`StorageError`].
    pub async fn attempts(
        &self,
        id: Uuid,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Attempt>, StorageError> {
        let rows = self.log.storage.webhook_attempts(id, before, limit).await?;
        rows.iter().map(|row| serde_json::from_str(&row.data).map_err(StorageError::unreadable)).collect()
    }

    /// Changes an endpoint.
    ///
    /// # Errors
    ///
    /// [`WebhookError`].
    pub async fn change(&self, id: Uuid, change: WebhookChange) -> Result<Webhook, WebhookError> {
        if let Some(url) = &change.url {
            self.sender.check(url).await?;
        }
        if let Some(description) = &change.description {
            check_description(description)?;
        }
        if let Some(types) = &change.types {
            check_types(types)?;
        }
        let WebhookChange { url, description, types } = change;
        self.edit(id, |webhook| {
            if let Some(url) = &url {
                webhook.url.clone_from(url);
            }
            if let Some(description) = &description {
                webhook.description.clone_from(description);
            }
            if let Some(types) = &types {
                webhook.filter.types.clone_from(types);
            }
        })
        .await
    }

    /// Delivers nothing more to an endpoint until it is resumed.
    ///
    /// # Errors
    ///
    /// [`WebhookError`].
    pub async fn pause(&self, id: Uuid) -> Result<Webhook, WebhookError> {
        self.edit(id, |webhook| webhook.state = WebhookState::Paused).await
    }

    /// Goes on where an endpoint is, and tries at once what waits.
    ///
    /// # Errors
    ///
    /// [`WebhookError`].
    pub async fn resume(&self, id: Uuid) -> Result<Webhook, WebhookError> {
        self.edit(id, |webhook| {
            webhook.state = WebhookState::Active;
            webhook.progress.begin_anew(Timestamp::now());
        })
        .await
    }

    /// Removes an endpoint and its attempts.
    ///
    /// # Errors
    ///
    /// [`WebhookError`].
    pub async fn delete(&self, id: Uuid) -> Result<(), WebhookError> {
        if !self.log.storage.remove_webhook(id).await? {
            return Err(WebhookError::Unknown(id));
        }
        self.changed.notify_one();
        Ok(())
    }

    /// Changes an endpoint as it is now.
    pub(super) async fn edit(&self, id: Uuid, edit: impl Fn(&mut Webhook)) -> Result<Webhook, WebhookError> {
        loop {
            let row = self.log.storage.webhook(id).await?.ok_or(WebhookError::Unknown(id))?;
            let mut webhook = Webhook::read(&row)?;
            edit(&mut webhook);
            if self.log.storage.change_webhook(WebhookRow { data: webhook.write(), ..row }).await? {
                self.changed.notify_one();
                return Ok(webhook);
            }
        }
    }

    /// Deletes old attempts.
    pub(crate) async fn prune_attempts(&self) -> Result<(), StorageError> {
        for row in self.log.storage.webhooks().await? {
            self.log.storage.trim_webhook_attempts(row.id, ATTEMPTS_KEPT).await?;
        }
        Ok(())
    }
}

fn check_description(text: &str) -> Result<(), WebhookError> {
    if text.chars().count() <= DESCRIPTION_MAX && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(WebhookError::Order(format!(
        "description must be {DESCRIPTION_MAX} characters at most, none of them a control character"
    )))
}

fn check_types(types: &BTreeSet<String>) -> Result<(), WebhookError> {
    if types.iter().all(|name| EVENT_NAMES.contains(&name.as_str())) {
        return Ok(());
    }
    Err(WebhookError::Order(format!("types must be some of {}", EVENT_NAMES.join(", "))))
}
