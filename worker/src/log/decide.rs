//! A batch of decisions: what each needs, what it sees, what it says, and what became of it.

use std::{collections::HashSet, time::Duration};

use jiff::Timestamp;
use mandate_domain::{AboutCode, Decision, Since};
use mandate_schema::{CodeDigest, CommandId, Position, Secret, StreamName};
use mandate_storage::{Appended, Attempt, Command, Ending, Erasure, Landed, StorageError, TaskDone, Wanted};
use uuid::Uuid;

use super::{
    Log,
    chain::{Chains, Step},
    fold::{ReadError, StreamState},
    queues_tasks,
    record::{after_conflict, redeem_key},
};

/// When to store again what cannot be had again.
const STORE_AGAIN: Duration = Duration::from_millis(500);

/// A pure decision; it is called again after a conflict.
pub(crate) type Decide<'a, T> = Box<dyn Fn(&Seen<'_>) -> Verdict<T> + Send + Sync + 'a>;

/// One decision to be made, and what it is made on.
pub(crate) struct Item<'a, T> {
    /// The command.
    pub(crate) command: CommandId,
    /// The stream that it is decided on.
    pub(crate) stream: StreamName,
    /// What it needs to see.
    pub(crate) needs: Needs,
    /// The task that ends with it.
    pub(crate) finishes: Option<Finishes>,
    /// The visit that brings a code with it.
    pub(crate) lands: Option<Landing>,
    /// When the call to `WeChat` started whose answer is decided; else now.
    pub(crate) called_at: Option<Timestamp>,
    /// The decision.
    pub(crate) decide: Decide<'a, T>,
}

impl<'a, T> Item<'a, T> {
    /// A decision on a stream that needs nothing but its state.
    pub(crate) fn new(
        command: CommandId,
        stream: StreamName,
        decide: impl Fn(&Seen<'_>) -> Verdict<T> + Send + Sync + 'a,
    ) -> Self {
        let needs = Needs::default();
        Self {
            command,
            stream,
            needs,
            finishes: None,
            lands: None,
            called_at: None,
            decide: Box::new(decide),
        }
    }

    /// One that needs this, too.
    pub(crate) fn needing(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }
}

/// What a decision needs beside the stream's state.
#[derive(Clone, Default)]
pub(crate) struct Needs {
    /// What is known about this code.
    pub(crate) code: Option<CodeDigest>,
    /// The visit that was opened with this pre-auth code.
    pub(crate) pre_auth_code: Option<CodeDigest>,
    /// What the stream gained above this position.
    pub(crate) since: Option<Position>,
    /// A secret that the state holds.
    pub(crate) held: Option<Held>,
}

/// A secret that a state holds sealed.
#[derive(Clone, Copy)]
pub(crate) enum Held {
    /// The component's current ticket.
    Ticket,
    /// The authorizer's refresh token.
    RefreshToken,
}

/// The attempt at a task that a decision ends, and the task's key.
pub(crate) struct Finishes {
    pub(crate) key: String,
    pub(crate) by: Attempt,
}

/// The visit that a decision ties to the code that it brought.
pub(crate) struct Landing {
    pub(crate) visit: Uuid,
    pub(crate) code: CodeDigest,
}

/// What a decision sees.
pub(crate) struct Seen<'a> {
    /// The stream's state, the decisions before it in the batch included.
    pub(crate) state: &'a StreamState,
    /// When its events are recorded.
    pub(crate) now: Timestamp,
    /// What the stream gained above the position that was asked for.
    pub(crate) since: Since,
    /// The secret that was asked for, if it is there.
    pub(crate) held: Option<Secret>,
    /// What is known about the code that was asked for.
    pub(crate) about: AboutCode,
}

/// What a decision says.
pub(crate) enum Verdict<T> {
    /// Append this.
    Append(Ruling, T),
    /// Append nothing, and leave no trace of the command.
    Leave(T),
}

/// What is appended.
pub(crate) struct Ruling {
    /// Events and tasks.
    pub(crate) decision: Decision,
    /// How the task ends that finishes with it.
    pub(crate) ending: Ending,
    /// What the tables keep of an account that is erased.
    pub(crate) erases: Option<Erasure>,
}

