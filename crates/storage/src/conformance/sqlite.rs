//! The embedded store under test, and what only concerns its files.

use std::{
    path::PathBuf,
    sync::{Barrier, mpsc},
    thread,
    time::Duration,
};

use mandate_schema::{CommandId, sql::SQLITE_MIGRATIONS};
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

use super::{
    Database,
    given::{Counter, append, at, command, decided, stored, stream, whole_log},
};
use crate::{
    RebuildMode, StorageError, Store,
    driver::{Sql, dialect},
    sqlite::{Migrated, migrate},
};

/// One file in a folder of its own.
pub(crate) struct SqliteDatabase {
    folder: TempDir,
}

impl SqliteDatabase {
    /// A folder without a database.
    fn missing() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("data").join("mandate.db")
    }

    fn migrate(&self) -> Result<Migrated, StorageError> {
        migrate(&self.path(), at(0), &Uuid::new_v4().to_string())
    }

    /// A connection past the storage.
    fn connect(&self) -> Connection {
        let connection = Connection::open(self.path()).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection
    }

    fn open_error(&self) -> StorageError {
        Store::open_sqlite(&self.path(), 1).unwrap_err()
    }
}

impl Database for SqliteDatabase {
    async fn create() -> Self {
        let database = Self::missing();
        database.migrate().unwrap();
        database
    }

    async fn open(&self) -> Store {
        Store::open_sqlite(&self.path(), 2).unwrap()
    }

    async fn sql(&self, statement: &str) -> Result<usize, String> {
        self.connect().execute(statement, []).map_err(|error| error.to_string())
    }
}

fn names() -> Vec<String> {
    let name = |m: &mandate_schema::sql::Migration| format!("{:04}_{}", m.number, m.name);
    SQLITE_MIGRATIONS.iter().map(name).collect()
}

#[tokio::test]
async fn a_second_migration_finds_nothing_to_do() {
    let database = SqliteDatabase::missing();
    let first = database.migrate().unwrap();
    assert_eq!(first.applied, names());
    assert_eq!(first.version, SQLITE_MIGRATIONS.last().unwrap().number);
    let storage = database.open().await;
    let log_id = storage.log_id().await.unwrap();
    append(&storage, decided(command(1), &stream(1), 0).events(1)).await;

    let second = database.migrate().unwrap();
    assert_eq!(second.applied, [""; 0]);
    assert_eq!(second.version, first.version);
    assert_eq!(storage.log_id().await.unwrap(), log_id, "the log keeps its name");
    assert_eq!(whole_log(&storage).await.len(), 1);
}

