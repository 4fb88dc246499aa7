//! `mandate worker`: the work and its API alone, behind a broker.

use std::{fs::File, net::SocketAddr, sync::Arc};

use jiff::Timestamp;
use mandate_console as console;
use mandate_runtime::{config::Config, stop::Stop, web::Process};
use mandate_worker::{Worker, views::Views};

use super::{
    assembly::{api_settings, assemble},
    broker, check_ports, connection_limits, finish, undo,
};
use crate::{
    args::Global,
    context::{load, lock_storage, master_keys, wait, wait_for_storage, wait_to_migrate, warn},
    exit::CliError,
};

/// Runs until a signal stops it.
pub(crate) async fn worker(global: &Global, migrate: bool) -> Result<(), CliError> {
    let loaded = load(global)?;
    warn(loaded.check_worker().into_result()?);
    let stop = Stop::on_signals()?;
    let started = start(&loaded.config, migrate, &stop).await;
    let _parts = undo(started, &stop).await?;
    finish(&stop).await
}

/// `None`: it was asked to stop before the database was there.
async fn start(config: &Config, migrate: bool, stop: &Stop) -> Result<Option<Parts>, CliError> {
    let process = Process::new(stop.clone(), connection_limits(config));
    let worker = &config.worker;
    check_ports(config, [("worker.listen", worker.listen), ("worker.public_listen", worker.public_listen)])?;
    if migrate && !migrate_and_tell(config, stop).await? {
        return Ok(None);
    }
    let Some(parts) = Parts::start(config, &process).await? else { return Ok(None) };
    let broker = broker::settings(config, "worker")?
        .ok_or_else(|| CliError::Usage("broker.url: a broker is required".to_owned()))?;
    broker::start_events(config, &broker, &parts.worker, stop, &process.metrics);
    broker::start_consumer(broker, &parts.worker, stop, &process.metrics, &process.readiness);
    // Last, so that no call to WeChat is begun by a process that cannot listen.
    parts.worker.start(stop).await?;
    Ok(Some(parts))
}

/// Brings the database up to date and logs what was done. `false`: it was asked to stop before the database was there.
pub(super) async fn migrate_and_tell(config: &Config, stop: &Stop) -> Result<bool, CliError> {
    let Some(migrated) = wait_to_migrate(config, stop).await? else { return Ok(false) };
    for name in migrated.applied {
        tracing::info!(migration = name, "the database was brought to {name}");
    }
    Ok(true)
}

/// What every process that works is made of, whatever callbacks come through.
pub(super) struct Parts {
    pub(super) worker: Arc<Worker>,
    /// Where the API is.
    pub(super) console: SocketAddr,
    /// Held while this process works on an embedded store.
    _lock: Option<File>,
}

impl Parts {
    /// Opens the store and the API. Nothing works in the background yet. `None`: the process was asked to stop before the
    /// database was there.
    pub(super) async fn start(config: &Config, process: &Process) -> Result<Option<Self>, CliError> {
        let Process { stop, metrics, readiness, .. } = process;
        let lock = lock_storage(config)?;
        let Some(storage) = wait_for_storage(config, stop).await? else { return Ok(None) };
        if lock.is_some() {
            // Nobody else works here: attempts that died with the last process need not wait for their leases.
            storage.end_leases(Timestamp::now()).await?;
        }
        let worker = assemble(config, storage.clone(), metrics, readiness)?;
        let check = async || Ok(worker.check_master_keys().await?);
        if wait(stop, check).await?.is_none() {
            return Ok(None);
        }
        let views = Arc::new(Views::new(storage, master_keys(config)?));
        let prefixes = config.worker.proxy_prefixes.iter().map(|prefix| prefix.0.clone()).collect();
        let proxy = console::Proxy::new(&api_settings(config)?, prefixes)
            .map_err(|error| CliError::Usage(error.to_string()))?;
        let proxies = &config.ingress.trusted_proxies;
        let api =
            console::Api::new(worker.clone(), views, config.worker.settle_key.clone(), proxy, stop.clone())
                .behind(proxies.clone());
        let (server, console) =
            console::bind(process, config.worker.listen, api).map_err(CliError::failed)?;
        stop.spawn("console", server);
        let pages = console::consent::Pages::new(worker.clone(), stop.clone()).behind(proxies.clone());
        let (server, public) =
            console::consent::bind(process, config.worker.public_listen, pages).map_err(CliError::failed)?;
        stop.spawn("consent pages", server);
        tracing::info!(%public, "merchants consent at {}/authorize, served at http://{public}", config.worker.public_url);
        tracing::info!(%console, "the API is at http://{console}/api/v1");
        Ok(Some(Self { worker, console, _lock: lock }))
    }
}