impl From<Decision> for Ruling {
    fn from(decision: Decision) -> Self {
        Self { decision, ending: Ending::Success, erases: None }
    }
}

impl Verdict<()> {
    /// Appends a decision about which there is nothing more to say.
    pub(crate) fn append(decision: Decision) -> Self {
        Self::Append(decision.into(), ())
    }
}

/// What became of an item.
pub(crate) enum Decided<T> {
    /// Stored now, with this last position.
    Stored(Option<Position>, T),
    /// The command was decided before, or its task was finished by another attempt.
    Before(T),
    /// Nothing was appended.
    Left(T),
    /// Its task has learned something since the attempt read it: ask again on that.
    Learned(TaskDone),
    /// Its visit is tied to another code, or gone.
    Refused,
}

impl<T> Decided<T> {
    /// What the decision said that counts; none if its task has learned something, or its visit refuses it.
    pub(crate) fn into_said(self) -> Option<T> {
        match self {
            Self::Stored(_, said) | Self::Before(said) | Self::Left(said) => Some(said),
            Self::Learned(_) | Self::Refused => None,
        }
    }
}

type Outcome<T> = Result<Decided<T>, ReadError>;

/// An item that was decided, before it is appended.
enum Pending<T> {
    /// It is the next command.
    Command(T),
    /// Nothing is appended.
    Known(Outcome<T>),
}

impl Log {
    /// Decides one item; see [`Log::decide`].
    ///
    /// # Errors
    ///
    /// As [`Log::decide`].
    pub(crate) async fn decide_one<T: Send>(&self, item: Item<'_, T>) -> Outcome<T> {
        self.decide(vec![item]).await.remove(0)
    }

