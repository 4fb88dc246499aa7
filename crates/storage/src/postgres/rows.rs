//! Rows to values.

use mandate_schema::{
    CallbackId, CommandId, EventId, EventRecord, Position, Push, StoredEvent, TaskId, Version,
};
use tokio_postgres::Row;
use uuid::Uuid;

use super::convert::{get, small};
use crate::{
    Claimed, DeadLetter, DeadLetterRow, DeadPayload, NewTask, StateRow, StorageError, TaskState,
    TokenFailure, TokenRow,
    convert::{from_json, parse, position, time, unsigned},
};

type Result<T> = std::result::Result<T, StorageError>;

/// Reads each row by `read`.
pub(super) fn collect<T>(rows: &[Row], read: impl Fn(&Row) -> Result<T>) -> Result<Vec<T>> {
    rows.iter().map(read).collect()
}

/// The version of a stored form.
fn form(row: &Row) -> Result<u16> {
    u16::try_from(get::<i32>(row, "form")?).map_err(StorageError::unreadable)
}

pub(super) fn event(row: &Row) -> Result<StoredEvent> {
    Ok(StoredEvent {
        position: position(get(row, "position")?)?,
        stream: parse(&get::<String>(row, "stream")?)?,
        version: Version(unsigned(get(row, "version")?)?),
        record: EventRecord {
            id: EventId(get(row, "id")?),
            name: get(row, "name")?,
            form: form(row)?,
            causation: CommandId(get(row, "command")?),
            occurred_at: get::<Option<i64>>(row, "occurred_at")?.map(time).transpose()?,
            recorded_at: time(get(row, "recorded_at")?)?,
            data: get(row, "data")?,
            sealed: from_json(&get::<String>(row, "sealed")?)?,
        },
    })
}

pub(super) fn state(row: &Row) -> Result<StateRow> {
    Ok(StateRow {
        stream: parse(&get::<String>(row, "stream")?)?,
        version: Version(unsigned(get(row, "version")?)?),
        position: position(get(row, "position")?)?,
        form: form(row)?,
        state: get(row, "state")?,
    })
}

pub(super) fn task_state(row: &Row) -> Result<TaskState> {
    let text: String = get(row, "state")?;
    TaskState::parse(&text).ok_or_else(|| StorageError::unreadable(format!("unknown task state {text}")))
}

pub(super) fn claimed(row: &Row) -> Result<Claimed> {
    let (by, sealed): (Option<String>, Option<String>) = (get(row, "sealed_by")?, get(row, "sealed")?);
    let sealed = by.zip(sealed).map(|(by, text)| Ok::<_, StorageError>((parse(&by)?, parse(&text)?)));
    Ok(Claimed {
        id: TaskId(get(row, "id")?),
        task: NewTask {
            key: get(row, "key")?,
            kind: get(row, "kind")?,
            component: parse(&get::<String>(row, "component")?)?,
            authorizer: get::<Option<String>>(row, "authorizer")?.map(|id| parse(&id)).transpose()?,
            tag: get(row, "tag")?,
            payload: get(row, "payload")?,
            sealed: sealed.transpose()?,
        },
        attempt: small(get(row, "attempt")?)?,
        tries: small(get(row, "tries")?)? + 1,
        deaths: small(get(row, "deaths")?)?,
        head: Position(unsigned(get(row, "head")?)?),
        created_at: time(get(row, "created_at")?)?,
    })
}

pub(super) fn token(row: &Row) -> Result<TokenRow> {
    let (access, expires_at): (Option<String>, Option<i64>) = (get(row, "access")?, get(row, "expires_at")?);
    let access = access.zip(expires_at).map(|(text, at)| Ok::<_, StorageError>((parse(&text)?, time(at)?)));
    let failure = match get::<Option<String>>(row, "failure")? {
        Some(reason) => Some(TokenFailure {
            failures: small(get(row, "failures")?)?,
            not_before: time(get(row, "not_before")?)?,
            reason,
        }),
        None => None,
    };
    Ok(TokenRow { access: access.transpose()?, generation: unsigned(get(row, "generation")?)?, failure })
}

pub(super) fn letter(row: &Row) -> Result<DeadLetterRow> {
    let (push_id, push): (Option<Uuid>, Option<String>) = (get(row, "push_id")?, get(row, "push")?);
    let payload = match (push_id, push, get::<Option<Uuid>>(row, "task")?) {
        (Some(id), Some(push), None) => DeadPayload::Push(Push { id: CallbackId(id), ..from_json(&push)? }),
        (None, None, Some(task)) => DeadPayload::Task(TaskId(task)),
        _ => return Err(StorageError::unreadable("a dead letter with neither a push nor a task")),
    };
    Ok(DeadLetterRow {
        letter: DeadLetter {
            command: CommandId(get(row, "command")?),
            reason: get(row, "reason")?,
            detail: get(row, "detail")?,
            payload,
            recorded_at: time(get(row, "recorded_at")?)?,
        },
        retries: small(get(row, "retries")?)?,
    })
}
