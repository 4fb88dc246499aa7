//! Ingest: pushes become commands of the log. A batch is accepted once each of its pushes has an outcome.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use mandate_broker::{CallbackOutcomes, CallbackSink, OutcomesUnavailable, SinkUnavailable};
use mandate_domain::{decide_authorizer_callback, decide_component_callback, decide_release_text, stream_of};
use mandate_runtime::failpoint;
use mandate_schema::{AuthorizerId, CallbackId, CommandId, Push, PushKind, Secret, StreamName};
use mandate_storage::{Appended, Command, CommandOutcome, DeadLetter, DeadPayload, Storage, StorageError};
use mandate_wechat::{
    callback::{Callback, Info},
    push::{BadContent, Content, GenuinePush},
    release_check::{self, Step},
};

use crate::{
    Core,
    inbound::alone::Alone,
    log::fold::{self, ReadError, to_millis},
    log::record::{Context, after_conflict, record},
    tasks::NO_TICKET,
};

/// Streams decided at once.
const CONCURRENCY: usize = 256;

/// The worker's ingest, as the next place of the journal.
pub struct Ingest<S> {
    pub(crate) core: Arc<Core<S>>,
    pub(crate) alone: Alone,
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

impl<S: Storage> CallbackSink for Ingest<S> {
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

impl<S: Storage> CallbackOutcomes for Ingest<S> {
    async fn settled(&self, ids: Vec<CallbackId>) -> Result<HashSet<CallbackId>, OutcomesUnavailable> {
        let commands = ids.into_iter().map(CommandId::from).collect();
        let found = self.core.storage.outcomes(commands).await;
        let found = found.map_err(|error| OutcomesUnavailable(Box::new(error)))?;
        Ok(found.into_iter().map(|record| CallbackId(record.id.0)).collect())
    }
}

/// An opened push on its way to its stream.
struct Delivery {
    push: Push,
    id: CommandId,
    stream: StreamName,
    said: Said,
}

/// What a push says that is decided on.
enum Said {
    Callback(Box<Callback>),
    /// A text of the release check that brings a code.
    ReleaseText {
        authorizer: AuthorizerId,
        code: Secret,
        to_user: String,
    },
}

/// Where an opened push goes.
enum Way {
    ToStream(Delivery),
    /// Kept for the services that handle messages.
    ToMessages(Push),
    /// A text of the release check that ingress has answered: it is nobody else's business.
    Nowhere(CommandId),
    /// Nothing can be decided on it: it becomes a dead letter.
    ToDead(Push, BadContent),
}

impl Said {
    /// For logs.
    fn name(&self) -> &str {
        match self {
            Self::Callback(callback) => callback.info_type(),
            Self::ReleaseText { .. } => "release check",
        }
    }

    fn is_ticket(&self) -> bool {
        matches!(self, Self::Callback(callback) if matches!(callback.info, Info::Ticket { .. }))
    }
}

/// The way of a push; from here on it is known by its own id.
fn way(push: Push, opened: GenuinePush) -> Way {
    let GenuinePush { id, content, .. } = opened;
    let push = Push { id, ..push };
    let content = match content {
        Ok(content) => content,
        Err(bad) => return Way::ToDead(push, bad),
    };
    let component = push.component.clone();
    let (stream, said) = match (content, &push.authorizer) {
        (Content::Callback(callback), _) => (stream_of(&component, &callback), Said::Callback(callback)),
        (Content::Message(message), authorizer) => match (release_check::step(&message), authorizer) {
            (Some(Step::ApiText(code)), Some(authorizer)) => {
                let to_user = message.from_user.unwrap_or_default();
                let stream = StreamName::Authorizer(component, authorizer.clone());
                (stream, Said::ReleaseText { authorizer: authorizer.clone(), code, to_user })
            }
            (Some(step), _) if step.is_secret() => return Way::Nowhere(id.into()),
            (Some(_) | None, _) => return Way::ToMessages(push),
        },
    };
    Way::ToStream(Delivery { push, id: id.into(), stream, said })
}

impl<S: Storage> Ingest<S> {
    /// The ingest of a worker.
    pub fn new(core: Arc<Core<S>>) -> Self {
        Self { core, alone: Alone::default() }
    }

    async fn accept_all(&self, batch: Vec<Push>) -> Result<(), IngestError> {
        let mut messages = Vec::new();
        let mut streams: HashMap<StreamName, Vec<Delivery>> = HashMap::new();
        for push in batch {
            match self.core.opener.open(&push) {
                Ok(opened) => match way(push, opened) {
                    Way::ToStream(delivery) => {
                        streams.entry(delivery.stream.clone()).or_default().push(delivery);
                    }
                    Way::ToMessages(push) => messages.push(push),
                    Way::Nowhere(_) => {}
                    Way::ToDead(push, bad) => self.bury(push, bad.reason(), bad.to_string()).await?,
                },
                Err(error) => self.bury(push, error.reason(), error.to_string()).await?,
            }
        }
        if !messages.is_empty() {
            self.core.store_messages(messages).await?;
        }
        let mut decided = stream::iter(streams)
            .map(|(_, deliveries)| self.accept_stream(deliveries))
            .buffer_unordered(CONCURRENCY);
        while let Some(result) = decided.next().await {
            result?;
        }
        Ok(())
    }

    /// Deliveries of one stream, in the order in which they came.
    async fn accept_stream(&self, deliveries: Vec<Delivery>) -> Result<(), IngestError> {
        for delivery in deliveries {
            self.accept_one(delivery).await?;
        }
        Ok(())
    }

