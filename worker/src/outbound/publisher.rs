//! Publishes the events of the log for subscribers: one worker at a time, in the order of the log, each at least once.
//!
//! *Published* means that the event is in the stream queue. A new leader, and each new connection, goes on behind the stream's
//! last message or behind the checkpoint, whichever is older: a subscriber may see an event again, but never misses one.

use std::{future::Future, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use mandate_broker::{EVENTS_LOG, Outgoing, PublishError, Publisher, Session, Tail};
use mandate_runtime::{metrics::Metrics, outage::Outage, stop::Stop};
use mandate_schema::{CloudEvent, Position};
use mandate_storage::{EventQuery, StorageError, Store};
use serde::Deserialize;

use crate::{
    lease::Lease,
    log::{
        Log,
        fold::{self, ReadError},
        time::position_before,
        vault::Vault,
    },
    views::assert_dense,
};

/// The name of the lease and of the checkpoint.
const NAME: &str = "publisher";
/// How long the lead holds unless it is prolonged: so long events wait whose publisher died.
const LEAD: Duration = Duration::from_secs(3);
/// How often others look whether they may lead.
const LOOK: Duration = Duration::from_secs(1);
/// Events published at once.
const BATCH: usize = 128;
/// How long a step with nothing to do waits, unless the log grows meanwhile: the lead has to be prolonged.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// So often a batch is refused before it goes straight to the stream.
const REFUSALS: u32 = 3;

/// Where events are published.
pub trait EventsOut: Send + Sync + 'static {
    /// Where the stream of events ends.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    fn tail(&self) -> impl Future<Output = Result<Tail, PublishError>> + Send;

    /// Publishes a batch on the connection on which the tail was read.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    fn publish(
        &self,
        session: Session,
        batch: Vec<Outgoing>,
    ) -> impl Future<Output = Result<(), PublishError>> + Send;
}

impl EventsOut for Publisher {
    async fn tail(&self) -> Result<Tail, PublishError> {
        Self::tail(self, EVENTS_LOG).await
    }

    async fn publish(&self, session: Session, batch: Vec<Outgoing>) -> Result<(), PublishError> {
        self.publish_in(session, batch).await
    }
}

/// Why events are not published now.
#[derive(Debug, thiserror::Error)]
pub enum PublishFailure {
    /// The broker.
    #[error(transparent)]
    Broker(#[from] PublishError),
    /// The log.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<StorageError> for PublishFailure {
    fn from(error: StorageError) -> Self {
        Self::Read(error.into())
    }
}

/// The publisher of a worker.
pub struct EventPublisher<O> {
    outbox: Outbox,
    log: Arc<Log>,
    metrics: Metrics,
    out: O,
    /// How long the stream keeps events.
    max_age: Duration,
}

/// What a publisher knows between two steps.
pub(crate) struct Progress {
    lead: Lease,
    /// `None`: where the stream ends has to be read.
    place: Option<Place>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { lead: Lease::new(NAME, LEAD), place: None }
    }
}

/// How far a connection has come.
#[derive(Clone, Copy)]
struct Place {
    session: Session,
    published: Position,
    refused: Option<Refused>,
}

/// A batch that a subscriber's queue has refused.
#[derive(Clone, Copy)]
struct Refused {
    /// Its last event: what came later was not refused, and must not go past the other queues.
    up_to: Position,
    times: u32,
}

impl<O: EventsOut> EventPublisher<O> {
    /// A publisher into `out`, whose stream keeps events for `max_age`.
    pub(crate) fn new(outbox: Outbox, log: Arc<Log>, metrics: Metrics, out: O, max_age: Duration) -> Self {
        Self { outbox, log, metrics, out, max_age }
    }

    /// Publishes whenever it leads, until the process stops.
    pub async fn run(self, stop: &Stop) {
        let (mut outage, mut progress) = (Outage::none("events are not published"), Progress::default());
        let mut grown = self.log.head();
        while !stop.is_requested() {
            let pause = match self.step(&mut progress).await {
                Ok(pause) => {
                    outage.over();
                    pause
                }
                Err(failure) => outage.failed(&failure),
            };
            tokio::select! {
                () = stop.requested() => {}
                () = tokio::time::sleep(pause) => {}
                _grown = grown.changed(), if progress.place.is_some_and(|place| place.refused.is_none()) => {}
            }
        }
        progress.lead.give_back(&self.outbox.storage).await;
    }