    /// Decides what cannot be had again, such as an answer of `WeChat` that brought credentials: as often as it takes while the store
    /// is away.
    ///
    /// # Errors
    ///
    /// As [`Log::decide`], but none that may pass.
    pub(crate) async fn decide_surely<T: Send>(&self, item: Item<'_, T>) -> Outcome<T> {
        loop {
            match self.decide_all(std::slice::from_ref(&item)).await.remove(0) {
                Err(ReadError::Storage(error)) if error.is_transient() => {
                    tracing::warn!(stream = %item.stream, command = %item.command, %error, "an answer cannot be stored yet");
                    tokio::time::sleep(STORE_AGAIN).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Decides a batch and appends all of it at once; answers each item. Items of one stream are decided on one another, in their
    /// order. After a conflict what it concerns is loaded and decided again, as often as it takes.
    ///
    /// # Errors
    ///
    /// For each item [`ReadError`]: its stream or a key cannot be read, or the append fails for it; see
    /// [`Appender::append_all`](mandate_storage::Appender::append_all).
    pub(crate) async fn decide<T: Send>(&self, items: Vec<Item<'_, T>>) -> Vec<Outcome<T>> {
        self.decide_all(&items).await
    }

    async fn decide_all<T: Send>(&self, items: &[Item<'_, T>]) -> Vec<Outcome<T>> {
        let mut outcomes: Vec<Option<Outcome<T>>> = items.iter().map(|_| None).collect();
        let mut waiting: Vec<usize> = (0..items.len()).collect();
        for conflicts in 0.. {
            let round: Vec<&Item<'_, T>> = waiting.iter().map(|index| &items[*index]).collect();
            for (index, outcome) in waiting.iter().zip(self.decide_round(&round).await) {
                outcomes[*index] = outcome;
            }
            waiting.retain(|index| outcomes[*index].is_none());
            if waiting.is_empty() {
                break;
            }
            after_conflict(conflicts).await;
        }
        outcomes.into_iter().flatten().collect()
    }

    /// Loads, decides and appends once; `None`: a conflict.
    async fn decide_round<T: Send>(&self, items: &[&Item<'_, T>]) -> Vec<Option<Outcome<T>>> {
        let wanted = Wanted::together(items.iter().map(|item| wanted(item)));
        let found = match self.gatherer.gather(wanted).await {
            Ok(found) => found,
            // One of the rows cannot be read: only its stream fails.
            Err(error) if !error.is_transient() && has_several_streams(items) => {
                return Box::pin(self.decide_by_stream(items)).await;
            }
            Err(error) => return items.iter().map(|_| Some(Err(error.copy().into()))).collect(),
        };
        let mut chains = Chains::new(&self.storage, &self.vault, &found);
        let (mut commands, mut pending) = (Vec::new(), Vec::with_capacity(items.len()));
        for item in items {
            pending.push(match chains.decide(item).await {
                Ok(Step::Append(append, then)) => {
                    commands.push(Command::Decided(append));
                    Pending::Command(then)
                }
                Ok(Step::Known(decided)) => Pending::Known(Ok(decided)),
                Err(error) => Pending::Known(Err(error)),
            });
        }
        let mut landed = self.submit(items, commands).await.into_iter();
        let outcome = |pending| match pending {
            Pending::Known(outcome) => Some(outcome),
            Pending::Command(then) => settle(landed.next().expect("each command is answered"), then),
        };
        pending.into_iter().map(outcome).collect()
    }

    async fn decide_by_stream<T: Send>(&self, items: &[&Item<'_, T>]) -> Vec<Option<Outcome<T>>> {
        let mut outcomes: Vec<Option<Outcome<T>>> = items.iter().map(|_| None).collect();
        let streams: HashSet<&StreamName> = items.iter().map(|item| &item.stream).collect();
        for stream in streams {
            let (indices, of_stream): (Vec<_>, Vec<_>) = items
                .iter()
                .enumerate()
                .filter(|(_, item)| item.stream == *stream)
                .map(|(index, item)| (index, *item))
                .unzip();
            for (index, outcome) in indices.into_iter().zip(self.decide_round(&of_stream).await) {
                outcomes[index] = outcome;
            }
        }
        outcomes
    }

    /// Appends what was decided. A visit is tied to its code in the same transaction.
    async fn submit<T>(
        &self,
        items: &[&Item<'_, T>],
        mut commands: Vec<Command>,
    ) -> Vec<Result<Landed, StorageError>> {
        if let [Item { lands: Some(landing), .. }] = items
            && let Some(command) = commands.pop()
        {
            let (stream, queues) = (command.stream().cloned(), queues_tasks(&command));
            let landed = self.storage.land(landing.visit, landing.code, command).await;
            let appended = match &landed {
                Ok(Landed::Appended(appended)) => Some(appended),
                Ok(Landed::Refused) | Err(_) => None,
            };
            self.after_append(stream.as_slice(), queues, appended.into_iter());
            return vec![landed];
        }
        debug_assert!(items.iter().all(|item| item.lands.is_none()), "a landing is decided alone");
        let appended = self.append_all(commands).await;
        appended.into_iter().map(|appended| appended.map(Landed::Appended)).collect()
    }
}

fn settle<T>(landed: Result<Landed, StorageError>, then: T) -> Option<Outcome<T>> {
    match landed {
        Ok(Landed::Appended(Appended::Stored(position))) => Some(Ok(Decided::Stored(position, then))),
        Ok(Landed::Appended(Appended::Duplicate(_) | Appended::Finished)) => Some(Ok(Decided::Before(then))),
        Ok(Landed::Appended(Appended::Conflict)) => None,
        Ok(Landed::Refused) => Some(Ok(Decided::Refused)),
        Err(error) => Some(Err(error.into())),
    }
}

fn has_several_streams<T>(items: &[&Item<'_, T>]) -> bool {
    items.windows(2).any(|pair| pair[0].stream != pair[1].stream)
}

fn wanted<T>(Item { stream, needs, finishes, .. }: &Item<'_, T>) -> Wanted {
    let mut wanted = Wanted { streams: vec![stream.clone()], ..Wanted::default() };
    wanted.since.extend(needs.since.map(|after| (stream.clone(), after)));
    wanted.tasks.extend(finishes.as_ref().map(|finishes| finishes.key.clone()));
    wanted.pre_auth_codes.extend(needs.pre_auth_code);
    if let Some((code, component)) = needs.code.zip(stream.component()) {
        wanted.codes.push(code);
        wanted.tasks.push(redeem_key(component, code));
    }
    wanted
}
