//! Delivering again what was delivered.

use jiff::Timestamp;
use mandate_schema::Position;
use mandate_storage::EventQuery;
use uuid::Uuid;

use super::{WebhookError, Webhooks};
use crate::log::time::position_before;

/// Events looked at at once.
const PAGE: usize = 1_000;

/// Where a rewind goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RewindTo {
    /// To the event at this position, which is the first to be delivered again.
    Position(Position),
    /// To the first event recorded at this time or later.
    Time(Timestamp),
}

/// A rewind that was done, or that could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewind {
    /// The first position that is delivered again.
    pub position: Position,
    /// How many events are delivered again.
    pub events: u64,
}

impl Webhooks {
    /// How many events a rewind would deliver again.
    ///
    /// # Errors
    ///
    /// [`WebhookError`].
    pub async fn count_rewind(&self, id: Uuid, to: RewindTo) -> Result<Rewind, WebhookError> {
        let webhook = self.find(id).await?;
        let position = match to {
            RewindTo::Position(position) => Position(position.0.max(1)),
            RewindTo::Time(time) => Position(position_before(&self.log.storage, time).await?.0 + 1),
        };
        let reached = webhook.progress.position;
        if position.0 > reached.0 + 1 {
            return Err(WebhookError::Order(format!(
                "a rewind goes back: the webhook has come to position {reached}, and {position} is ahead of it"
            )));
        }
        let (mut events, mut read) = (0, Position(position.0 - 1));
        while read < reached {
            let page = self.log.storage.read(EventQuery { after: read, limit: PAGE }).await?;
            let Some(last) = page.last().map(|stored| stored.position) else { break };
            let again = page.iter().filter(|stored| stored.position <= reached);
            events += again.filter(|stored| webhook.filter.wants(stored)).count() as u64;
            read = last;
        }
        Ok(Rewind { position, events })
    }

    /// Delivers events again, from a position or time on.
    ///
    /// # Errors
    ///
    /// [`WebhookError`].
    pub async fn rewind(&self, id: Uuid, to: RewindTo) -> Result<Rewind, WebhookError> {
        let rewind = self.count_rewind(id, to).await?;
        self.edit(id, |webhook| webhook.progress.rewind(rewind.position)).await?;
        Ok(rewind)
    }
}
