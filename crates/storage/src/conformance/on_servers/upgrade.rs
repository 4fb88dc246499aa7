//! What a migration makes of what the version before left.

use mandate_schema::sql::POSTGRES_MIGRATIONS;

use super::super::{
    Database,
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
