//! The append: one batch as one document, for the function `append_batch` of the database.

use mandate_schema::sql::postgres as sql;
use tokio_postgres::{Row, types::Json};

use super::{PostgresStorage, append_form::Item, connection::Connection, convert::get};
use crate::{Appended, Command, CommandOutcome, CommandRecord, StorageError, convert::position};

type Result<T> = std::result::Result<T, StorageError>;

pub(super) async fn append_batch(storage: &PostgresStorage, commands: &[Command]) -> Result<Vec<Appended>> {
    if commands.is_empty() {
        return Ok(Vec::new());
    }
    append_on(&storage.connection().await?, commands).await
}

/// As [`append_batch`], within what a connection is doing.
pub(super) async fn append_on(connection: &Connection, commands: &[Command]) -> Result<Vec<Appended>> {
    let batch: Vec<Item<'_>> = commands.iter().map(Item::of).collect::<Result<_>>()?;
    let rows = connection.all(sql::append_batch, &[&Json(batch)]).await?;
    if rows.len() != commands.len() {
        return Err(StorageError::unreadable("the append did not answer each command"));
    }
    rows.iter().zip(commands).map(|(row, command)| appended(row, command)).collect()
}

fn appended(row: &Row, command: &Command) -> Result<Appended> {
    let last = get::<Option<i64>>(row, "last_position")?.map(position).transpose()?;
    let result: &str = row.try_get("result").map_err(StorageError::unreadable)?;
    match result {
        "stored" => Ok(Appended::Stored(last)),
        "duplicate" => {
            let outcome = outcome(&get::<String>(row, "outcome")?)?;
            Ok(Appended::Duplicate(CommandRecord { id: command.id(), outcome, position: last }))
        }
        "conflict" => Ok(Appended::Conflict),
        "finished" => Ok(Appended::Finished),
        other => Err(StorageError::unreadable(format!("unknown result {other} of an append"))),
    }
}

pub(super) fn outcome(text: &str) -> Result<CommandOutcome> {
    CommandOutcome::parse(text).ok_or_else(|| StorageError::unreadable(format!("unknown outcome {text}")))
}
