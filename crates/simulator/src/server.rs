//! Serving the simulator over HTTP.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use actix_web::{App, HttpServer, web::Data};
use mandate_schema::ComponentId;
use tokio::{task::JoinHandle, time};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{error::Error, http, settings::Settings, simulator::Simulator};

/// How long open requests may take to end when it stops, in seconds.
const SHUTDOWN_SECONDS: u64 = 1;

/// A running simulator.
#[derive(Debug)]
pub struct Handle {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Its operations; clone it freely.
    pub simulator: Simulator,
    /// Ends when the server has stopped.
    pub join: JoinHandle<io::Result<()>>,
}

impl Handle {
    /// The base URL of its API, `http://address`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

/// Serves the simulator on a listener, in the background, until `stop` is cancelled. Pushes run on the caller's
/// runtime, HTTP on one thread of its own.
///
/// # Errors
///
/// [`Error`]; nothing runs then.
pub async fn start(
    settings: Settings,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<Handle, Error> {
    let simulator = Simulator::new(&settings, stop.clone())?;
    let addr = listener.local_addr().map_err(Error::Listen)?;
    let data = Data::new(simulator.clone());
    let open_control = settings.open_control;
    let app =
        move || App::new().app_data(data.clone()).configure(|config| http::routes(config, open_control));
    let server = HttpServer::new(app)
        // One thread is plenty for tests and demos, and keeps the memory of a process that embeds it small.
        .workers(1)
        .disable_signals()
        .keep_alive(Duration::from_secs(15))
        .client_request_timeout(Duration::from_secs(5))
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .listen(listener)
        .map_err(Error::Listen)?
        .run();
    let control = server.handle();
    let stopper = stop.clone();
    tokio::spawn(async move {
        stopper.cancelled().await;
        control.stop(true).await;
    });
    if let Some(every) = settings.ticket_every {
        let components = settings.components.iter().map(|component| component.app_id.clone()).collect();
        tokio::spawn(push_tickets(simulator.clone(), components, every));
    }
    info!(%addr, "the simulator listens on {addr}");
    Ok(Handle { addr, simulator, join: tokio::spawn(server) })
}

/// Pushes every platform's ticket, at once and then again and again.
async fn push_tickets(simulator: Simulator, components: Vec<ComponentId>, every: Duration) {
    let mut ticks = time::interval(every);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    while simulator.unless_stopped(ticks.tick()).await.is_some() {
        for component in &components {
            // The outcome is in the record of pushes; the components come from the settings, so they are known.
            let _ = simulator.push_ticket(component).await;
        }
    }
}
