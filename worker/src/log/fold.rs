//! From rows to states and events, and from events to states.

use jiff::Timestamp;
use mandate_domain::{AUTHORIZER_FORM, Authorizer, COMPONENT_FORM, Component, Recorded};
use mandate_schema::{
    DecodeError, Event, EventRecord, Position, SealError, StoredEvent, StreamName, Version, WrappedKey,
};
use mandate_storage::{
    EventOrder, FoldError, FoldInput, Folder, NewState, StateRow, StorageError, Store, StreamQuery,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::log::vault::{Vault, VaultError, place_of};

/// Events of a stream read at once.
const PAGE: usize = 500;

/// Why a stream could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A sealed field does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// An event or state of a newer program, or changed by hand.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A state that is not readable.
    #[error("the state of {stream} is not readable")]
    State {
        /// The stream.
        stream: StreamName,
        /// The parser's reason.
        #[source]
        source: serde_json::Error,
    },
}

impl ReadError {
    /// Whether the same read may succeed later: the store is away, a master key is not configured, or a newer program
    /// wrote it. None of this is the fault of the data.
    pub fn may_heal(&self) -> bool {
        match self {
            Self::Storage(error) => error.is_transient(),
            Self::Seal(SealError::UnknownMasterKey(_)) | Self::Decode(DecodeError::Unknown { .. }) => true,
            Self::Seal(SealError::DoesNotOpen)
            | Self::Decode(DecodeError::Malformed { .. })
            | Self::State { .. } => false,
        }
    }
}

impl From<VaultError> for ReadError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Storage(error) => Self::Storage(error),
            VaultError::Seal(error) => Self::Seal(error),
        }
    }
}

/// The folded state of a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamState {
    /// Of a component.
    Component(Option<Component>),
    /// Of an account.
    Authorizer(Option<Box<Authorizer>>),
}

impl StreamState {
    /// The state before the first event.
    pub fn empty(stream: &StreamName) -> Self {
        match stream {
            StreamName::Authorizer(..) => Self::Authorizer(None),
            StreamName::Component(_) | StreamName::Webhook(_) => Self::Component(None),
        }
    }

    fn parse(row: &StateRow) -> Result<Option<Self>, ReadError> {
        let stream = &row.stream;
        let current = match stream {
            StreamName::Authorizer(..) => AUTHORIZER_FORM,
            StreamName::Component(_) | StreamName::Webhook(_) => COMPONENT_FORM,
        };
        if row.form != current {
            return Ok(None); // an older form: fold again from the log
        }
        Ok(Some(match stream {
            StreamName::Authorizer(..) => Self::Authorizer(Some(from_json(stream, &row.state)?)),
            StreamName::Component(_) | StreamName::Webhook(_) => {
                Self::Component(Some(from_json(stream, &row.state)?))
            }
        }))
    }

    /// The state after one more event.
    pub fn evolve(self, recorded: Recorded<'_>) -> Self {
        match self {
            Self::Component(state) => Self::Component(Some(Component::evolve(state, recorded))),
            Self::Authorizer(state) => {
                let state = Authorizer::evolve(state.map(|state| *state), recorded);
                Self::Authorizer(Some(Box::new(state)))
            }
        }
    }

    /// The form to store; `None` before the first event.
    pub fn to_stored(&self) -> Option<NewState> {
        match self {
            Self::Component(state) => {
                Some(NewState { form: COMPONENT_FORM, json: to_json(state.as_ref()?), ..NewState::default() })
            }
            Self::Authorizer(state) => {
                let state = state.as_ref()?;
                let (status, search) = (Some(state.status.as_str().to_owned()), search(state));
                Some(NewState { form: AUTHORIZER_FORM, json: to_json(state), status, search })
            }
        }
    }

    /// The account's state, if it is one's.
    pub fn authorizer(&self) -> Option<&Authorizer> {
        match self {
            Self::Authorizer(state) => state.as_deref(),
            Self::Component(_) => None,
        }
    }

    /// The component's state, if it is one's.
    pub fn component(&self) -> Option<&Component> {
        match self {
            Self::Component(state) => state.as_ref(),
            Self::Authorizer(_) => None,
        }
    }
}

fn to_json<T: Serialize>(state: &T) -> String {
    serde_json::to_string(state).expect("states are plain data")
}

/// What a search finds an authorizer by: its name, its original id and its owner.
fn search(state: &Authorizer) -> String {
    let Some(profile) = &state.profile else { return "  ".to_owned() };
    [&profile.nick_name, &profile.user_name, &profile.principal_name]
        .map(|name| name.as_deref().unwrap_or_default())
        .join(" ")
}

