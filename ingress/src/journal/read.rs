//! What is read from the file, on a connection that does not write.

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, CallbackId, ComponentId, Push, journal_sql as sql};
use rusqlite::{Connection, Row};
use uuid::Uuid;

use super::{
    Backlog, JournalError, JournalStatus, Seq, Waiting,
    model::Amount,
    store::{HANDED_OVER, NEW, SETTLED, used_bytes},
};

/// A batch ends after this many bytes, so that large callbacks do not add up in memory.
const BATCH_BYTES: i64 = 4 << 20;

/// Callbacks that wait for their hand-over, in order: at most `limit`, at least one if there is any.
pub(super) fn new_callbacks(connection: &Connection, limit: usize) -> Result<Vec<Waiting>, JournalError> {
    let mut statement = connection.prepare_cached(sql::READ_NEW)?;
    let mut rows = statement.query([i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut batch = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        batch.push(waiting(row)?);
        bytes += row.get::<_, i64>("bytes")?;
        if bytes >= BATCH_BYTES {
            break;
        }
    }
    Ok(batch)
}

/// What waits.
pub(super) fn backlog(connection: &Connection) -> Result<Backlog, JournalError> {
    Ok(tally(connection)?.waiting)
}

/// What is in the journal. Counts the kept rows one by one, so it is not for every second.
pub(super) fn status(connection: &Connection) -> Result<JournalStatus, JournalError> {
    let Tally { waiting, settled } = tally(connection)?;
    let kept: i64 = connection.query_row(sql::READ_KEPT, [], |row| row.get(0))?;
    let kept = kept.unsigned_abs();
    Ok(JournalStatus {
        waiting,
        settled_kept: Amount { rows: kept, bytes: settled.bytes },
        ids_only: settled.rows.saturating_sub(kept),
        file_bytes: used_bytes(connection)?,
    })
}

#[derive(Default)]
struct Tally {
    waiting: Backlog,
    settled: Amount,
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
            _ => {} // the table allows no other
        }
    }
    let oldest: Option<i64> =
        connection.prepare_cached(sql::READ_OLDEST_WAITING)?.query_row([], |row| row.get(0))?;
    tally.waiting.oldest = oldest.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    Ok(tally)
}

fn waiting(row: &Row<'_>) -> Result<Waiting, JournalError> {
    let seq = Seq(row.get("seq")?);
    let unreadable = |what| move || JournalError::UnreadableRow { seq, what };
    let id: Vec<u8> = row.get("id")?;
    let authorizer: Option<String> = row.get("authorizer")?;
    let push = Push {
        id: CallbackId(Uuid::from_slice(&id).ok().ok_or_else(unreadable("id"))?),
        component: ComponentId::try_from(row.get::<_, String>("component")?)
            .ok()
            .ok_or_else(unreadable("component"))?,
        authorizer: authorizer
            .map(AuthorizerId::try_from)
            .transpose()
            .ok()
            .ok_or_else(unreadable("authorizer"))?,
        pair: row.get::<_, String>("pair")?.parse().ok().ok_or_else(unreadable("pair"))?,
        query: row.get("query")?,
        body: row.get("body")?,
        received_at: Timestamp::from_millisecond(row.get("received_at")?)
            .ok()
            .ok_or_else(unreadable("received_at"))?,
    };
    Ok(Waiting { seq, push })
}
