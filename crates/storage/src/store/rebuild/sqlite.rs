//! The rebuild of an embedded store.

use mandate_schema::Position;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{CLEAR_LIVE, COMPARE, COUNT, FILL_LIVE, Folder, LOAD, PAGE, PUT, TAIL};
use super::{by_stream, fold, last_of, published_key};
use crate::{
    RebuildMode, RebuildReport, StorageError,
    driver::{
        Sqlite, missing, sql,
        sqlite::{
            self,
            connect::{self, Access},
        },
        values,
    },
    store::{Result, append::sqlite::head, keys, log, states},
};

pub(super) async fn rebuild(
    database: &Sqlite,
    mode: RebuildMode,
    folder: impl Folder,
    progress: impl Fn(Position) + Send + 'static,
) -> Result<RebuildReport> {
    let path = database.path().to_owned();
    let run = move || {
        let mut connection = connect::open(&path, Access::Write)?;
        run(&mut connection, mode, folder, progress)
    };
    tokio::task::spawn_blocking(run).await.map_err(|error| StorageError::Unavailable(error.into()))?
}

fn run(
    connection: &mut Connection,
    mode: RebuildMode,
    mut folder: impl Folder,
    progress: impl Fn(Position),
) -> Result<RebuildReport> {
    connection.execute_batch(sql!(SQLITE / "rebuild_prepare").sqlite)?;
    let mut done = Position(0);
    while head(connection)?.0 - done.0 > TAIL {
        let tx = connection.transaction()?;
        done = fold_page(&tx, &mut folder, done)?;
        tx.commit()?; // the scratch table is this connection's own: no lock on the log is taken
        progress(done);
    }
    let tx = connection.transaction_with_behavior(match mode {
        RebuildMode::Check => TransactionBehavior::Deferred, // one snapshot; nobody waits for a comparison
        RebuildMode::Swap => TransactionBehavior::Immediate,
    })?;
    let head = head(&tx)?;
    while done < head {
        done = fold_page(&tx, &mut folder, done)?;
    }
    progress(done);
    let report = compare(&tx, head)?;
    if mode == RebuildMode::Swap {
        sqlite::change(&tx, CLEAR_LIVE, &values![])?;
        sqlite::change(&tx, FILL_LIVE, &values![])?;
    }
    tx.commit()?;
    Ok(report)
}

/// Folds the next page of the log; answers its last position.
fn fold_page(tx: &Transaction<'_>, folder: &mut impl Folder, after: Position) -> Result<Position> {
    let page = sqlite::all(tx, log::READ, &values![after, PAGE], log::event)?;
    let last = last_of(&page, after)?;
    let mut events = Vec::with_capacity(page.len());
    for event in page {
        let key = match published_key(&event) {
            Some(number) => sqlite::first(tx, keys::FIND, &values![&event.stream, number], keys::wrapped)?,
            None => None,
        };
        events.push((event, key));
    }
    for (stream, events) in &by_stream(events) {
        let state = sqlite::first(tx, LOAD, &values![stream], states::state)?;
        sqlite::change(tx, PUT, &fold(folder, stream, state.as_ref(), events)?)?;
    }
    Ok(last)
}

fn compare(tx: &Transaction<'_>, head: Position) -> Result<RebuildReport> {
    let different = sqlite::all(tx, COMPARE, &values![], |row| row.parse("stream"))?;
    let streams = sqlite::first(tx, COUNT, &values![], |row| row.get("count"))?.ok_or_else(missing)?;
    Ok(RebuildReport { events: head.0, streams, different, head })
}