    /// Publishes a batch, if this process leads; how long to wait then.
    pub(crate) async fn step(&self, progress: &mut Progress) -> Result<Duration, PublishFailure> {
        if !progress.lead.hold(&self.outbox.storage).await? {
            progress.place = None;
            return Ok(LOOK);
        }
        // After a failure there is no place any more: on another connection the stream may end elsewhere.
        let here = match progress.place.take() {
            Some(here) => here,
            None => self.begin().await?,
        };
        let next = self.publish_behind(here).await?;
        progress.place = Some(next);
        Ok(if next.published > here.published { Duration::ZERO } else { LOOK_AGAIN })
    }

    async fn begin(&self) -> Result<Place, PublishFailure> {
        let Tail { session, last } = self.out.tail().await?;
        let ours = self.outbox.storage.log_id().await?;
        let last = last.filter(|last| last.log_id.as_ref() == Some(&ours));
        let published = if let Some(last) = last.and_then(|last| sequence(&last.body)) {
            let checkpoint = self.outbox.storage.checkpoint(NAME).await?;
            last.min(checkpoint).min(self.outbox.storage.head().await?)
        } else {
            // It is empty, or of a log before this one was restored.
            let age = SignedDuration::try_from(self.max_age).unwrap_or(SignedDuration::MAX);
            let since = Timestamp::now().checked_sub(age).unwrap_or(Timestamp::MIN);
            position_before(&self.outbox.storage, since).await?
        };
        self.metrics.reader_position(NAME, published.0);
        tracing::info!(%published, "events are published behind position {published}");
        Ok(Place { session, published, refused: None })
    }

    async fn publish_behind(&self, here: Place) -> Result<Place, PublishFailure> {
        let up_to = here.refused.map(|refused| refused.up_to);
        let (batch, last) = self.outbox.read(here.published, up_to).await?;
        if batch.is_empty() {
            return Ok(here);
        }
        let count = batch.len();
        let times = here.refused.map_or(0, |refused| refused.times);
        let straight = times >= REFUSALS;
        let batch = if straight { batch.into_iter().map(Outgoing::to_events_log).collect() } else { batch };
        match self.out.publish(here.session, batch).await {
            Ok(()) => {}
            Err(error @ PublishError::Refused { .. }) if !straight => {
                tracing::warn!(behind = %here.published, "{error}");
                return Ok(Place { refused: Some(Refused { up_to: last, times: times + 1 }), ..here });
            }
            Err(error) => return Err(error.into()),
        }
        if straight {
            self.metrics.publisher_refused_total(count as u64);
            tracing::error!(
                behind = %here.published,
                %last,
                "a subscriber's queue refused events {REFUSALS} times; they are in {EVENTS_LOG} alone. \
                 `mandate events republish --from {}` publishes them again", here.published.0 + 1
            );
        }
        self.outbox.storage.set_checkpoint(NAME, last).await?;
        self.metrics.reader_position(NAME, last.0);
        Ok(Place { published: last, refused: None, ..here })
    }
}

/// Publishes events again on a connection, from one position to another, both included; `progress` hears how far it is.
///
/// # Errors
///
/// [`PublishFailure`]: some may have been published.
pub async fn republish(
    outbox: &Outbox,
    out: &impl EventsOut,
    session: Session,
    from: Position,
    to: Position,
    progress: impl Fn(Position),
) -> Result<(), PublishFailure> {
    let mut published = Position(from.0.saturating_sub(1));
    while published < to {
        let (batch, last) = outbox.read(published, Some(to)).await?;
        if batch.is_empty() {
            return Ok(());
        }
        out.publish(session, batch).await?;
        published = last;
        progress(published);
    }
    Ok(())
}

/// The log as it is published.
pub struct Outbox {
    pub(crate) storage: Store,
    pub(crate) vault: Arc<Vault>,
}

impl Outbox {
    /// The events behind a position as they are published, and the position of the last one.
    async fn read(
        &self,
        after: Position,
        up_to: Option<Position>,
    ) -> Result<(Vec<Outgoing>, Position), PublishFailure> {
        let (mut batch, mut last) = (Vec::new(), after);
        let events = self.storage.read(EventQuery { after, limit: BATCH }).await?;
        if events.is_empty() {
            return Ok((batch, last));
        }
        let log_id = self.storage.log_id().await?;
        for stored in events {
            if up_to.is_some_and(|up_to| stored.position > up_to) {
                break;
            }
            assert_dense(last, stored.position)?;
            last = stored.position;
            let event = fold::decode(&self.vault, &stored).await?;
            batch.push(mandate_broker::event(&stored, &CloudEvent::new(&stored, &event), &log_id));
        }
        Ok((batch, last))
    }
}

/// The position of a published event; `None`: it is none of ours.
fn sequence(body: &[u8]) -> Option<Position> {
    #[derive(Deserialize)]
    struct Sequence {
        sequence: String,
    }
    let event: Sequence = serde_json::from_slice(body).ok()?;
    event.sequence.parse().ok().map(Position)
}