fn from_json<T: DeserializeOwned>(stream: &StreamName, json: &str) -> Result<T, ReadError> {
    serde_json::from_str(json).map_err(|source| ReadError::State { stream: stream.clone(), source })
}

/// The state in a row, folded again from the log if its form is an older one.
///
/// # Errors
///
/// [`ReadError`].
pub(crate) async fn state_of_row(
    storage: &Store,
    vault: &Vault,
    row: &StateRow,
) -> Result<StreamState, ReadError> {
    match StreamState::parse(row)? {
        Some(state) => Ok(state),
        None => Ok(fold_up_to(storage, vault, &row.stream, row.position).await?.0),
    }
}

/// Folds a stream's events up to a position; answers the state and the last version.
///
/// # Errors
///
/// [`ReadError`].
pub(crate) async fn fold_up_to(
    storage: &Store,
    vault: &Vault,
    stream: &StreamName,
    up_to: Position,
) -> Result<(StreamState, Option<(Version, Position)>), ReadError> {
    let mut state = StreamState::empty(stream);
    let mut last = None;
    loop {
        let after = last.map_or(Position(0), |(_, position)| position);
        let page = storage.read_stream(page_of(stream, after, up_to)).await?;
        let full = page.len() == PAGE;
        for stored in page {
            let event = decode(vault, &stored).await?;
            state = state.evolve(recorded(&stored.record, stored.version, &event));
            last = Some((stored.version, stored.position));
        }
        if !full {
            return Ok((state, last));
        }
    }
}

fn page_of(stream: &StreamName, after: Position, up_to: Position) -> StreamQuery {
    StreamQuery {
        stream: stream.clone(),
        after,
        up_to: Some(up_to),
        before: None,
        order: EventOrder::Ascending,
        limit: PAGE,
    }
}

/// Reads a stored event, opening its published field.
///
/// # Errors
///
/// [`ReadError`]: the reader must stop, not skip.
pub(crate) async fn decode(vault: &Vault, stored: &StoredEvent) -> Result<Event, ReadError> {
    let record = &stored.record;
    let sealed = Event::published_field(&record.name).and_then(|field| record.sealed.get_key_value(&field));
    let opened = match sealed {
        Some((field, text)) => {
            vault.open(place_of(&stored.stream, stored.version, record, *field), text).await?
        }
        None => None,
    };
    Ok(Event::from_stored(record, opened.as_ref().map(mandate_schema::Secret::expose))?)
}

/// An event as a fold sees it.
pub(crate) fn recorded<'a>(record: &'a EventRecord, version: Version, event: &'a Event) -> Recorded<'a> {
    Recorded {
        event,
        version,
        form: record.form,
        recorded_at: to_millis(record.recorded_at),
        sealed: &record.sealed,
    }
}

/// Times are stored in milliseconds; live and rebuilt states must be made of the same ones.
pub(crate) fn to_millis(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

/// Folds events for a rebuild, with the keys that the storage hands it.
pub struct RebuildFolder {
    vault: std::sync::Arc<Vault>,
}

impl RebuildFolder {
    /// A folder that opens with this vault's master keys.
    pub fn new(vault: std::sync::Arc<Vault>) -> Self {
        Self { vault }
    }
}

impl RebuildFolder {
    fn fold_event(
        &self,
        state: StreamState,
        stored: &StoredEvent,
        key: Option<&WrappedKey>,
    ) -> Result<StreamState, ReadError> {
        let record = &stored.record;
        let field = Event::published_field(&record.name);
        let opened = match (key, field.and_then(|field| record.sealed.get(&field)), field) {
            (Some(key), Some(text), Some(field)) => {
                let place = place_of(&stored.stream, stored.version, record, field);
                Some(self.vault.unwrap(key)?.open(place, text)?)
            }
            _ => None,
        };
        let event = Event::from_stored(record, opened.as_ref().map(mandate_schema::Secret::expose))?;
        Ok(state.evolve(recorded(record, stored.version, &event)))
    }
}

impl Folder for RebuildFolder {
    fn fold(&mut self, input: FoldInput<'_>) -> Result<NewState, FoldError> {
        let first = input.events.first().map_or(Position(0), |(stored, _)| stored.position);
        let error = |position, source: ReadError| FoldError { position, source: source.into() };
        let mut state = match input.state {
            Some(state) => StreamState::parse(state).map_err(|source| error(first, source))?,
            None => None,
        }
        .unwrap_or_else(|| StreamState::empty(input.stream));
        for (stored, key) in input.events {
            state = self
                .fold_event(state, stored, key.as_ref())
                .map_err(|source| error(stored.position, source))?;
        }
        Ok(state.to_stored().expect("a fold has at least one event"))
    }
}
