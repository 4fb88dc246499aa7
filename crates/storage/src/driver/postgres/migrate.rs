//! The migrator: numbered files, applied once, in order, in one transaction under a lock; the functions, as they are now; and the
//! rights of the service.

use deadpool_postgres::Pool;
use jiff::Timestamp;
use mandate_schema::{
    Secret,
    sql::{Migration, POSTGRES_FUNCTIONS, POSTGRES_MIGRATIONS, functions_sha256},
};
use postgres_protocol::password::scram_sha_256;

use super::{PostgresSettings, connect, connection::Connection};
use crate::{
    StorageError,
    driver::values,
    migration::{self, Migrated},
};

/// A migration may take longer than any statement of the service.
const BEGIN: &str = "begin; set local statement_timeout = 0; set local lock_timeout = '30s'";
const LIMIT: std::time::Duration = std::time::Duration::from_mins(30);
/// `MAND` in ASCII: one migrator at a time. The lock ends with its transaction, so it works behind a pooler.
const LOCK: &str = "select pg_advisory_xact_lock(1296125508)";
const HISTORY: &str = "create table if not exists schema_migration (
    number integer primary key, name text not null, sha256 text not null, applied_at bigint not null)";
/// Notes which texts the functions have.
const FUNCTIONS: &str = "create table if not exists schema_functions (
    only_row integer primary key check (only_row = 1), sha256 text not null, applied_at bigint not null)";

/// What the service may do with each table, and nothing else: the log only grows, and no outcome of a command is forgotten.
const RIGHTS: &[(&str, &str)] = &[
    ("api_key", "select, insert, update"),
    ("audit", "select, insert, delete"),
    ("checkpoint", "select, insert, update"),
    ("command", "select, insert, update"),
    ("consent_link", "select, insert, delete"),
    ("consent_visit", "select, insert, update, delete"),
    ("data_key", "select, insert, update"),
    ("data_key_subject", "select, insert"),
    ("dead_letter", "select, insert, update, delete"),
    ("erased_messages", "select, insert, update, delete"),
    ("event", "select, insert"),
    ("leader", "select, insert, update, delete"), // of workers of the version before
    ("lease", "select, insert, update"),
    ("log_head", "select, update"),
    ("message", "select, insert, delete"),
    ("message_head", "select, update"),
    ("reconciled", "select, insert, delete"),
    ("reconciliation", "select, insert, update, delete"),
    ("schema_functions", "select"),
    ("schema_migration", "select"),
    ("state", "select, insert, update, delete"),
    ("task", "select, insert, update, delete"),
    ("token", "select, insert, update"),
    ("token_read", "select, insert, update, delete"),
    ("tried_alone", "select, insert, update, delete"),
    ("webhook", "select, insert, update, delete"),
    ("webhook_attempt", "select, insert, delete"),
];

/// Brings the database up to date as its owner, and gives the role of `service`, the service's own address, exactly the rights
/// that it needs: it may read and add events, and never change one. A role that does not exist is made. Several processes may
/// migrate at once.
///
/// # Errors
///
/// - [`StorageError::Schema`]: the database was written by a newer program, an applied migration is not the one this program
///   knows, or the service's role is missing and may not be made by this owner.
/// - [`StorageError::Unavailable`]: the server does not answer.
pub async fn migrate(
    owner: &PostgresSettings,
    service: &Secret,
    now: Timestamp,
    new_log_id: &str,
) -> Result<Migrated, StorageError> {
    let pool: Pool = connect::pool(&PostgresSettings { pool: 1, ..owner.clone() })?;
    let connection = Connection::take(&pool).await?.with_limit(LIMIT);
    let role = Role::of(service)?;
    let work = async {
        connection.batch(LOCK).await?;
        connection.batch(HISTORY).await?;
        connection.batch(FUNCTIONS).await?;
        let known = migration::verify(&applied(&connection).await?, POSTGRES_MIGRATIONS)?;
        let mut names = Vec::new();
        for migration in POSTGRES_MIGRATIONS.iter().skip(known) {
            apply(&connection, migration, now).await?;
            names.push(migration.to_string());
        }
        replace_functions(&connection, now).await?;
        let head = "insert into log_head (shard, position, log_id) values (0, 0, $1) on conflict do nothing";
        connection.change(head, &values![new_log_id]).await?;
        role.grant(&connection).await?;
        Ok(Migrated::to(POSTGRES_MIGRATIONS, names))
    };
    connection.transaction(BEGIN, work).await
}

