//! What a batch of decisions is made on: short look-ups in one read transaction.

use mandate_schema::{Position, StoredEvent, StreamName, sql::sqlite as sql};
use rusqlite::{Connection, params};

use super::{
    SqliteStorage, append, consents,
    convert::{limit, signed},
    queue,
    read::find_key,
    rows,
};
use crate::{Gather, Gathered, Loaded, StorageError, Wanted, gather::EVENTS_MAX};

type Result<T> = std::result::Result<T, StorageError>;

impl Gather for SqliteStorage {
    async fn gather(&self, wanted: Wanted) -> Result<Gathered> {
        self.read(move |c| {
            let tx = c.unchecked_transaction()?;
            gather(&tx, wanted)
        })
        .await
    }
}

fn gather(connection: &Connection, wanted: Wanted) -> Result<Gathered> {
    let mut found = Gathered::default();
    for stream in wanted.streams {
        let loaded = load(connection, &stream)?;
        found.streams.insert(stream, loaded);
    }
    for (stream, after) in wanted.since {
        let events = since(connection, &stream, after)?;
        found.since.insert((stream, after), events);
    }
    for key in wanted.tasks {
        if let Some(task) = queue::find(connection, &key)? {
            found.tasks.insert(key, task);
        }
    }
    for code in wanted.pre_auth_codes {
        let visit = consents::find(connection, sql::consent_visit_by_pre_auth, &code.to_string())?;
        found.by_pre_auth_code.extend(visit.map(|visit| (code, visit)));
    }
    for code in wanted.codes {
        let visit = consents::find(connection, sql::consent_visit_by_code, &code.to_string())?;
        found.by_code.extend(visit.map(|visit| (code, visit)));
    }
    Ok(found)
}

fn load(connection: &Connection, stream: &StreamName) -> Result<Loaded> {
    let name = stream.to_string();
    let mut statement = connection.prepare_cached(sql::state_load)?;
    let mut found = statement.query([&name])?;
    let state = found.next()?.map(rows::state).transpose()?;
    let (last_key, last_key_destroyed) = append::last_key(connection, &name)?;
    let key = match Loaded::sealing_key(stream, last_key, last_key_destroyed) {
        Some(number) => find_key(connection, stream, number)?,
        None => None,
    };
    Ok(Loaded { state, last_key, last_key_destroyed, key })
}

fn since(connection: &Connection, stream: &StreamName, after: Position) -> Result<Vec<StoredEvent>> {
    let mut statement = connection.prepare_cached(sql::event_read_stream)?;
    let all = i64::MAX;
    let found = statement.query(params![stream.to_string(), signed(after.0), all, all, limit(EVENTS_MAX)])?;
    rows::collect(found, rows::event)
}
