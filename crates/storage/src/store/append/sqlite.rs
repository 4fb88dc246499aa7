//! The append: everything that one batch of commands stores, in one transaction.

use std::collections::HashSet;

use mandate_schema::{CommandId, Position, StreamName, TaskId, Version};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, params};
use uuid::Uuid;

use crate::{
    Append, Appended, Attempt, Command, CommandOutcome, CommandRecord, DeadLetter, DeadPayload, Ending,
    Erasure, Finish, GivenUp, NewKey, NewTask, StorageError, TokenChange,
    convert::{NO_ATTEMPT, component, millis, position, signed, to_json, told, unsigned},
    driver::{Sql, missing, sql, sqlite, values},
    store::{
        Result,
        dead_letters::{DISCARD, REMOVE, settle},
        log::{self, HEAD},
    },
};

/// Appends a batch. The head is read under the write lock, so commit order is position order.
pub(in crate::store) fn append_batch(tx: &Transaction<'_>, commands: &[Command]) -> Result<Vec<Appended>> {
    let before = head(tx)?;
    let mut head = before;
    let mut outcomes = Vec::with_capacity(commands.len());
    let mut broken = HashSet::new();
    for command in commands {
        let is_broken = command.stream().is_some_and(|stream| broken.contains(stream));
        let outcome = match command {
            Command::Decided(append) if is_broken => beyond_break(tx, append)?,
            Command::Decided(append) => store(tx, append, &mut head)?,
            Command::Dead(letter) => bury(tx, letter)?,
            Command::GivenUp(given_up) => give_up(tx, given_up)?,
        };
        if !matches!(outcome, Appended::Stored(_)) {
            broken.extend(command.stream());
        }
        outcomes.push(outcome);
    }
    if head > before {
        prepare(tx, sql!("update log_head set position = $1 where shard = 0"))?.execute([signed(head.0)])?;
    }
    Ok(outcomes)
}

pub(in crate::store) fn head(connection: &Connection) -> Result<Position> {
    sqlite::first(connection, HEAD, &values![], |row| row.get("position"))?.ok_or_else(missing)
}

fn blob(id: &Uuid) -> &[u8] {
    id.as_bytes()
}

fn prepare(connection: &Connection, sql: Sql) -> Result<CachedStatement<'_>> {
    Ok(connection.prepare_cached(sql.sqlite)?)
}

/// What is answered to a command behind one of its stream that was not stored.
fn beyond_break(tx: &Transaction<'_>, append: &Append) -> Result<Appended> {
    let settled = find_command(tx, append.command)?.filter(is_settled);
    Ok(settled.map_or(Appended::Conflict, Appended::Duplicate))
}

/// Whether an outcome is final: a dead letter may still be decided.
fn is_settled(record: &CommandRecord) -> bool {
    record.outcome != CommandOutcome::Dead
}

fn store(tx: &Transaction<'_>, append: &Append, head: &mut Position) -> Result<Appended> {
    append.check()?;
    let known = find_command(tx, append.command)?;
    if let Some(record) = known.as_ref().filter(|known| is_settled(known)) {
        return Ok(Appended::Duplicate(record.clone()));
    }
    if let Some(finish) = &append.finishes
        && let Some(void) = void(find_task(tx, &finish.by)?.as_ref(), &finish.by, finish.ending)
    {
        return Ok(void);
    }
    if version(tx, &append.stream)? != append.expected
        || is_key_taken(tx, &append.keys)?
        || is_redeemed(tx, &append.redeems)?
    {
        return Ok(Appended::Conflict);
    }
    // Nothing is written above this line: a conflict does not undo what the rest of the batch stores.
    store_keys(tx, &append.keys)?;
    let last = store_events(tx, append, head)?;
    store_token(tx, append)?;
    for task in append.tasks.iter().chain(&append.redeems) {
        queue_task(tx, task, millis(append.recorded_at))?;
    }
    for task in &append.redeems {
        let account = task.authorizer.as_ref().map(mandate_schema::AuthorizerId::as_str);
        prepare(tx, sql!(SQLITE / "task_learn"))?.execute(params![task.key, account, task.tag])?;
    }
    if let Some(erasure) = &append.erases {
        erase(tx, append, erasure)?;
    }
    if let Some(finish) = &append.finishes {
        end_task(tx, finish, last, millis(append.recorded_at))?;
    }
    let outcome = if last.is_some() { CommandOutcome::Applied } else { CommandOutcome::Nothing };
    put_command(tx, append.command, outcome, last, millis(append.recorded_at))?;
    if known.is_some() {
        // It was dead and has now been decided: this was its retry.
        prepare(tx, REMOVE)?.execute([blob(&append.command.0)])?;
    }
    Ok(Appended::Stored(last))
}

