//! Reads a request's body within limits of size and time, however it is sent.

use std::time::Duration;

use actix_web::{HttpRequest, http::header, web::Payload};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::Refusal;

/// Memory that an announcement alone is worth, in bytes: most pushes fit, and whoever announces much and sends nothing
/// claims no more.
const ROOM_AT_FIRST: usize = 16 << 10;

/// Limits of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// The largest body, in bytes.
    pub max_bytes: usize,
    /// How long the whole body may take to arrive. actix limits only the head: without this, a client that drips bytes
    /// holds its connection for ever.
    pub time: Duration,
}

impl BodyLimits {
    /// The limits of a service: this size, and 5 s (after which `WeChat` has given up anyway).
    pub fn new(max_bytes: usize) -> Self {
        Self { max_bytes, time: Duration::from_secs(5) }
    }
}

/// The whole body.
pub(super) async fn read(
    request: &HttpRequest,
    payload: &mut Payload,
    limits: &BodyLimits,
) -> Result<Vec<u8>, Refusal> {
    let announced = content_length(request);
    if announced > Some(limits.max_bytes) {
        return Err(Refusal::TooLarge);
    }
    timeout(limits.time, collect(payload, announced.unwrap_or_default(), limits.max_bytes))
        .await
        .map_err(|_elapsed| Refusal::SlowBody)?
}

async fn collect(payload: &mut Payload, announced: usize, max_bytes: usize) -> Result<Vec<u8>, Refusal> {
    let mut body = Vec::with_capacity(announced.min(ROOM_AT_FIRST));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Refusal::BrokenBody)?;
        if body.len() + chunk.len() > max_bytes {
            return Err(Refusal::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What the head says; actix has refused a head whose length is not a number.
fn content_length(request: &HttpRequest) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
