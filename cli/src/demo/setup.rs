//! The stage of the demo and of rehearsals: a folder, settings with invented secrets, the service, the simulator.

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use mandate_runtime::{
    config::{Component, Config, HttpUrl, SealKey, StorageUrl},
    random::{self, LETTERS},
    stop::Stop,
};
use mandate_schema::{ComponentId, Secret};
use mandate_simulator::{Settings, Simulator};
use tempfile::TempDir;

use crate::{
    exit::CliError,
    output::line,
    process::{self, Running},
};

/// The platforms of the demo.
const COMPONENTS: [&str; 2] = ["wx1f2e3d4c5b6a7988", "wx2a3b4c5d6e7f8091"];

/// Where the demo keeps its files.
pub(crate) struct Folder {
    path: PathBuf,
    temporary: Option<TempDir>,
}

impl Folder {
    /// A given folder, which must be empty, or a temporary one.
    pub(crate) fn prepare(given: Option<&Path>) -> Result<Self, CliError> {
        let Some(path) = given else {
            let temporary = tempfile::Builder::new().prefix("mandate-demo-").tempdir()?;
            return Ok(Self { path: temporary.path().to_owned(), temporary: Some(temporary) });
        };
        fs::create_dir_all(path)?;
        if fs::read_dir(path)?.next().is_some() {
            return Err(CliError::Refused(format!(
                "{} is not empty; the demo starts from nothing. To go on with an earlier one: \
                 mandate --config {}/mandate.toml standalone",
                path.display(),
                path.display()
            )));
        }
        Ok(Self { path: fs::canonicalize(path)?, temporary: None })
    }

    /// Removes a temporary folder.
    pub(crate) fn remove(self) {
        if let Some(temporary) = self.temporary
            && let Err(error) = temporary.close()
        {
            tracing::warn!(%error, "the temporary folder could not be removed");
        }
    }
}

/// The demo, set up and running.
pub(crate) struct Stage {
    pub(super) config: Config,
    pub(super) config_file: PathBuf,
    pub(crate) components: Vec<ComponentId>,
    pub(super) running: Running,
    pub(crate) simulator: Simulator,
    pub(super) simulator_address: SocketAddr,
}

impl Stage {
    /// Starts the service on the usual ports, or on free ones if those are taken, and the simulator beside it.
    pub(crate) async fn build(folder: &Folder, stop: &Stop) -> Result<Self, CliError> {
        let simulator_listener = listen(8090)?;
        let simulator_address = simulator_listener.local_addr()?;
        let mut config = settings(&folder.path, simulator_address)?;
        let (ports, claims): (Vec<_>, Vec<_>) = [8080, 9080, 8081].into_iter().map(claim).unzip();
        [config.ingress.listen, config.ingress.admin_listen, config.worker.listen] =
            [ports[0], ports[1], ports[2]];
        let (public, public_claim) = claim_known(8082)?;
        config.worker.open_consent = true;
        config.worker.public_listen = public;
        config.worker.public_url = HttpUrl::of_server(public);
        let running = process::start(&config, stop)
            .await?
            .ok_or_else(|| CliError::Failed(anyhow::anyhow!("stopped before it was started")))?;
        drop((claims, public_claim));
        config.simulator.push_base = HttpUrl::of_server(running.ingress.listen);
        config.simulator.listen = simulator_address;

        let platforms =
            config.components.iter().filter_map(|component| process::platform(&config, component)).collect();
        let handle = mandate_simulator::start(Settings::new(platforms), simulator_listener, stop.token())
            .await
            .map_err(CliError::failed)?;
        let config_file = write_config(&folder.path, &config)?;
        let components = config.components.iter().map(|component| component.app_id.clone()).collect();
        let simulator = handle.simulator;
        Ok(Self { config, config_file, components, running, simulator, simulator_address })
    }

    /// Says where everything is.
    pub(super) fn introduce(&self, folder: &Folder) -> Result<(), CliError> {
        line(format!(
            "Mandate and a simulator of WeChat, in one process; data in {}\n\
             API http://{}/api/v1  simulator http://{}\n\
             To authorize as a merchant: {}/authorize?component={}",
            folder.path.display(),
            self.running.console,
            self.simulator_address,
            self.config.worker.public_url,
            self.components[0]
        ))
    }
}

/// The usual port, or any free one.
fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
}

