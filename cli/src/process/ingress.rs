//! `mandate ingress`: `WeChat`'s door alone, in front of a broker.

use mandate_ingress::{self as ingress, AskWorker, Settings};
use mandate_runtime::{config::Config, stop::Stop, web::Process};

use super::{broker, connection_limits, finish, undo};
use crate::{
    args::Global,
    context::{load, warn},
    exit::CliError,
};

/// Runs until a signal stops it.
pub(crate) async fn ingress(global: &Global) -> Result<(), CliError> {
    let loaded = load(global)?;
    warn(loaded.check_ingress().into_result()?);
    let stop = Stop::on_signals()?;
    undo(start(&loaded.config, &stop).await, &stop).await?;
    finish(&stop).await
}

async fn start(config: &Config, stop: &Stop) -> Result<(), CliError> {
    let process = Process::new(stop.clone(), connection_limits(config));
    let usage = |error: &dyn std::error::Error| CliError::Usage(error.to_string());
    let settings = Settings::from_config(config).map_err(|error| usage(&error))?;
    let outcomes = AskWorker::from_config(config).map_err(|error| usage(&error))?;
    let broker = broker::settings(config, "ingress")?
        .ok_or_else(|| CliError::Usage("broker.url: a broker is required".to_owned()))?;
    let sink = broker::sink(config, &broker, settings.rings.clone(), stop, &process.metrics);
    ingress::serve(settings, sink, outcomes, &process).await?;
    Ok(())
}
