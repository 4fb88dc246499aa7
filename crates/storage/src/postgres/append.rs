//! The append: one batch as one document, for the function `append_batch` of the database.

use base64::{Engine, engine::general_purpose::STANDARD};
use mandate_schema::{EventRecord, TaskId, sql::postgres as sql};
use serde_json::{Value, json};
use tokio_postgres::{Row, types::Json};

use super::{PostgresStorage, connection::Connection, convert::get};
use crate::{
    Append, Appended, Attempt, Command, CommandOutcome, CommandRecord, DeadLetter, DeadPayload, Ending,
    GivenUp, NewTask, StorageError, TokenChange,
    convert::{NO_ATTEMPT, millis, position, signed, to_json, told},
};

type Result<T> = std::result::Result<T, StorageError>;

pub(super) async fn append_batch(storage: &PostgresStorage, commands: &[Command]) -> Result<Vec<Appended>> {
    if commands.is_empty() {
        return Ok(Vec::new());
    }
    append_on(&storage.connection().await?, commands).await
}

/// As [`append_batch`], within what a connection is doing.
pub(super) async fn append_on(connection: &Connection, commands: &[Command]) -> Result<Vec<Appended>> {
    let batch: Vec<Value> = commands.iter().map(item).collect::<Result<_>>()?;
    let rows = connection.all(sql::append_batch, &[&Json(batch)]).await?;
    if rows.len() != commands.len() {
        return Err(StorageError::unreadable("the append did not answer each command"));
    }
    rows.iter().zip(commands).map(|(row, command)| appended(row, command)).collect()
}

fn appended(row: &Row, command: &Command) -> Result<Appended> {
    let last = get::<Option<i64>>(row, "last_position")?.map(position).transpose()?;
    let result: String = get(row, "result")?;
    match result.as_str() {
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

fn item(command: &Command) -> Result<Value> {
    match command {
        Command::Decided(append) => decided(append),
        Command::Dead(letter) => dead(letter),
        Command::GivenUp(given_up) => Ok(self::given_up(given_up)),
    }
}

fn decided(append: &Append) -> Result<Value> {
    let at = millis(append.recorded_at);
    if !append.events.is_empty() && append.state.is_none() {
        return Err(StorageError::Data("events without a state".into()));
    }
    if append.erases.is_some() && append.stream.authorizer().is_none() {
        return Err(StorageError::Data(format!("{} is no account to erase", append.stream).into()));
    }
    Ok(json!({
        "id": append.command.0,
        "recorded_at": at,
        "task": append.finishes.as_ref().map(|finish| finish.by.task.0),
        "finish": append.finishes.as_ref().map(|finish| self::finish(&finish.by, finish.ending)),
        "stream": append.stream.to_string(),
        "expected": signed(append.expected.0),
        "events": append.events.iter().map(event).collect::<Result<Vec<_>>>()?,
        "state": append.state.as_ref().map(|state| json!({ "form": state.form, "json": state.json })),
        "keys": append.keys.iter().map(|key| json!({
            "stream": key.wrapped.stream.to_string(),
            "number": key.wrapped.number,
            "master": key.wrapped.master,
            "wrapped": STANDARD.encode(&key.wrapped.bytes),
            "about": key.about,
        })).collect::<Vec<_>>(),
        "token": token(&append.token),
        "tasks": append.tasks.iter().map(|new| task(new, at)).collect::<Vec<_>>(),
        "redeems": append.redeems.iter().map(|new| task(new, at)).collect::<Vec<_>>(),
        "erases": append.erases.as_ref().map(|erasure| erasure.letters.iter().map(|id| id.0).collect::<Vec<_>>()),
    }))
}

fn event(record: &EventRecord) -> Result<Value> {
    Ok(json!({
        "id": record.id.0,
        "name": record.name,
        "form": record.form,
        "command": record.causation.0,
        "occurred_at": record.occurred_at.map(millis),
        "recorded_at": millis(record.recorded_at),
        "data": record.data,
        "sealed": to_json(&record.sealed)?,
    }))
}

fn token(change: &TokenChange) -> Value {
    match change {
        TokenChange::Keep => Value::Null,
        TokenChange::Empty => json!({ "change": "empty" }),
        TokenChange::Store { access, expires_at, generation } => json!({
            "change": "store",
            "access": access.to_string(),
            "expires_at": millis(*expires_at),
            "generation": signed(*generation),
        }),
    }
}

fn task(task: &NewTask, at: i64) -> Value {
    let (sealed_by, sealed) =
        task.sealed.as_ref().map(|(stream, sealed)| (stream.to_string(), sealed.to_string())).unzip();
    json!({
        "id": TaskId::of_key(&task.key, at).0,
        "key": task.key,
        "kind": task.kind,
        "component": task.component.as_str(),
        "authorizer": task.authorizer,
        "tag": task.tag,
        "payload": task.payload,
        "sealed_by": sealed_by,
        "sealed": sealed,
    })
}

fn dead(letter: &DeadLetter) -> Result<Value> {
    let DeadPayload::Push(push) = &letter.payload else {
        return Err(StorageError::Data(NO_ATTEMPT.into()));
    };
    let (push_id, push) = (push.id.0, to_json(push)?);
    Ok(json!({
        "id": letter.command.0,
        "recorded_at": millis(letter.recorded_at),
        "letter": { "reason": letter.reason, "detail": told(&letter.detail), "push_id": push_id, "push": push },
    }))
}

fn given_up(GivenUp { by, reason, detail, asks, recorded_at }: &GivenUp) -> Value {
    let at = millis(*recorded_at);
    json!({
        "id": by.command().0,
        "recorded_at": at,
        "task": by.task.0,
        "finish": finish(by, Ending::Refusal),
        "letter": { "reason": reason, "detail": told(detail) },
        "tasks": asks.iter().map(|new| task(new, at)).collect::<Vec<_>>(),
    })
}

fn finish(by: &Attempt, ending: Ending) -> Value {
    json!({ "attempt": by.number, "authorizer": by.authorizer, "tag": by.tag, "ending": ending.as_str() })
}
