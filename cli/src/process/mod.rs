//! The long-running processes: wiring of settings, stores, doors and background work.

mod assembly;
mod broker;
mod ingress;
mod simulator;
mod standalone;
mod worker;

pub(crate) use assembly::{api_settings, worker_for_commands};
pub(crate) use broker::event_publisher;
pub(crate) use ingress::ingress;
pub(crate) use simulator::{platform, simulator};
pub(crate) use standalone::{Running, standalone, start};
pub(crate) use worker::worker;

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use mandate_runtime::{
    config::{Config, StorageUrl},
    stop::Stop,
    web::ConnectionLimits,
};

use crate::{context::lock_storage, exit::CliError};

/// How long a stop may take: longer than any call to `WeChat` under way.
const GRACE: Duration = Duration::from_secs(25);

/// What limits the connections of every listener of a process.
fn connection_limits(config: &Config) -> ConnectionLimits {
    ConnectionLimits {
        per_address: config.ingress.connections_per_address,
        trusted: config.ingress.trusted_proxies.clone(),
    }
}

/// Sees that the addresses of a process are free, before its database is touched. Each has the name of its setting.
///
/// # Errors
///
/// The first that is not.
fn check_ports<const N: usize>(config: &Config, settings: [(&str, SocketAddr); N]) -> Result<(), CliError> {
    // Another process on the same database is the better reason.
    if matches!(&config.storage.url, StorageUrl::Sqlite(path) if path.exists()) {
        drop(lock_storage(config)?);
    }
    for (setting, address) in settings {
        TcpListener::bind(address).map_err(|error| {
            CliError::Failed(anyhow::anyhow!("{setting}: {address} cannot be listened on: {error}"))
        })?;
    }
    Ok(())
}

/// Waits until everything has ended.
pub(crate) async fn finish(stop: &Stop) -> Result<(), CliError> {
    Ok(stop.finish(GRACE).await?)
}

/// Ends, in order, whatever had been started before something else could not be.
async fn undo<T>(started: Result<T, CliError>, stop: &Stop) -> Result<T, CliError> {
    if started.is_err() {
        stop.request();
        if let Err(failure) = stop.finish(GRACE).await {
            tracing::error!(%failure, "the parts that had been started did not end");
        }
    }
    started
}
