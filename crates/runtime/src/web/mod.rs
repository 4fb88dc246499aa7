//! What the HTTP doors share: connections under control, health routes, and a server that stops with the process.

mod chunked;
mod class;
mod client_address;
mod connection;
mod connections;
mod exchange;
mod head;
mod process;
mod shared;
mod slots;

use std::{io, net::SocketAddr};

use actix_web::{
    FromRequest, Handler, HttpResponse, Resource, Responder,
    dev::Server,
    guard,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
    web::{self, ServiceConfig},
};

pub use client_address::TrustedProxies;
pub use connections::{ConnectionLimits, Connections, Listener, Rank};
pub use exchange::CLIENT_RATE;
pub use process::Process;

use crate::{
    health::Readiness,
    metrics::{self, Metrics},
};

/// A listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// What the system said, for example that it is in use.
    #[source]
    pub source: io::Error,
}

/// Adds `/healthz`, `/readyz` and `/metrics` for GET and HEAD; any other method is answered 405.
pub fn health_routes(routes: &mut ServiceConfig, readiness: &Readiness, metrics: &Metrics) {
    let (readiness, metrics) = (readiness.clone(), metrics.clone());
    routes
        .service(looked_at("/healthz", async || "ok"))
        .service(looked_at("/readyz", move || std::future::ready(readyz(&readiness))))
        .service(looked_at("/metrics", move || std::future::ready(metrics_page(&metrics))));
}

/// A resource that is only looked at. Load balancers also ask with HEAD, for which actix leaves the body out.
pub fn looked_at<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let looks = guard::Any(guard::Get()).or(guard::Head());
    web::resource(path).route(web::route().guard(looks).to(handler)).default_service(web::to(only_looked_at))
}

async fn only_looked_at() -> HttpResponse {
    let allowed = HeaderValue::from_static("GET, HEAD");
    HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, allowed)).finish()
}

/// Serves the health routes alone on a listener of their own.
///
/// # Errors
///
/// [`BindError`] as [`Connections::bind`].
pub fn bind_admin(process: &Process, address: SocketAddr) -> Result<(Server, SocketAddr), BindError> {
    let (readiness, metrics) = (process.readiness.clone(), process.metrics.clone());
    process.connections.bind(address, Listener::ADMIN, &process.stop, move |routes| {
        health_routes(routes, &readiness, &metrics);
    })
}

fn readyz(readiness: &Readiness) -> HttpResponse {
    let report = readiness.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).insert_header((header::CACHE_CONTROL, "no-store")).json(report)
}

fn metrics_page(metrics: &Metrics) -> HttpResponse {
    HttpResponse::Ok().content_type(metrics::CONTENT_TYPE).body(metrics.encode())
}

#[cfg(test)]
mod tests;
