//! A database server and a broker of one test alone, which may kill, stop and wipe them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    sync::Mutex,
    time::{Instant, sleep},
};

use super::{
    process::{self, signal},
    settings::free_ports,
};

/// Held while a server starts: `RabbitMQ` takes all processors for seconds, and two that start at once take more than twice as long.
static STARTS: Mutex<()> = Mutex::const_new(());

/// How long a server may take to start. Nobody judges that: it is six seconds of work, and a minute on a machine that also compiles.
const STARTED_WITHIN: Duration = Duration::from_mins(2);

/// Both servers.
pub(crate) struct OwnServers {
    pub(crate) postgres: Server,
    pub(crate) rabbitmq: Server,
    /// Goes last: a server whose files vanish leaves a dump of itself.
    folder: TempDir,
}

/// Which program a server is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Postgres,
    Rabbitmq,
}

/// One server, started by `tests/server`.
pub(crate) struct Server {
    kind: Kind,
    folder: PathBuf,
    pub(crate) port: u16,
    child: Child,
}

impl OwnServers {
    pub(crate) async fn start() -> Self {
        Self::start_on(free_ports(1), free_ports(4), "").await
    }

    /// On ports of their own; `rabbitmq` is the first of four. `configuration` is added to the broker's.
    pub(crate) async fn start_on(postgres: u16, rabbitmq: u16, configuration: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("mandate-servers-").tempdir().expect("a folder");
        // PostgreSQL runs as a user of its own, who must come through.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).expect("our own folder");
        let extra = folder.path().join("rabbitmq/extra.conf");
        fs::create_dir(folder.path().join("rabbitmq")).expect("our own folder");
        fs::write(extra, configuration).expect("our own folder");
        let _alone = STARTS.lock().await;
        let postgres = Server::spawn(Kind::Postgres, folder.path().join("postgres"), postgres);
        let rabbitmq = Server::spawn(Kind::Rabbitmq, folder.path().join("rabbitmq"), rabbitmq);
        let servers = Self { postgres, rabbitmq, folder };
        servers.postgres.ready().await;
        servers.rabbitmq.ready().await;
        servers
    }

    /// Everything that the servers keep.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Address of the database server's owner, without a database.
    pub(crate) fn postgres_url(&self) -> String {
        format!("postgres://owner:owner@127.0.0.1:{}", self.postgres.port)
    }

    /// Address of the broker, without a virtual host.
    pub(crate) fn rabbitmq_url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}", self.rabbitmq.port)
    }
}

impl Server {
    fn spawn(kind: Kind, folder: PathBuf, port: u16) -> Self {
        fs::create_dir_all(&folder).expect("a folder");
        let child = serve(kind, &folder, port);
        Self { kind, folder, port, child }
    }

    /// Waits until it takes connections.
    pub(crate) async fn ready(&self) {
        let port = match self.kind {
            Kind::Postgres => self.port,
            Kind::Rabbitmq => self.port + 1, // the management page comes last
        };
        let deadline = Instant::now() + STARTED_WITHIN;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            let log = || fs::read_to_string(self.folder.join("log.txt")).unwrap_or_default();
            assert!(Instant::now() < deadline, "a server does not start: {}", log());
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// SIGKILL, and waits for its end.
    pub(crate) fn kill(&mut self) {
        process::signal_if_there(self.process(), "KILL");
        self.child.wait().expect("our own child");
    }

    /// Starts it again on what it had.
    pub(crate) async fn restart(&mut self) {
        let _alone = STARTS.lock().await;
        self.child = serve(self.kind, &self.folder, self.port);
        self.ready().await;
    }

    /// Stops every process of it, so that it says nothing.
    pub(crate) fn freeze(&self) {
        self.signal_all("STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal_all("CONT");
    }

    /// Deletes all that it has kept. It must be dead.
    pub(crate) fn wipe(&self) {
        fs::remove_dir_all(self.folder.join("data")).expect("it has kept something");
    }

    fn signal_all(&self, name: &str) {
        if self.kind == Kind::Postgres {
            let parent = self.process().to_string();
            let status = Command::new("pkill").args(["-".to_owned() + name, "-P".into(), parent]).status();
            assert!(status.expect("pkill runs").success(), "it has children");
        }
        signal(self.process(), name);
    }

    /// The process that serves.
    fn process(&self) -> u32 {
        let pid = fs::read_to_string(self.folder.join("pid")).unwrap_or_default();
        pid.trim().parse().unwrap_or_else(|_| self.child.id())
    }

    /// Whether the broker has this name in the list of its quorum queues. `RabbitMQ` 3.10 writes the list half a second
    /// late, and a queue that is not in it when the node is killed never comes back.
    pub(crate) fn has_noted(&self, queue: &str) -> bool {
        let node = format!("mandate-{}@localhost", self.port);
        let noted = |system: &str, name: &str| {
            let list = self.folder.join("data").join(&node).join(system).join(&node).join("names.dets");
            fs::read(list).unwrap_or_default().windows(name.len()).any(|window| window == name.as_bytes())
        };
        noted("quorum", queue) && noted("coordination", "rabbit_stream_coordinator")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.kind == Kind::Postgres {
            // A stopped process dies of nothing else; the children follow their parent.
            Command::new("pkill").args(["-KILL", "-P", &self.process().to_string()]).status().ok();
        }
        process::signal_if_there(self.process(), "KILL");
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn serve(kind: Kind, folder: &Path, port: u16) -> Child {
    let log = fs::File::create(folder.join("log.txt")).expect("a log file");
    let kind = match kind {
        Kind::Postgres => "postgres",
        Kind::Rabbitmq => "rabbitmq",
    };
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/server"))
        .arg(kind)
        .arg(folder)
        .arg(port.to_string())
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .expect("tests/server")
}
