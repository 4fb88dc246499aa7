//! Rows to values.

use mandate_schema::{CommandId, EventId, EventRecord, StoredEvent, TaskId, Version};
use rusqlite::Row;

use super::convert::{from_json, parse, position, time, unsigned, uuid};
use crate::{StateRow, StorageError};

type Result<T> = std::result::Result<T, StorageError>;

/// The id that a task with this key gets when it is queued at this time.
pub(super) fn task_id(key: &str, millis: i64) -> TaskId {
    TaskId::of_key(key, millis)
}

/// Collects rows, each read by `read`.
pub(super) fn collect<T>(
    mut rows: rusqlite::Rows<'_>,
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut values = Vec::new();
    while let Some(row) = rows.next()? {
        values.push(read(row)?);
    }
    Ok(values)
}

pub(super) fn event(row: &Row<'_>) -> Result<StoredEvent> {
    Ok(StoredEvent {
        position: position(row.get(0)?)?,
        stream: parse(&row.get::<_, String>(1)?)?,
        version: Version(unsigned(row.get(2)?)?),
        record: EventRecord {
            id: EventId(uuid(&row.get::<_, Vec<u8>>(3)?)?),
            name: row.get(4)?,
            form: row.get(5)?,
            causation: CommandId(uuid(&row.get::<_, Vec<u8>>(6)?)?),
            occurred_at: row.get::<_, Option<i64>>(7)?.map(time).transpose()?,
            recorded_at: time(row.get(8)?)?,
            data: row.get(9)?,
            sealed: from_json(&row.get::<_, String>(10)?)?,
        },
    })
}

pub(super) fn state(row: &Row<'_>) -> Result<StateRow> {
    Ok(StateRow {
        stream: parse(&row.get::<_, String>(0)?)?,
        version: Version(unsigned(row.get(1)?)?),
        position: position(row.get(2)?)?,
        form: row.get(3)?,
        state: row.get(4)?,
    })
}
