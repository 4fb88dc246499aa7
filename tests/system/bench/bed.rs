//! A place to measure in: a folder, a store, queues, a simulator, and processes of one version.

use std::{
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use mandate_schema::{ComponentId, Secret};
use mandate_simulator::{Handle, SealedPush, Settings, SimComponent, Simulator};
use tempfile::TempDir;
use tokio::time::sleep;
use tokio_postgres::NoTls;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Bench, head::Head, load, plan::Version};
use crate::world::{
    ComponentText, Ended, Options, Service, Stack,
    servers::{Servers, variable},
};

/// How long one figure may take.
const PATIENCE: Duration = Duration::from_mins(5);
/// Between two looks at how far the log is.
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub(super) struct Bed {
    pub(super) version: Version,
    options: Options,
    folder: TempDir,
    processes: Vec<Service>,
    simulator: Handle,
    head: Head,
    _stop: DropGuard,
}

impl Bed {
    /// Nothing runs in it yet but the simulator.
    pub(super) async fn new(bench: &Bench, version: &Version, stack: Stack) -> Self {
        let fresh = Options::on(stack).await;
        let options = Options {
            components: bench.options.components.clone(),
            seal_key: bench.options.seal_key.clone(),
            ..fresh
        };
        let folder = tempfile::Builder::new().prefix("mandate-bench-").tempdir().expect("a temporary folder");
        std::fs::create_dir_all(folder.path().join("data")).expect("a data folder");
        options.write(folder.path());
        let stop = CancellationToken::new();
        let listener = TcpListener::bind(("127.0.0.1", options.simulator_port)).expect("a free port");
        let simulator = mandate_simulator::start(platforms(&options), listener, stop.clone()).await;
        let head = match &options.servers {
            None => Head::sqlite(folder.path().join("data/mandate.db")),
            Some(servers) => Head::postgres(connect(&servers.owner_url).await),
        };
        Self {
            version: version.clone(),
            options,
            folder,
            processes: Vec::new(),
            simulator: simulator.expect("the simulator starts"),
            head,
            _stop: stop.drop_guard(),
        }
    }

    /// One with everything running and ready: the whole service on this stack.
    pub(super) async fn running(bench: &Bench, version: &Version, stack: Stack) -> Self {
        let mut bed = Self::new(bench, version, stack).await;
        match stack {
            Stack::Embedded => bed.start(&["standalone"], &[]),
            Stack::Servers => {
                bed.start(&["ingress"], &[]);
                bed.start(&["worker", "--migrate"], &[]);
            }
        }
        bed.is_ready(bed.options.admin_port).await;
        bed.is_ready(bed.options.console_port).await;
        bed
    }

    pub(super) fn start(&mut self, arguments: &[&str], environment: &[(&str, &str)]) {
        let mut command = Command::new(&self.version.binary);
        command.args(["--config", "mandate.toml"]).args(arguments).current_dir(self.folder.path());
        command.envs(environment.iter().copied());
        self.processes.push(Service::run(&mut command, &self.folder.path().join("service.log")));
    }

    /// Runs one of the operator's commands.
    pub(super) fn command(&self, arguments: &[&str]) {
        let done = Command::new(&self.version.binary)
            .args(["--config", "mandate.toml"])
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .expect("the binary runs");
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// The process ids, in the order of their start.
    pub(super) fn process_ids(&self) -> Vec<u32> {
        self.processes.iter().map(Service::id).collect()
    }

    /// Waits until `WeChat`'s door takes connections.
    pub(super) async fn listens(&self) {
        self.wait("ingress", async || TcpStream::connect(("127.0.0.1", self.options.ingress_port)).ok())
            .await;
    }

    async fn is_ready(&self, port: u16) {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let url = format!("http://127.0.0.1:{port}/readyz");
        self.wait("a process to be ready", async || {
            client.get(&url).send().await.ok().filter(|answer| answer.status().is_success())
        })
        .await;
    }

    /// Looks again and again until there is something.
    pub(super) async fn wait<T>(&self, what: &str, seen: impl AsyncFn() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(value) = seen().await {
                return value;
            }
            assert!(Instant::now() < deadline, "waited in vain for {what}\n{}", self.log());
            sleep(LOOK_EVERY).await;
        }
    }

    /// Asks all processes to stop, and waits for them.
    pub(super) async fn stop_all(&mut self) {
        self.processes.iter().for_each(Service::terminate);
        for process in self.processes.drain(..) {
            assert_eq!(process.wait().await, Ended::Code(0), "a graceful stop exits with 0");
        }
    }

    /// Ends what is left, and gives back what the servers hold.
    pub(super) async fn give_back(mut self) {
        self.processes.clear();
        let Some(servers) = &self.options.servers else { return };
        servers.give_back().await;
        let name = servers.vhost(); // the database has the same name
        let owner = connect(&variable("MANDATE_TEST_POSTGRES")).await;
        owner.batch_execute(&format!("drop database {name} with (force)")).await.expect("our own database");
    }

    pub(super) fn simulator(&self) -> &Simulator {
        &self.simulator.simulator
    }

    pub(super) fn settle_key(&self) -> String {
        self.options.settle_key.clone()
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(super) fn servers(&self) -> &Servers {
        self.options.servers.as_ref().expect("a bed with servers")
    }

    pub(super) fn simulator_url(&self) -> String {
        self.simulator.url()
    }

    pub(super) fn component_secret(&self) -> &str {
        &self.options.components[0].secret
    }

    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("service.log")).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(20).collect();
        tail.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Waits until the log has this position.
    pub(super) async fn reaches(&self, position: u32) {
        self.wait("the log to grow", async || (self.head.position().await >= position).then_some(())).await;
    }

    /// What has been waiting is recorded: events per second, from the first look that sees some to the last one.
    pub(super) async fn drained(&self, events: u32) -> f64 {
        rate(self, events, async || self.head.position().await).await
    }

    /// Callbacks are sent and recorded: callbacks per second, from the first one's sending to the last one's last event.
    pub(super) async fn through(&self, pushes: Vec<SealedPush>, events_each: u32) -> f64 {
        let count = u32::try_from(pushes.len()).expect("a small load");
        let goal = self.head.position().await + count * events_each;
        let began = Instant::now();
        tokio::join!(load::send(pushes), self.reaches(goal));
        f64::from(count) / began.elapsed().as_secs_f64()
    }
}

/// How fast a count grows to `all`, from the first look that sees some.
pub(super) async fn rate(bed: &Bed, all: u32, count: impl AsyncFn() -> u32) -> f64 {
    let first = bed.wait("the first", async || Some(count().await).filter(|seen| *seen > 0)).await;
    let began = Instant::now();
    assert!(first < all, "all {all} were there at the first look: the load is too small");
    bed.wait("the last", async || (count().await >= all).then_some(())).await;
    f64::from(all - first) / began.elapsed().as_secs_f64()
}

pub(super) async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("PostgreSQL");
    tokio::spawn(connection);
    client
}

fn platforms(options: &Options) -> Settings {
    let platform = |component: &ComponentText| {
        let base = format!("http://127.0.0.1:{}/wechat/{}", options.ingress_port, component.app_id);
        let pair = &component.pairs[0];
        SimComponent {
            app_id: ComponentId::parse(&component.app_id).expect("an appid"),
            app_secret: Secret::new(component.secret.as_str()),
            token: Secret::new(pair.token.as_str()),
            encoding_aes_key: Secret::new(pair.key.as_str()),
            event_url: format!("{base}/events"),
            message_url: format!("{base}/messages/$APPID$"),
        }
    };
    Settings::new(options.components.iter().map(platform).collect())
}