/// Refuses a database that is not exactly at this program's version.
pub(super) async fn check(connection: &Connection) -> Result<(), StorageError> {
    let there = "select to_regclass('schema_migration') is not null as migrations,
        to_regclass('schema_functions') is not null as functions";
    let there = connection.one(there, &[], |row| Ok((row.get("migrations")?, row.get::<bool>("functions")?)));
    let (has_migrations, has_functions) = there.await?;
    let known =
        if has_migrations { migration::verify(&applied(connection).await?, POSTGRES_MIGRATIONS)? } else { 0 };
    let is_current =
        known == POSTGRES_MIGRATIONS.len() && has_functions && are_functions_current(connection).await?;
    if is_current { Ok(()) } else { Err(migration::not_up_to_date()) }
}

async fn are_functions_current(connection: &Connection) -> Result<bool, StorageError> {
    let noted = "select sha256 from schema_functions";
    let noted = connection.first(noted, &[], |row| row.get::<String>("sha256")).await?;
    Ok(noted == Some(functions_sha256()))
}

/// Gives the functions their current texts.
async fn replace_functions(connection: &Connection, now: Timestamp) -> Result<(), StorageError> {
    if are_functions_current(connection).await? {
        return Ok(());
    }
    for function in POSTGRES_FUNCTIONS {
        connection.batch(function).await?;
    }
    let note = "insert into schema_functions (only_row, sha256, applied_at) values (1, $1, $2)
        on conflict (only_row) do update set sha256 = excluded.sha256, applied_at = excluded.applied_at";
    connection.change(note, &values![functions_sha256(), now]).await?;
    Ok(())
}

async fn applied(connection: &Connection) -> Result<Vec<(u32, String)>, StorageError> {
    let rows = "select number, sha256 from schema_migration order by number";
    connection.all(rows, &[], |row| Ok((row.get("number")?, row.get("sha256")?))).await
}

async fn apply(connection: &Connection, migration: &Migration, now: Timestamp) -> Result<(), StorageError> {
    connection.batch(migration.sql).await?;
    let note = "insert into schema_migration (number, name, sha256, applied_at) values ($1, $2, $3, $4)";
    let values = values![migration.number, migration.name, migration.sha256(), now];
    connection.change(note, &values).await?;
    Ok(())
}

/// The role that the service connects as.
struct Role {
    name: String,
    password: Option<Secret>,
}

impl Role {
    fn of(service: &Secret) -> Result<Self, StorageError> {
        let config = connect::config(&PostgresSettings { url: service.clone(), ca: None, pool: 1 })?;
        let name =
            config.get_user().ok_or_else(|| StorageError::Schema("storage.url names no user".into()))?;
        let password =
            config.get_password().and_then(|bytes| std::str::from_utf8(bytes).ok()).map(Secret::new);
        Ok(Self { name: name.to_owned(), password })
    }

    /// Makes the role if it is missing, and gives it its rights.
    async fn grant(&self, connection: &Connection) -> Result<(), StorageError> {
        let owner = "select current_user::text as owner";
        if connection.one(owner, &[], |row| row.get::<String>("owner")).await? == self.name {
            return Ok(()); // one role for both: the triggers alone protect the log
        }
        let role = "select from pg_roles where rolname = $1";
        let found = connection.first(role, &values![self.name.as_str()], |_| Ok(())).await?;
        if found.is_none() {
            self.create(connection).await?;
        }
        let schema = "select current_schema()::text as name";
        let schema = connection.one(schema, &[], |row| row.get::<String>("name")).await?;
        let (name, schema) = (quoted(&self.name), quoted(&schema));
        for (table, rights) in RIGHTS {
            let change = format!("revoke all on {table} from {name}; grant {rights} on {table} to {name}");
            connection.batch(&change).await?;
        }
        connection
            .batch(&format!(
                "grant usage on schema {schema} to {name};
                 revoke execute on function append_batch(jsonb), event_is_never_changed() from public;
                 grant execute on function append_batch(jsonb) to {name}"
            ))
            .await
    }

    /// The password never stands in a statement, which the server may log: only its verifier.
    async fn create(&self, connection: &Connection) -> Result<(), StorageError> {
        let name = quoted(&self.name);
        let may = "select rolcreaterole or rolsuper as may from pg_roles where rolname = current_user";
        let may = connection.one(may, &[], |row| row.get::<bool>("may")).await?;
        let Some(password) = self.password.as_ref().filter(|_| may) else {
            return Err(StorageError::Schema(format!(
                "the role {name} of storage.url does not exist, and the role of migrate_url may not create it. As an \
                 administrator run: create role {name} login; then set its password with \\password in psql, and run \
                 `mandate migrate` again"
            )));
        };
        let verifier = scram_sha_256(password.expose().as_bytes());
        // Another database of the same server may be migrated at this moment; the lock is each database's own.
        connection
            .batch(&format!(
                "do $role$ begin
                     create role {name} login password '{verifier}';
                 exception when duplicate_object or unique_violation then null;
                 end $role$"
            ))
            .await
    }
}

/// A name as SQL writes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_quotes() {
        assert_eq!(quoted("a\"; drop table event; --"), "\"a\"\"; drop table event; --\"");
    }
}
