//! What is told of an endpoint itself: an event when it is disabled, and a test delivery.

use jiff::Timestamp;
use mandate_domain::Decision;
use mandate_schema::{CloudEvent, CommandId, Event, WebhookDisabled, format_time};

use serde_json::Map;
use uuid::Uuid;

use super::{Attempt, Webhook, WebhookError, Webhooks, deliver};
use crate::log::{
    Item, Verdict,
    fold::{self, ReadError},
};

/// The type of a test delivery, which is in no log.
const TEST_TYPE: &str = "mandate.webhook.test.v1";

impl Webhooks {
    /// Delivers a test, whatever the endpoint's state.
    ///
    /// # Errors
    ///
    /// [`WebhookError`]; that the test fails is no error.
    pub async fn test(&self, id: Uuid) -> Result<Attempt, WebhookError> {
        let webhook = self.find(id).await?;
        let secrets = self.secrets_of(&webhook).await?;
        let at = fold::to_millis(Timestamp::now());
        let event = test_event(&webhook, at);
        let sent = self.send(&webhook, &secrets, &event).await;
        let attempt = deliver::attempt(at, &event, None, sent);
        self.log.storage.put_webhook_attempts(vec![deliver::attempt_row(id, &attempt)]).await?;
        Ok(attempt)
    }

    /// Tells that an endpoint is disabled, once for each time since when it fails.
    pub(super) async fn append_disabled(&self, webhook: &Webhook, since: Timestamp) -> Result<(), ReadError> {
        let told = WebhookDisabled { endpoint: webhook.shown_url().to_owned(), since };
        let command = CommandId::of_disabled(webhook.id, since.as_millisecond());
        let disabled = Item::new(command, webhook.stream(), |_| {
            Verdict::append(Decision::event(Event::WebhookDisabled(told.clone())))
        });
        self.log.decide_one(disabled).await?;
        Ok(())
    }
}

/// An event that is in no log, so that a receiver can be tried.
fn test_event(webhook: &Webhook, now: Timestamp) -> CloudEvent {
    let (id, now) = (Uuid::now_v7(), format_time(now));
    CloudEvent {
        specversion: "1.0".into(),
        id: id.to_string(),
        source: "/mandate".into(),
        kind: TEST_TYPE.into(),
        subject: webhook.id.to_string(),
        time: now.clone(),
        datacontenttype: "application/json".into(),
        dataschema: None,
        sequence: format!("{:020}", 0),
        partitionkey: webhook.id.to_string(),
        recordedtime: now,
        causationid: id.to_string(),
        traceparent: format!("00-{}-{:016x}-00", id.simple(), 1),
        data: Map::new(),
    }
}
