//! What is read from the file, on a connection that does not write.

use std::time::Duration;

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, CallbackId, ComponentId, Push, PushKind, journal_sql as sql};
use rusqlite::{Connection, Params, Row};
use uuid::Uuid;

use super::{
    Backlog, HandedOver, JournalError, JournalStatus, Limits, Seq, Waiting,
    model::{Amount, DEDUPE_WINDOW, HANDED_OVER, NEW, SETTLED},
};

/// A batch ends after this many bytes, so that large callbacks do not add up in memory.
const BATCH_BYTES: i64 = 4 << 20;

/// Beside the states in the tally: parked messages whose texts are kept.
const PARKED: &str = "p";

/// Beside the states in the tally: messages of which only the id is left.
const MESSAGE_IDS: &str = "i";

/// A row that is not as this release writes rows. It is left out of batches, so that it blocks nothing, and never deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("callback {seq} in the journal cannot be read ({what}) and stays there")]
pub(super) struct UnreadableRow {
    /// Its place.
    pub(super) seq: Seq,
    /// The column.
    pub(super) what: &'static str,
}

/// What was read from the callbacks that wait for their hand-over, in order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) waiting: Vec<Waiting>,
    pub(super) unreadable: Vec<UnreadableRow>,
}

/// Callbacks of a kind behind `after` that wait for their hand-over: at most `limit`, at least one if there is any. Rows that
/// cannot be read do not use up a batch.
pub(super) fn new_callbacks(
    connection: &Connection,
    kind: PushKind,
    after: Option<Seq>,
    limit: usize,
) -> Result<Batch, JournalError> {
    batch(connection, sql::READ_NEW, (kind.as_str(), after.map_or(0, |seq| seq.0)), limit)
}

/// The next callback of a kind that is handed over alone.
pub(super) fn suspect(connection: &Connection, kind: PushKind) -> Result<Batch, JournalError> {
    batch(connection, sql::READ_SUSPECT, [kind.as_str()], 1)
}

fn batch(
    connection: &Connection,
    statement: &str,
    params: impl Params,
    limit: usize,
) -> Result<Batch, JournalError> {
    let mut statement = connection.prepare_cached(statement)?;
    let mut rows = statement.query(params)?;
    let mut batch = Batch::default();
    let mut bytes = 0;
    while batch.waiting.len() < limit && bytes < BATCH_BYTES {
        let Some(row) = rows.next()? else { break };
        match waiting(row)? {
            Ok(waiting) => {
                batch.waiting.push(waiting);
                bytes += row.get::<_, i64>("bytes")?;
            }
            Err(unreadable) => batch.unreadable.push(unreadable),
        }
    }
    Ok(batch)
}

/// Callbacks behind `after` that were handed over at `before` or earlier and have no known outcome, in order.
pub(super) fn handed_over(
    connection: &Connection,
    after: Option<Seq>,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<HandedOver>, JournalError> {
    let mut statement = connection.prepare_cached(sql::READ_HANDED_OVER)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query((after.map_or(0, |seq| seq.0), before.as_millisecond(), limit))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, at): ([u8; 16], i64) = (row.get("id")?, row.get("handed_over_at")?);
        found.push(HandedOver {
            seq: Seq(row.get("seq")?),
            id: CallbackId(Uuid::from_bytes(id)),
            at: Timestamp::from_millisecond(at).unwrap_or(before),
            attempts: row.get("attempts")?,
        });
    }
    Ok(found)
}

/// How many callbacks that wait for their hand-over cannot be read.
fn count_unreadable(connection: &Connection) -> Result<u64, JournalError> {
    let mut unreadable = 0;
    for kind in [PushKind::Event, PushKind::Message] {
        let (new, suspect) = ((kind.as_str(), 0), [kind.as_str()]);
        unreadable +=
            count_bad(connection, sql::READ_NEW, new)? + count_bad(connection, sql::READ_SUSPECT, suspect)?;
    }
    Ok(unreadable)
}

fn count_bad(connection: &Connection, statement: &str, params: impl Params) -> Result<u64, JournalError> {
    let mut statement = connection.prepare_cached(statement)?;
    let mut rows = statement.query(params)?;
    let mut bad = 0;
    while let Some(row) = rows.next()? {
        bad += u64::from(waiting(row)?.is_err());
    }
    Ok(bad)
}

/// What is bounded beside `journal_max`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Parked messages whose texts are kept.
    pub(super) parked: Amount,
    /// Messages of which only the id is left.
    pub(super) message_ids: u64,
}

