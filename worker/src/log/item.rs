//! One decision: what it needs, what it sees, what it says, and what became of it.

use jiff::Timestamp;
use mandate_domain::{AboutCode, Decision, Since};
use mandate_schema::{CodeDigest, CommandId, Position, Secret, StreamName};
use mandate_storage::{Attempt, Ending, Erasure, TaskDone};
use uuid::Uuid;

use super::fold::StreamState;

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
