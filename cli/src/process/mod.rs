//! The long-running processes: wiring of settings, stores, doors and background work.

mod assembly;
mod broker;
mod ingress;
mod role;
mod simulator;
mod standalone;
mod worker;

pub(crate) use assembly::{api_settings, worker_for_commands};
pub(crate) use broker::event_publisher;
pub(crate) use ingress::ingress;
pub(crate) use role::Role;
pub(crate) use simulator::{platform, simulator};
pub(crate) use standalone::{Running, standalone, start};
pub(crate) use worker::worker;

use std::time::Duration;

use mandate_runtime::{config::Config, stop::Stop, web::ConnectionLimits};

use crate::exit::CliError;

/// How long a stop may take: longer than any call to `WeChat` under way.
const GRACE: Duration = Duration::from_secs(25);

/// What limits the connections of every listener of a process.
fn connection_limits(config: &Config) -> ConnectionLimits {
    ConnectionLimits {
        per_address: config.ingress.connections_per_address,
        trusted: config.ingress.trusted_proxies.clone(),
    }
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
