//! Reads a request's body within its limit of size. The listener has limits of time.

use actix_web::{HttpRequest, http::header, web::Payload};
use futures_util::StreamExt;

use super::Refusal;

/// Memory that an announcement alone is worth, in bytes: most pushes fit, and whoever announces much and sends nothing
/// claims no more.
const ROOM_AT_FIRST: usize = 16 << 10;

/// The whole body, if it has at most so many bytes.
pub(super) async fn read(
    request: &HttpRequest,
    payload: &mut Payload,
    max_bytes: usize,
) -> Result<Vec<u8>, Refusal> {
    let announced = content_length(request);
    if announced > Some(max_bytes) {
        return Err(Refusal::TooLarge);
    }
    let mut body = Vec::with_capacity(announced.unwrap_or_default().min(ROOM_AT_FIRST));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Refusal::BrokenBody)?;
        if body.len() + chunk.len() > max_bytes {
            return Err(Refusal::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What the head says; a head whose length is not a number never comes here.
fn content_length(request: &HttpRequest) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
