//! The append on a server: one batch as one document, for the function `append_batch` of the database.

use tokio_postgres::types::Json;

use super::form::Item;
use crate::{
    Appended, Command, CommandRecord, StorageError,
    driver::{Row, postgres::Connection, sql},
    store::{Result, log},
};

/// Appends on a connection, within what it is doing.
pub(in crate::store) async fn append_on(
    connection: &Connection,
    commands: &[Command],
) -> Result<Vec<Appended>> {
    let batch: Vec<Item<'_>> = commands.iter().map(Item::of).collect::<Result<_>>()?;
    let rows = connection.rows(sql!(POSTGRES / "append_batch").postgres, &[&Json(batch)]).await?;
    if rows.len() != commands.len() {
        return Err(StorageError::unreadable("the append did not answer each command"));
    }
    rows.iter().zip(commands).map(|(row, command)| appended(&Row::of_postgres(row), command)).collect()
}

fn appended(row: &Row<'_>, command: &Command) -> Result<Appended> {
    match row.get("result")? {
        "stored" => Ok(Appended::Stored(row.get("last_position")?)),
        "duplicate" => {
            let (outcome, position) = (log::outcome(row.get("outcome")?)?, row.get("last_position")?);
            Ok(Appended::Duplicate(CommandRecord { id: command.id(), outcome, position }))
        }
        "conflict" => Ok(Appended::Conflict),
        "finished" => Ok(Appended::Finished),
        other => Err(StorageError::unreadable(format!("unknown result {other} of an append"))),
    }
}
