//! `mandate standalone`: ingress, worker and console in one process, on the embedded store.

use std::{fs::File, net::SocketAddr, sync::Arc};

use jiff::Timestamp;
use mandate_console as console;
use mandate_ingress as ingress;
use mandate_runtime::{config::Config, health::Readiness, metrics::Metrics, stop::Stop};
use mandate_storage::{TaskQueue, sqlite};
use mandate_worker::{Ingest, views::Views};
use uuid::Uuid;

use super::{GRACE, core::core};
use crate::{
    args::Global,
    context::{load, lock_storage, master_keys, open_storage, sqlite_path, warn},
    exit::CliError,
};

/// A started process.
pub(crate) struct Running {
    /// `WeChat`'s callbacks; health and metrics of ingress.
    pub(crate) ingress: ingress::Running,
    /// The API.
    pub(crate) console: SocketAddr,
    /// Held while this process works on the store.
    _lock: File,
}

/// Runs until a signal stops it.
pub(crate) async fn standalone(global: &Global) -> Result<(), CliError> {
    let loaded = load(global)?;
    warn(loaded.check_standalone().into_result()?);
    let stop = Stop::on_signals()?;
    let _running = start(&loaded.config, &stop).await?;
    Ok(stop.finish(GRACE).await?)
}

/// Starts everything; it runs as tasks of `stop`.
pub(crate) async fn start(config: &Config, stop: &Stop) -> Result<Running, CliError> {
    let started = start_all(config, stop).await;
    if started.is_err() {
        stop.request(); // whatever had been started ends, in order
        if let Err(failure) = stop.finish(GRACE).await {
            tracing::error!(%failure, "the parts that had been started did not end");
        }
    }
    started
}

async fn start_all(config: &Config, stop: &Stop) -> Result<Running, CliError> {
    // Each door answers for its own dependencies: callbacks are taken whatever the worker's store does.
    let (metrics, for_ingress, for_worker) = (Metrics::new(), Readiness::new(), Readiness::new());
    let migrated =
        sqlite::migrate(sqlite_path(&config.storage.url)?, Timestamp::now(), &Uuid::new_v4().to_string())?;
    for name in &migrated.applied {
        tracing::info!(migration = name, "the database was brought to {name}");
    }
    let lock = lock_storage(config)?;
    let storage = open_storage(config)?;
    // Nobody else works here: attempts that died with the last process need not wait for their leases.
    storage.end_leases(Timestamp::now()).await?;
    let core = core(config, storage.clone(), &metrics, &for_worker)?;
    core.check_master_keys().await?;

    let views = Arc::new(Views::new(storage, master_keys(config)?));
    let (server, console) = console::bind(
        config.worker.listen,
        stop,
        console::Api::new(core.clone(), views, None),
        &for_worker,
        &metrics,
    )
    .map_err(CliError::failed)?;
    stop.spawn("console", server);

    let settings =
        ingress::Settings::from_config(config).map_err(|error| CliError::Usage(error.to_string()))?;
    let ingress = ingress::serve(
        settings,
        Ingest::new(core.clone()),
        Ingest::new(core.clone()),
        stop,
        &metrics,
        &for_ingress,
    )
    .await?;
    // Last, so that no call to WeChat is begun by a process that cannot listen.
    core.start(stop).await?;
    tracing::info!(%console, "the API is at http://{console}/api/v1");
    Ok(Running { ingress, console, _lock: lock })
}
