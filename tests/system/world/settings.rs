//! Settings of a world, and ports that no other test uses.

use std::{
    fmt::Write,
    net::TcpListener,
    path::Path,
    sync::{
        LazyLock,
        atomic::{AtomicU16, Ordering},
    },
};

use super::{Weight, servers::Servers};

pub(crate) const COMPONENT_A: &str = "wx1f2e3d4c5b6a7988";
pub(crate) const COMPONENT_B: &str = "wx2a3b4c5d6e7f8091";

/// A message-check token and an `EncodingAESKey`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PairText {
    pub(crate) token: String,
    pub(crate) key: String,
}

impl PairText {
    /// A new random pair.
    pub(crate) fn new() -> Self {
        Self { token: letters(20), key: letters(43) }
    }
}

/// A component of a world.
#[derive(Clone, Debug)]
pub(crate) struct ComponentText {
    pub(crate) app_id: String,
    pub(crate) secret: String,
    /// What the service is configured with: the current pair, then the previous ones.
    pub(crate) pairs: Vec<PairText>,
    /// Path of its event URL, if it is not the default one.
    pub(crate) event_path: Option<String>,
}

/// What a world runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    /// One process on `SQLite`.
    Embedded,
    /// Ingress and worker as processes of their own, with `PostgreSQL` and `RabbitMQ` between and behind them.
    Servers,
}

/// What differs between worlds.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) components: Vec<ComponentText>,
    pub(crate) seal_key: String,
    pub(crate) ingress_port: u16,
    pub(crate) admin_port: u16,
    pub(crate) console_port: u16,
    pub(crate) public_port: u16,
    pub(crate) simulator_port: u16,
    /// Key that ingress and worker share.
    pub(crate) settle_key: String,
    /// Where ingress and worker are processes of their own; one process on the embedded store without.
    pub(crate) servers: Option<Servers>,
    /// More lines for the configuration.
    pub(crate) extra: String,
    /// A limit of the service's processes, as `prlimit` takes it: `--nofile=1024:4096`.
    pub(crate) limits: Option<&'static str>,
    /// What the story takes of the machine.
    pub(crate) weight: Weight,
}

impl Options {
    pub(crate) fn new() -> Self {
        let component = |app_id: &str| ComponentText {
            app_id: app_id.into(),
            secret: letters(32),
            pairs: vec![PairText::new()],
            event_path: None,
        };
        let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, letters(32));
        Self {
            components: vec![component(COMPONENT_A), component(COMPONENT_B)],
            seal_key: format!("test:{key}"),
            ingress_port: free_port(),
            admin_port: free_port(),
            console_port: free_port(),
            public_port: free_port(),
            simulator_port: free_port(),
            settle_key: letters(32),
            servers: None,
            extra: String::new(),
            limits: None,
            weight: Weight::Usual,
        }
    }

    /// Options for a world on one of the two stacks.
    pub(crate) async fn on(stack: Stack) -> Self {
        let servers = match stack {
            Stack::Embedded => None,
            Stack::Servers => Some(Servers::shared().await),
        };
        Self { servers, ..Self::new() }
    }

    /// The same for a story of this weight.
    pub(crate) fn weighing(self, weight: Weight) -> Self {
        Self { weight, ..self }
    }

    /// Writes the configuration file of the service and of the simulator.
    pub(crate) fn write(&self, folder: &Path) {
        std::fs::write(folder.join("mandate.toml"), self.render(folder)).expect("a writable folder");
    }

    fn render(&self, folder: &Path) -> String {
        let mut text = String::new();
        let data = folder.join("data");
        let data = data.display();
        for component in &self.components {
            let [current, previous @ ..] = component.pairs.as_slice() else {
                panic!("a component has a pair")
            };
            let previous: Vec<String> = previous
                .iter()
                .map(|pair| format!("{{ token = \"{}\", encoding_aes_key = \"{}\" }}", pair.token, pair.key))
                .collect();
            write!(
                text,
                "[[component]]\napp_id = \"{}\"\napp_secret = \"{}\"\ntoken = \"{}\"\nencoding_aes_key = \"{}\"\nprevious = [{}]\n",
                component.app_id, component.secret, current.token, current.key, previous.join(", ")
            )
            .expect("writing to a string");
            if let Some(path) = &component.event_path {
                writeln!(text, "event_path = \"{path}\"").expect("writing to a string");
            }
        }
        let (storage, ingress, worker) = match &self.servers {
            None => (format!("url = \"sqlite:{data}/mandate.db\""), String::new(), String::new()),
            Some(servers) => (
                format!(
                    "url = \"{}\"\nmigrate_url = \"{}\"\n[broker]\nurl = \"{}\"",
                    servers.service_url, servers.owner_url, servers.broker_url
                ),
                format!(
                    "settle_key = \"{}\"\nsettle_url = \"http://127.0.0.1:{}\"\n",
                    self.settle_key, self.console_port
                ),
                format!("settle_key = \"{}\"\n", self.settle_key),
            ),
        };
        write!(
            text,
            "[seal]\nkeys = [\"{}\"]\n[storage]\n{storage}\n[ingress]\n{ingress}listen = \"127.0.0.1:{}\"\n\
             admin_listen = \"127.0.0.1:{}\"\njournal = \"{data}/journal.db\"\n[worker]\n{worker}listen = \"127.0.0.1:{}\"\n\
             public_listen = \"127.0.0.1:{public}\"\npublic_url = \"http://127.0.0.1:{public}\"\nreturn_hosts = [\"127.0.0.1:{wechat}\"]\n\
             [wechat]\napi_base = \"http://127.0.0.1:{wechat}\"\nconsent_base = \"http://127.0.0.1:{wechat}\"\n\
             consent_mobile_base = \"http://127.0.0.1:{wechat}\"\n[simulator]\nlisten = \"127.0.0.1:{}\"\n\
             push_base = \"http://127.0.0.1:{}\"\n[reconcile]\nevery = \"never\"\ncalls_per_minute = 100000\n[log]\nformat = \"json\"\n{}",
            self.seal_key,
            self.ingress_port,
            self.admin_port,
            self.console_port,
            self.simulator_port,
            self.ingress_port,
            self.extra,
            public = self.public_port,
            wechat = self.simulator_port,
        )
        .expect("writing to a string");
        text
    }
}

pub(crate) fn letters(length: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(length).collect()
}

/// Ports below the range from which the system takes ports for outgoing connections.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Ports that one run has to itself, so that two runs on one machine do not meet. There are enough for all worlds of a run: a port is
/// given once, so that nobody takes that of a server which is down for a moment.
const BLOCK: u16 = 3_000;

/// The block of this run. Whoever listens on its first port has it.
static CLAIM: LazyLock<(u16, TcpListener)> = LazyLock::new(|| {
    let blocks = u16::try_from(PORTS.len()).expect("12,000") / BLOCK;
    let first = fastrand::u16(..blocks);
    let mut starts = (0..blocks).map(|n| PORTS.start + (first + n) % blocks * BLOCK);
    starts
        .find_map(|start| Some((start, TcpListener::bind(("127.0.0.1", start)).ok()?)))
        .expect("a free block of ports")
});

/// A port that is free now and that no other world of this run, and no other run, gets.
pub(crate) fn free_port() -> u16 {
    free_ports(1)
}

/// The first of some such ports in a row.
pub(crate) fn free_ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    for _ in 0..BLOCK {
        let first = CLAIM.0 + 1 + NEXT.fetch_add(count, Ordering::Relaxed) % (BLOCK - count);
        if (first..first + count).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return first;
        }
    }
    panic!("no free port in the block of {}", CLAIM.0)
}
