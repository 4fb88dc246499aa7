//! A database and a virtual host of its own for a world, on the servers of this run.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use tokio_postgres::NoTls;

use super::client;

/// The role of the service, one for all databases of this run.
const ROLE: &str = "mandate_service";
const PASSWORD: &str = "a-password-of-the-service";

/// Where a world keeps its log and its queues.
#[derive(Clone, Debug)]
pub(crate) struct Servers {
    /// Address of the database as the service.
    pub(crate) service_url: String,
    /// The same as its owner.
    pub(crate) owner_url: String,
    /// Address of the broker with its virtual host.
    pub(crate) broker_url: String,
    /// The management API, with the name of the virtual host at its end.
    management: String,
}

/// What `tests/run` sets.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with tests/run"))
}

impl Servers {
    /// On the servers that all tests of this run share.
    pub(crate) async fn shared() -> Self {
        let postgres = variable("MANDATE_TEST_POSTGRES");
        Self::on(postgres.trim_end_matches("/postgres"), &variable("MANDATE_TEST_RABBITMQ")).await
    }

    /// On these servers: addresses without a database and without a virtual host.
    pub(crate) async fn on(postgres: &str, rabbitmq: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        mandate_runtime::tls::install_provider();
        let name = format!("world_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let (client, connection) =
            tokio_postgres::connect(&format!("{postgres}/postgres"), NoTls).await.expect("PostgreSQL");
        tokio::spawn(connection);
        client.batch_execute(&format!("create database {name}")).await.expect("a database");

        let (_, host) = postgres.rsplit_once('@').expect("an address with a password");
        let (_, address) = rabbitmq.rsplit_once('@').expect("an address with a password");
        let (machine, port) = address.rsplit_once(':').expect("a port");
        let port: u16 = port.parse().expect("a port");
        let servers = Self {
            service_url: format!("postgres://{ROLE}:{PASSWORD}@{host}/{name}"),
            owner_url: format!("{postgres}/{name}"),
            broker_url: format!("{rabbitmq}/{name}"),
            management: format!("http://{machine}:{}/api", port + 1),
        };
        servers.make_vhost().await;
        servers
    }

    /// Makes the virtual host.
    pub(crate) async fn make_vhost(&self) {
        let name = self.vhost();
        self.manage(reqwest::Method::PUT, &format!("vhosts/{name}"), &json!({})).await;
        let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
        self.manage(reqwest::Method::PUT, &format!("permissions/{name}/guest"), &all).await;
    }

    /// The virtual host.
    pub(crate) fn vhost(&self) -> &str {
        self.broker_url.rsplit_once('/').expect("a virtual host").1
    }

    /// A call of `RabbitMQ`'s management API that must succeed; its answer.
    pub(crate) async fn manage(
        &self,
        method: reqwest::Method,
        path: &str,
        body: &serde_json::Value,
    ) -> String {
        let client = client().build().expect("a client");
        let request = client.request(method, format!("{}/{path}", self.management));
        let answer = request.basic_auth("guest", Some("guest")).json(body).send().await;
        let answer = answer.expect("the management API answers");
        let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
        assert!(status.is_success(), "{path}: {status} {text}");
        text
    }

    /// Gives the virtual host back: its queues take memory and files.
    pub(crate) async fn give_back(&self) {
        self.manage(reqwest::Method::DELETE, &format!("vhosts/{}", self.vhost()), &json!({})).await;
    }
}
