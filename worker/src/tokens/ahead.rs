//! Refreshing tokens in use before they expire, so that their readers never wait.
//!
//! Each look takes as many tokens as there is room for calls. What one process takes no other one gets for a minute, so several
//! share the work, and what cannot be refreshed now stands in nobody's way.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use mandate_runtime::stop::Stop;
use mandate_schema::StreamName;
use mandate_storage::{Expiring, StorageError, TokenOf};
use tokio::task::JoinSet;

use super::Tokens;

/// How often it is looked, unless there was more than room for it.
const EVERY: Duration = Duration::from_secs(5);
/// Tokens with less life than this are refreshed. WeChat's pages advise ten minutes for the component's.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);
/// A token is in use that was read within this time.
const IN_USE: SignedDuration = SignedDuration::from_mins(30);
/// For so long no other process takes the same token: longer than one refresh may take. After it a token is taken again that was
/// not refreshed.
const HOLD: Duration = Duration::from_mins(1);
/// Tokens that are refreshed at a time. 100,000 in use need 15 refreshes a second; at 100 ms for each these are 320.
const AT_ONCE: usize = 32;

/// The refreshes that are under way.
#[derive(Default)]
pub(crate) struct UnderWay {
    refreshes: JoinSet<()>,
    /// Those of components are taken; the rest of a round is about authorizers, page by page.
    components_are_taken: bool,
}

impl UnderWay {
    /// Waits until half of the room is free; answers how much is.
    async fn room(&mut self) -> usize {
        while self.refreshes.try_join_next().is_some() {}
        while self.refreshes.len() > AT_ONCE / 2 {
            self.refreshes.join_next().await;
        }
        AT_ONCE - self.refreshes.len()
    }

    /// Waits for all.
    pub(crate) async fn end(&mut self) {
        while self.refreshes.join_next().await.is_some() {}
    }
}

impl Tokens {
    /// Notes which tokens are in use and refreshes those that expire soon, until the process stops. All others are refreshed
    /// when they are asked for, or never.
    pub(crate) async fn refresh_ahead(self: &Arc<Self>, stop: &Stop) {
        let mut under_way = UnderWay::default();
        while !stop.is_requested() {
            let pause = match self.look_ahead(&mut under_way).await {
                Ok(true) => continue,
                Ok(false) => EVERY,
                Err(error) => {
                    tracing::warn!(%error, "tokens in use cannot be looked at");
                    EVERY
                }
            };
            tokio::select! {
                () = stop.requested() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        under_way.end().await; // another refresh token may be on its way
        if let Err(error) = self.rows.note_use().await {
            tracing::debug!(%error, "the last use of tokens was not noted");
        }
    }

    /// Begins to refresh as many tokens as there is room for, those of components first; whether there may be more.
    pub(crate) async fn look_ahead(self: &Arc<Self>, under_way: &mut UnderWay) -> Result<bool, StorageError> {
        self.rows.note_use().await?;
        loop {
            let of = if under_way.components_are_taken { TokenOf::Authorizers } else { TokenOf::Components };
            let (room, now) = (under_way.room().await, Timestamp::now());
            let before = now + AHEAD;
            let expiring = Expiring { of, now, before, used: now - IN_USE, hold: HOLD, limit: room };
            let taken = self.log.storage.take_expiring_tokens(expiring).await?;
            let is_full = taken.len() == room;
            for stream in taken {
                let tokens = self.clone();
                under_way.refreshes.spawn(async move { tokens.renew_ahead(&stream, before).await });
            }
            if is_full {
                return Ok(true);
            }
            under_way.components_are_taken = !under_way.components_are_taken;
            if !under_way.components_are_taken {
                return Ok(false);
            }
        }
    }

    async fn renew_ahead(&self, stream: &StreamName, before: Timestamp) {
        let renewed = match stream {
            StreamName::Component(component) => self.of_components.renew(component, before).await,
            StreamName::Authorizer(component, authorizer) => {
                self.renew_authorizer_token(component, authorizer, before).await
            }
            StreamName::Webhook(_) => Ok(()), // has none
        };
        if let Err(error) = renewed {
            tracing::debug!(%stream, "the token of {stream} was not refreshed ahead of time: {error}");
        }
    }
}
