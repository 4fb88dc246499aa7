//! A database server under test: a database of its own for each case, made from a migrated template.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use mandate_schema::Secret;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use super::{Database, given::at};
use crate::{
    StorageError, Store,
    migration::Migrated,
    postgres::{PostgresSettings, migrate},
};

/// The role of the service, which the first migration makes.
const SERVICE: &str = "mandate_service";

/// A database on a server of the tests.
pub(crate) struct PostgresDatabase {
    /// Address of the owner, without the name of a database.
    server: String,
    pub(in crate::conformance) name: String,
}

/// The shared server of this run.
pub(in crate::conformance) fn shared_server() -> String {
    let url = std::env::var("MANDATE_TEST_POSTGRES")
        .expect("MANDATE_TEST_POSTGRES names no server: run the tests with tests/run");
    url.rsplit_once('/').expect("an address with a database").0.to_owned()
}

fn new_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("mandate_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A connection as the owner, past the storage.
pub(in crate::conformance) async fn connect(server: &str, database: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(&format!("{server}/{database}"), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl PostgresDatabase {
    /// An empty database without tables.
    pub(in crate::conformance) async fn empty(server: String) -> Self {
        let name = new_name();
        let admin = connect(&server, "postgres").await;
        admin.batch_execute(&format!("create database {name}")).await.unwrap();
        Self { server, name }
    }

    async fn from_template(server: String) -> Self {
        static TEMPLATE: OnceCell<PostgresDatabase> = OnceCell::const_new();
        let template = TEMPLATE
            .get_or_init(async || {
                let template = Self::empty(server.clone()).await;
                template.migrate().await.unwrap();
                template
            })
            .await;
        let name = new_name();
        let admin = connect(&server, "postgres").await;
        let copy = format!("create database {name} template {}", template.name);
        // The migrator's connection may take a moment to go away.
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while let Err(error) = admin.batch_execute(&copy).await {
            assert!(tokio::time::Instant::now() < deadline, "{error:?}");
        }
        let database = Self { server, name };
        let log_id = Uuid::new_v4().to_string();
        database.owner().await.execute("update log_head set log_id = $1", &[&log_id]).await.unwrap();
        database
    }

    pub(in crate::conformance) async fn owner(&self) -> Client {
        connect(&self.server, &self.name).await
    }

    pub(in crate::conformance) fn url_of(&self, role: &str, password: &str) -> Secret {
        let (_, host) = self.server.rsplit_once('@').expect("an address with a password");
        Secret::new(format!("postgres://{role}:{password}@{host}/{}", self.name))
    }

    pub(in crate::conformance) fn service(&self) -> Secret {
        self.url_of(SERVICE, "a-password-of-the-service")
    }

    pub(in crate::conformance) fn settings(url: Secret) -> PostgresSettings {
        PostgresSettings { url, ca: None, pool: 4 }
    }

    pub(in crate::conformance) fn owner_settings(&self) -> PostgresSettings {
        Self::settings(Secret::new(format!("{}/{}", self.server, self.name)))
    }

    pub(in crate::conformance) async fn migrate(&self) -> Result<Migrated, StorageError> {
        migrate(&self.owner_settings(), &self.service(), at(0), &Uuid::new_v4().to_string()).await
    }
}

impl Database for PostgresDatabase {
    async fn create() -> Self {
        Self::from_template(shared_server()).await
    }

    async fn open(&self) -> Store {
        Store::open_postgres(&Self::settings(self.service())).await.unwrap()
    }

    async fn sql(&self, statement: &str) -> Result<usize, String> {
        let changed = self.owner().await.execute(statement, &[]).await;
        let changed = changed
            .map_err(|error| error.as_db_error().map_or(error.to_string(), |e| e.message().to_owned()));
        Ok(usize::try_from(changed?).unwrap())
    }
}