/// Stores the dead letter of a push under its command.
fn bury(tx: &Transaction<'_>, letter: &DeadLetter) -> Result<Appended> {
    let DeadPayload::Push(push) = &letter.payload else {
        return Err(StorageError::Data(NO_ATTEMPT.into()));
    };
    if let Some(record) = find_command(tx, letter.command)? {
        return Ok(Appended::Duplicate(record));
    }
    let at = millis(letter.recorded_at);
    prepare(tx, sql!(SQLITE / "dead_letter_put"))?.execute(params![
        blob(&letter.command.0),
        letter.reason,
        told(&letter.detail),
        blob(&push.id.0),
        to_json(push)?,
        None::<&[u8]>,
        at
    ])?;
    put_command(tx, letter.command, CommandOutcome::Dead, None, at)?;
    Ok(Appended::Stored(None))
}

/// Stores the dead letter of a task under the command of its attempt, and marks the task dead.
fn give_up(tx: &Transaction<'_>, given_up: &GivenUp) -> Result<Appended> {
    let GivenUp { by, reason, detail, asks, recorded_at } = given_up;
    if let Some(record) = find_command(tx, by.command())? {
        return Ok(Appended::Duplicate(record));
    }
    if let Some(void) = void(find_task(tx, by)?.as_ref(), by, Ending::Refusal) {
        return Ok(void);
    }
    let (command, task, at) = (by.command(), blob(&by.task.0), millis(*recorded_at));
    prepare(
        tx,
        sql!("update task set state = 'dead', leased_until = null where id = $1 and state <> 'done'"),
    )?
    .execute([task])?;
    let (push_id, push) = (None::<&[u8]>, None::<&str>);
    let row = params![blob(&command.0), reason, told(detail), push_id, push, task, at];
    prepare(tx, sql!(SQLITE / "dead_letter_put"))?.execute(row)?;
    if let Some(asks) = asks {
        queue_task(tx, asks, at)?;
    }
    put_command(tx, command, CommandOutcome::Dead, None, at)?;
    Ok(Appended::Stored(None))
}

