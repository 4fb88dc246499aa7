//! `mandate simulator`: `WeChat`'s side alone.

use std::{net::TcpListener, time::Duration};

use mandate_runtime::{
    config::{Component, Config},
    stop::Stop,
};
use mandate_simulator::{Settings, SimComponent};

use super::GRACE;
use crate::{
    args::Global,
    context::{load, warn},
    exit::CliError,
};

/// `WeChat` pushes a ticket this often.
const TICKET_EVERY: Duration = Duration::from_mins(10);

/// Runs until a signal stops it.
pub(crate) async fn simulator(global: &Global) -> Result<(), CliError> {
    let loaded = load(global)?;
    warn(loaded.check_simulator().into_result()?);
    let config = &loaded.config;
    let stop = Stop::on_signals()?;
    let listener = TcpListener::bind(config.simulator.listen).map_err(|error| {
        CliError::Failed(anyhow::anyhow!("cannot listen on {}: {error}", config.simulator.listen))
    })?;
    let components = config.components.iter().filter_map(|component| platform(config, component)).collect();
    let settings = Settings { ticket_every: Some(TICKET_EVERY), ..Settings::new(components) };
    let handle =
        mandate_simulator::start(settings, listener, stop.token()).await.map_err(CliError::failed)?;
    tracing::info!(address = %handle.addr, "WeChat's side is at http://{}", handle.addr);
    Ok(stop.finish(GRACE).await?)
}

/// A component as it would be registered with `WeChat`.
pub(crate) fn platform(config: &Config, component: &Component) -> Option<SimComponent> {
    let base = config.simulator.push_base.as_str().trim_end_matches('/');
    Some(SimComponent {
        app_id: component.app_id.clone(),
        app_secret: component.app_secret.clone()?,
        token: component.token.clone(),
        encoding_aes_key: component.encoding_aes_key.clone(),
        event_url: format!("{base}{}", component.event_path),
        message_url: format!("{base}{}", component.message_path),
    })
}
