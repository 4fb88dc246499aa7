//! Ingest: pushes become commands of the log. A batch is accepted once each of its pushes has an outcome.

use std::{collections::HashSet, num::NonZero, sync::Arc};

use futures_util::future::try_join_all;
use jiff::Timestamp;
use mandate_broker::{CallbackOutcomes, CallbackSink, OutcomesUnavailable, SinkUnavailable};
use mandate_runtime::{failpoint, metrics::Metrics, strangers::LineLimit};
use mandate_schema::{CallbackId, CommandId, ComponentId, Push, PushKind, StreamName};
use mandate_storage::{Appended, Command, CommandOutcome, DeadLetter, DeadPayload, StorageError};
use mandate_wechat::push::GenuinePush;
use tokio::{
    sync::{Mutex, Notify},
    task::unconstrained,
};

use super::{
    alone::Alone,
    messages::Messages,
    opener::{OpenError, Opener},
    turns::Turns,
    way::{Delivery, Way, way},
};
use crate::{
    log::{Decided, Item, Log, Verdict, fold::ReadError},
    tasks::NO_TICKET,
};

/// So many pushes are opened on the thread that has them; more are shared out.
const OPENED_HERE: usize = 32;

/// The worker's ingest, as the next place of the journal. Cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    pub(super) log: Arc<Log>,
    opener: Arc<Opener>,
    messages: Arc<Messages>,
    metrics: Metrics,
    /// Notified when there may be a task to claim.
    queued: Arc<Notify>,
    /// Whoever has captured messages can make dead letters of them.
    dead_letter_log: Arc<LineLimit>,
    pub(super) alone: Arc<Alone>,
    /// Held while a batch is opened, so that batches enter their turns in the order in which they came.
    opening: Arc<Mutex<()>>,
    turns: Arc<Turns<Lane>>,
}

/// What is decided, or stored, in the order in which it came.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Lane {
    Stream(StreamName),
    Messages,
}

/// What a batch comes to, by its ways.
#[derive(Default)]
struct Sorted {
    deliveries: Vec<Delivery>,
    messages: Vec<Push>,
    /// With reason and detail.
    dead: Vec<(Push, &'static str, String)>,
}

/// What became of one push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ingested {
    /// It was decided now.
    Decided,
    /// It had an outcome already.
    Duplicate,
    /// It cannot be decided; it is a dead letter.
    Dead,
}

/// Why a push has no outcome yet: try again later.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The store is away.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The stream could not be read now.
    #[error(transparent)]
    Read(ReadError),
}

impl CallbackSink for Ingest {
    fn settles(_: PushKind) -> bool {
        true
    }

    async fn accept(&self, batch: Vec<Push>) -> Result<(), SinkUnavailable> {
        self.accept_all(batch).await.map_err(|error| SinkUnavailable(Box::new(error)))
    }

    async fn accept_alone(&self, push: Push, deaths: u32) -> Result<(), SinkUnavailable> {
        let detail = format!("{deaths} processes ended while they handled it among others");
        self.take_alone(push, detail).await.map_err(|error| SinkUnavailable(Box::new(error)))
    }
}

impl CallbackOutcomes for Ingest {
    async fn settled(&self, ids: Vec<CallbackId>) -> Result<HashSet<CallbackId>, OutcomesUnavailable> {
        let commands = ids.into_iter().map(CommandId::from).collect();
        let found = self.log.storage.outcomes(commands).await;
        let found = found.map_err(|error| OutcomesUnavailable(Box::new(error)))?;
        Ok(found.into_iter().map(|record| CallbackId(record.id.0)).collect())
    }
}

impl Ingest {
    pub(crate) fn new(
        log: Arc<Log>,
        opener: Arc<Opener>,
        messages: Arc<Messages>,
        queued: Arc<Notify>,
        metrics: Metrics,
    ) -> Self {
        let dead_letter_log = Arc::new(LineLimit::new(1));
        let (alone, opening, turns) = <_>::default();
        Self { log, opener, messages, metrics, queued, dead_letter_log, alone, opening, turns }
    }

