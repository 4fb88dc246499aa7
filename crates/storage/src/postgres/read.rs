//! Reading the log, states, keys, messages and checkpoints.

use jiff::Timestamp;
use mandate_schema::{
    AuthorizerId, CallbackId, CommandId, ComponentId, EventId, Position, Push, StoredEvent, StreamName,
    WrappedKey, sql::postgres as sql,
};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    PostgresStorage, append,
    connection::Connection,
    convert::{get, int, rows as counted, small},
    dead_letters::settle,
    rows,
};
use crate::{
    Appended, AuthorizerFilter, AuthorizerRow, Checkpoints, Command, CommandRecord, EventLog, EventOrder,
    EventQuery, Keys, Messages, States, StatusCount, StorageError, StreamQuery,
    convert::{from_json, limit, millis, parse, position, signed, time, to_json, unsigned},
};

type Result<T> = std::result::Result<T, StorageError>;

impl EventLog for PostgresStorage {
    async fn append_batch(&self, commands: Vec<Command>) -> Result<Vec<Appended>> {
        append::append_batch(self, &commands).await
    }

    async fn head(&self) -> Result<Position> {
        position(get(&self.connection().await?.one(sql::log_head, &[]).await?, "position")?)
    }

    async fn rename_log(&self, log_id: &str) -> Result<()> {
        self.connection().await?.change(sql::log_rename, &[&log_id]).await?;
        Ok(())
    }

    async fn log_id(&self) -> Result<String> {
        get(&self.connection().await?.one(sql::log_head, &[]).await?, "log_id")
    }

    async fn read(&self, query: EventQuery) -> Result<Vec<StoredEvent>> {
        let (after, limit) = (signed(query.after.0), limit(query.limit));
        rows::collect(&self.connection().await?.all(sql::event_read, &[&after, &limit]).await?, rows::event)
    }

    async fn read_stream(&self, query: StreamQuery) -> Result<Vec<StoredEvent>> {
        let sql = match query.order {
            EventOrder::Ascending => sql::event_read_stream,
            EventOrder::Descending => sql::event_read_stream_backwards,
        };
        let up_to = query.up_to.map_or(i64::MAX, |position| signed(position.0));
        let before = query.before.map_or(i64::MAX, |version| signed(version.0));
        let (stream, after, limit) = (query.stream.to_string(), signed(query.after.0), limit(query.limit));
        let found = self.connection().await?.all(sql, &[&stream, &after, &up_to, &before, &limit]).await?;
        rows::collect(&found, rows::event)
    }

    async fn event(&self, id: EventId) -> Result<Option<StoredEvent>> {
        let found = self.connection().await?.first(sql::event_by_id, &[&id.0]).await?;
        found.as_ref().map(rows::event).transpose()
    }

    async fn outcomes(&self, ids: Vec<CommandId>) -> Result<Vec<CommandRecord>> {
        let ids: Vec<Uuid> = ids.into_iter().map(|id| id.0).collect();
        rows::collect(&self.connection().await?.all(sql::command_find, &[&ids]).await?, |row| {
            Ok(CommandRecord {
                id: CommandId(get(row, "id")?),
                outcome: append::outcome(&get::<String>(row, "outcome")?)?,
                position: get::<Option<i64>>(row, "position")?.map(position).transpose()?,
            })
        })
    }
}

impl States for PostgresStorage {
    async fn authorizers(&self, filter: AuthorizerFilter) -> Result<Vec<AuthorizerRow>> {
        let component = filter.component.as_ref().map(ComponentId::as_str);
        let after = filter.after.map(|stream| stream.to_string()).unwrap_or_default();
        let limit = limit(filter.limit);
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&component, &filter.status, &filter.text, &after, &limit];
        let found = self.connection().await?.all(sql::state_list_authorizers, &parameters).await?;
        rows::collect(&found, |row| {
            let access_token_expires_at = get::<Option<i64>>(row, "expires_at")?.map(time).transpose()?;
            Ok(AuthorizerRow { state: rows::state(row)?, access_token_expires_at })
        })
    }

    async fn status_counts(&self) -> Result<Vec<StatusCount>> {
        rows::collect(&self.connection().await?.all(sql::state_status_counts, &[]).await?, |row| {
            Ok(StatusCount {
                component: parse(&get::<String>(row, "component")?)?,
                status: get(row, "status")?,
                count: unsigned(get(row, "count")?)?,
            })
        })
    }
}

impl Keys for PostgresStorage {
    async fn key(&self, stream: &StreamName, number: u32) -> Result<Option<WrappedKey>> {
        find_key(&self.connection().await?, stream, number).await
    }

    async fn key_samples(&self) -> Result<Vec<WrappedKey>> {
        rows::collect(&self.connection().await?.all(sql::key_samples, &[]).await?, any_wrapped)
    }

    async fn key_counts(&self) -> Result<Vec<(String, u64)>> {
        rows::collect(&self.connection().await?.all(sql::key_counts, &[]).await?, |row| {
            Ok((get(row, "master")?, unsigned(get(row, "count")?)?))
        })
    }