    /// Tries one push again, as a dead letter's retry.
    ///
    /// # Errors
    ///
    /// [`IngestError`]: it has no new outcome yet.
    pub async fn retry(&self, push: Push) -> Result<Ingested, IngestError> {
        match self.core.opener.open(&push) {
            Ok(opened) => {
                // Deciding settles the letter that the push may have had; the other ways do not.
                let settled = match way(push, opened) {
                    Way::ToStream(delivery) => return self.accept_one(delivery).await,
                    Way::Nowhere(id) => id,
                    Way::ToDead(push, bad) => {
                        self.bury(push, bad.reason(), bad.to_string()).await?;
                        return Ok(Ingested::Dead);
                    }
                    Way::ToMessages(push) => {
                        let id = push.id.into();
                        self.core.store_messages(vec![push]).await?;
                        id
                    }
                };
                self.core.storage.discard(settled, Timestamp::now()).await?;
                Ok(Ingested::Decided)
            }
            Err(error) => {
                self.bury(push, error.reason(), error.to_string()).await?;
                Ok(Ingested::Dead)
            }
        }
    }

    async fn accept_one(&self, delivery: Delivery) -> Result<Ingested, IngestError> {
        let Delivery { push, id, stream, said } = delivery;
        if cfg!(debug_assertions) {
            failpoint::reached(&format!("ingest.{}", said.name()));
        }
        let mut conflicts = 0;
        loop {
            match self.decide_and_append(&stream, id, &said).await {
                Ok(Appended::Stored(position)) => {
                    self.core.note_position(position);
                    tracing::info!(
                        %stream, command = %id, position = position.map(|p| p.0), info_type = said.name(),
                        "{} for {stream} decided", said.name()
                    );
                    if said.is_ticket() {
                        self.core.metrics.ticket_age_seconds(&push.component, Timestamp::now());
                    }
                    self.wake(&push, &said).await?;
                    return Ok(Ingested::Decided);
                }
                Ok(Appended::Duplicate(_) | Appended::Finished) => {
                    // Who stored it may have died before it woke anybody.
                    self.wake(&push, &said).await?;
                    return Ok(Ingested::Duplicate);
                }
                Ok(Appended::Conflict) => {
                    conflicts += 1;
                    after_conflict(conflicts).await;
                }
                Err(IngestError::Storage(StorageError::Data(source))) => {
                    self.bury(push, "refused_data", format!("the database refuses it: {source}")).await?;
                    return Ok(Ingested::Dead);
                }
                Err(IngestError::Read(error)) if !error.may_heal() => {
                    self.bury(push, "unreadable_stream", error.to_string()).await?;
                    return Ok(Ingested::Dead);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn decide_and_append(
        &self,
        stream: &StreamName,
        command: CommandId,
        said: &Said,
    ) -> Result<Appended, IngestError> {
        let core = &self.core;
        let component = stream.component().expect("callbacks are of a component");
        let snapshot = fold::load(&core.storage, &core.vault, stream).await?;
        let now = to_millis(Timestamp::now());
        let decision = match (stream, said) {
            (_, Said::ReleaseText { authorizer, code, to_user }) => {
                let decision = decide_release_text(component, authorizer, code, to_user);
                core.without_spent(decision).await?
            }
            (StreamName::Component(_), Said::Callback(callback)) => {
                let current = snapshot.state.component().and_then(|state| state.ticket.as_ref());
                let current = match current {
                    Some(ticket) => {
                        core.vault.open_at(stream, &ticket.ticket).await.map_err(ReadError::from)?
                    }
                    None => None,
                };
                let decision = decide_component_callback(component, current.as_ref(), callback);
                core.without_spent(decision).await?
            }
            (_, Said::Callback(callback)) => {
                let about = core.about_code(component, callback).await?;
                decide_authorizer_callback(component, snapshot.state.authorizer(), callback, &about, now)
            }
        };
        let context = Context { command, stream: stream.clone(), finishes: None, now, called_at: now };
        let append = record(&core.vault, &context, snapshot, decision).await.map_err(ReadError::from)?;
        let queues_tasks = append.queues_tasks();
        let appended = core.append(Command::Decided(Box::new(append))).await?;
        if queues_tasks {
            core.tasks_changed.notify_one();
        }
        Ok(appended)
    }

    /// A ticket makes the calls that wait for one possible.
    async fn wake(&self, push: &Push, said: &Said) -> Result<(), IngestError> {
        if said.is_ticket() && self.core.storage.wake(&push.component, NO_TICKET, Timestamp::now()).await? > 0
        {
            self.core.tasks_changed.notify_one();
        }
        Ok(())
    }

    /// Keeps what cannot be decided, under the id that it was delivered with.
    pub(crate) async fn bury(&self, push: Push, reason: &str, detail: String) -> Result<(), IngestError> {
        let command = CommandId::from(push.id);
        // Whoever has captured messages can send each of them to the event URL.
        if let Some(unlogged) = self.core.dead_letter_log.admit() {
            let component = &push.component;
            tracing::error!(%component, %command, reason, unlogged, "a callback is a dead letter: {detail}");
        }
        // Anybody who can write to the broker can invent components.
        if self.core.components().contains(&push.component) {
            self.core.metrics.callbacks_total(&push.component, push.kind(), "dead");
        }
        let letter = DeadLetter {
            command,
            reason: reason.to_owned(),
            detail: detail.clone(),
            payload: DeadPayload::Push(push),
            recorded_at: Timestamp::now(),
        };
        let appended = self.core.append(Command::Dead(Box::new(letter))).await?;
        if let Appended::Duplicate(record) = appended
            && record.outcome == CommandOutcome::Dead
        {
            self.core.storage.count_retry(command, reason, &detail).await?;
        }
        Ok(())
    }
}

impl From<ReadError> for IngestError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Storage(error) if error.is_transient() => Self::Storage(error),
            error => Self::Read(error),
        }
    }
}