fn find_command(connection: &Connection, id: CommandId) -> Result<Option<CommandRecord>> {
    let row: Option<(String, Option<i64>)> =
        prepare(connection, sql!("select outcome, position from command where id = $1"))?
            .query_row([blob(&id.0)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
    row.map(|(outcome, last)| {
        Ok(CommandRecord { id, outcome: log::outcome(&outcome)?, position: last.map(position).transpose()? })
    })
    .transpose()
}

fn put_command(
    tx: &Transaction<'_>,
    id: CommandId,
    outcome: CommandOutcome,
    last: Option<Position>,
    at: i64,
) -> Result<()> {
    let last = last.map(|last| signed(last.0));
    prepare(tx, sql!(SQLITE / "command_put"))?.execute(params![blob(&id.0), outcome.as_str(), last, at])?;
    Ok(())
}

/// A task as the end of an attempt finds it.
struct Found {
    state: String,
    attempt: u32,
    authorizer: Option<String>,
    tag: Option<String>,
    ending: Option<String>,
}

fn find_task(tx: &Transaction<'_>, by: &Attempt) -> Result<Option<Found>> {
    let mut statement =
        prepare(tx, sql!("select state, attempt, authorizer, tag, ending from task where id = $1"))?;
    let found = statement.query_row([blob(&by.task.0)], |row| {
        let (state, attempt) = (row.get(0)?, row.get(1)?);
        Ok(Found { state, attempt, authorizer: row.get(2)?, tag: row.get(3)?, ending: row.get(4)? })
    });
    Ok(found.optional()?)
}

/// What is answered to an attempt whose outcome does not count: others were faster, or the task has learned more than it read.
fn void(found: Option<&Found>, by: &Attempt, ending: Ending) -> Option<Appended> {
    let Some(found) = found else { return Some(Appended::Finished) };
    let is_late = match ending {
        Ending::Success => found.state == "done" && found.ending.as_deref() != Some(Ending::Refusal.as_str()),
        Ending::Refusal | Ending::PutOff => {
            found.state == "done" || found.state == "dead" || found.attempt != by.number
        }
    };
    if is_late {
        return Some(Appended::Finished);
    }
    let read = (by.authorizer.as_ref().map(mandate_schema::AuthorizerId::as_str), by.tag.as_deref());
    (read != (found.authorizer.as_deref(), found.tag.as_deref())).then_some(Appended::Conflict)
}

/// Ends a task, unless it goes on. The dead letter of one that was given up before goes.
fn end_task(tx: &Transaction<'_>, finish: &Finish, last: Option<Position>, at: i64) -> Result<()> {
    if finish.ending == Ending::PutOff {
        return Ok(());
    }
    let task = blob(&finish.by.task.0);
    if find_task(tx, &finish.by)?.is_some_and(|found| found.state == "dead") {
        let letters = sql!("select command from dead_letter where task = $1");
        let letters = sqlite::all(tx, letters, &values![finish.by.task], |row| row.get::<Uuid>("command"))?;
        for statement in settle(letters) {
            sqlite::change(tx, statement.sql, &statement.values)?;
        }
    }
    let row = params![task, at, last.map(|last| signed(last.0)), finish.ending.as_str()];
    prepare(tx, sql!(SQLITE / "task_finish"))?.execute(row)?;
    Ok(())
}

/// Whether one of the codes has been redeemed, or could not be.
fn is_redeemed(tx: &Transaction<'_>, redeems: &[NewTask]) -> Result<bool> {
    for task in redeems {
        let state: Option<String> = prepare(tx, sql!("select state from task where key = $1"))?
            .query_row([&task.key], |row| row.get(0))
            .optional()?;
        if state.is_some_and(|state| state == "done" || state == "dead") {
            return Ok(true);
        }
    }
    Ok(false)
}

fn version(tx: &Transaction<'_>, stream: &StreamName) -> Result<Version> {
    let version: Option<i64> = prepare(tx, sql!("select version from state where stream = $1"))?
        .query_row([stream.to_string()], |row| row.get(0))
        .optional()?;
    version.map_or(Ok(0), unsigned).map(Version)
}

/// Whether the number of a new key is taken, which means that its stream was loaded before another append.
fn is_key_taken(tx: &Transaction<'_>, keys: &[NewKey]) -> Result<bool> {
    for NewKey { wrapped, .. } in keys {
        if last_key(tx, &wrapped.stream.to_string())?.0 >= wrapped.number {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The greatest number of a stream's keys, and whether that one was destroyed.
fn last_key(connection: &Connection, stream: &str) -> Result<(u32, bool)> {
    let last = prepare(
        connection,
        sql!("select number, wrapped is null from data_key where stream = $1 order by number desc limit 1"),
    )?
    .query_row([stream], |row| Ok((row.get(0)?, row.get(1)?)))
    .optional()?;
    Ok(last.unwrap_or((0, false)))
}

fn store_keys(tx: &Transaction<'_>, keys: &[NewKey]) -> Result<()> {
    for NewKey { wrapped, about } in keys {
        prepare(tx, sql!("insert into data_key (stream, number, master, wrapped) values ($1, $2, $3, $4)"))?
            .execute(params![wrapped.stream.to_string(), wrapped.number, wrapped.master, wrapped.bytes])?;
        for account in about {
            let stream = wrapped.stream.to_string();
            prepare(
                tx,
                sql!("insert into data_key_subject (authorizer, stream, number) values ($1, $2, $3)"),
            )?
            .execute(params![account.as_str(), stream, wrapped.number])?;
        }
    }
    Ok(())
}

fn erase(tx: &Transaction<'_>, append: &Append, erasure: &Erasure) -> Result<()> {
    let StreamName::Authorizer(component, authorizer) = &append.stream else {
        unreachable!("an append that erases is one of an account")
    };
    let (stream, at) = (append.stream.to_string(), millis(append.recorded_at));
    let notices = StreamName::Component(component.clone()).to_string();
    let (component, authorizer) = (component.as_str(), authorizer.as_str());
    prepare(tx, sql!("update data_key set master = null, wrapped = null, destroyed_at = $2 where stream = $1 and wrapped is not null"))?.execute(params![stream, at])?;
    prepare(tx, sql!(SQLITE / "erase_keys_of_notices"))?.execute(params![notices, authorizer, at])?;
    prepare(tx, sql!(SQLITE / "erase_token"))?.execute([stream])?;
    let letters = prepare(tx, sql!(SQLITE / "erase_letters"))?
        .query_map([component, authorizer], |row| row.get::<_, [u8; 16]>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for letter in letters.into_iter().chain(erasure.letters.iter().map(|id| *id.0.as_bytes())) {
        prepare(tx, REMOVE)?.execute([letter])?;
        prepare(tx, DISCARD)?.execute([letter])?;
    }
    prepare(tx, sql!(SQLITE / "erase_tasks"))?.execute(params![component, authorizer, at])?;
    prepare(tx, sql!(SQLITE / "erase_messages"))?.execute([component, authorizer])?;
    Ok(())
}

/// Stores the events and the state after them; answers the last position.
fn store_events(tx: &Transaction<'_>, append: &Append, head: &mut Position) -> Result<Option<Position>> {
    let stream = append.stream.to_string();
    let mut version = append.expected;
    for record in &append.events {
        version = version.next();
        head.0 += 1;
        prepare(tx, sql!(SQLITE / "event_insert"))?.execute(params![
            signed(head.0),
            stream,
            signed(version.0),
            blob(&record.id.0),
            record.name,
            record.form,
            blob(&record.causation.0),
            record.occurred_at.map(millis),
            millis(record.recorded_at),
            record.data,
            to_json(&record.sealed)?
        ])?;
    }
    if append.events.is_empty() {
        return Ok(None);
    }
    let state = append.state.as_ref().ok_or_else(|| StorageError::Data("events without a state".into()))?;
    prepare(tx, sql!(SQLITE / "state_put"))?.execute(params![
        stream,
        signed(version.0),
        signed(head.0),
        state.form,
        state.json,
        component(&stream),
        state.status,
        state.search_text(&append.stream)
    ])?;
    Ok(Some(*head))
}

fn store_token(tx: &Transaction<'_>, append: &Append) -> Result<()> {
    let stream = append.stream.to_string();
    match &append.token {
        TokenChange::Keep => {}
        TokenChange::Empty => {
            prepare(tx, sql!("update token set access = null, expires_at = null, fence = fence + 1, leased_until = null where stream = $1"))?.execute([stream])?;
        }
        TokenChange::Store { access, expires_at, generation } => {
            prepare(tx, sql!(SQLITE / "token_put"))?.execute(params![
                stream,
                access.to_string(),
                millis(*expires_at),
                signed(*generation)
            ])?;
        }
    }
    Ok(())
}

fn queue_task(tx: &Transaction<'_>, task: &NewTask, at: i64) -> Result<()> {
    let id = TaskId::of_key(&task.key, at);
    let (sealed_by, sealed) =
        task.sealed.as_ref().map(|(stream, sealed)| (stream.to_string(), sealed.to_string())).unzip();
    prepare(tx, sql!(SQLITE / "task_queue"))?.execute(params![
        blob(&id.0),
        task.key,
        task.kind,
        task.component.as_str(),
        task.authorizer.as_ref().map(mandate_schema::AuthorizerId::as_str),
        task.tag,
        task.payload,
        sealed_by,
        sealed,
        at
    ])?;
    Ok(())
}
