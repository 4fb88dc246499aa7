//! A world of its own for each test: a folder, a service process, a simulator process.
//!
//! [`World::finish`] checks what must hold after every story; a world that is dropped without it has failed anyway, and
//! its drop only stops the processes.

pub(crate) mod act;
pub(crate) mod browser;
pub(crate) mod own_servers;
pub(crate) mod process;
pub(crate) mod receiver;
mod schemas;
pub(crate) mod servers;
mod settings;
mod turn;
mod verify;

pub(crate) use process::{Ended, Service};
pub(crate) use settings::{
    COMPONENT_A, COMPONENT_B, ComponentText, Options, PairText, Stack, free_port, free_ports,
};
pub(crate) use turn::Weight;

use std::{path::PathBuf, time::Duration};

use mandate_schema::{PairId, Secret};
use mandate_storage::Store;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    sync::OnceCell,
    time::{Instant, sleep},
};
use turn::Turn;

/// How long anything may take to come true.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A client for addresses of this machine: it reads no certificates, which takes longer than most stories ask for.
pub(crate) fn client() -> reqwest::ClientBuilder {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(PATIENCE);
    // The service closes connections that nobody uses: before that they are not used again.
    client.pool_idle_timeout(Duration::from_secs(5))
}

/// Shortest and longest time between two looks.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_millis(15), Duration::from_millis(100)];

/// A service and its `WeChat`.
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) http: reqwest::Client,
    folder: TempDir,
    /// Its processes.
    service: Vec<Service>,
    storage: OnceCell<Store>,
    _simulator: Service,
    /// Secrets of the story's own, which must be nowhere either.
    pub(crate) planted: Vec<String>,
    /// Dead letters that the story expects at its end.
    pub(crate) expected_dead_letters: usize,
    _turn: Turn,
}

impl World {
    /// A world with two components, everything running and ready.
    pub(crate) async fn start() -> Self {
        Self::with(Options::new()).await
    }

    /// A world on one of the two stacks.
    pub(crate) async fn on(stack: Stack) -> Self {
        Self::with(Options::on(stack).await).await
    }

    /// A world with other settings.
    pub(crate) async fn with(options: Options) -> Self {
        let turn = Turn::of(options.weight).await;
        mandate_runtime::tls::install_provider();
        let folder = tempfile::Builder::new().prefix("mandate-test-").tempdir().expect("a temporary folder");
        std::fs::create_dir_all(folder.path().join("data")).expect("a data folder");
        let http = client().build().expect("a client");
        let simulator = Service::simulator(folder.path(), &options);
        let mut world = Self {
            options,
            http,
            folder,
            service: Vec::new(),
            storage: OnceCell::new(),
            _simulator: simulator,
            planted: Vec::new(),
            expected_dead_letters: 0,
            _turn: turn,
        };
        world.spawn_service(&[]);
        world
            .wait("the simulator", async |world| world.try_get(&world.simulator_url("/_control/clock")).await)
            .await;
        world.wait_ready().await;
        world
    }

    /// Starts the service and waits until it is ready.
    pub(crate) async fn start_service(&mut self, environment: &[(&str, &str)]) {
        self.spawn_service(environment);
        self.wait_ready().await;
    }

    /// Waits until the service takes callbacks and works.
    pub(crate) async fn wait_ready(&self) {
        self.wait("ingress", async |world| world.try_get(&world.admin_url("/readyz")).await).await;
        self.wait("the worker", async |world| world.try_get(&world.console_url("/readyz")).await).await;
    }

    /// Starts the service.
    pub(crate) fn spawn_service(&mut self, environment: &[(&str, &str)]) {
        assert!(self.service.is_empty(), "the service runs already");
        self.service = Service::start(self.folder.path(), &self.options, environment);
    }

    /// Writes the configuration for the operator's commands; the service reads it when it starts.
    pub(crate) fn write_config(&self) {
        self.options.write(self.folder.path());
    }

    /// Asks the service to stop, and waits for it.
    pub(crate) async fn stop_service(&mut self) {
        assert!(!self.service.is_empty(), "the service runs");
        self.service.iter().for_each(Service::terminate);
        for service in self.service.drain(..) {
            assert_eq!(service.wait().await, Ended::Code(0), "a graceful stop exits with 0");
        }
    }

    /// Kills the service with SIGKILL.
    pub(crate) async fn kill_service(&mut self) {
        assert!(!self.service.is_empty(), "the service runs");
        for service in self.service.drain(..) {
            service.kill().await;
        }
    }

