//! What goes into the storage and what comes out.

use jiff::Timestamp;
use mandate_schema::{
    AuthorizerId, CommandId, ComponentId, EventRecord, Position, Push, SealedText, StoredEvent, StreamName,
    TaskId, Version, WrappedKey,
};

use crate::{Finish, GivenUp, NewTask, StorageError};

/// One command of a batch.
#[derive(Clone, Debug)]
pub enum Command {
    /// Decided: events, tasks and state to store, perhaps none.
    Decided(Box<Append>),
    /// It cannot be decided: kept as a dead letter.
    Dead(Box<DeadLetter>),
    /// An attempt gives its task up: it is marked dead, and a dead letter waits for the operator.
    GivenUp(Box<GivenUp>),
}

impl Command {
    /// The command's id.
    pub fn id(&self) -> CommandId {
        match self {
            Self::Decided(append) => append.command,
            Self::Dead(letter) => letter.command,
            Self::GivenUp(given_up) => given_up.by.command(),
        }
    }

    /// The stream whose version it checks, if it checks one.
    pub fn stream(&self) -> Option<&StreamName> {
        match self {
            Self::Decided(append) => Some(&append.stream),
            Self::Dead(_) | Self::GivenUp(_) => None,
        }
    }
}

/// All that one decided command stores, in one transaction.
#[derive(Clone, Debug)]
pub struct Append {
    /// The command.
    pub command: CommandId,
    /// The stream it was decided on.
    pub stream: StreamName,
    /// The version that the decision saw; checked also when there is no event.
    pub expected: Version,
    /// New events, in order.
    pub events: Vec<EventRecord>,
    /// The stream's state after them. Required when there are events.
    pub state: Option<NewState>,
    /// New tasks; one whose key exists is left as it is.
    pub tasks: Vec<NewTask>,
    /// New tasks that redeem codes. One whose key exists gets the authorizer and the tag that it lacked; if it is finished, the
    /// append is a conflict: what came of the code is to be decided on.
    pub redeems: Vec<NewTask>,
    /// New data keys.
    pub keys: Vec<NewKey>,
    /// What happens to the stream's token row.
    pub token: TokenChange,
    /// Erases the account that the stream is about.
    pub erases: Option<Erasure>,
    /// The task that this command finishes, or lets go on.
    pub finishes: Option<Finish>,
    /// When the command was decided.
    pub recorded_at: Timestamp,
}

impl Append {
    /// Whether there may be something to claim after it.
    pub fn queues_tasks(&self) -> bool {
        !self.tasks.is_empty() || !self.redeems.is_empty()
    }

    /// Refuses what no database takes.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        if !self.events.is_empty() && self.state.is_none() {
            return Err(StorageError::Data("events without a state".into()));
        }
        if let Some(state) = &self.state
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&state.json)
        {
            return Err(StorageError::Data(error.into()));
        }
        if self.erases.is_some() && self.stream.authorizer().is_none() {
            return Err(StorageError::Data(format!("{} is no account to erase", self.stream).into()));
        }
        Ok(())
    }
}

/// A state to store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewState {
    /// Version of its form.
    pub form: u16,
    /// JSON text.
    pub json: String,
    /// The status that authorizers are listed and counted by.
    pub status: Option<String>,
    /// What a search finds an authorizer by, beside its appid.
    pub search: String,
}

impl NewState {
    /// What a search looks at, in the lower case that both databases know: that of ASCII. Only authorizers are searched.
    pub(crate) fn search_text(&self, stream: &StreamName) -> String {
        let Some(authorizer) = stream.authorizer() else { return String::new() };
        format!("{authorizer} {}", self.search).to_ascii_lowercase().replace('\0', " ")
    }
}

/// A wrapped data key to store.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The key.
    pub wrapped: WrappedKey,
    /// The accounts that a notice's key is about. Erasing any of them destroys it.
    pub about: Vec<AuthorizerId>,
}

/// Erasing an account, in the append that records it: the data keys of its stream are destroyed, and those about it of its
/// component's stream; its token, its tasks that are not done and their dead letters are wiped; nobody reads its messages any more, and
/// [`Store::prune_erased_messages`](crate::Store::prune_erased_messages) deletes them.
#[derive(Clone, Debug, Default)]
pub struct Erasure {
    /// Dead letters of pushes that name it: only who opens them knows. They are discarded.
    pub letters: Vec<DeadLetterId>,
}

/// What an append does to the stream's token row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TokenChange {
    /// Nothing.
    #[default]
    Keep,
    /// Empties the access token: a new authorization makes it invalid.
    Empty,
    /// Stores a new access token, ending any refresh under way.
    Store {
        /// The sealed token.
        access: SealedText,
        /// When it expires, by our clock.
        expires_at: Timestamp,
        /// Generation of the authorization it belongs to.
        generation: u64,
    },
}

/// What became of a command of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// Stored now. `None`: no event.
    Stored(Option<Position>),
    /// The id is there already, with this outcome.
    Duplicate(CommandRecord),
    /// The stream is no longer at the expected version, or a task has learned something or was finished: load and decide again.
    Conflict,
    /// The task was finished by another attempt, or this one has lost its claim: the command is void.
    Finished,
}

