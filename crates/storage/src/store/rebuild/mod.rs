//! Rebuilding state from the log, on a connection of its own, beside a running service.

mod postgres;
mod sqlite;

use std::collections::BTreeMap;

use mandate_schema::{Event, Position, StoredEvent, StreamName, WrappedKey};

use super::{Result, Store};
use crate::{
    FoldError, FoldInput, NewState, RebuildMode, RebuildReport, StateRow, StorageError,
    convert::component,
    driver::{Driver, Sql, Value, sql, values},
};

/// Events folded between two looks at the log.
const PAGE: usize = 1_000;
/// The lock is taken once no more than this many events are left to fold.
const TAIL: u64 = 1_000;

/// The rebuilt state of a stream.
const LOAD: Sql = sql!("select stream, version, position, form, state from rebuilt where stream = $1");
const PUT: Sql = sql!(REBUILD / "rebuild_put");
const COMPARE: Sql = sql!(REBUILD / "rebuild_compare");
const COUNT: Sql = sql!("select count(*) as count from rebuilt");
const CLEAR_LIVE: Sql = sql!("delete from state");
const FILL_LIVE: Sql = sql!(REBUILD / "rebuild_fill_live");

/// Folds events into state; the storage does not know what they mean.
pub trait Folder: Send + 'static {
    /// The state after some more events of a stream.
    ///
    /// # Errors
    ///
    /// [`FoldError`]: the rebuild stops.
    fn fold(&mut self, input: FoldInput<'_>) -> std::result::Result<NewState, FoldError>;
}

impl Store {
    /// Folds the whole log beside the live rows, ends under the log's lock, compares every row both ways and, in
    /// [`RebuildMode::Swap`], puts the rebuilt rows in place. `progress` hears the positions reached.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unreadable`]: an event does not fold. Nothing was changed.
    pub async fn rebuild<F: Folder>(
        &self,
        mode: RebuildMode,
        folder: F,
        progress: impl Fn(Position) + Send + 'static,
    ) -> Result<RebuildReport> {
        match &self.driver {
            Driver::Sqlite(database) => sqlite::rebuild(database, mode, folder, progress).await,
            Driver::Postgres(database) => postgres::rebuild(database, mode, folder, progress).await,
        }
    }
}

/// An event, with the key of its published field.
type WithKey = (StoredEvent, Option<WrappedKey>);

/// Refuses a page of the log, read behind a position, that is not dense or ends before the head; answers its last position.
fn last_of(page: &[StoredEvent], after: Position) -> Result<Position> {
    let mut last = after;
    for event in page {
        if event.position.0 != last.0 + 1 {
            return Err(StorageError::unreadable(format!("the log has a hole after position {last}")));
        }
        last = event.position;
    }
    if last == after {
        return Err(StorageError::unreadable(format!("the log ends at {after}, before its head")));
    }
    Ok(last)
}

/// The events of each stream, in order.
fn by_stream(events: Vec<WithKey>) -> BTreeMap<StreamName, Vec<WithKey>> {
    let mut streams: BTreeMap<StreamName, Vec<WithKey>> = BTreeMap::new();
    for (event, key) in events {
        streams.entry(event.stream.clone()).or_default().push((event, key));
    }
    streams
}

/// The number of the key of the field that a fold needs opened, if the event has one.
fn published_key(event: &StoredEvent) -> Option<u32> {
    let field = Event::published_field(&event.record.name)?;
    event.record.sealed.get(&field).map(|sealed| sealed.key)
}

/// The values of [`PUT`] after some more events of a stream.
fn fold(
    folder: &mut impl Folder,
    stream: &StreamName,
    state: Option<&StateRow>,
    events: &[WithKey],
) -> Result<Vec<Value>> {
    let rebuilt = folder.fold(FoldInput { stream, state, events }).map_err(StorageError::unreadable)?;
    let (last, _) = events.last().expect("a stream of the page has events");
    let (name, search) = (stream.to_string(), rebuilt.search_text(stream));
    let component = component(&name).to_owned();
    let NewState { form, json, status, .. } = rebuilt;
    Ok(values![name, last.version, last.position, u32::from(form), json, component, status, search])
}
