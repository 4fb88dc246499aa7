//! A `PostgreSQL` of one test alone, which may kill and stop it.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(in crate::conformance) struct OwnServer {
    folder: TempDir,
    port: u16,
    server: Child,
}

impl OwnServer {
    pub(in crate::conformance) async fn start() -> Self {
        Self::prepared(|_| {}).await
    }

    /// One that offers TLS with a certificate of a private CA.
    pub(in crate::conformance) async fn with_tls() -> Self {
        Self::prepared(|folder| {
            let made = Command::new(script()).arg("tls").arg(folder).status().unwrap();
            assert!(made.success(), "tests/server makes certificates");
        })
        .await
    }

    async fn prepared(prepare: impl FnOnce(&Path)) -> Self {
        assert!(
            std::env::var_os("MANDATE_TEST_POSTGRES").is_some(),
            "this test needs a server: use tests/run"
        );
        let folder = TempDir::new().unwrap();
        prepare(folder.path());
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let server = serve(folder.path(), port);
        let server = Self { folder, port, server };
        server.ready().await;
        server
    }

    /// Address of the owner, without the name of a database.
    pub(in crate::conformance) fn url(&self) -> String {
        format!("postgres://owner:owner@127.0.0.1:{}", self.port)
    }

    pub(in crate::conformance) fn port(&self) -> u16 {
        self.port
    }

    pub(in crate::conformance) fn ca(&self) -> Vec<u8> {
        fs::read(self.folder.path().join("tls/ca.pem")).unwrap()
    }

    pub(in crate::conformance) fn signal(&self, signal: &str) {
        let pid = self.server.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Stops the server's processes that serve connections, too.
    pub(in crate::conformance) fn signal_all(&self, signal: &str) {
        self.signal_children(signal);
        self.signal(signal);
    }

    /// Kills the server's processes that serve connections, too: they would answer until they notice that it is
    /// dead. It is stopped before, or it would replace them.
    pub(in crate::conformance) fn kill(&mut self) {
        self.signal("-STOP");
        self.signal_children("-KILL");
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }

    fn signal_children(&self, signal: &str) {
        let parent = self.server.id().to_string();
        let done = Command::new("pkill").args([signal, "-P", &parent]).status().unwrap();
        assert!(done.success(), "it has children");
    }

    pub(in crate::conformance) async fn restart(&mut self) {
        self.server = serve(self.folder.path(), self.port);
        self.ready().await;
    }

    async fn ready(&self) {
        let deadline = Instant::now() + PATIENCE;
        let url = format!("{}/postgres", self.url());
        while tokio_postgres::connect(&url, tokio_postgres::NoTls).await.is_err() {
            assert!(Instant::now() < deadline, "PostgreSQL does not start: {}", self.log());
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log.txt")).unwrap_or_default()
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // Stopped processes do not die of anything but this; the children follow their parent.
        Command::new("pkill").args(["-KILL", "-P", &self.server.id().to_string()]).status().ok();
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/server")
}

fn serve(folder: &Path, port: u16) -> Child {
    let log = fs::File::create(folder.join("log.txt")).unwrap();
    Command::new(script())
        .arg("postgres")
        .arg(folder)
        .arg(port.to_string())
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}
