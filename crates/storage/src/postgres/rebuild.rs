//! Rebuilding state from the log, on a connection of its own, beside a running service.

use std::{collections::BTreeMap, time::Duration};

use mandate_schema::{Event, Position, StoredEvent, StreamName, WrappedKey, sql::postgres as sql};

use super::{
    PostgresSettings, PostgresStorage, connect, connection::Connection, convert::get, read::find_key, rows,
};
use crate::{
    FoldInput, Folder, Rebuild, RebuildMode, RebuildReport, StorageError,
    convert::{component, limit, parse, position, signed, unsigned},
};

type Result<T> = std::result::Result<T, StorageError>;

/// Events folded between two looks at the log.
const PAGE: usize = 1_000;
/// The lock is taken once no more than this many events are left to fold.
const TAIL: u64 = 1_000;
/// How long one statement may take: the comparison reads every row.
const LIMIT: Duration = Duration::from_mins(30);
const SESSION: &str = "set statement_timeout = '30min'; set idle_in_transaction_session_timeout = '5min'";

impl Rebuild for PostgresStorage {
    async fn rebuild<F: Folder>(
        &self,
        mode: RebuildMode,
        folder: F,
        progress: impl Fn(Position) + Send + 'static,
    ) -> Result<RebuildReport> {
        // A pool of its own: the scratch table and the session's settings go away with the connection.
        let pool = connect::pool(&PostgresSettings { pool: 1, ..(*self.settings).clone() })?;
        let connection = Connection::take(&pool).await?.with_limit(LIMIT);
        connection.batch(SESSION).await?;
        connection.batch(sql::rebuild_prepare).await?;
        rebuild(&connection, mode, folder, progress).await
    }
}

async fn rebuild(
    connection: &Connection,
    mode: RebuildMode,
    mut folder: impl Folder,
    progress: impl Fn(Position) + Send,
) -> Result<RebuildReport> {
    let mut done = Position(0);
    while head(connection, sql::log_head).await?.0 - done.0 > TAIL {
        done = connection.transaction("begin", fold_page(connection, &mut folder, done)).await?;
        progress(done);
    }
    let (begin, log_head) = match mode {
        // One snapshot; nobody waits for a comparison.
        RebuildMode::Check => ("begin isolation level repeatable read", sql::log_head),
        // Whoever is cut off here holds up every append no longer than this.
        RebuildMode::Swap => {
            ("begin; set local idle_in_transaction_session_timeout = '10s'", sql::log_head_lock)
        }
    };
    let last_part = async {
        let head = head(connection, log_head).await?;
        while done < head {
            done = fold_page(connection, &mut folder, done).await?;
        }
        let report = compare(connection, head).await?;
        if mode == RebuildMode::Swap {
            connection.change(sql::rebuild_clear_live, &[]).await?;
            connection.change(sql::rebuild_fill_live, &[]).await?;
        }
        Ok::<_, StorageError>(report)
    };
    let report = connection.transaction(begin, last_part).await?;
    progress(report.head);
    Ok(report)
}

async fn head(connection: &Connection, sql: &str) -> Result<Position> {
    position(get(&connection.one(sql, &[]).await?, "position")?)
}

/// Folds the next page of the log; answers its last position.
async fn fold_page(connection: &Connection, folder: &mut impl Folder, after: Position) -> Result<Position> {
    let page = connection.all(sql::event_read, &[&signed(after.0), &limit(PAGE)]).await?;
    let mut streams: BTreeMap<StreamName, Vec<(StoredEvent, Option<WrappedKey>)>> = BTreeMap::new();
    let mut last = after;
    for event in rows::collect(&page, rows::event)? {
        if event.position.0 != last.0 + 1 {
            return Err(StorageError::unreadable(format!("the log has a hole after position {last}")));
        }
        last = event.position;
        let key = published_key(connection, &event).await?;
        streams.entry(event.stream.clone()).or_default().push((event, key));
    }
    if last == after {
        return Err(StorageError::unreadable(format!("the log ends at {after}, before its head")));
    }
    for (stream, events) in &streams {
        fold_stream(connection, folder, stream, events).await?;
    }
    Ok(last)
}

/// The key of the field that a fold needs opened, if the event has one and the key still exists.
async fn published_key(connection: &Connection, event: &StoredEvent) -> Result<Option<WrappedKey>> {
    let field = Event::published_field(&event.record.name);
    match field.and_then(|field| event.record.sealed.get(&field)) {
        Some(sealed) => find_key(connection, &event.stream, sealed.key).await,
        None => Ok(None),
    }
}

async fn fold_stream(
    connection: &Connection,
    folder: &mut impl Folder,
    stream: &StreamName,
    events: &[(StoredEvent, Option<WrappedKey>)],
) -> Result<()> {
    let found = connection.first(sql::rebuild_load, &[&stream.to_string()]).await?;
    let state = found.as_ref().map(rows::state).transpose()?;
    let rebuilt =
        folder.fold(FoldInput { stream, state: state.as_ref(), events }).map_err(StorageError::unreadable)?;
    let (last, _) = events.last().expect("a stream of the page has events");
    let (version, position) = (signed(last.version.0), signed(last.position.0));
    let (name, form, search) = (stream.to_string(), i32::from(rebuilt.form), rebuilt.search_text(stream));
    let row: [&(dyn tokio_postgres::types::ToSql + Sync); 8] =
        [&name, &version, &position, &form, &rebuilt.json, &component(&name), &rebuilt.status, &search];
    connection.change(sql::rebuild_put, &row).await?;
    Ok(())
}

async fn compare(connection: &Connection, head: Position) -> Result<RebuildReport> {
    let different = connection.all(sql::rebuild_compare, &[]).await?;
    let different = rows::collect(&different, |row| parse(&get::<String>(row, "stream")?))?;
    let streams = unsigned(get(&connection.one(sql::rebuild_count, &[]).await?, "count")?)?;
    Ok(RebuildReport { events: head.0, streams, different, head })
}
