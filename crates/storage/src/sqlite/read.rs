//! Reading the log, states, keys, messages and checkpoints.

use jiff::Timestamp;
use mandate_schema::{
    CallbackId, CommandId, EventId, Position, Push, StoredEvent, StreamName, WrappedKey, sql::sqlite as sql,
};
use rusqlite::{OptionalExtension, params, types::Value};

use super::{
    SqliteStorage, append,
    convert::{blob, from_json, limit, millis, parse, position, signed, to_json, unsigned, uuid},
    dead_letters::settle,
    rows,
};
use crate::{
    Appended, AuthorizerFilter, AuthorizerRow, Checkpoints, Command, CommandRecord, EventLog, EventOrder,
    EventQuery, Keys, Messages, States, StatusCount, StorageError, StreamQuery,
};

type Result<T> = std::result::Result<T, StorageError>;

impl EventLog for SqliteStorage {
    async fn append_batch(&self, commands: Vec<Command>) -> Result<Vec<Appended>> {
        self.write(move |tx| append::append_batch(tx, &commands)).await
    }

    async fn head(&self) -> Result<Position> {
        self.read(append::head).await
    }

    async fn rename_log(&self, log_id: &str) -> Result<()> {
        let log_id = log_id.to_owned();
        self.write(move |tx| {
            tx.prepare_cached(sql::log_rename)?.execute([log_id])?;
            Ok(())
        })
        .await
    }

    async fn log_id(&self) -> Result<String> {
        self.read(|c| Ok(c.prepare_cached(sql::log_head)?.query_row([], |row| row.get(1))?)).await
    }

    async fn read(&self, query: EventQuery) -> Result<Vec<StoredEvent>> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(sql::event_read)?;
            rows::collect(statement.query(params![signed(query.after.0), limit(query.limit)])?, rows::event)
        })
        .await
    }

    async fn read_stream(&self, query: StreamQuery) -> Result<Vec<StoredEvent>> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(match query.order {
                EventOrder::Ascending => sql::event_read_stream,
                EventOrder::Descending => sql::event_read_stream_backwards,
            })?;
            let up_to = query.up_to.map_or(i64::MAX, |position| signed(position.0));
            let before = query.before.map_or(i64::MAX, |version| signed(version.0));
            let (stream, after) = (query.stream.to_string(), signed(query.after.0));
            let found = statement.query(params![stream, after, up_to, before, limit(query.limit)])?;
            rows::collect(found, rows::event)
        })
        .await
    }

    async fn event(&self, id: EventId) -> Result<Option<StoredEvent>> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(sql::event_by_id)?;
            let mut found = statement.query([blob(&id.0)])?;
            found.next()?.map(rows::event).transpose()
        })
        .await
    }

    async fn outcomes(&self, ids: Vec<CommandId>) -> Result<Vec<CommandRecord>> {
        self.read(move |c| ids.into_iter().filter_map(|id| append::find_command(c, id).transpose()).collect())
            .await
    }
}

impl States for SqliteStorage {
    async fn authorizers(&self, filter: AuthorizerFilter) -> Result<Vec<AuthorizerRow>> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(sql::state_list_authorizers)?;
            let component = filter.component.as_ref().map(mandate_schema::ComponentId::as_str);
            let after = filter.after.map(|stream| stream.to_string()).unwrap_or_default();
            let found = statement.query(params![
                component,
                filter.status,
                filter.text,
                after,
                limit(filter.limit)
            ])?;
            rows::collect(found, |row| {
                Ok(AuthorizerRow {
                    state: rows::state(row)?,
                    access_token_expires_at: row
                        .get::<_, Option<i64>>(5)?
                        .map(super::convert::time)
                        .transpose()?,
                })
            })
        })
        .await
    }

    async fn status_counts(&self) -> Result<Vec<StatusCount>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(sql::state_status_counts)?;
            rows::collect(statement.query([])?, |row| {
                Ok(StatusCount {
                    component: parse(&row.get::<_, String>(0)?)?,
                    status: row.get(1)?,
                    count: unsigned(row.get(2)?)?,
                })
            })
        })
        .await
    }
}

impl Keys for SqliteStorage {
    async fn key(&self, stream: &StreamName, number: u32) -> Result<Option<WrappedKey>> {
        let stream = stream.clone();
        self.read(move |c| find_key(c, &stream, number)).await
    }