pub(super) fn held(connection: &Connection) -> Result<Held, JournalError> {
    Ok(tally(connection)?.held)
}

/// How long ago a message may have been received whose repetition is still recognised.
pub(super) fn message_ids_reach(connection: &Connection, limits: &Limits) -> Result<Duration, JournalError> {
    if held(connection)?.message_ids < limits.message_ids_max() {
        return Ok(DEDUPE_WINDOW);
    }
    let mut statement = connection.prepare_cached(sql::READ_OLDEST_MESSAGE_ID)?;
    let oldest: Option<i64> = statement.query_row([], |row| row.get(0))?;
    let now = (limits.clock)().as_millisecond();
    let age = oldest.map_or(0, |oldest| u64::try_from(now.saturating_sub(oldest)).unwrap_or(0));
    Ok(Duration::from_millis(age).min(DEDUPE_WINDOW))
}

/// What waits.
pub(super) fn backlog(connection: &Connection) -> Result<Backlog, JournalError> {
    Ok(tally(connection)?.waiting)
}

/// What is in the journal. Looks at what is kept and what waits row by row, so it is not for every second.
pub(super) fn status(connection: &Connection) -> Result<JournalStatus, JournalError> {
    let Tally { waiting, settled, held: _ } = tally(connection)?;
    let kept: i64 = connection.query_row(sql::READ_KEPT, [], |row| row.get(0))?;
    let kept = kept.unsigned_abs();
    Ok(JournalStatus {
        waiting,
        settled_kept: Amount { rows: kept, bytes: settled.bytes },
        ids_only: settled.rows.saturating_sub(kept),
        unreadable: count_unreadable(connection)?,
        parked: connection.query_row(sql::COUNT_PARKED, [], |row| row.get::<_, i64>(0))?.unsigned_abs(),
        file_bytes: used_bytes(connection)?,
    })
}

/// Bytes of the file's pages that hold something.
pub(super) fn used_bytes(connection: &Connection) -> Result<u64, JournalError> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = number("page_count")? - number("freelist_count")?;
    Ok((pages * number("page_size")?).unsigned_abs())
}

#[derive(Default)]
struct Tally {
    waiting: Backlog,
    settled: Amount,
    held: Held,
}

fn tally(connection: &Connection) -> Result<Tally, JournalError> {
    let mut tally = Tally::default();
    let mut statement = connection.prepare_cached(sql::READ_TALLY)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let amount = Amount {
            rows: row.get::<_, i64>(1)?.unsigned_abs(),
            bytes: row.get::<_, i64>(2)?.unsigned_abs(),
        };
        match row.get_ref(0)?.as_str().unwrap_or_default() {
            NEW => tally.waiting.new = amount,
            HANDED_OVER => tally.waiting.handed_over = amount,
            SETTLED => tally.settled = amount,
            PARKED => tally.held.parked = amount,
            MESSAGE_IDS => tally.held.message_ids = amount.rows,
            _ => {} // there is no other
        }
    }
    let oldest: Option<i64> =
        connection.prepare_cached(sql::READ_OLDEST_WAITING)?.query_row([], |row| row.get(0))?;
    tally.waiting.oldest = oldest.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    Ok(tally)
}

fn waiting(row: &Row<'_>) -> Result<Result<Waiting, UnreadableRow>, JournalError> {
    let (seq, deaths) = (Seq(row.get("seq")?), row.get("deaths")?);
    Ok(push(row).map(|push| Waiting { seq, push, deaths }).map_err(|what| UnreadableRow { seq, what }))
}

/// The callback of a row, or the column that cannot be read.
fn push(row: &Row<'_>) -> Result<Push, &'static str> {
    let text = |column| row.get::<_, String>(column).map_err(|_| column);
    let id: Vec<u8> = row.get("id").map_err(|_| "id")?;
    let authorizer: Option<String> = row.get("authorizer").map_err(|_| "authorizer")?;
    let received_at: i64 = row.get("received_at").map_err(|_| "received_at")?;
    Ok(Push {
        id: CallbackId(Uuid::from_slice(&id).map_err(|_| "id")?),
        component: ComponentId::try_from(text("component")?).map_err(|_| "component")?,
        authorizer: authorizer.map(AuthorizerId::try_from).transpose().map_err(|_| "authorizer")?,
        pair: text("pair")?.parse().map_err(|_| "pair")?,
        query: text("query")?,
        body: text("body")?,
        received_at: Timestamp::from_millisecond(received_at).map_err(|_| "received_at")?,
        unverified: row.get("unverified").map_err(|_| "unverified")?,
    })
}