#[test]
fn of_many_migrations_at_once_one_does_the_work() {
    const THREADS: usize = 8;
    for _ in 0..20 {
        let database = SqliteDatabase::missing();
        let barrier = Barrier::new(THREADS);
        let run = || {
            barrier.wait();
            database.migrate().unwrap().applied
        };
        let applied: Vec<_> = thread::scope(|scope| {
            let runs: Vec<_> = (0..THREADS).map(|_| scope.spawn(run)).collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        assert_eq!(applied.concat(), names(), "each migration once: {applied:?}");
        Store::open_sqlite(&database.path(), 1).unwrap();
    }
}

#[test]
fn a_migration_waits_for_another_process_that_has_just_created_the_file() {
    let database = SqliteDatabase::missing();
    std::fs::create_dir_all(database.path().parent().unwrap()).unwrap();
    let other = database.connect();
    other.execute_batch("begin immediate").unwrap();
    thread::scope(|scope| {
        let (done, result) = mpsc::channel();
        let database = &database;
        scope.spawn(move || done.send(database.migrate()).unwrap());
        let early = result.recv_timeout(Duration::from_millis(200));
        assert!(early.is_err(), "it did not wait: {early:?}");
        other.execute_batch("rollback").unwrap();
        assert_eq!(result.recv().unwrap().unwrap().applied, names());
    });
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let database = SqliteDatabase::create().await;
    let newer =
        "insert into schema_migration (number, name, sha256, applied_at) values (99, 'dream', 'ab', 0)";
    database.sql(newer).await.unwrap();
    for error in [database.open_error(), database.migrate().unwrap_err()] {
        assert!(matches!(error, StorageError::Schema(_)), "{error:?}");
        assert!(error.to_string().contains("newer program"), "{error}");
    }
}

#[tokio::test]
async fn a_migration_that_was_changed_afterwards_is_refused() {
    let database = SqliteDatabase::create().await;
    let change = "update schema_migration set sha256 = 'ab' where number = 1";
    database.sql(change).await.unwrap();
    for error in [database.open_error(), database.migrate().unwrap_err()] {
        assert!(matches!(error, StorageError::Schema(_)), "{error:?}");
        assert!(error.to_string().contains("was it changed"), "{error}");
    }
}

#[tokio::test]
async fn a_missing_or_empty_file_names_the_cure() {
    let database = SqliteDatabase::missing();
    let missing = database.open_error();
    assert!(missing.to_string().contains("mandate migrate"), "{missing}");
    assert!(!database.path().exists(), "opening does not create it");

    std::fs::create_dir_all(database.path().parent().unwrap()).unwrap();
    std::fs::write(database.path(), "").unwrap();
    let empty = database.open_error();
    assert!(empty.to_string().contains("mandate migrate"), "{empty}");
    for error in [missing, empty] {
        assert!(matches!(error, StorageError::Schema(_)), "{error:?}");
    }
}

#[test]
fn a_file_that_is_no_database_is_not_touched() {
    let database = SqliteDatabase::missing();
    std::fs::create_dir_all(database.path().parent().unwrap()).unwrap();
    let text = "these are my notes, not a database\n".repeat(100);
    std::fs::write(database.path(), &text).unwrap();
    for error in [database.open_error(), database.migrate().unwrap_err()] {
        assert!(matches!(error, StorageError::Unreadable(_)), "{error:?}");
    }
    assert_eq!(std::fs::read_to_string(database.path()).unwrap(), text);
}

#[tokio::test]
async fn what_was_appended_is_there_after_reopening() {
    let database = SqliteDatabase::create().await;
    let storage = database.open().await;
    append(&storage, decided(command(1), &stream(1), 0).events(2)).await;
    let before = whole_log(&storage).await;
    drop(storage);
    let storage = database.open().await;
    assert_eq!(whole_log(&storage).await, before);
    assert_eq!(append(&storage, decided(command(2), &stream(1), 2).events(1)).await, stored(3));
}

#[tokio::test]
async fn reads_go_on_and_appends_wait_beside_another_writer() {
    let database = SqliteDatabase::create().await;
    let storage = database.open().await;
    let lock = database.connect();
    lock.execute_batch("begin immediate").unwrap();
    // Readers go on beside a writer.
    assert_eq!(whole_log(&storage).await.len(), 0);
    let waiting = tokio::spawn({
        let storage = storage.clone();
        async move { append(&storage, decided(command(1), &stream(1), 0).events(1)).await }
    });
    lock.execute_batch("rollback").unwrap();
    assert_eq!(waiting.await.unwrap(), stored(1));
}

#[tokio::test]
async fn a_row_somebody_changed_is_unreadable() {
    let database = SqliteDatabase::create().await;
    let storage = database.open().await;
    append(&storage, decided(command(1), &stream(1), 0)).await;
    let breaks = "insert into event values (1, 'tenant/x', 1, x'00', 'n', 1, x'00', null, 0, '{}', '{}')";
    database.sql(breaks).await.unwrap();
    let error = storage.read(crate::EventQuery { limit: 1, ..Default::default() }).await;
    assert!(matches!(error, Err(StorageError::Unreadable(_))), "{error:?}");
    let id: CommandId = command(1);
    assert_eq!(storage.outcomes(vec![id]).await.unwrap().len(), 1, "other reads go on");
}

#[tokio::test]
async fn a_missing_table_is_waited_out_and_no_fault_of_the_data() {
    let database = SqliteDatabase::create().await;
    let storage = database.open().await;
    database.sql("alter table command rename to elsewhere").await.unwrap();
    let batch = vec![decided(command(1), &stream(1), 0).events(1).into()];
    let error = storage.append_batch(batch.clone()).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    database.sql("alter table elsewhere rename to command").await.unwrap();
    assert_eq!(storage.append_batch(batch).await.unwrap(), [stored(1)]);
}

#[tokio::test]
async fn a_log_with_a_hole_is_not_rebuilt_from() {
    let database = SqliteDatabase::create().await;
    let storage = database.open().await;
    append(&storage, decided(command(1), &stream(1), 0).events(3)).await;
    database.sql("drop trigger event_is_never_deleted").await.unwrap();
    for (statement, complaint) in [
        ("delete from event where position = 3", "ends at 2"),
        ("delete from event where position = 1", "hole after position 0"),
    ] {
        database.sql(statement).await.unwrap();
        let error = storage.rebuild(RebuildMode::Swap, Counter::default(), |_| {}).await.unwrap_err();
        assert!(matches!(error, StorageError::Unreadable(_)), "{error:?}");
        assert!(error.to_string().contains(complaint), "{error}");
        assert_eq!(storage.load(&stream(1)).await.unwrap().version().0, 3, "nothing was changed");
    }
}

#[tokio::test]
async fn authorizers_are_listed_in_the_order_of_their_names_without_sorting() {
    let database = SqliteDatabase::create().await;
    let connection = database.connect();
    for Sql { sqlite, .. } in [dialect!("state_list_authorizers"), dialect!("reconciled_missing")] {
        let mut statement = connection.prepare(&format!("explain query plan {sqlite}")).unwrap();
        let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
        let steps =
            statement.query_map(rusqlite::params_from_iter(nulls), |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<String> = steps.collect::<Result<_, _>>().unwrap();
        assert!(steps.iter().any(|step| step.contains("SEARCH s USING PRIMARY KEY")), "{steps:?}");
        assert!(!steps.iter().any(|step| step.contains("B-TREE")), "{steps:?}");
    }
}

/// States as the version before wrote them, in the order of their streams: stream, JSON, and the component, the status and the search
/// text that they have.
pub(in crate::conformance) const OLD_STATES: [(&str, &str, &str, Option<&str>, &str); 4] = [
    (
        "authorizer/wx1f2e3d4c5b6a7988/wxA1",
        r#"{"status":"authorized","profile":{"nick_name":"Tea\u0000HOUSE 茶","user_name":"gh_1","principal_name":null}}"#,
        "wx1f2e3d4c5b6a7988",
        Some("authorized"),
        "wxa1 tea house 茶 gh_1 ",
    ),
    (
        "authorizer/wx1f2e3d4c5b6a7988/wxa2",
        r#"{"status":"revoked","profile":null}"#,
        "wx1f2e3d4c5b6a7988",
        Some("revoked"),
        "wxa2   ",
    ),
    ("component/wx1f2e3d4c5b6a7988", "{}", "wx1f2e3d4c5b6a7988", None, ""),
    ("webhook/0000", "{}", "0000", None, ""),
];

#[tokio::test]
async fn the_columns_that_were_generated_keep_what_they_held() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let connection = Connection::open(&path).unwrap();
    let history = "create table schema_migration (
        number integer primary key, name text not null, sha256 text not null, applied_at integer not null) strict";
    connection.execute_batch(history).unwrap();
    for migration in SQLITE_MIGRATIONS.iter().filter(|migration| migration.number < 11) {
        connection.execute_batch(migration.sql).unwrap();
        let note = "insert into schema_migration values (?1, ?2, ?3, 0)";
        connection
            .execute(note, rusqlite::params![migration.number, migration.name, migration.sha256()])
            .unwrap();
    }
    for (stream, json, ..) in OLD_STATES {
        let insert = "insert into state (stream, version, position, form, state) values (?1, 1, 1, 1, ?2)";
        connection.execute(insert, [stream, json]).unwrap();
    }
    migrate(&path, at(0), "log").unwrap();
    let mut statement =
        connection.prepare("select stream, component, status, search from state order by stream").unwrap();
    let mut rows = statement.query([]).unwrap();
    for (stream, _, component, status, search) in OLD_STATES {
        let row = rows.next().unwrap().unwrap();
        assert_eq!(row.get::<_, String>(0).unwrap(), stream);
        assert_eq!(row.get::<_, String>(1).unwrap(), component);
        assert_eq!(row.get::<_, Option<String>>(2).unwrap().as_deref(), status);
        assert_eq!(row.get::<_, String>(3).unwrap(), search, "{stream}");
    }
}
