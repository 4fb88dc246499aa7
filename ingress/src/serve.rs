//! Starts the door: journal, relay, both listeners.

use std::{convert::Infallible, net::SocketAddr};

use actix_web::web::Data;
use mandate_broker::{CallbackOutcomes, CallbackSink};
use mandate_runtime::{
    health::Dependency,
    web::{self, BindError, Listener, Process, Rank},
};
use tokio::sync::mpsc;
use tracing::info;

use crate::{
    door::{self, Door, DoorParts},
    journal::{Journal, JournalError, JournalHealth},
    relay::Relay,
    settings::Settings,
    settler::Settler,
};

/// The listener that `WeChat` calls: of the connections of the process it gets what others leave.
const CALLBACKS: Listener =
    Listener { name: "callbacks", workers: 2, connections: 20_000, rank: Rank::First, collect_max: 0 };

/// Ingress could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The journal.
    #[error("cannot open the journal: {0}")]
    Journal(#[from] JournalError),
    /// A listener.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// Where a started ingress is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// `WeChat`'s callbacks.
    pub listen: SocketAddr,
    /// Health and metrics.
    pub admin: SocketAddr,
}

/// Starts ingress: answers callbacks and hands them over to `sink` until the process stops, and asks `outcomes` about those
/// that `sink` does not settle.
///
/// Everything runs in the background as tasks of the process's stop, inside the tokio runtime of the caller. A journal that fails for
/// good stops the process with a failure. When [`Stop::finish`] has returned, listeners and relay have ended
/// and the journal is closed.
///
/// # Errors
///
/// [`ServeError`]; nothing is left running then.
pub async fn serve<S: CallbackSink, O: CallbackOutcomes>(
    settings: Settings,
    sink: S,
    outcomes: O,
    process: &Process,
) -> Result<Running, ServeError> {
    let Settings { listen, admin_listen, journal, journal_limits, body_max, routes, rings, replies, proxies } =
        settings;
    let Process { stop, metrics, readiness, connections } = process;
    let clock = journal_limits.clock.clone();
    let opened = tokio::task::spawn_blocking(move || Journal::open(&journal, journal_limits)).await;
    let journal = opened.map_err(|failure| JournalError::Stopped(failure.to_string()))??;

    let health = readiness.register("journal");
    let (stored, metered) = (journal.clone(), metrics.clone());
    let parts =
        DoorParts { routes, rings, journal: stored, metrics: metered, body_max, clock, replies, proxies };
    let door = Data::new(Door::new(parts));
    let listener = Listener { collect_max: body_max, ..CALLBACKS };
    let (server, listen) =
        connections.bind(listen, listener, stop, move |config| door::configure(config, &door))?;
    let (admin_server, admin) = web::bind_admin(process, admin_listen)?;

    let (user, users) = mpsc::channel(1);
    let relay = Relay::new(journal.clone(), sink, metrics.clone()).run(stop.clone());
    let settler = Settler::new(journal.clone(), outcomes).run(stop.clone());
    stop.spawn("relay", using(user.clone(), relay));
    stop.spawn("settler", using(user.clone(), settler));
    stop.spawn("callback listener", using(user, server));
    stop.spawn("journal", guard(journal, health, users));
    stop.spawn("admin listener", admin_server);
    info!(%listen, %admin, "callbacks are answered at {listen}, health and metrics at {admin}");
    Ok(Running { listen, admin })
}

/// Runs what uses the journal; the journal is closed once every `_user` is gone.
async fn using<T>(_user: mpsc::Sender<Infallible>, task: impl Future<Output = T>) -> T {
    task.await
}

/// Shows the journal's health as readiness, stops the process when the journal has failed, and closes it behind its last
/// user.
async fn guard(
    journal: Journal,
    dependency: Dependency,
    mut users: mpsc::Receiver<Infallible>,
) -> Result<(), JournalError> {
    let mut health = journal.health();
    loop {
        let current = health.borrow_and_update().clone();
        match current {
            JournalHealth::Writable => dependency.ok(),
            JournalHealth::Refusing(reason) => dependency.failing(reason),
            JournalHealth::Failed(reason) => {
                dependency.failing(&*reason);
                return Err(JournalError::Stopped(reason.to_string()));
            }
        }
        tokio::select! {
            biased;
            changed = health.changed() => changed.expect("the journal is held, so its health does not end"),
            _ = users.recv() => {
                journal.close().await;
                return Ok(());
            }
        }
    }
}
