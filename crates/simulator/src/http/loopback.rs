//! The control API shows secrets and plays merchants: it is for this machine alone.

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::StatusCode,
    middleware::Next,
};

use super::errors::Problem;

/// Refuses callers from other machines.
pub(super) async fn only(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    if peer.is_some_and(|peer| peer.is_loopback()) {
        return next.call(request).await;
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "loopback_only", "the control API answers only to loopback")
        .into())
}
