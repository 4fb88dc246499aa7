use mandate_schema::journal_sql as sql;
use rusqlite::Connection;

use super::*;

/// `PRAGMA synchronous` as a number.
const FULL: &str = "2";

fn open_error(bench: &Bench) -> JournalError {
    Journal::open(&bench.path(), bench.limits()).expect_err("refused")
}

#[tokio::test]
async fn one_journal_is_served_by_one_process() {
    let bench = Bench::new();
    let journal = bench.open();
    assert!(matches!(open_error(&bench), JournalError::InUse(_)));
    record_new(&journal, [bench.event(1)]).await;
    drop(journal);
    bench.open();
}

#[tokio::test]
async fn closing_commits_what_has_queued_up_and_frees_the_journal_for_others() {
    let bench = Bench::new();
    let journal = bench.open();
    let release = hold_writer(&journal).await;
    let record = journal.record(bench.event(1));
    let close = journal.close();
    let (recorded, (), _) = tokio::join!(record, close, async { release.send(()) });
    assert_eq!(recorded, Ok(Recorded::New));
    assert!(!bench.folder.path().join("journal.db-wal").exists(), "the write-ahead log was left behind");
    assert_eq!(journal.record(bench.event(2)).await, Err(RecordError::Failed));
    assert!(matches!(journal.waiting(PushKind::Event, None, 1).await, Err(JournalError::Stopped(_))));
    assert_eq!(waiting_seqs(&bench.open()).await.len(), 1);
    journal.close().await;
}

#[tokio::test]
async fn the_folder_is_made_and_the_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let path = bench.folder.path().join("a/b/journal.db");
    let journal = Journal::open(&path, bench.limits()).expect("opens");
    record_new(&journal, [bench.event(1)]).await;
    let files: Vec<_> = std::fs::read_dir(path.parent().expect("a folder"))
        .expect("readable")
        .map(|entry| entry.expect("readable"))
        .collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let mode = file.metadata().expect("readable").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn commits_are_flushed_to_the_disk() {
    let bench = Bench::new();
    let journal = bench.open();
    let settings = on_writer(&journal, |store| {
        let text = |name| {
            store.connection().pragma_query_value(None, name, |row| {
                row.get_ref(0)?.as_i64().map(|n| n.to_string()).or_else(|_| row.get(0))
            })
        };
        ["journal_mode", "synchronous", "wal_autocheckpoint", "trusted_schema", "cell_size_check"]
            .map(|name| text(name).expect("a value"))
    })
    .await;
    assert_eq!(settings, ["wal", FULL, "4000", "0", "1"]);
}

#[test]
fn the_compiled_sqlite_is_recent_enough() {
    file::check_sqlite().expect("3.51.3 or later");
}

#[test]
fn what_is_not_a_journal_is_refused_and_left_alone() {
    let bench = Bench::new();
    std::fs::write(bench.path(), "Dear diary, today WeChat sent me a ticket and I lost it.")
        .expect("written");
    let before = std::fs::read(bench.path()).expect("readable");
    assert!(matches!(open_error(&bench), JournalError::NotAJournal(_)));
    assert_eq!(std::fs::read(bench.path()).expect("readable"), before);
}

#[test]
fn another_database_is_refused() {
    let bench = Bench::new();
    let other = Connection::open(bench.path()).expect("opens");
    other.execute("CREATE TABLE merchant (id INTEGER PRIMARY KEY)", []).expect("created");
    assert!(matches!(open_error(&bench), JournalError::NotAJournal(_)));
}

#[test]
fn a_journal_of_another_release_is_refused() {
    let bench = Bench::new();
    drop(bench.open());
    let other = Connection::open(bench.path()).expect("opens");
    other.pragma_update(None, "user_version", 4).expect("set");
    assert!(matches!(open_error(&bench), JournalError::UnknownForm { found: 4, known: 3 }));
}

#[tokio::test]
async fn rows_that_cannot_be_read_stay_and_block_nothing() {
    let bench = Bench::new();
    let journal = bench.open();
    let damages = [
        "id = zeroblob(16), pair = 'zz'",
        "component = '?'",
        "component = CAST(x'ff' AS TEXT)",
        "received_at = 9223372036854775807",
        "kind = 'message', authorizer = ''",
    ];
    record_new(&journal, (0..7).map(|n| bench.event(n))).await;
    for (at, damage) in damages.into_iter().enumerate() {
        let damage = format!("UPDATE callback SET {damage} WHERE seq = {}", at + 1);
        on_writer(&journal, move |store| store.connection().execute(&damage, []))
            .await
            .expect("the table allows it");
    }
    let status = journal.status().await.expect("readable");
    assert_eq!((status.unreadable, status.waiting.new.rows), (5, 7));
    let first = journal.waiting(PushKind::Event, None, 1).await.expect("readable");
    assert_eq!(first.iter().map(|waiting| waiting.seq).collect::<Vec<_>>(), [Seq(6)]);
    settle_all(&journal).await;
    drop(journal);
    let journal = bench.open();
    record_new(&journal, [bench.event(100)]).await;
    assert_eq!(waiting_seqs(&journal).await, [Seq(8)]);
    let status = JournalFile::open(&bench.path()).expect("opens").status().expect("readable");
    assert_eq!((status.unreadable, status.settled_kept.rows), (5, 2));
}

/// The steps of a statement's plan.
fn plan(store: &Store, statement: &str) -> String {
    let explain = format!("EXPLAIN QUERY PLAN {}", statement.split_once('\n').expect("a name first").1);
    let mut prepared = store.connection().prepare(&explain).expect("valid");
    let count = prepared.parameter_count();
    let rows = prepared
        .query_map(rusqlite::params_from_iter(vec![1; count]), |row| row.get::<_, String>("detail"))
        .expect("a plan");
    rows.map(|row| row.expect("a step")).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_statement_walks_through_what_is_settled() {
    let bench = Bench::new();
    file::prepare(&bench.path()).expect("a folder");
    let store = bench.store();
    for (statement, index) in [
        (sql::READ_NEW, "callback_new"),
        (sql::READ_SUSPECT, "callback_new"),
        (sql::READ_OLDEST_MESSAGE_ID, "callback_bare"),
        (sql::DELETE_OLDEST_MESSAGE_IDS, "callback_bare"),
        (sql::READ_OLDEST_PARKED, "callback_parked"),
        (sql::READ_PARKED_BEYOND, "callback_parked_from"),
        (sql::READ_OLDEST_WAITING, "callback_handed_over"),
        (sql::READ_OLDEST_KEPT, "callback_kept"),
        (sql::RESEND_CALLBACKS, "callback_kept"),
        (sql::DELETE_EXPIRED, "callback_bare"),
        (sql::FIND_CALLBACK, "autoindex"),
    ] {
        let plan = plan(&store, statement);
        assert!(plan.contains(index), "{statement}\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{statement}\n{plan}");
    }
}
