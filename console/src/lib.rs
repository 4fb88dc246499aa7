//! The face of the worker: the JSON API under `/api/v1`, with health beside it, and the merchants' pages. No SQL, no decisions.
//!
//! Callers of the API have keys; until the first one is made, it answers this machine only: see [`ApiError::Refused`].

mod authorizers;
mod body;
mod components;
pub mod consent;
mod cursor;
mod dead_letters;
mod error;
mod events;
mod feed;
mod guard;
mod inbox;
mod links;
mod list;
mod messages;
mod path;
mod problem;
mod proxy;
mod query;
mod root;
mod routes;
mod schemas;
mod this_machine;
mod tokens;
mod webhooks;

use std::{net::SocketAddr, sync::Arc};

use actix_web::{dev::Server, web::Data};
use mandate_runtime::{
    stop::Stop,
    web::{self, BindError, Listener, Process, Rank, TrustedProxies},
};
use mandate_schema::Secret;

use mandate_worker::{Worker, views::Views};

pub use authorizers::list_authorizers;
pub use body::BodyError;
pub use components::list_components;
pub use cursor::InvalidCursor;
pub use dead_letters::{DeadLetterAct, DeadLetterOutcome, DeadLetterView, list_dead_letters};
pub use error::ApiError;
pub use events::list_history;
pub use links::LinkView;
pub use list::{LIMIT_DEFAULT, LIMIT_MAX, List};
pub use problem::{AboutCode, Code, Problem};
pub use proxy::{Proxy, ProxyRefusal};
pub use query::QueryError;
pub use routes::routes;
pub use this_machine::Refused;
pub use webhooks::WebhookView;

/// The size of the worker's listener: callers are services and operators, and the store answers a few reads at once.
pub const LISTENER: Listener =
    Listener { name: "api", workers: 2, connections: 4_096, rank: Rank::Other, collect_max: 256 << 10 };

/// What the API's handlers work with.
pub struct Api {
    worker: Arc<Worker>,
    views: Arc<Views>,
    /// Opens the one question of ingress; without it nobody may ask it.
    settle_key: Option<Secret>,
    proxy: Proxy,
    streams: feed::Streams,
    /// Whose `X-Forwarded-For` is believed.
    proxies: TrustedProxies,
    /// Ends the requests that wait.
    stop: Stop,
}

impl Api {
    /// The API of a worker. `views` reads the storage that `worker` writes.
    pub fn new(
        worker: Arc<Worker>,
        views: Arc<Views>,
        settle_key: Option<Secret>,
        proxy: Proxy,
        stop: Stop,
    ) -> Self {
        let (streams, proxies) = (feed::Streams::default(), TrustedProxies::default());
        Self { worker, views, settle_key, proxy, streams, proxies, stop }
    }

    /// The same behind other proxies than those of this machine.
    #[must_use]
    pub fn behind(self, proxies: TrustedProxies) -> Self {
        Self { proxies, ..self }
    }
}

/// Binds the worker's listener (port 0 for any free one): the API, `/healthz`, `/readyz` and `/metrics`. The server serves
/// once it is polled, for example by [`Stop::spawn`], and ends with the stop.
///
/// # Errors
///
/// [`BindError`]: the address is in use or not ours.
pub fn bind(process: &Process, address: SocketAddr, api: Api) -> Result<(Server, SocketAddr), BindError> {
    let api = Data::new(api);
    let (readiness, metrics) = (process.readiness.clone(), process.metrics.clone());
    process.connections.bind(address, LISTENER, &process.stop, move |config| {
        web::health_routes(config, &readiness, &metrics);
        routes(config, api.clone());
    })
}
