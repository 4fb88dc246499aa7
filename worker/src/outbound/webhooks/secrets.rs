//! What signs deliveries: made here, sealed by a data key of the endpoint, two at a time during a rotation.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mandate_schema::{CommandId, Place, Secret, StreamName, Version};
use mandate_storage::{Append, Command, NewKey, StorageError, TokenChange, WebhookRow};
use uuid::Uuid;

use super::{Webhook, WebhookError, WebhookSecret, Webhooks, new_secret};
use crate::log::fold::ReadError;

/// How long the last secret signs beside a new one, unless the order says otherwise, and at most.
pub const OVERLAP_DEFAULT: Duration = Duration::from_hours(24);
const OVERLAP_MAX: Duration = Duration::from_hours(30 * 24);

impl Webhooks {
    /// Makes a new secret; the one before it signs, too, for so long.
    ///
    /// # Errors
    ///
    /// [`WebhookError`].
    pub async fn rotate_secret(
        &self,
        id: Uuid,
        overlap: Duration,
    ) -> Result<(Webhook, Secret), WebhookError> {
        let end = SignedDuration::try_from(overlap).ok().filter(|_| overlap <= OVERLAP_MAX);
        let Some(end) = end else {
            let most = OVERLAP_MAX.as_secs();
            return Err(WebhookError::Order(format!("expires_in must be {most} seconds at most")));
        };
        let now = Timestamp::now();
        loop {
            let row = self.log.storage.webhook(id).await?.ok_or(WebhookError::Unknown(id))?;
            let mut webhook = Webhook::read(&row)?;
            // Two sign at most: those before have had their time.
            webhook.secrets.truncate(1);
            for secret in &mut webhook.secrets {
                secret.expires_at = Some(now + end);
            }
            let secret = self.add_secret(&mut webhook, now).await?;
            if self.log.storage.change_webhook(WebhookRow { data: webhook.write(), ..row }).await? {
                return Ok((webhook, secret));
            }
        }
    }

    /// What signs an endpoint's deliveries now.
    pub(super) async fn secrets_of(&self, webhook: &Webhook) -> Result<Vec<Secret>, ReadError> {
        let (stream, now) = (webhook.stream(), Timestamp::now());
        let mut secrets = Vec::new();
        for secret in webhook.secrets.iter().filter(|secret| secret.expires_at.is_none_or(|at| now < at)) {
            secrets.extend(self.log.vault.open(place_of(&stream, secret.number), &secret.sealed).await?);
        }
        Ok(secrets)
    }

    pub(super) async fn add_secret(
        &self,
        webhook: &mut Webhook,
        now: Timestamp,
    ) -> Result<Secret, ReadError> {
        let (stream, secret) = (webhook.stream(), new_secret());
        let number = webhook.secrets.first().map_or(1, |newest| newest.number + 1);
        let key = self.log.vault.key(&stream, 1).await?.ok_or_else(|| {
            StorageError::unreadable(format!("the data key of webhook {} is not there", webhook.id))
        })?;
        let sealed = self.log.vault.seal(&key, place_of(&stream, number), &secret);
        webhook.secrets.insert(0, WebhookSecret { number, created_at: now, expires_at: None, sealed });
        Ok(secret)
    }

    /// Stores the data key that seals an endpoint's secrets.
    pub(super) async fn make_key(&self, webhook: &Webhook, now: Timestamp) -> Result<(), StorageError> {
        let stream = webhook.stream();
        let (_, wrapped) = self.log.vault.new_key(&stream, 1);
        let append = Append {
            command: CommandId(Uuid::new_v4()),
            stream,
            expected: Version(0),
            events: Vec::new(),
            state: None,
            tasks: Vec::new(),
            redeems: Vec::new(),
            keys: vec![NewKey { wrapped, about: Vec::new() }],
            token: TokenChange::Keep,
            erases: None,
            finishes: None,
            recorded_at: now,
        };
        self.log.append(Command::Decided(Box::new(append))).await.map(|_| ())
    }
}

/// Where a secret of an endpoint is sealed.
fn place_of(stream: &StreamName, number: u64) -> Place<'_> {
    Place { stream, version: number, kind: "webhook", field: "secret", form: 1 }
}
