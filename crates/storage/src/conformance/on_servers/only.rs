//! What only concerns a database server: roles, settings, TLS, and the server's absence.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use mandate_schema::{
    Secret, TaskId,
    sql::{POSTGRES_MIGRATIONS, functions_sha256},
};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::super::{
    Database,
    given::{append, at, claim, command, decided, stored, stream, task, whole_log},
    own_server::OwnServer,
    postgres::{PostgresDatabase, shared_server},
};
use crate::{
    Appended, Appender, AuthorizerFilter, Command, CommandOutcome, StorageError, Store, TaskState,
    Unobserved,
    postgres::{PostgresSettings, migrate},
};

/// Longer than the limits of a call together.
const BOUNDED: Duration = Duration::from_secs(15);

#[tokio::test]
async fn the_service_may_add_to_the_log_and_change_nothing_in_it() {
    let database = PostgresDatabase::create().await;
    let storage = database.open().await;
    append(&storage, decided(command(1), &stream(1), 0).events(1)).await;
    let (client, connection) =
        tokio_postgres::connect(database.service().expose(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for statement in [
        "update event set data = '{}'",
        "delete from event",
        "truncate event",
        "drop table event",
        "alter table event disable trigger all",
        "update schema_migration set sha256 = ''",
        "delete from log_head",
        "delete from command",
        "delete from data_key",
        "create table mine (id integer)",
    ] {
        let error = client.batch_execute(statement).await.unwrap_err();
        let code = error.code().unwrap().code();
        assert_eq!(code, "42501", "{statement}: {error}"); // insufficient privilege
    }
    for statement in ["update event set data = '{}'", "delete from event", "truncate event"] {
        let refusal = database.sql(statement).await.unwrap_err();
        assert!(refusal.contains("append-only"), "the owner: {refusal}");
    }
    assert_eq!(whole_log(&storage).await.len(), 1);
}

#[tokio::test]
async fn what_others_keep_in_the_same_database_is_not_the_services() {
    let database = PostgresDatabase::create().await;
    database.owner().await.batch_execute("create table others (id integer)").await.unwrap();
    database.migrate().await.unwrap();
    let (client, connection) =
        tokio_postgres::connect(database.service().expose(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let error = client.batch_execute("select from others").await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42501", "{error}");
}

/// The plans of a session are made while its tables are known to be small, and kept while they grow.
#[tokio::test]
async fn an_append_finds_its_rows_by_a_key_however_the_tables_grow() {
    let database = PostgresDatabase::create().await;
    let owner = database.owner().await;
    let never_analyzed = "do $$ declare t regclass; begin
        for t in select oid from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace loop
            execute format('alter table %s set (autovacuum_enabled = false)', t);
        end loop; end $$";
    owner.batch_execute(never_analyzed).await.unwrap();
    let settings = PostgresSettings { pool: 1, ..PostgresDatabase::settings(database.service()) };
    let storage = Store::open_postgres(&settings).await.unwrap();
    for batch in 0..8_u32 {
        if batch == 1 {
            owner.batch_execute("analyze").await.unwrap();
        }
        let commands = (0..if batch == 0 { 8 } else { 256 }).map(|number| {
            let number = batch * 256 + number;
            let append = decided(command(number.into()), &stream(number), 0).events(1);
            let code = task(&format!("redeem:{}", number / 2)); // the second one learns
            append.task(task(&format!("confirm:{number}"))).redeem(code).into()
        });
        storage.append_batch(commands.collect()).await.unwrap();
        let claimed = claim(&storage, at(0), at(10), 64).await;
        let ends = claimed.iter().zip(100_000..).map(|(claimed, number)| {
            let append = decided(claimed.by().command(), &stream(batch * 1_000 + number), 0);
            if number % 2 == 0 { append.finishes(claimed).into() } else { append.refuses(claimed).into() }
        });
        let ended = storage.append_batch(ends.collect()).await.unwrap();
        assert!(ended.iter().all(|ended| *ended == Appended::Stored(None)), "{ended:?}");
    }
    let whole_reads = "select sum(seq_scan)::bigint as read from pg_stat_user_tables
        where relname in ('command', 'data_key', 'dead_letter', 'event', 'state', 'task', 'token')";
    let counted = "select coalesce(sum(n_tup_ins), 0)::bigint as added from pg_stat_user_tables where relname = 'event'";
    drop(storage); // a session tells its figures when it ends
    let deadline = Instant::now() + BOUNDED;
    while owner.query_one(counted, &[]).await.unwrap().get::<_, i64>("added") < 1_800 {
        assert!(Instant::now() < deadline, "the server counts what was added");
    }
    assert_eq!(owner.query_one(whole_reads, &[]).await.unwrap().get::<_, i64>("read"), 0);
}

/// While a new version is rolled out, workers of the version before append to the schema of the new one.
#[tokio::test]
async fn a_worker_of_the_version_before_goes_on_beside_a_new_one() {
    let database = PostgresDatabase::create().await;
    let storage = database.open().await;
    append(&storage, decided(command(1), &stream(1), 0).redeem(task("redeem:1"))).await;
    let claimed = claim(&storage, at(0), at(10), 1).await.remove(0);
    let item = |id: u64, more: Value| {
        let mut item = json!({"id": command(id).0, "recorded_at": 5, "stream": stream(1).to_string(), "expected": 0,
            "events": [], "state": null, "keys": [], "token": null, "tasks": [], "erases": null});
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        item
    };
    let queued = json!({"id": Uuid::from_u128(7), "key": "confirm:1", "kind": "confirm", "component": "c",
        "authorizer": null, "payload": "{}", "sealed_by": null, "sealed": null});
    append(&storage, decided(command(8), &stream(1), 0).redeem(task("redeem:2"))).await;
    let refused = claim(&storage, at(0), at(10), 1).await.remove(0);
    append(&storage, decided(refused.by().command(), &stream(1), 0).refuses(&refused)).await;
    let letter = |id: u64, task: TaskId| {
        json!({"id": command(id).0, "recorded_at": 5, "task": task.0,
            "letter": {"reason": "refused", "detail": "", "push_id": null, "push": null}})
    };
    let batch = json!([
        item(2, json!({"tasks": [queued]})),
        item(3, json!({"task": claimed.id.0})),
        letter(4, claimed.id),
        letter(6, refused.id),
        item(5, json!({"task": claimed.id.0})),
    ]);
    let rows = database.owner().await;
    let rows = rows.query("select result from append_batch($1)", &[&Json(batch)]).await.unwrap();
    let results: Vec<String> = rows.iter().map(|row| row.get("result")).collect();
    assert_eq!(results, ["stored", "stored", "finished", "finished", "finished"]);
    let state = async |key| storage.task_by_key(key).await.unwrap().unwrap().state;
    assert_eq!((state("redeem:1").await, state("confirm:1").await), (TaskState::Done, TaskState::Ready));
    assert_eq!(state("redeem:2").await, TaskState::Done, "what is done does not die");
    assert_eq!(storage.dead_letters(None, 9).await.unwrap().len(), 0);
}

#[tokio::test]
async fn migrating_again_finds_nothing_to_do_and_a_changed_migration_is_refused() {
    let database = PostgresDatabase::empty(shared_server()).await;
    let open =
        async || Store::open_postgres(&PostgresDatabase::settings(database.service())).await.unwrap_err();
    let error = Store::open_postgres(&database.owner_settings()).await.unwrap_err();
    assert!(error.to_string().contains("mandate migrate"), "{error}");
    let first = database.migrate().await.unwrap();
    assert_eq!(first.applied.len(), POSTGRES_MIGRATIONS.len());
    let log_id = database.open().await.log_id().await.unwrap();
    assert_eq!(database.migrate().await.unwrap().applied, [""; 0]);
    assert_eq!(database.open().await.log_id().await.unwrap(), log_id, "the log keeps its name");

    database.sql("update schema_migration set sha256 = 'x' where number = 1").await.unwrap();
    for error in [open().await, database.migrate().await.unwrap_err()] {
        assert!(error.to_string().contains("was it changed"), "{error}");
    }
    let newer =
        "insert into schema_migration (number, name, sha256, applied_at) values (99, 'later', 'x', 0)";
    let known = POSTGRES_MIGRATIONS[0].sha256();
    database.sql(&format!("update schema_migration set sha256 = '{known}' where number = 1")).await.unwrap();
    database.sql(newer).await.unwrap();
    assert!(open().await.to_string().contains("newer program"));
}

#[tokio::test]
async fn functions_of_another_version_are_refused_and_replaced() {
    let database = PostgresDatabase::create().await;
    let noted = functions_sha256();
    for change in [
        "update schema_functions set sha256 = 'of another version'",
        "delete from schema_functions",
        "drop table schema_functions",
    ] {
        let before = "create or replace function append_batch(batch jsonb)
            returns table (result text, outcome text, last_position bigint) language sql as $$ select '', '', 0::bigint $$";
        database.owner().await.batch_execute(before).await.unwrap();
        database.owner().await.batch_execute(change).await.unwrap();
        let error = Store::open_postgres(&PostgresDatabase::settings(database.service())).await.unwrap_err();
        assert!(error.to_string().contains("mandate migrate"), "{change}: {error}");
        assert_eq!(database.migrate().await.unwrap().applied, [""; 0]);
        let row = database.owner().await.query_one("select sha256 from schema_functions", &[]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), noted);
    }
    assert_eq!(append(&database.open().await, decided(command(1), &stream(1), 0).events(1)).await, stored(1));
}

#[tokio::test]
async fn many_migrators_at_once_leave_one_schema() {
    let database = PostgresDatabase::empty(shared_server()).await;
    let all = (0..6).map(|_| database.migrate());
    let done = futures_util::future::join_all(all).await;
    let applied: usize = done.into_iter().map(|migrated| migrated.unwrap().applied.len()).sum();
    assert_eq!(applied, POSTGRES_MIGRATIONS.len());
}

#[tokio::test]
async fn an_owner_who_may_not_make_the_role_is_told_what_an_administrator_must_run() {
    let database = PostgresDatabase::empty(shared_server()).await;
    let owner = format!("plain_{}", database.name);
    for statement in [
        format!("create role {owner} login password 'plain'"),
        format!("grant create on schema public to {owner}"),
    ] {
        database.owner().await.batch_execute(&statement).await.unwrap();
    }
    let settings = PostgresDatabase::settings(database.url_of(&owner, "plain"));
    let service = database.url_of(&format!("missing_{}", database.name), "hunter2secret");
    let error = migrate(&settings, &service, at(0), "log").await.unwrap_err();
    assert!(matches!(error, StorageError::Schema(_)), "{error:?}");
    let told = error.to_string();
    assert!(told.contains("create role") && !told.contains("hunter2secret"), "{told}");
    let cure = format!("create role \"missing_{}\" login password 'hunter2secret'", database.name);
    database.owner().await.batch_execute(&cure).await.unwrap();
    migrate(&settings, &service, at(0), "log").await.unwrap();
    Store::open_postgres(&PostgresDatabase::settings(service)).await.unwrap();
}

#[tokio::test]
async fn a_state_may_hold_what_jsonb_does_not_take() {
    let database = PostgresDatabase::create().await;
    let storage = database.open().await;
    let json = r#"{"status":"authorized","profile":{"nick_name":"Tea\u0000House \\u0000","user_name":null}}"#;
    append(&storage, decided(command(1), &stream(1), 0).events(1).state(json)).await;
    assert_eq!(storage.load(&stream(1)).await.unwrap().state.unwrap().state, json);
    let filter = AuthorizerFilter { text: Some("house".into()), limit: 5, ..Default::default() };
    assert_eq!(storage.authorizers(filter).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_that_may_lose_commits_is_refused() {
    let server = OwnServer::start().await;
    let database = PostgresDatabase::empty(server.url()).await;
    database.migrate().await.unwrap();
    for setting in ["fsync", "full_page_writes"] {
        let set = async |to: &str| {
            let owner = database.owner().await;
            owner.batch_execute(&format!("alter system set {setting} = {to}")).await.unwrap();
            owner.batch_execute("select pg_reload_conf()").await.unwrap();
            let deadline = Instant::now() + BOUNDED;
            loop {
                let row = database.owner().await.query_one("select current_setting($1)", &[&setting]).await;
                if row.unwrap().get::<_, String>(0) == to {
                    break;
                }
                assert!(Instant::now() < deadline, "{setting} does not become {to}");
            }
        };
        set("off").await;
        let error = Store::open_postgres(&PostgresDatabase::settings(database.service())).await.unwrap_err();
        assert!(matches!(&error, StorageError::Schema(text) if text.contains(setting)), "{error:?}");
        set("on").await;
        database.open().await;
    }
}

#[tokio::test]
async fn a_private_ca_is_believed_only_if_it_is_named() {
    let server = OwnServer::with_tls().await;
    let database = PostgresDatabase::empty(server.url()).await;
    let owner = PostgresSettings { ca: Some(server.ca()), ..database.owner_settings() };
    migrate(&owner, &database.service(), at(0), "log").await.unwrap();
    let url = |mode: &str| {
        let service = database.service();
        let address = service
            .expose()
            .replace(&format!("127.0.0.1:{}", server.port()), &format!("localhost:{}", server.port()));
        Secret::new(format!("{address}?sslmode={mode}"))
    };
    for mode in ["prefer", "require", "verify-full"] {
        let settings = PostgresSettings { url: url(mode), ca: None, pool: 1 };
        let error = Store::open_postgres(&settings).await.unwrap_err();
        assert!(error.to_string().contains("storage.ca_file"), "{error}");
        Store::open_postgres(&PostgresSettings { ca: Some(server.ca()), ..settings }).await.unwrap();
    }
    let bad = PostgresSettings { url: url("require"), ca: Some(b"no certificate".to_vec()), pool: 1 };
    assert!(matches!(Store::open_postgres(&bad).await, Err(StorageError::Schema(_))));
}

#[tokio::test]
async fn a_server_that_is_stopped_or_dead_is_away_in_bounded_time_and_is_found_again() {
    let mut server = OwnServer::start().await;
    let database = PostgresDatabase::empty(server.url()).await;
    database.migrate().await.unwrap();
    let storage = database.open().await;
    append(&storage, decided(command(1), &stream(1), 0).events(1)).await;

    server.signal_all("-STOP");
    let silent = timeout(BOUNDED, storage.head()).await.expect("a bounded time").unwrap_err();
    assert!(silent.is_transient(), "{silent:?}");
    server.signal_all("-CONT");
    until_stored(&storage, decided(command(2), &stream(1), 1).events(1).into()).await;

    server.kill();
    let dead = timeout(BOUNDED, storage.head()).await.expect("a bounded time").unwrap_err();
    assert!(dead.is_transient(), "{dead:?}");
    server.restart().await;
    until_stored(&storage, decided(command(3), &stream(1), 2).events(1).into()).await;
    assert_eq!(whole_log(&storage).await.len(), 3);
}

/// Appends until it is answered, as the appender does.
async fn until_stored(storage: &Store, command: Command) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match storage.append_batch(vec![command.clone()]).await {
            Ok(appended) => {
                let done = matches!(appended[0], Appended::Stored(_) | Appended::Duplicate(_));
                return assert!(done, "{appended:?}");
            }
            Err(error) => assert!(error.is_transient() && Instant::now() < deadline, "{error:?}"),
        }
    }
}

/// Streams that all writers fight for.
const STREAMS: u32 = 5;
const WRITERS: u64 = 6;

/// Writers whose connections the server ends in the middle of their work; a reader that follows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_connections_leave_no_hole_and_repeat_nothing() {
    let database = Arc::new(PostgresDatabase::create().await);
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let storage = database.open().await;
        let appender = Appender::start(storage.clone(), Arc::new(Unobserved));
        writers.push(tokio::spawn(write(storage, appender, writer, stop.clone())));
    }
    let terminated = Arc::new(AtomicU64::new(0));
    let saboteur = tokio::spawn(sabotage(database.clone(), stop.clone(), terminated.clone()));
    let reader = tokio::spawn(follow(database.owner_settings(), stop.clone()));
    let deadline = Instant::now() + Duration::from_mins(1);
    let head = database.open().await;
    while terminated.load(Ordering::SeqCst) < 40 || !head.head().await.is_ok_and(|head| head.0 >= 1_000) {
        assert!(Instant::now() < deadline, "{terminated:?}");
    }
    stop.store(true, Ordering::SeqCst);
    let mut applied = 0;
    for writer in writers {
        applied += writer.await.unwrap();
    }
    saboteur.await.unwrap();
    let seen = reader.await.unwrap();
    assert!(terminated.load(Ordering::SeqCst) > 10, "{terminated:?}");
    let storage = database.open().await;
    let log = whole_log(&storage).await;
    assert_eq!(u64::try_from(log.len()).unwrap(), applied, "each command once");
    assert_eq!(storage.head().await.unwrap().0, applied);
    assert!(seen > 0 && applied > 100, "{seen} {applied}");
    for number in 0..STREAMS {
        let versions: Vec<u64> =
            log.iter().filter(|event| event.stream == stream(number)).map(|event| event.version.0).collect();
        assert_eq!(versions, (1..=u64::try_from(versions.len()).unwrap()).collect::<Vec<_>>());
        assert_eq!(storage.load(&stream(number)).await.unwrap().version().0, *versions.last().unwrap());
    }
}

/// Decides and appends until the stop; answers how many commands were applied.
async fn write(storage: Store, appender: Appender, writer: u64, stop: Arc<AtomicBool>) -> u64 {
    let mut applied = 0;
    while !stop.load(Ordering::SeqCst) {
        let stream = stream(u32::try_from(applied + writer).unwrap() % STREAMS);
        let id = command(writer * 1_000_000 + applied);
        loop {
            let Ok(loaded) = storage.load(&stream).await else { continue };
            let decision = decided(id, &stream, loaded.version().0).events(1);
            match appender.append(decision.into()).await {
                Ok(Appended::Stored(Some(_))) => break,
                Ok(Appended::Duplicate(record)) => {
                    assert_eq!(record.outcome, CommandOutcome::Applied);
                    break;
                }
                Ok(Appended::Conflict) => {}
                Ok(other @ (Appended::Stored(None) | Appended::Finished)) => panic!("{other:?}"),
                // Its session was ended again and again: the same command is submitted again.
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
        }
        applied += 1;
    }
    applied
}

/// Ends two of the service's connections again and again.
async fn sabotage(database: Arc<PostgresDatabase>, stop: Arc<AtomicBool>, terminated: Arc<AtomicU64>) {
    let owner = database.owner().await;
    let mut pause = tokio::time::interval(Duration::from_millis(150));
    let terminate = "select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and usename = 'mandate_service' and state = 'active' limit 2";
    while !stop.load(Ordering::SeqCst) {
        pause.tick().await;
        let ended = owner.query(terminate, &[]).await.unwrap();
        terminated.fetch_add(u64::try_from(ended.len()).unwrap(), Ordering::SeqCst);
    }
}

/// Follows the log to the stop; every row must be the next one.
async fn follow(settings: PostgresSettings, stop: Arc<AtomicBool>) -> u64 {
    let storage = Store::open_postgres(&settings).await.unwrap();
    let mut last = mandate_schema::Position(0);
    while !stop.load(Ordering::SeqCst) {
        let page = storage.read(crate::EventQuery { after: last, limit: 50 }).await.unwrap();
        for event in page {
            assert_eq!(event.position.0, last.0 + 1, "a hole, or an event that came late");
            last = event.position;
        }
    }
    last.0
}

#[tokio::test]
async fn what_was_appended_is_there_for_another_process() {
    let database = PostgresDatabase::create().await;
    append(&database.open().await, decided(command(1), &stream(1), 0).events(2)).await;
    let storage = database.open().await;
    assert_eq!(whole_log(&storage).await.len(), 2);
    assert_eq!(append(&storage, decided(command(2), &stream(1), 2).events(1)).await, stored(3));
}
