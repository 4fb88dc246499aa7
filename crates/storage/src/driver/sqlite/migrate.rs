//! The migrator: numbered files, applied once, in order, under the database's write lock.

use std::path::Path;

use jiff::Timestamp;
use mandate_schema::sql::{Migration, SQLITE_MIGRATIONS};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::connect::{self, Access};
use crate::{
    StorageError,
    migration::{self, Migrated},
};

/// Brings the database at `path` up to date, creating it if it is missing. Several processes may do so at once.
///
/// # Errors
///
/// [`StorageError::Schema`]: it was written by a newer program, or an applied migration is not the one this program knows.
pub fn migrate(path: &Path, now: Timestamp, new_log_id: &str) -> Result<Migrated, StorageError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| StorageError::Unavailable(error.into()))?;
    }
    let mut connection = connect::open(path, Access::Create)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "create table if not exists schema_migration (
            number integer primary key, name text not null, sha256 text not null, applied_at integer not null) strict",
    )?;
    let known = verify(&transaction)?;
    let mut applied = Vec::new();
    for migration in SQLITE_MIGRATIONS.iter().skip(known) {
        apply(&transaction, migration, now)?;
        applied.push(migration.to_string());
    }
    transaction.execute(
        "insert into log_head (shard, position, log_id) values (0, 0, ?1) on conflict do nothing",
        [new_log_id],
    )?;
    transaction.commit()?;
    Ok(Migrated::to(SQLITE_MIGRATIONS, applied))
}

/// Refuses a database that is not exactly at this program's version.
pub(super) fn check(connection: &Connection) -> Result<(), StorageError> {
    let table = "select 1 from sqlite_schema where name = 'schema_migration'";
    let there = connection.query_row(table, [], |_| Ok(())).optional()?.is_some();
    let known = if there { verify(connection)? } else { 0 };
    if known < SQLITE_MIGRATIONS.len() {
        return Err(migration::not_up_to_date());
    }
    Ok(())
}

/// How many of our migrations are applied, each unchanged.
fn verify(connection: &Connection) -> Result<usize, StorageError> {
    let mut statement = connection.prepare("select number, sha256 from schema_migration order by number")?;
    let rows: Vec<(u32, String)> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    migration::verify(&rows, SQLITE_MIGRATIONS)
}

fn apply(transaction: &Transaction<'_>, migration: &Migration, now: Timestamp) -> Result<(), StorageError> {
    transaction.execute_batch(migration.sql)?;
    transaction.execute(
        "insert into schema_migration (number, name, sha256, applied_at) values (?1, ?2, ?3, ?4)",
        params![migration.number, migration.name, migration.sha256(), now.as_millisecond()],
    )?;
    Ok(())
}