/// The usual port if it is free now, with a claim that keeps other stages from it until it is bound; else port 0, any free one.
fn claim(port: u16) -> (SocketAddr, Option<UdpSocket>) {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    // UDP ports are others than TCP ports: nobody uses this one, and one process at a time can have it.
    match UdpSocket::bind(usual) {
        Ok(claim) if TcpListener::bind(usual).is_ok() => (usual, Some(claim)),
        Ok(_) | Err(_) => (SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), None),
    }
}

/// As [`claim`], but with a number: the port stands in addresses that are given out.
fn claim_known(port: u16) -> std::io::Result<(SocketAddr, Option<UdpSocket>)> {
    match claim(port) {
        (usual, Some(claim)) => Ok((usual, Some(claim))),
        (any, None) => Ok((TcpListener::bind(any)?.local_addr()?, None)),
    }
}

/// Settings with invented secrets: no two demos share one.
fn settings(folder: &Path, simulator: SocketAddr) -> Result<Config, CliError> {
    let mut config = Config::default();
    for app_id in COMPONENTS {
        config.components.push(Component {
            app_id: app_id.parse().map_err(CliError::failed)?,
            app_secret: Some(Secret::new(random::text(32, "0123456789abcdef"))),
            token: Secret::new(random::text(20, LETTERS)),
            encoding_aes_key: Secret::new(random::text(43, LETTERS)),
            previous: Vec::new(),
            event_path: format!("/wechat/{app_id}/events"),
            message_path: format!("/wechat/{app_id}/messages/$APPID$"),
        });
    }
    // A subscriber that is tried is on this machine, too.
    config.webhooks.allow_private =
        ["127.0.0.0/8", "::1/128"].iter().filter_map(|net| net.parse().ok()).collect();
    config.seal.keys = vec![SealKey::new("demo", random::bytes())];
    config.storage.url = StorageUrl::Sqlite(folder.join("mandate.db"));
    config.ingress.journal = folder.join("journal.db");
    let wechat = HttpUrl::of_server(simulator);
    config.wechat.consent_base = wechat.clone();
    config.wechat.consent_mobile_base = wechat.clone();
    config.wechat.api_base = wechat;
    Ok(config)
}

/// A configuration file for the operator's commands, readable by its owner only.
fn write_config(folder: &Path, config: &Config) -> Result<PathBuf, CliError> {
    let path = folder.join("mandate.toml");
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(render(folder, config).as_bytes())?;
    Ok(path)
}

fn render(folder: &Path, config: &Config) -> String {
    let components = config.components.iter().map(|component| {
        format!(
            "[[component]]\napp_id = \"{}\"\napp_secret = \"{}\"\ntoken = \"{}\"\nencoding_aes_key = \"{}\"\n\n",
            component.app_id,
            component.app_secret.as_ref().map_or("", Secret::expose),
            component.token.expose(),
            component.encoding_aes_key.expose()
        )
    });
    let keys = config.seal.keys.iter().map(|key| format!("\"{}:{}\"", key.id, STANDARD.encode(key.expose())));
    let file = |name: &str| folder.join(name).display().to_string();
    // JSON strings are TOML strings, too.
    let database = serde_json::Value::from(format!("sqlite:{}", file("mandate.db")));
    let journal = serde_json::Value::from(file("journal.db"));
    format!(
        "# Written by `mandate demo`, with invented secrets.\n\n{}[seal]\nkeys = [{}]\n\n[storage]\nurl = {database}\n\n\
         [ingress]\nlisten = \"{}\"\nadmin_listen = \"{}\"\njournal = {journal}\n\n[worker]\nlisten = \"{}\"\n\
         public_listen = \"{}\"\npublic_url = \"{}\"\nopen_consent = true\n\n\
         [wechat]\napi_base = \"{}\"\nconsent_base = \"{}\"\nconsent_mobile_base = \"{}\"\n\n[simulator]\nlisten = \"{}\"\npush_base = \"{}\"\n",
        components.collect::<String>(),
        keys.collect::<Vec<_>>().join(", "),
        config.ingress.listen,
        config.ingress.admin_listen,
        config.worker.listen,
        config.worker.public_listen,
        config.worker.public_url,
        config.wechat.api_base,
        config.wechat.consent_base,
        config.wechat.consent_mobile_base,
        config.simulator.listen,
        config.simulator.push_base,
    )
}
