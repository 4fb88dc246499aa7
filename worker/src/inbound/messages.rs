//! The feed of messages, where no broker publishes them: pages of what the store keeps, opened as they are read.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use mandate_schema::{MessageEvent, Position, Push, Reach};
use mandate_storage::{StorageError, Store};
use mandate_wechat::{
    message,
    push::{Content, GenuinePush},
};
use serde::Serialize;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::opener::Opener;
use crate::views::{FeedError, LogReset};

/// The longest that a reader may wait.
pub const WAIT_MAX: Duration = Duration::from_secs(30);
/// A reader that waits looks again at least this often: another process may have stored something.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Messages deleted at once where there are too many.
const PRUNED_AT_ONCE: usize = 500;

/// How long and how many messages are kept.
#[derive(Clone, Copy, Debug)]
pub struct MessageSettings {
    /// How old they get.
    pub max_age: Duration,
    /// How many bytes they may have together; the oldest go first.
    pub max_size: u64,
    /// Whether the feed has all of them. `false`: a broker publishes them, and only those stay here that ingress could not open.
    pub feed: bool,
}

/// A page of messages.
#[derive(Clone, Debug, Serialize)]
pub struct MessagePage {
    /// The messages, in the order in which they were stored.
    pub data: Vec<MessageEvent>,
    /// How far the page has read: the next `after`.
    pub last_position: Position,
}

/// The messages that the store keeps.
pub struct Messages {
    storage: Store,
    opener: Arc<Opener>,
    settings: MessageSettings,
    /// Changes when messages were stored.
    stored: watch::Sender<()>,
}

impl Messages {
    pub(crate) fn new(storage: Store, opener: Arc<Opener>, settings: MessageSettings) -> Self {
        Self { storage, opener, settings, stored: watch::Sender::new(()) }
    }

    /// Whether messages are read here.
    pub fn has_feed(&self) -> bool {
        self.settings.feed
    }

    /// The messages after a position that a reader may see; waits for some if there are none. A message whose key is no longer
    /// configured is left out and logged.
    ///
    /// # Errors
    ///
    /// [`FeedError`]: the position is beyond all that were given, or the store does not answer.
    pub async fn page(
        &self,
        after: Position,
        limit: usize,
        reach: &Reach,
        wait: Duration,
    ) -> Result<MessagePage, FeedError> {
        let deadline = Instant::now() + wait.min(WAIT_MAX);
        let mut after = after;
        loop {
            let mut stored = self.stored.subscribe();
            let page = self.read_page(after, limit, reach).await?;
            if !page.data.is_empty() || Instant::now() >= deadline {
                return Ok(page);
            }
            let is_whole = page.last_position > after;
            after = page.last_position;
            if !is_whole {
                // Woken, or not: what counts is what the next look finds.
                timeout_at(deadline.min(Instant::now() + LOOK_AGAIN), stored.changed()).await.ok();
            }
        }
    }

    async fn read_page(
        &self,
        after: Position,
        limit: usize,
        reach: &Reach,
    ) -> Result<MessagePage, FeedError> {
        let found = self.storage.read_messages(after, limit).await?;
        if found.is_empty() {
            let (head, _) = self.storage.message_head().await?;
            if after > head {
                return Err(LogReset { after, head }.into());
            }
        }
        let last_position = found.last().map_or(after, |(position, _)| *position);
        let allowed = |push: &Push| reach.covers(&push.component, push.authorizer.as_ref());
        let seen = found.into_iter().filter(|(_, push)| allowed(push));
        let data = seen.filter_map(|(position, push)| self.published(position, &push)).collect();
        Ok(MessagePage { data, last_position })
    }

    fn published(&self, position: Position, push: &Push) -> Option<MessageEvent> {
        let left_out = |cause: &dyn std::fmt::Display| {
            tracing::warn!(component = %push.component, callback = %push.id,
                "a stored message is left out of the feed: {cause}");
            None
        };
        match self.opener.open(push) {
            Ok(GenuinePush { content: Ok(Content::Message(message)), time, .. }) => {
                Some(message::published(push, time, *message).at(position))
            }
            Ok(GenuinePush { content: Ok(Content::Callback(_)), .. }) => None,
            Ok(GenuinePush { content: Err(bad), .. }) => left_out(&bad),
            Err(error) => left_out(&error),
        }
    }

    /// Stores messages, and wakes who waits for some.
    pub(crate) async fn store(&self, messages: Vec<Push>) -> Result<(), StorageError> {
        self.storage.store_messages(messages).await?;
        self.stored.send_replace(());
        Ok(())
    }

    /// Deletes what is too old, and what is too much.
    pub(crate) async fn prune(&self, now: Timestamp) -> Result<(), StorageError> {
        let age = SignedDuration::try_from(self.settings.max_age).unwrap_or(SignedDuration::MAX);
        if let Ok(oldest) = now.checked_sub(age) {
            self.storage.prune_messages(oldest).await?;
        }
        let mut pruned = 0;
        while self.storage.message_head().await?.1 > self.settings.max_size {
            pruned += self.storage.prune_oldest_messages(PRUNED_AT_ONCE).await?;
        }
        if pruned > 0 {
            tracing::warn!(
                pruned,
                "messages were deleted before their time: together they were larger than broker.messages_max"
            );
        }
        Ok(())
    }
}