    /// Whether a process of the service has ended.
    pub(crate) fn has_died(&mut self) -> bool {
        self.service.iter_mut().any(Service::has_ended)
    }

    /// Kills the worker with SIGKILL; ingress goes on.
    pub(crate) async fn kill_worker(&mut self) {
        self.service.remove(1).kill().await;
    }

    /// Starts the worker again.
    pub(crate) async fn start_worker(&mut self) {
        let worker = Service::spawn(self.folder.path(), &["worker"], "service.log", &[]);
        self.service.insert(1, worker);
        self.wait_ready().await;
    }

    /// One more worker, and its address.
    pub(crate) async fn another_worker(&self) -> (Service, String) {
        let port = free_ports(2);
        let (listen, public) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{}", port + 1));
        let environment =
            [("MANDATE_WORKER__LISTEN", listen.as_str()), ("MANDATE_WORKER__PUBLIC_LISTEN", public.as_str())];
        let worker = Service::spawn(self.folder.path(), &["worker"], "service.log", &environment);
        let ready = format!("http://{listen}/readyz");
        self.wait("the second worker", async |world| world.try_get(&ready).await).await;
        (worker, format!("http://{listen}"))
    }

    /// The name of the first component's current pair.
    pub(crate) fn pair_id(&self) -> String {
        let pair = &self.options.components[0].pairs[0];
        let key = mandate_wechat::envelope::EncodingAesKey::parse(&Secret::new(pair.key.as_str()));
        PairId::of(&Secret::new(pair.token.as_str()), key.expect("a key").bytes()).to_string()
    }

    /// Waits until a process of the service has died by itself; the other one is killed then.
    pub(crate) async fn await_death(&mut self) -> Ended {
        let dead = self
            .wait_mut("a process to die", async |world| world.service.iter_mut().position(Service::has_ended))
            .await;
        let ended = self.service.remove(dead).wait().await;
        for service in self.service.drain(..) {
            service.kill().await;
        }
        ended
    }

    /// Stops and starts it, the graceful way.
    pub(crate) async fn restart(&mut self) {
        self.stop_service().await;
        self.start_service(&[]).await;
    }

    /// Memory of the service's processes, in words.
    pub(crate) fn memory(&self) -> String {
        let told = self.service.iter().map(|process| {
            let (now, most) = process.memory();
            format!("{now} MB (at most {most})")
        });
        told.collect::<Vec<_>>().join(" and ")
    }

    /// The most memory that the processes of the service have had, in MB.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.service.iter().map(|process| process.memory().1).sum()
    }

    /// Where the service keeps its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder of everything.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The service's configuration file.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("mandate.toml")
    }

    pub(crate) fn callback_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.options.ingress_port)
    }

    pub(crate) fn console_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.options.console_port)
    }

    pub(crate) fn public_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.options.public_port)
    }

    pub(crate) fn ingress_url(&self, target: &str) -> String {
        format!("http://127.0.0.1:{}{target}", self.options.ingress_port)
    }

    pub(crate) fn admin_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.options.admin_port)
    }

    pub(crate) fn simulator_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.options.simulator_port)
    }

    /// Waits until `seen` gives something.
    pub(crate) async fn wait<T>(&self, what: &str, seen: impl AsyncFn(&Self) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(value) = seen(self).await {
                return value;
            }
            assert!(began.elapsed() < PATIENCE, "waited in vain for {what}\n{}", self.logs());
            // To look is work for the service, too: the longer it takes, the less often.
            sleep((began.elapsed() / 10).clamp(LOOK_AGAIN[0], LOOK_AGAIN[1])).await;
        }
    }

    /// Waits until `seen`, which may change the world, gives something.
    pub(crate) async fn wait_mut<T>(
        &mut self,
        what: &str,
        mut seen: impl AsyncFnMut(&mut Self) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(value) = seen(self).await {
                return value;
            }
            assert!(Instant::now() < deadline, "waited in vain for {what}\n{}", self.logs());
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// A GET that may fail; the body if it was answered 200.
    pub(crate) async fn try_get(&self, url: &str) -> Option<Value> {
        let answer = self.http.get(url).send().await.ok()?;
        if !answer.status().is_success() {
            return None;
        }
        let text = answer.text().await.ok()?;
        Some(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The end of the service's log, for a failure's message.
    pub(crate) fn logs(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        let log = read("service.log");
        let tail: Vec<&str> = log.lines().rev().take(40).collect();
        tail.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}