    /// The same as another process would have it.
    #[cfg(test)]
    pub(crate) fn of_another_process(&self) -> Self {
        Self { alone: Arc::default(), ..self.clone() }
    }

    /// Several batches may be accepted at once: while one is stored, the next one is opened and decided.
    async fn accept_all(&self, batch: Vec<Push>) -> Result<(), IngestError> {
        // In the order in which they are polled first, whatever the runtime's budget says.
        let opening = unconstrained(self.opening.lock()).await;
        let Sorted { deliveries, messages, dead } = self.sort(batch).await;
        let streams = deliveries.iter().map(|delivery| Lane::Stream(delivery.stream.clone()));
        let lanes = streams.chain((!messages.is_empty()).then_some(Lane::Messages)).collect();
        let turn = self.turns.enter(lanes);
        drop(opening);
        turn.come().await.map_err(|error| StorageError::Unavailable(error.into()))?;
        let bury = dead.into_iter().map(|(push, reason, detail)| self.bury(push, reason, detail));
        try_join_all(bury).await?;
        if !messages.is_empty() {
            self.messages.store(messages).await?;
        }
        self.decide(deliveries).await?;
        turn.done();
        Ok(())
    }

    async fn sort(&self, batch: Vec<Push>) -> Sorted {
        let mut sorted = Sorted::default();
        for (push, opened) in self.open_all(batch).await {
            match opened {
                Ok(opened) => match way(push, opened) {
                    Way::ToStream(delivery) => sorted.deliveries.push(delivery),
                    Way::ToMessages(push) => sorted.messages.push(push),
                    Way::Nowhere(_) => {}
                    Way::ToDead(push, bad) => sorted.dead.push((push, bad.reason(), bad.to_string())),
                },
                Err(error) => sorted.dead.push((push, error.reason(), error.to_string())),
            }
        }
        sorted
    }

