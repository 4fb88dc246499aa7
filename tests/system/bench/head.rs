//! How far a log is, read beside the process that writes it, without costing it anything.

use std::{cell::RefCell, path::PathBuf};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Statement};

const SQL: &str = "select position from log_head";

/// Where the log is.
pub(super) enum Head {
    Sqlite { file: PathBuf, open: RefCell<Option<Connection>> },
    Postgres { client: Client, statement: OnceCell<Statement> },
}

impl Head {
    pub(super) fn sqlite(file: PathBuf) -> Self {
        Self::Sqlite { file, open: RefCell::default() }
    }

    pub(super) fn postgres(client: Client) -> Self {
        Self::Postgres { client, statement: OnceCell::new() }
    }

    /// The position of the last event; 0 while there is no log.
    pub(super) async fn position(&self) -> u32 {
        let position = match self {
            Self::Sqlite { file, open } => read(file, &mut open.borrow_mut()),
            Self::Postgres { client, statement } => {
                match statement.get_or_try_init(|| client.prepare(SQL)).await {
                    Ok(statement) => client.query_one(statement, &[]).await.ok().map(|row| row.get(0)),
                    Err(_no_table_yet) => None,
                }
            }
        };
        position.map_or(0, |position: i64| u32::try_from(position).expect("a small log"))
    }
}

fn read(file: &PathBuf, open: &mut Option<Connection>) -> Option<i64> {
    if open.is_none() {
        *open = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).ok();
    }
    let position = open.as_ref()?.prepare_cached(SQL).and_then(|mut sql| sql.query_row([], |row| row.get(0)));
    if position.is_err() {
        *open = None; // it is being made
    }
    position.ok()
}