    async fn keys_under(&self, master: &str, most: usize) -> Result<Vec<WrappedKey>> {
        let most = limit(most);
        rows::collect(&self.connection().await?.all(sql::key_under, &[&master, &most]).await?, any_wrapped)
    }

    async fn rewrap_keys(&self, keys: Vec<(WrappedKey, WrappedKey)>) -> Result<usize> {
        let connection = self.connection().await?;
        let work = async {
            let mut changed = 0;
            for (old, new) in &keys {
                let (stream, number) = (old.stream.to_string(), int(old.number));
                let row: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
                    [&stream, &number, &old.bytes, &new.master, &new.bytes];
                changed += counted(connection.change(sql::key_rewrap, &row).await?);
            }
            Ok(changed)
        };
        connection.transaction("begin", work).await
    }
}

pub(super) async fn find_key(
    connection: &Connection,
    stream: &StreamName,
    number: u32,
) -> Result<Option<WrappedKey>> {
    let found = connection.first(sql::key_find, &[&stream.to_string(), &int(number)]).await?;
    found.map(|row| wrapped(&row, stream.clone(), number)).transpose()
}

fn any_wrapped(row: &Row) -> Result<WrappedKey> {
    let stream = parse(&get::<String>(row, "stream")?)?;
    wrapped(row, stream, small(get(row, "number")?)?)
}

fn wrapped(row: &Row, stream: StreamName, number: u32) -> Result<WrappedKey> {
    Ok(WrappedKey { stream, number, master: get(row, "master")?, bytes: get(row, "wrapped")? })
}

impl Messages for PostgresStorage {
    async fn store_messages(&self, pushes: Vec<Push>) -> Result<()> {
        let connection = self.connection().await?;
        let count = signed(pushes.len() as u64);
        let work = async {
            let last: i64 = get(&connection.one(sql::message_head_move, &[&count]).await?, "position")?;
            for (position, push) in (last - count + 1..).zip(&pushes) {
                let authorizer = push.authorizer.as_ref().map_or("", AuthorizerId::as_str);
                let (component, received_at) = (push.component.as_str(), millis(push.received_at));
                let text = to_json(push)?;
                let row: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
                    [&push.id.0, &component, &authorizer, &text, &received_at, &position];
                connection.change(sql::message_put, &row).await?;
                settle(&connection, push.id.into()).await?; // it may have been dead
            }
            Ok(())
        };
        connection.transaction("begin", work).await
    }

    async fn read_messages(&self, after: Position, limit: usize) -> Result<Vec<(Position, Push)>> {
        let (after, limit) = (signed(after.0), signed(limit as u64));
        let rows = self.connection().await?.all(sql::message_read, &[&after, &limit]).await?;
        let message = |row: &Row| {
            let push: Push = from_json(&get::<String>(row, "push")?)?;
            Ok((position(get(row, "position")?)?, Push { id: CallbackId(get(row, "id")?), ..push }))
        };
        rows.iter().map(message).collect()
    }

    async fn message_head(&self) -> Result<(Position, u64)> {
        let row = self.connection().await?.one(sql::message_head, &[]).await?;
        Ok((position(get(&row, "position")?)?, unsigned(get(&row, "size")?)?))
    }

    async fn message_count(&self) -> Result<u64> {
        unsigned(get(&self.connection().await?.one(sql::message_count, &[]).await?, "count")?)
    }

    async fn prune_messages(&self, before: Timestamp) -> Result<usize> {
        self.connection().await?.prune(sql::message_prune, &[&millis(before)]).await
    }

    async fn prune_oldest_messages(&self, count: usize) -> Result<usize> {
        self.connection().await?.prune_up_to(count, sql::message_prune_oldest, &[]).await
    }

    async fn prune_erased_messages(&self) -> Result<usize> {
        let connection = self.connection().await?;
        let mut pruned = 0;
        for row in connection.all(sql::message_erased, &[]).await? {
            let (component, authorizer) =
                (get::<String>(&row, "component")?, get::<String>(&row, "authorizer")?);
            let position: i64 = get(&row, "position")?;
            pruned +=
                connection.prune(sql::message_prune_erased, &[&component, &authorizer, &position]).await?;
            connection.change(sql::message_erased_end, &[&component, &authorizer, &position]).await?;
        }
        Ok(pruned)
    }
}

impl Checkpoints for PostgresStorage {
    async fn checkpoint(&self, reader: &str) -> Result<Position> {
        let found = self.connection().await?.first(sql::checkpoint_find, &[&reader]).await?;
        found.map_or(Ok(Position(0)), |row| position(get(&row, "position")?))
    }

    async fn set_checkpoint(&self, reader: &str, at: Position) -> Result<()> {
        self.connection().await?.change(sql::checkpoint_put, &[&reader, &signed(at.0)]).await?;
        Ok(())
    }
}