    /// Opens pushes, a large batch on several threads.
    async fn open_all(&self, batch: Vec<Push>) -> Vec<(Push, Result<GenuinePush, OpenError>)> {
        let open = |opener: &Opener, pushes: Vec<Push>| -> Vec<_> {
            let opened = pushes.into_iter().map(|push| (opener.open(&push), push));
            opened.map(|(opened, push)| (push, opened)).collect()
        };
        if batch.len() <= OPENED_HERE {
            return open(&self.opener, batch);
        }
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let share = batch.len().div_ceil(threads);
        let (mut batch, mut shares) = (batch, Vec::new());
        while !batch.is_empty() {
            let rest = batch.split_off(share.min(batch.len()));
            let (opener, pushes) = (self.opener.clone(), std::mem::replace(&mut batch, rest));
            shares.push(tokio::task::spawn_blocking(move || open(&opener, pushes)));
        }
        let mut opened = Vec::new();
        for share in shares {
            match share.await {
                Ok(share) => opened.extend(share),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        opened
    }

    /// Tries one push again, as a dead letter's retry.
    ///
    /// # Errors
    ///
    /// [`IngestError`]: it has no new outcome yet.
    pub async fn retry(&self, push: Push) -> Result<Ingested, IngestError> {
        match self.opener.open(&push) {
            Ok(opened) => {
                // Deciding settles the letter that the push may have had; the other ways do not.
                let settled = match way(push, opened) {
                    Way::ToStream(delivery) => return Ok(self.decide(vec![delivery]).await?.remove(0)),
                    Way::Nowhere(id) => id,
                    Way::ToDead(push, bad) => {
                        self.bury(push, bad.reason(), bad.to_string()).await?;
                        return Ok(Ingested::Dead);
                    }
                    Way::ToMessages(push) => {
                        let id = push.id.into();
                        self.messages.store(vec![push]).await?;
                        id
                    }
                };
                self.log.storage.discard(settled, Timestamp::now()).await?;
                Ok(Ingested::Decided)
            }
            Err(error) => {
                self.bury(push, error.reason(), error.to_string()).await?;
                Ok(Ingested::Dead)
            }
        }
    }

    /// Decides deliveries, those of one stream in the order in which they came; answers each.
    async fn decide(&self, deliveries: Vec<Delivery>) -> Result<Vec<Ingested>, IngestError> {
        let items = deliveries.iter().map(item).collect();
        let decided = self.log.decide(items).await;
        let mut outcomes = Vec::with_capacity(deliveries.len());
        let mut with_tickets = HashSet::new();
        for (delivery, decided) in deliveries.into_iter().zip(decided) {
            if delivery.said.is_ticket() {
                with_tickets.insert(delivery.push.component.clone());
            }
            outcomes.push(self.outcome(delivery, decided).await);
        }
        // Who stored a ticket before may have died before it woke anybody.
        for component in with_tickets {
            self.wake(&component).await?;
        }
        outcomes.into_iter().collect()
    }

    async fn outcome(
        &self,
        delivery: Delivery,
        decided: Result<Decided<()>, ReadError>,
    ) -> Result<Ingested, IngestError> {
        let Delivery { push, id, stream, said } = delivery;
        match decided {
            Ok(Decided::Stored(position, ())) => {
                tracing::info!(
                    %stream, command = %id, position = position.map(|p| p.0), info_type = said.name(),
                    "{} for {stream} decided", said.name()
                );
                if said.is_ticket() {
                    self.metrics.ticket_age_seconds(&push.component, Timestamp::now());
                }
                Ok(Ingested::Decided)
            }
            Ok(Decided::Before(()) | Decided::Left(()) | Decided::Learned(_) | Decided::Refused) => {
                Ok(Ingested::Duplicate)
            }
            Err(ReadError::Storage(StorageError::Data(source) | StorageError::Stuck(source))) => {
                self.bury(push, "refused_data", format!("the database refuses it: {source}")).await?;
                Ok(Ingested::Dead)
            }
            Err(error) if !error.may_heal() => {
                self.bury(push, "unreadable_stream", error.to_string()).await?;
                Ok(Ingested::Dead)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A ticket makes the calls that wait for one possible.
    async fn wake(&self, component: &ComponentId) -> Result<(), IngestError> {
        if self.log.storage.wake(component, NO_TICKET, Timestamp::now()).await? > 0 {
            self.queued.notify_one();
        }
        Ok(())
    }

    /// Keeps what cannot be decided, under the id that it was delivered with.
    pub(crate) async fn bury(&self, push: Push, reason: &str, detail: String) -> Result<(), IngestError> {
        let command = CommandId::from(push.id);
        // Whoever has captured messages can send each of them to the event URL.
        if let Some(unlogged) = self.dead_letter_log.admit() {
            let component = &push.component;
            tracing::error!(%component, %command, reason, unlogged, "a callback is a dead letter: {detail}");
        }
        // Anybody who can write to the broker can invent components.
        if self.opener.serves(&push.component) {
            self.metrics.callbacks_total(&push.component, push.kind(), "dead");
        }
        let letter = DeadLetter {
            command,
            reason: reason.to_owned(),
            detail: detail.clone(),
            payload: DeadPayload::Push(push),
            recorded_at: Timestamp::now(),
        };
        let appended = self.log.append(Command::Dead(Box::new(letter))).await?;
        if let Appended::Duplicate(record) = appended
            && record.outcome == CommandOutcome::Dead
        {
            self.log.storage.count_retry(command, reason, &detail).await?;
        }
        Ok(())
    }
}

/// A delivery as the log decides it.
fn item(delivery: &Delivery) -> Item<'_, ()> {
    let Delivery { id, stream, said, .. } = delivery;
    if cfg!(debug_assertions) {
        failpoint::reached(&format!("ingest.{}", said.name()));
    }
    let component = stream.component().expect("callbacks are of a component");
    Item::new(*id, stream.clone(), |seen| Verdict::append(said.decide(component, seen))).needing(said.needs())
}

impl From<ReadError> for IngestError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Storage(error) if error.is_transient() => Self::Storage(error),
            error => Self::Read(error),
        }
    }
}
