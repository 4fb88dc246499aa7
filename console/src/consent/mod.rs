//! The merchants' pages, on a listener of their own: what strangers reach is this and nothing else.

mod browser;
mod cookie;
mod landing;
mod opening;
mod page;
mod words;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse,
    dev::Server,
    http::{StatusCode, header},
    middleware::from_fn,
    web::{self, Data, ServiceConfig},
};
use mandate_runtime::{
    stop::Stop,
    strangers::LineLimit,
    throttle::Throttle,
    web::{BindError, Listener, Process, Rank, TrustedProxies, looked_at},
};

use mandate_worker::Worker;
use tokio::time::Instant;

use cookie::Cookies;
use page::{Mood, Page, Referrer};
use words::Words;

/// The size of the listener.
const LISTENER: Listener =
    Listener { name: "consent", workers: 2, connections: 4_096, rank: Rank::Other, collect_max: 64 << 10 };
/// Requests of one address that are answered one after the other, and then how many in a second. An office may share one.
const REQUESTS: f64 = 30.0;
const REQUESTS_PER_SECOND: f64 = 0.5;
/// Lines of the log about what strangers do here. The worker writes one more, about what they bring.
static LINES: LineLimit = LineLimit::new(2);

/// What the pages work with.
pub struct Pages {
    worker: Arc<Worker>,
    throttle: Mutex<Throttle>,
    cookies: Cookies,
    /// Whose `X-Forwarded-For` is believed.
    proxies: TrustedProxies,
    /// Ends the requests that wait.
    stop: Stop,
}

impl Pages {
    /// The pages of a worker.
    pub fn new(worker: Arc<Worker>, stop: Stop) -> Self {
        let cookies = Cookies::of(worker.consents.url());
        let throttle = Mutex::new(Throttle::new(REQUESTS, REQUESTS_PER_SECOND));
        Self { worker, throttle, cookies, proxies: TrustedProxies::default(), stop }
    }

    /// The same behind other proxies than those of this machine.
    #[must_use]
    pub fn behind(self, proxies: TrustedProxies) -> Self {
        Self { proxies, ..self }
    }

    /// Counts a request of a browser's address.
    ///
    /// # Errors
    ///
    /// Too many: after how long it may ask again.
    fn admit(&self, request: &HttpRequest) -> Result<(), Duration> {
        let address = self.proxies.client(request);
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        throttle.take(address, Instant::now()).map(|_suppressed| ())
    }
}

/// Binds the pages' listener (port 0 for any free one). It serves once it is polled, and ends with the stop.
///
/// # Errors
///
/// [`BindError`]: the address is in use or not ours.
pub fn bind(process: &Process, address: SocketAddr, pages: Pages) -> Result<(Server, SocketAddr), BindError> {
    let pages = Data::new(pages);
    process.connections.bind(address, LISTENER, &process.stop, move |config| routes(config, pages.clone()))
}

/// Which address is which page; a page also for every other address. Every answer says how browsers are to treat it.
pub fn routes(config: &mut ServiceConfig, pages: Data<Pages>) {
    let all = web::scope("")
        .app_data(pages)
        .service(looked_at("/authorize/return/{state}", landing::land))
        .service(looked_at("/authorize/{link}", opening::link))
        .service(looked_at("/authorize", opening::without_link))
        .service(looked_at("/favicon.ico", no_icon))
        .default_service(web::to(nowhere))
        .wrap(from_fn(page::secured));
    config.service(all).default_service(web::to(nowhere));
}

/// Browsers ask for one, whatever a page says.
async fn no_icon() -> HttpResponse {
    HttpResponse::NoContent().insert_header((header::CACHE_CONTROL, "public, max-age=86400")).finish()
}

async fn nowhere(request: HttpRequest) -> HttpResponse {
    let words = Words::of(browser::language(request.headers()));
    Page::new(words, Mood::Bad, words.unknown_link).answer(StatusCode::NOT_FOUND, Referrer::Nothing)
}
