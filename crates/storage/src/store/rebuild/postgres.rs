//! The rebuild of a store on a server.

use std::time::Duration;

use mandate_schema::Position;

use super::{CLEAR_LIVE, COMPARE, COUNT, FILL_LIVE, Folder, LOAD, PAGE, PUT, TAIL};
use super::{by_stream, fold, last_of, published_key};
use crate::{
    RebuildMode, RebuildReport, StorageError,
    driver::{Postgres, postgres::Connection, sql, values},
    store::{Result, keys, log, states},
};

/// How long one statement may take: the comparison reads every row.
const LIMIT: Duration = Duration::from_mins(30);
const SESSION: &str = "set statement_timeout = '30min'; set idle_in_transaction_session_timeout = '5min'";
/// Keeps every append away until the transaction ends.
const HEAD_FOR_UPDATE: &str = "select position from log_head where shard = 0 for update";

pub(super) async fn rebuild(
    database: &Postgres,
    mode: RebuildMode,
    folder: impl Folder,
    progress: impl Fn(Position) + Send + 'static,
) -> Result<RebuildReport> {
    // The scratch table and the session's settings go away with the connection.
    let connection = database.connection_of_its_own().await?.with_limit(LIMIT);
    connection.batch(SESSION).await?;
    connection.batch(sql!(POSTGRES / "rebuild_prepare").postgres).await?;
    run(&connection, mode, folder, progress).await
}

async fn run(
    connection: &Connection,
    mode: RebuildMode,
    mut folder: impl Folder,
    progress: impl Fn(Position) + Send,
) -> Result<RebuildReport> {
    let mut done = Position(0);
    while head(connection, log::HEAD.postgres).await?.0 - done.0 > TAIL {
        done = connection.transaction("begin", fold_page(connection, &mut folder, done)).await?;
        progress(done);
    }
    let (begin, log_head) = match mode {
        // One snapshot; nobody waits for a comparison.
        RebuildMode::Check => ("begin isolation level repeatable read", log::HEAD.postgres),
        // Whoever is cut off here holds up every append no longer than this.
        RebuildMode::Swap => {
            ("begin; set local idle_in_transaction_session_timeout = '10s'", HEAD_FOR_UPDATE)
        }
    };
    let last_part = async {
        let head = head(connection, log_head).await?;
        while done < head {
            done = fold_page(connection, &mut folder, done).await?;
        }
        let report = compare(connection, head).await?;
        if mode == RebuildMode::Swap {
            connection.change(CLEAR_LIVE.postgres, &values![]).await?;
            connection.change(FILL_LIVE.postgres, &values![]).await?;
        }
        Ok::<_, StorageError>(report)
    };
    let report = connection.transaction(begin, last_part).await?;
    progress(report.head);
    Ok(report)
}

async fn head(connection: &Connection, sql: &str) -> Result<Position> {
    connection.one(sql, &values![], |row| row.get("position")).await
}

/// Folds the next page of the log; answers its last position.
async fn fold_page(connection: &Connection, folder: &mut impl Folder, after: Position) -> Result<Position> {
    let page = connection.all(log::READ.postgres, &values![after, PAGE], log::event).await?;
    let last = last_of(&page, after)?;
    let mut events = Vec::with_capacity(page.len());
    for event in page {
        let key = match published_key(&event) {
            Some(number) => {
                let values = values![&event.stream, number];
                connection.first(keys::FIND.postgres, &values, keys::wrapped).await?
            }
            None => None,
        };
        events.push((event, key));
    }
    for (stream, events) in &by_stream(events) {
        let state = connection.first(LOAD.postgres, &values![stream], states::state).await?;
        connection.change(PUT.postgres, &fold(folder, stream, state.as_ref(), events)?).await?;
    }
    Ok(last)
}

async fn compare(connection: &Connection, head: Position) -> Result<RebuildReport> {
    let different = connection.all(COMPARE.postgres, &values![], |row| row.parse("stream")).await?;
    let streams = connection.one(COUNT.postgres, &values![], |row| row.get("count")).await?;
    Ok(RebuildReport { events: head.0, streams, different, head })
}
