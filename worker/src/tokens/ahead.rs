//! Refreshing tokens in use before they expire, so that their readers never wait.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mandate_runtime::stop::Stop;
use mandate_schema::StreamName;
use mandate_storage::{Storage, StorageError};

use super::Tokens;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(5);
/// Tokens with less life than this are refreshed. WeChat's pages advise ten minutes for the component's.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);
/// A token is in use that was read within this time.
const IN_USE: SignedDuration = SignedDuration::from_mins(30);
/// Tokens refreshed at a time, one after the other: after a start with many accounts the calls are spread.
const AT_ONCE: usize = 20;

impl<S: Storage> Tokens<S> {
    /// Notes which tokens are in use and refreshes those that expire soon, until the process stops. All others are refreshed
    /// when they are asked for, or never.
    pub(crate) async fn refresh_ahead(&self, stop: &Stop) {
        loop {
            let last = self.look_ahead(stop).await;
            if let Err(error) = last {
                tracing::warn!(%error, "tokens in use cannot be looked at");
            }
            tokio::select! {
                () = stop.requested() => break,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        if let Err(error) = self.rows.note_use().await {
            tracing::debug!(%error, "the last use of tokens was not noted");
        }
    }

    async fn look_ahead(&self, stop: &Stop) -> Result<(), StorageError> {
        self.rows.note_use().await?;
        let now = Timestamp::now();
        let expiring = now + AHEAD;
        for stream in self.storage.expiring_tokens(now, expiring, now - IN_USE, AT_ONCE).await? {
            if stop.is_requested() {
                return Ok(());
            }
            let renewed = match &stream {
                StreamName::Component(component) => self.of_components.renew(component, expiring).await,
                StreamName::Authorizer(component, authorizer) => {
                    self.renew_authorizer_token(component, authorizer, expiring).await
                }
                StreamName::Webhook(_) => continue,
            };
            if let Err(error) = renewed {
                tracing::debug!(%stream, "the token of {stream} was not refreshed ahead of time: {error}");
            }
        }
        Ok(())
    }
}
