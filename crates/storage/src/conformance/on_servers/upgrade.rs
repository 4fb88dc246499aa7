//! What a migration makes of what the version before left.

use mandate_schema::sql::POSTGRES_MIGRATIONS;
use serde_json::json;
use tokio_postgres::types::Json;

use super::super::{
    Database,
    given::{self, command, decided},
    postgres::{PostgresDatabase, shared_server},
    sqlite::OLD_STATES,
};

#[tokio::test]
async fn the_columns_that_were_generated_keep_what_they_held() {
    let database = PostgresDatabase::empty(shared_server()).await;
    let owner = database.owner().await;
    let history = "create table schema_migration (
        number integer primary key, name text not null, sha256 text not null, applied_at bigint not null)";
    owner.batch_execute(history).await.unwrap();
    for migration in POSTGRES_MIGRATIONS.iter().filter(|migration| migration.number < 11) {
        owner.batch_execute(migration.sql).await.unwrap();
        let number = i32::try_from(migration.number).unwrap();
        let note = "insert into schema_migration values ($1, $2, $3, 0)";
        owner.execute(note, &[&number, &migration.name, &migration.sha256()]).await.unwrap();
    }
    for (stream, json, ..) in OLD_STATES {
        let insert = "insert into state (stream, version, position, form, state) values ($1, 1, 1, 1, $2)";
        owner.execute(insert, &[&stream, &json]).await.unwrap();
    }
    database.migrate().await.unwrap();
    let rows = owner.query("select stream, component, status, search from state order by stream", &[]).await;
    for (row, (stream, _, component, status, search)) in rows.unwrap().iter().zip(OLD_STATES) {
        assert_eq!(row.get::<_, &str>(0), stream);
        assert_eq!(row.get::<_, &str>(1), component);
        assert_eq!(row.get::<_, Option<&str>>(2), status);
        assert_eq!(row.get::<_, &str>(3), search, "{stream}");
    }
    database.open().await;
}

/// While a new version is rolled out, workers of the version before append states without their status and their search text.
#[tokio::test]
async fn a_state_of_a_worker_of_the_version_before_is_found_by_what_its_json_says() {
    let database = PostgresDatabase::create().await;
    let owner = database.owner().await;
    for (number, (stream, json, component, status, search)) in (0..).zip(OLD_STATES) {
        let id = command(number);
        let event = &decided(id, &given::stream(1), 0).events(1).events[0];
        let event = json!({"id": event.id.0, "name": event.name, "form": 1, "command": id.0, "occurred_at": null,
            "recorded_at": 5, "data": "{}", "sealed": "{}"});
        let batch = json!([{"id": id.0, "recorded_at": 5, "task": null, "finish": null, "stream": stream, "expected": 0,
            "events": [event], "state": {"form": 1, "json": json}, "keys": [], "token": null, "tasks": [], "redeems": [],
            "erases": null}]);
        let row = owner.query_one("select result from append_batch($1)", &[&Json(batch)]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "stored");
        let select = "select component, status, search from state where stream = $1";
        let row = owner.query_one(select, &[&stream]).await.unwrap();
        let columns: (&str, Option<&str>, &str) = (row.get(0), row.get(1), row.get(2));
        assert_eq!(columns, (component, status, search));
    }
}
