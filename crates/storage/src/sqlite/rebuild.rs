//! Rebuilding state from the log, on a connection of its own, beside a running service.

use std::collections::BTreeMap;

use mandate_schema::{Event, Position, StoredEvent, StreamName, WrappedKey, sql::sqlite as sql};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::{
    SqliteStorage, append,
    connect::{self, Access},
    convert::{component, limit, parse, signed, unsigned},
    read::find_key,
    rows,
};
use crate::{FoldInput, Folder, Rebuild, RebuildMode, RebuildReport, StorageError};

type Result<T> = std::result::Result<T, StorageError>;

/// Events folded between two looks at the log.
const PAGE: usize = 1_000;
/// The lock is taken once no more than this many events are left to fold.
const TAIL: u64 = 1_000;

impl Rebuild for SqliteStorage {
    async fn rebuild<F: Folder>(
        &self,
        mode: RebuildMode,
        folder: F,
        progress: impl Fn(Position) + Send + 'static,
    ) -> Result<RebuildReport> {
        let path = self.path.clone();
        let run = move || {
            let mut connection = connect::open(&path, Access::Write)?;
            rebuild(&mut connection, mode, folder, progress)
        };
        tokio::task::spawn_blocking(run).await.map_err(|error| StorageError::Unavailable(error.into()))?
    }
}

fn rebuild(
    connection: &mut Connection,
    mode: RebuildMode,
    mut folder: impl Folder,
    progress: impl Fn(Position),
) -> Result<RebuildReport> {
    connection.execute_batch(sql::rebuild_prepare)?;
    let mut done = Position(0);
    while append::head(connection)?.0 - done.0 > TAIL {
        let tx = connection.transaction()?;
        done = fold_page(&tx, &mut folder, done)?;
        tx.commit()?; // the scratch table is this connection's own: no lock on the log is taken
        progress(done);
    }
    let tx = connection.transaction_with_behavior(match mode {
        RebuildMode::Check => TransactionBehavior::Deferred, // one snapshot; nobody waits for a comparison
        RebuildMode::Swap => TransactionBehavior::Immediate,
    })?;
    let head = append::head(&tx)?;
    while done < head {
        done = fold_page(&tx, &mut folder, done)?;
    }
    progress(done);
    let report = compare(&tx, head)?;
    if mode == RebuildMode::Swap {
        tx.execute(sql::rebuild_clear_live, [])?;
        tx.execute(sql::rebuild_fill_live, [])?;
    }
    tx.commit()?;
    Ok(report)
}

/// Folds the next page of the log; answers its last position.
fn fold_page(tx: &Transaction<'_>, folder: &mut impl Folder, after: Position) -> Result<Position> {
    let mut statement = tx.prepare_cached(sql::event_read)?;
    let page = rows::collect(statement.query(params![signed(after.0), limit(PAGE)])?, rows::event)?;
    let mut streams: BTreeMap<StreamName, Vec<(StoredEvent, Option<WrappedKey>)>> = BTreeMap::new();
    let mut last = after;
    for event in page {
        if event.position.0 != last.0 + 1 {
            return Err(StorageError::unreadable(format!("the log has a hole after position {last}")));
        }
        last = event.position;
        let key = published_key(tx, &event)?;
        streams.entry(event.stream.clone()).or_default().push((event, key));
    }
    if last == after {
        return Err(StorageError::unreadable(format!("the log ends at {after}, before its head")));
    }
    for (stream, events) in &streams {
        fold_stream(tx, folder, stream, events)?;
    }
    Ok(last)
}

/// The key of the field that a fold needs opened, if the event has one and the key still exists.
fn published_key(tx: &Transaction<'_>, event: &StoredEvent) -> Result<Option<WrappedKey>> {
    let field = Event::published_field(&event.record.name);
    match field.and_then(|field| event.record.sealed.get(&field)) {
        Some(sealed) => find_key(tx, &event.stream, sealed.key),
        None => Ok(None),
    }
}

fn fold_stream(
    tx: &Transaction<'_>,
    folder: &mut impl Folder,
    stream: &StreamName,
    events: &[(StoredEvent, Option<WrappedKey>)],
) -> Result<()> {
    let mut statement = tx.prepare_cached(sql::rebuild_load)?;
    let mut found = statement.query([stream.to_string()])?;
    let state = found.next()?.map(rows::state).transpose()?;
    let rebuilt =
        folder.fold(FoldInput { stream, state: state.as_ref(), events }).map_err(StorageError::unreadable)?;
    let (last, _) = events.last().expect("a stream of the page has events");
    let name = stream.to_string();
    tx.prepare_cached(sql::rebuild_put)?.execute(params![
        name,
        signed(last.version.0),
        signed(last.position.0),
        rebuilt.form,
        rebuilt.json,
        component(&name),
        rebuilt.status,
        rebuilt.search_text(stream)
    ])?;
    Ok(())
}

fn compare(tx: &Transaction<'_>, head: Position) -> Result<RebuildReport> {
    let mut statement = tx.prepare(sql::rebuild_compare)?;
    let different = rows::collect(statement.query([])?, |row| parse(&row.get::<_, String>(0)?))?;
    let streams = unsigned(tx.query_row(sql::rebuild_count, [], |row| row.get(0))?)?;
    Ok(RebuildReport { events: head.0, streams, different, head })
}
