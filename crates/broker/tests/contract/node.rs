//! A `RabbitMQ` of these tests alone, since they kill, stop and block it. They take turns.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use mandate_broker::Settings;
use mandate_schema::Secret;
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, MutexGuard},
};

use crate::{api::Api, until::until};

static NODE: Mutex<Option<Node>> = Mutex::const_new(None);
static VHOSTS: AtomicU32 = AtomicU32::new(0);

/// Ends the node when this process has ended, however it did: then its standard input is closed.
const UNDERTAKER: &str = r#"read -r _; kill -KILL "$(cat "$1/pid")"; rm -rf "$1""#;

pub(crate) struct Node {
    folder: PathBuf,
    port: u16,
    server: Child,
    _undertaker: Child,
    vhost: Option<String>,
}

/// The turn of a test: nobody else has the node, and there is an empty vhost.
pub(crate) struct Turn(MutexGuard<'static, Option<Node>>);

/// Waits for its turn. The node is started if there is none, and healed if the test before left it ill.
pub(crate) async fn turn() -> Turn {
    assert!(
        std::env::var_os("MANDATE_TEST_RABBITMQ").is_some(),
        "this test needs servers: use tests/run -p mandate-broker"
    );
    let mut node = NODE.lock().await;
    match node.as_mut() {
        Some(node) => node.heal().await,
        None => *node = Some(Node::start().await),
    }
    let mut turn = Turn(node);
    turn.node_mut().new_vhost().await;
    turn
}

impl Turn {
    fn node(&self) -> &Node {
        self.0.as_ref().expect("the turn has a node")
    }

    fn node_mut(&mut self) -> &mut Node {
        self.0.as_mut().expect("the turn has a node")
    }

    pub(crate) fn api(&self) -> Api {
        self.node().api()
    }

    pub(crate) fn vhost(&self) -> &str {
        self.node().vhost.as_deref().expect("the turn has a vhost")
    }

    pub(crate) fn ca(&self) -> Vec<u8> {
        fs::read(self.node().folder.join("tls/ca.pem")).expect("the CA is there")
    }

    /// Settings for the vhost of this turn; `query` is that of the URL.
    pub(crate) fn settings_with(&self, query: &str) -> Settings {
        settings(&format!("amqp://guest:guest@127.0.0.1:{}/{}{query}", self.node().port, self.vhost()))
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings_with("")
    }

    pub(crate) fn tls_address(&self) -> String {
        format!("localhost:{}", self.node().port + 3)
    }

    /// Sends the node a signal.
    pub(crate) fn signal(&self, signal: &str) {
        self.node().signal(signal);
    }

    /// Ends the node as a power cut would, and waits until it is gone. Not in the first moment of a queue's life:
    /// `RabbitMQ` 3.10 writes the list of its quorum queues half a second late, and one that is not in it never comes back.
    pub(crate) async fn kill(&mut self) {
        let declared = self.api().order("GET", &format!("/queues/{}", self.vhost()), "").await;
        if declared.as_array().is_some_and(|queues| !queues.is_empty()) {
            let name = format!("{}_mandate.inbox.callbacks", self.vhost());
            until("RabbitMQ has noted its queue", || async { self.node().notes(&name).then_some(()) }).await;
        }
        self.signal("-KILL");
        self.node_mut().gone().await;
    }

    pub(crate) async fn restart(&mut self) {
        let node = self.node_mut();
        node.server = serve(&node.folder, node.port);
        node.ready().await;
    }

    /// Runs `rabbitmqctl`.
    pub(crate) fn control(&self, arguments: &[&str]) {
        let node = self.node();
        let status = Command::new("/usr/lib/rabbitmq/bin/rabbitmqctl")
            .args(arguments)
            .env("HOME", node.folder.join("home"))
            .env("RABBITMQ_NODENAME", format!("mandate-{}@localhost", node.port))
            .stdout(Stdio::null())
            .status()
            .expect("the program is there");
        assert!(status.success(), "rabbitmqctl {arguments:?}");
    }

    /// Names of the connections to the vhost.
    pub(crate) async fn connections(&self) -> Vec<String> {
        let path = format!("/vhosts/{}/connections", self.vhost());
        let connections = self.api().order("GET", &path, "").await;
        let connections = connections.as_array().cloned().unwrap_or_default();
        connections.iter().filter_map(|connection| connection["name"].as_str().map(str::to_owned)).collect()
    }

    /// Ends each connection to the vhost, as an operator would; there must be so many.
    pub(crate) async fn close_connections(&self, count: usize) {
        let names = until("the connections are known", || async {
            Some(self.connections().await).filter(|names| names.len() == count)
        })
        .await;
        for name in names {
            let path = format!("/connections/{}", name.replace(' ', "%20").replace('>', "%3E"));
            self.api().order("DELETE", &path, "").await;
        }
    }

    /// Declares a queue of the vhost before we do.
    pub(crate) async fn put_queue(&self, name: &str, arguments: &Value) {
        let body = serde_json::json!({ "durable": true, "arguments": arguments }).to_string();
        self.api().order("PUT", &format!("/queues/{}/{name}", self.vhost()), &body).await;
    }

    pub(crate) async fn delete_queue(&self, name: &str) {
        self.api().order("DELETE", &format!("/queues/{}/{name}", self.vhost()), "").await;
    }
}

pub(crate) fn settings(url: &str) -> Settings {
    Settings { url: Secret::new(url), ca: None, role: "test" }
}

impl Node {
    async fn start() -> Self {
        let folder =
            tempfile::Builder::new().prefix("mandate-broker-").tempdir().expect("a temporary folder").keep();
        let made = Command::new(script()).arg("tls").arg(&folder).status().expect("the program is there");
        assert!(made.success(), "tests/server makes certificates");
        let port = free_ports().await;
        let undertaker = Command::new("bash")
            .args(["-c", UNDERTAKER, "undertaker"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program is there");
        let server = serve(&folder, port);
        let mut node = Self { folder, port, server, _undertaker: undertaker, vhost: None };
        node.ready().await;
        node
    }

    fn api(&self) -> Api {
        Api(self.port + 1)
    }

    async fn heal(&mut self) {
        if self.server.try_wait().expect("a child of ours").is_some() {
            self.server = serve(&self.folder, self.port);
        } else {
            self.signal("-CONT");
        }
        self.ready().await;
    }

    async fn ready(&mut self) {
        until("RabbitMQ is ready", || async {
            let (status, _) = self.api().ask("GET", "/overview", "").await?;
            for port in [self.port, self.port + 3] {
                TcpStream::connect(("127.0.0.1", port)).await.ok()?;
            }
            (status == 200).then_some(())
        })
        .await;
    }

    async fn gone(&mut self) {
        let server = Mutex::new(&mut self.server);
        until("RabbitMQ is gone", || async { server.lock().await.try_wait().expect("a child of ours") })
            .await;
    }

    fn signal(&self, signal: &str) {
        let pid = fs::read_to_string(self.folder.join("pid")).expect("the node wrote its pid");
        let sent = Command::new("kill").args([signal, pid.trim()]).status().expect("the program is there");
        assert!(sent.success(), "kill {signal}");
    }

    /// Whether this name stands in the list of a Raft system of the node.
    fn notes(&self, name: &str) -> bool {
        let node = format!("mandate-{}@localhost", self.port);
        let list = self.folder.join("data").join(&node).join("quorum").join(&node).join("names.dets");
        let list = fs::read(list).unwrap_or_default();
        list.windows(name.len()).any(|window| window == name.as_bytes())
    }

    async fn new_vhost(&mut self) {
        if let Some(before) = self.vhost.take() {
            self.api().order("DELETE", &format!("/vhosts/{before}"), "").await;
        }
        let name = format!("test-{}", VHOSTS.fetch_add(1, Ordering::Relaxed));
        self.api().order("PUT", &format!("/vhosts/{name}"), "{}").await;
        let all = r#"{"configure":".*","write":".*","read":".*"}"#;
        self.api().order("PUT", &format!("/permissions/{name}/guest"), all).await;
        self.vhost = Some(name);
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/server")
}

fn serve(folder: &Path, port: u16) -> Child {
    let log = File::create(folder.join("log.txt")).expect("a log file");
    Command::new(script())
        .arg("rabbitmq")
        .arg(folder)
        .arg(port.to_string())
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("an open file"))
        .stderr(log)
        .spawn()
        .expect("the program is there")
}

/// The first of four free ports in a row.
async fn free_ports() -> u16 {
    until("four free ports", || async {
        let first = fastrand::u16(5_000..8_000) * 4;
        for port in first..first + 4 {
            TcpListener::bind(("127.0.0.1", port)).await.ok()?;
        }
        Some(first)
    })
    .await
}
