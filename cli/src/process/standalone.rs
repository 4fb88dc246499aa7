//! `mandate standalone`: ingress, worker and console in one process; on the embedded store and without a broker, unless the
//! configuration names others.

use std::net::SocketAddr;

use mandate_ingress::{self as ingress};
use mandate_runtime::{config::Config, stop::Stop, web::Process};

use super::{
    broker, check_ports, connection_limits, finish, undo,
    worker::{Parts, migrate_and_tell},
};
use crate::{
    args::Global,
    context::{load, warn},
    exit::CliError,
};

/// A started process.
pub(crate) struct Running {
    /// `WeChat`'s callbacks; health and metrics of ingress.
    pub(crate) ingress: ingress::Running,
    /// The API.
    pub(crate) console: SocketAddr,
    _parts: Parts,
}

/// Runs until a signal stops it.
pub(crate) async fn standalone(global: &Global) -> Result<(), CliError> {
    let loaded = load(global)?;
    warn(loaded.check_standalone().into_result()?);
    let stop = Stop::on_signals()?;
    let _running = start(&loaded.config, &stop).await?;
    finish(&stop).await
}

/// Starts everything; it runs as tasks of `stop`. `None`: it was asked to stop before the database was there.
pub(crate) async fn start(config: &Config, stop: &Stop) -> Result<Option<Running>, CliError> {
    undo(start_all(config, stop).await, stop).await
}

async fn start_all(config: &Config, stop: &Stop) -> Result<Option<Running>, CliError> {
    // Each door answers for its own dependencies: callbacks are taken whatever the worker's store does.
    let for_ingress = Process::new(stop.clone(), connection_limits(config));
    let for_worker = for_ingress.with_own_readiness();
    let (ingress, worker) = (&config.ingress, &config.worker);
    check_ports(
        config,
        [
            ("ingress.listen", ingress.listen),
            ("ingress.admin_listen", ingress.admin_listen),
            ("worker.listen", worker.listen),
            ("worker.public_listen", worker.public_listen),
        ],
    )?;
    if !migrate_and_tell(config, stop).await? {
        return Ok(None);
    }
    let Some(parts) = Parts::start(config, &for_worker).await? else { return Ok(None) };
    let settings =
        ingress::Settings::from_config(config).map_err(|error| CliError::Usage(error.to_string()))?;
    let outcomes = parts.worker.ingest();
    let running = match broker::settings(config, "standalone")? {
        None => {
            let sink = parts.worker.ingest();
            ingress::serve(settings, sink, outcomes, &for_ingress).await?
        }
        Some(broker) => {
            let worker = &parts.worker;
            let sink = broker::sink(config, &broker, settings.rings.clone(), stop, &for_worker.metrics);
            broker::start_events(config, &broker, worker, stop, &for_worker.metrics);
            broker::start_consumer(broker, worker, stop, &for_worker.metrics, &for_worker.readiness);
            ingress::serve(settings, sink, outcomes, &for_ingress).await?
        }
    };
    // Last, so that no call to WeChat is begun by a process that cannot listen.
    parts.worker.start(stop).await?;
    Ok(Some(Running { ingress: running, console: parts.console, _parts: parts }))
}
