//! All connections of a process: shared out over its listeners, with one limit for the bytes of unfinished requests.

use std::{io, net::SocketAddr, rc::Rc, sync::Arc};

use actix_http::{HttpService, Request};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, map_config};
use actix_web::{
    App, Error,
    dev::{AppConfig, Server, fn_factory, fn_service},
    rt::net::TcpStream,
    web::ServiceConfig,
};
use tokio::net::TcpSocket;

use super::{
    BindError, TrustedProxies,
    connection::{self, Manner},
    shared::Shared,
    slots::{SWEEP, Slots},
};
use crate::{metrics::Metrics, open_files, stop::Stop};

/// How long requests that are being answered when the process stops may still take, in seconds.
const DRAIN_SECONDS: u64 = 10;
/// Threads per worker for blocking work. None of our doors blocks in actix.
const BLOCKING_THREADS: usize = 2;
/// Connections that wait until they are accepted.
const BACKLOG: u32 = 4_096;
/// A listener that others share the process with gets at most this part of all connections, unless it is the first.
const PART: usize = 16;
/// Below that many connections in all, an operator should know.
const FEW: usize = 4_000;

/// A listener of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What it is called in metrics and logs.
    pub name: &'static str,
    /// Threads that serve it.
    pub workers: usize,
    /// Connections that it has use for.
    pub connections: usize,
    /// Whether it comes first when connections are shared out.
    pub rank: Rank,
    /// Bodies up to this many bytes are collected before a handler is called; longer ones are passed on as they come.
    pub collect_max: usize,
}

/// Who gets connections first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// All that the others leave.
    First,
    /// A sixteenth of all at most.
    Other,
}

impl Listener {
    /// For listeners that only operators and monitors use.
    pub const ADMIN: Self =
        Self { name: "admin", workers: 1, connections: 256, rank: Rank::Other, collect_max: 64 << 10 };

    /// How many of all connections it gets.
    fn share(&self, all: usize) -> usize {
        let most = match self.rank {
            Rank::First => all.saturating_sub(3 * (all / PART)),
            Rank::Other => all / PART,
        };
        self.connections.min(most).max(1)
    }
}

/// What limits connections beside the number of open files.
#[derive(Clone, Debug, Default)]
pub struct ConnectionLimits {
    /// Connections that one address (of IPv6, one /64 network) may have; `None`: any number.
    pub per_address: Option<u32>,
    /// Whom that does not concern: proxies.
    pub trusted: TrustedProxies,
}

/// All connections of a process. Clones are the same.
#[derive(Clone)]
pub struct Connections {
    shared: Arc<Shared>,
    /// How many there may be.
    all: usize,
}

impl Connections {
    /// As many as the process may open files now, but for those that it needs itself.
    pub fn new(limits: ConnectionLimits, metrics: &Metrics) -> Self {
        let all = open_files::for_connections(open_files::limit());
        if all < FEW {
            tracing::warn!(
                connections = all,
                open_files = open_files::limit(),
                "only {all} connections are possible at once; raise the limit of open files (LimitNOFILE in systemd, ulimits in containers)"
            );
        }
        let ConnectionLimits { per_address, trusted } = limits;
        Self { shared: Arc::new(Shared::new(metrics.clone(), per_address, trusted)), all }
    }

    /// Binds an HTTP server to an address (port 0 for any free one) and returns it with the address it got.
    ///
    /// The server is a future that serves once it is polled, for example by [`Stop::spawn`]. When the stop is requested it takes
    /// no new connections, answers the requests that it has read, and ends. It handles no signals itself. `configure` is called
    /// once per worker. Call it inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`BindError`] if the address is in use or not ours.
    pub fn bind<C>(
        &self,
        address: SocketAddr,
        listener: Listener,
        stop: &Stop,
        configure: C,
    ) -> Result<(Server, SocketAddr), BindError>
    where
        C: Fn(&mut ServiceConfig) + Clone + Send + 'static,
    {
        let failed = |source| BindError { address, source };
        let socket = listen(address).map_err(failed)?;
        let bound = socket.local_addr().map_err(failed)?;
        let capacity = listener.share(self.all);
        self.shared.metrics.connection_slots(listener.name, capacity);
        let slots = Slots::new(listener.name, capacity, Arc::clone(&self.shared));
        tokio::spawn(sweep(Arc::downgrade(&slots), stop.clone()));
        let manner = Manner { collect_max: listener.collect_max, stop: stop.token() };
        let server = Server::build()
            .workers(listener.workers)
            .worker_max_blocking_threads(BLOCKING_THREADS)
            // Ours is the limit that counts; this one keeps files free while those that must close are closing.
            .max_concurrent_connections((capacity + capacity / 50 + 16).div_ceil(listener.workers))
            .shutdown_timeout(DRAIN_SECONDS)
            .disable_signals()
            .shutdown_signal(stop.token().cancelled_owned())
            .listen(listener.name, socket, move || worker(&slots, &manner, &configure))
            .map_err(failed)?;
        Ok((server.run(), bound))
    }
}

/// A socket that listens, ready for actix.
fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Makes what serves the connections of one worker thread.
fn worker<C>(
    slots: &Arc<Slots>,
    manner: &Manner,
    configure: &C,
) -> impl ServiceFactory<TcpStream, Config = (), InitError = (), Error = (), Response = ()> + use<C>
where
    C: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let (slots, manner, configure) = (Arc::clone(slots), manner.clone(), configure.clone());
    fn_factory(move || {
        let app = App::new().configure(configure.clone());
        let app = IntoServiceFactory::<_, Request>::into_factory(app);
        let app = map_config(app.map_err(|error: Error| error.error_response()), |()| AppConfig::default());
        let http = HttpService::build()
            .keep_alive(actix_http::KeepAlive::Disabled)
            .client_request_timeout(std::time::Duration::ZERO)
            .h1(app);
        let (slots, manner) = (Arc::clone(&slots), manner.clone());
        async move {
            let http = Rc::new(http.new_service(()).await?);
            let manner = Rc::new(manner);
            Ok::<_, ()>(fn_service(move |socket: TcpStream| {
                let (slots, manner, http) = (Arc::clone(&slots), Rc::clone(&manner), Rc::clone(&http));
                // On the heap, or each layer around it would hold a copy of its state.
                Box::pin(async move {
                    accept(socket, &slots, &manner, &*http).await;
                    Ok::<_, ()>(())
                })
            }))
        }
    })
}

async fn accept<H>(socket: TcpStream, slots: &Arc<Slots>, manner: &Manner, http: &H)
where
    H: actix_service::Service<(super::exchange::Exchange, Option<SocketAddr>), Response = ()>,
{
    let Ok(peer) = socket.peer_addr() else { return }; // it is gone already
    if let Some(seat) = slots.enter(peer.ip()) {
        connection::serve(socket, seat, peer, http, manner).await;
    }
}

/// Closes what takes too long, and when the process stops, what has not become a request.
async fn sweep(slots: std::sync::Weak<Slots>, stop: Stop) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut has_stopped = false;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.requested(), if !has_stopped => has_stopped = true,
        }
        let Some(slots) = slots.upgrade() else { return };
        slots.sweep();
        if has_stopped {
            slots.close_unfinished();
        }
    }
}
