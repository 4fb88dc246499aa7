//! `mandate simulator`: `WeChat`'s side alone.

use std::{convert::Infallible, net::TcpListener, time::Duration};

use mandate_runtime::{
    config::{Component, Config},
    stop::Stop,
};
use mandate_schema::ComponentId;
use mandate_simulator::{Act, AuthorizerSpec, Settings, SimComponent, Simulator};

use super::finish;
use crate::{
    args::{self, Global},
    context::{load, warn},
    exit::CliError,
};

/// `WeChat` pushes a ticket this often.
const TICKET_EVERY: Duration = Duration::from_mins(10);
/// How often the first ticket of a component is pushed until somebody takes it.
const KNOCK_EVERY: Duration = Duration::from_secs(1);

/// Runs until a signal stops it.
pub(crate) async fn simulator(global: &Global, arguments: &args::Simulator) -> Result<(), CliError> {
    let loaded = load(global)?;
    warn(loaded.check_simulator().into_result()?);
    let config = &loaded.config;
    let stop = Stop::on_signals()?;
    let listener = TcpListener::bind(config.simulator.listen).map_err(|error| {
        CliError::Failed(anyhow::anyhow!("cannot listen on {}: {error}", config.simulator.listen))
    })?;
    let components = config.components.iter().filter_map(|component| platform(config, component)).collect();
    let settings = Settings {
        ticket_every: Some(TICKET_EVERY),
        open_control: arguments.open_control,
        ..Settings::new(components)
    };
    let handle =
        mandate_simulator::start(settings, listener, stop.token()).await.map_err(CliError::failed)?;
    tracing::info!(address = %handle.addr, "WeChat's side is at http://{}", handle.addr);
    if arguments.merchants > 0 {
        for component in &config.components {
            let first =
                first_merchants(handle.simulator.clone(), component.app_id.clone(), arguments.merchants);
            let stopping = stop.clone();
            stop.spawn("first merchants", async move {
                tokio::select! {
                    () = first => {}
                    () = stopping.requested() => {}
                }
                Ok::<_, Infallible>(())
            });
        }
    }
    finish(&stop).await
}

/// The first merchants authorize once the component takes pushes.
async fn first_merchants(simulator: Simulator, component: ComponentId, merchants: u32) {
    loop {
        // The component comes from the settings, so it is known; a refusal is in the record of pushes.
        let pushed = simulator.push_ticket(&component).await;
        if pushed.is_ok_and(|outcome| outcome.deliveries.iter().all(|delivery| delivery.ok)) {
            break;
        }
        tokio::time::sleep(KNOCK_EVERY).await;
    }
    for _ in 0..merchants {
        let spec = AuthorizerSpec::new(component.clone(), None, Act::Authorize);
        match simulator.authorizer(spec).await {
            Ok(outcome) => {
                tracing::info!(%component, authorizer = %outcome.authorizer, "merchant {} authorizes {component}", outcome.authorizer);
            }
            Err(error) => tracing::error!(%component, %error, "no merchant could authorize {component}"),
        }
    }
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