/// The outcome of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandOutcome {
    /// It appended events.
    Applied,
    /// It appended no event; it may have queued tasks.
    Nothing,
    /// It could not be decided; a dead letter waits for the operator.
    Dead,
    /// Its dead letter was discarded by the operator.
    Discarded,
}

impl CommandOutcome {
    /// The name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Nothing => "nothing",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }

    /// Reads the name in storage.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Applied, Self::Nothing, Self::Dead, Self::Discarded].into_iter().find(|o| o.as_str() == text)
    }
}

/// A row of the command table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRecord {
    /// The command.
    pub id: CommandId,
    /// Its outcome.
    pub outcome: CommandOutcome,
    /// The last position it appended.
    pub position: Option<Position>,
}

/// Something that could not be handled, kept with all that a retry needs.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The command that is dead.
    pub command: CommandId,
    /// Why, as a short name: the label of the metric.
    pub reason: String,
    /// Why, for people. Never holds a secret.
    pub detail: String,
    /// What to try again.
    pub payload: DeadPayload,
    /// When it died.
    pub recorded_at: Timestamp,
}

/// What a dead letter tries again.
#[derive(Clone, Debug)]
pub enum DeadPayload {
    /// A push, as `WeChat` sent it.
    Push(Push),
    /// A task, which is marked dead with it.
    Task(TaskId),
}

/// Identity of a dead letter: that of its command.
pub type DeadLetterId = CommandId;

/// A stored dead letter.
#[derive(Clone, Debug)]
pub struct DeadLetterRow {
    /// The letter.
    pub letter: DeadLetter,
    /// How often a retry failed again.
    pub retries: u32,
}

/// A stream's state row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateRow {
    /// The stream.
    pub stream: StreamName,
    /// Its version.
    pub version: Version,
    /// Position of its last event.
    pub position: Position,
    /// Version of the state's form.
    pub form: u16,
    /// JSON text.
    pub state: String,
}

/// A stream as a decision needs it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Its state, if it has events.
    pub state: Option<StateRow>,
    /// The greatest number of its data keys, destroyed ones included; 0 if it has none.
    pub last_key: u32,
    /// Whether that key was destroyed. It is of the same moment as the version, which a cached key is not.
    pub last_key_destroyed: bool,
    /// The data key that it seals with, if it is there.
    pub key: Option<WrappedKey>,
}

impl Loaded {
    /// The version to expect.
    pub fn version(&self) -> Version {
        self.state.as_ref().map_or(Version(0), |row| row.version)
    }
}

/// An authorizer's state row with what the token table says.
#[derive(Clone, Debug)]
pub struct AuthorizerRow {
    /// The state.
    pub state: StateRow,
    /// When the access token we hold expires.
    pub access_token_expires_at: Option<Timestamp>,
}

/// Which authorizers to list.
#[derive(Clone, Debug, Default)]
pub struct AuthorizerFilter {
    /// Only those of this component.
    pub component: Option<ComponentId>,
    /// Only those with this status.
    pub status: Option<String>,
    /// Only those whose appid, original id, name or owner contains this text.
    pub text: Option<String>,
    /// Only those behind this stream, in order of stream names.
    pub after: Option<StreamName>,
    /// At most so many.
    pub limit: usize,
}

/// How many authorizers of a component have a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCount {
    /// The component.
    pub component: ComponentId,
    /// The status.
    pub status: String,
    /// How many.
    pub count: u64,
}

/// Which events of the log to read, in order of position.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    /// Only those above this position.
    pub after: Position,
    /// At most so many positions are looked at.
    pub limit: usize,
}

/// Which events of a stream to read.
#[derive(Clone, Debug)]
pub struct StreamQuery {
    /// The stream.
    pub stream: StreamName,
    /// Only those above this position.
    pub after: Position,
    /// Only those up to this position.
    pub up_to: Option<Position>,
    /// Only those below this version.
    pub before: Option<Version>,
    /// In this order.
    pub order: EventOrder,
    /// At most so many.
    pub limit: usize,
}

/// Order of a stream's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventOrder {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// Whether a rebuild only compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebuildMode {
    /// Compare only.
    Check,
    /// Compare, then put the rebuilt rows in place.
    Swap,
}

/// What a rebuild found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// Events folded.
    pub events: u64,
    /// State rows rebuilt.
    pub streams: u64,
    /// Streams whose live row differs from the rebuilt one, is missing or should not be there.
    pub different: Vec<StreamName>,
    /// The head of the log that it was compared at.
    pub head: Position,
}

/// Events of one stream to fold onto its state so far.
#[derive(Debug)]
pub struct FoldInput<'a> {
    /// The stream.
    pub stream: &'a StreamName,
    /// The state rebuilt so far.
    pub state: Option<&'a StateRow>,
    /// The next events, each with the data key of its published sealed field, if that still exists.
    pub events: &'a [(StoredEvent, Option<WrappedKey>)],
}

/// Events that do not fold: the rebuild stops.
#[derive(Debug, thiserror::Error)]
#[error("event {position} does not fold: {source}")]
pub struct FoldError {
    /// Where.
    pub position: Position,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