    async fn key_samples(&self) -> Result<Vec<WrappedKey>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(sql::key_samples)?;
            rows::collect(statement.query([])?, wrapped)
        })
        .await
    }

    async fn key_counts(&self) -> Result<Vec<(String, u64)>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(sql::key_counts)?;
            rows::collect(statement.query([])?, |row| Ok((row.get(0)?, unsigned(row.get(1)?)?)))
        })
        .await
    }

    async fn keys_under(&self, master: &str, most: usize) -> Result<Vec<WrappedKey>> {
        let master = master.to_owned();
        self.read(move |c| {
            let mut statement = c.prepare_cached(sql::key_under)?;
            rows::collect(statement.query(params![master, limit(most)])?, wrapped)
        })
        .await
    }

    async fn rewrap_keys(&self, keys: Vec<(WrappedKey, WrappedKey)>) -> Result<usize> {
        self.write(move |tx| {
            let mut statement = tx.prepare_cached(sql::key_rewrap)?;
            let mut changed = 0;
            for (old, new) in &keys {
                let stream = old.stream.to_string();
                changed +=
                    statement.execute(params![stream, old.number, old.bytes, new.master, new.bytes])?;
            }
            Ok(changed)
        })
        .await
    }
}

/// Columns stream, number, master, wrapped.
fn wrapped(row: &rusqlite::Row<'_>) -> Result<WrappedKey> {
    let stream = parse(&row.get::<_, String>(0)?)?;
    Ok(WrappedKey { stream, number: row.get(1)?, master: row.get(2)?, bytes: row.get(3)? })
}

pub(super) fn find_key(
    c: &rusqlite::Connection,
    stream: &StreamName,
    number: u32,
) -> Result<Option<WrappedKey>> {
    let found = c
        .prepare_cached(sql::key_find)?
        .query_row(params![stream.to_string(), number], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.map(|(master, bytes)| WrappedKey { stream: stream.clone(), number, master, bytes }))
}

impl Messages for SqliteStorage {
    async fn store_messages(&self, pushes: Vec<Push>) -> Result<()> {
        self.write(move |tx| {
            let count = signed(pushes.len() as u64);
            let last: i64 =
                tx.prepare_cached(sql::message_head_move)?.query_row([count], |row| row.get(0))?;
            let mut statement = tx.prepare_cached(sql::message_put)?;
            for (position, push) in (last - count + 1..).zip(&pushes) {
                let authorizer = push.authorizer.as_ref().map_or("", mandate_schema::AuthorizerId::as_str);
                let component = push.component.as_str();
                let received_at = millis(push.received_at);
                statement.execute(params![
                    blob(&push.id.0),
                    component,
                    authorizer,
                    to_json(push)?,
                    received_at,
                    position
                ])?;
                settle(tx, push.id.into())?; // it may have been dead
            }
            Ok(())
        })
        .await
    }

    async fn read_messages(&self, after: Position, limit: usize) -> Result<Vec<(Position, Push)>> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(sql::message_read)?;
            let rows = statement.query_map([signed(after.0), signed(limit as u64)], |row| {
                Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
            })?;
            rows.map(|row| {
                let (id, at, push) = row?;
                Ok((position(at)?, Push { id: CallbackId(uuid(&id)?), ..from_json(&push)? }))
            })
            .collect()
        })
        .await
    }

    async fn message_head(&self) -> Result<(Position, u64)> {
        self.read(|c| {
            let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
            let (last, size) = c.prepare_cached(sql::message_head)?.query_row([], row)?;
            Ok((position(last)?, unsigned(size)?))
        })
        .await
    }

    async fn message_count(&self) -> Result<u64> {
        self.read(|c| unsigned(c.prepare_cached(sql::message_count)?.query_row([], |row| row.get(0))?)).await
    }

    async fn prune_messages(&self, before: Timestamp) -> Result<usize> {
        self.prune(sql::message_prune, &[millis(before).into()]).await
    }

    async fn prune_oldest_messages(&self, count: usize) -> Result<usize> {
        self.prune_up_to(count, sql::message_prune_oldest, &[]).await
    }

    async fn prune_erased_messages(&self) -> Result<usize> {
        let erased = self.read(|c| {
            let mut statement = c.prepare_cached(sql::message_erased)?;
            rows::collect(statement.query([])?, |row| Ok([row.get::<_, Value>(0)?, row.get(1)?, row.get(2)?]))
        });
        let mut pruned = 0;
        for note in erased.await? {
            pruned += self.prune(sql::message_prune_erased, &note).await?;
            self.write(move |tx| Ok(tx.prepare_cached(sql::message_erased_end)?.execute(note)?)).await?;
        }
        Ok(pruned)
    }
}

impl Checkpoints for SqliteStorage {
    async fn checkpoint(&self, reader: &str) -> Result<Position> {
        let reader = reader.to_owned();
        self.read(move |c| {
            let found: Option<i64> =
                c.prepare_cached(sql::checkpoint_find)?.query_row([reader], |row| row.get(0)).optional()?;
            found.map_or(Ok(Position(0)), position)
        })
        .await
    }

    async fn set_checkpoint(&self, reader: &str, at: Position) -> Result<()> {
        let reader = reader.to_owned();
        self.write(move |tx| {
            tx.prepare_cached(sql::checkpoint_put)?.execute(params![reader, signed(at.0)])?;
            Ok(())
        })
        .await
    }
}
