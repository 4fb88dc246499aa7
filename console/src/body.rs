//! Bodies of requests, within limits of size and time. Where none is taken they are still read, so that a caller who means
//! something by one hears about it.

use std::time::Duration;

use actix_web::{
    HttpMessage, HttpRequest,
    web::{Bytes, Payload},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::proxy::upload;

/// The largest body that is read where none is taken, in bytes.
const NONE_MAX: usize = 1_024;
/// How long a body may take to arrive; actix limits only the head.
const TIME_MAX: Duration = Duration::from_secs(5);

/// Why a body cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is not declared as JSON. A page of another site cannot declare that without asking first.
    #[error("a body must be application/json")]
    NotJson,
    /// It says something.
    #[error("no body is expected here, or an empty object")]
    NotEmpty,
    /// It is not what is expected.
    #[error("the body cannot be used: {0}")]
    Unusable(String),
    /// It is beyond the limit.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// It did not arrive in time.
    #[error("the body did not arrive within {} s", TIME_MAX.as_secs())]
    TooSlow,
    /// It arrives too slowly.
    #[error(
        "the body arrives at less than {} bytes a second: send it faster, or in smaller parts",
        upload::RATE
    )]
    TooSlowly,
    /// It did not arrive whole.
    #[error("the body did not arrive whole")]
    Broken,
}

/// Reads a body that should be empty, or an empty JSON object.
///
/// # Errors
///
/// [`BodyError`].
pub(crate) async fn expect_none(request: &HttpRequest, payload: Payload) -> Result<(), BodyError> {
    check(request.content_type(), &read(payload, NONE_MAX).await?)
}

/// Reads a JSON body of at most `max` bytes.
///
/// # Errors
///
/// [`BodyError`].
pub(crate) async fn read_json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
    max: usize,
) -> Result<T, BodyError> {
    parse(request, &read(payload, max).await?)
}

/// The same where nothing stands for the default.
///
/// # Errors
///
/// [`BodyError`].
pub(crate) async fn read_json_or_default<T: DeserializeOwned + Default>(
    request: &HttpRequest,
    payload: Payload,
    max: usize,
) -> Result<T, BodyError> {
    let body = read(payload, max).await?;
    if body.is_empty() { Ok(T::default()) } else { parse(request, &body) }
}

fn parse<T: DeserializeOwned>(request: &HttpRequest, body: &Bytes) -> Result<T, BodyError> {
    if !is_json(request.content_type()) {
        return Err(BodyError::NotJson);
    }
    serde_json::from_slice(body).map_err(|error| BodyError::Unusable(error.to_string()))
}

async fn read(payload: Payload, max: usize) -> Result<Bytes, BodyError> {
    let read = timeout(TIME_MAX, payload.to_bytes_limited(max)).await;
    let body = read.map_err(|_elapsed| BodyError::TooSlow)?.map_err(|_exceeded| BodyError::TooLarge(max))?;
    body.map_err(|_| BodyError::Broken)
}

fn is_json(content_type: &str) -> bool {
    content_type.eq_ignore_ascii_case("application/json")
}

fn check(content_type: &str, body: &Bytes) -> Result<(), BodyError> {
    if body.is_empty() {
        return Ok(());
    }
    if !is_json(content_type) {
        return Err(BodyError::NotJson);
    }
    match serde_json::from_slice::<Map<String, Value>>(body) {
        Ok(fields) if fields.is_empty() => Ok(()),
        Ok(_) | Err(_) => Err(BodyError::NotEmpty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nothing_and_an_empty_object_are_taken() {
        let check =
            |content_type, body: &'static str| check(content_type, &Bytes::from_static(body.as_bytes()));
        assert_eq!(check("", ""), Ok(()));
        assert_eq!(check("text/plain", ""), Ok(()));
        assert_eq!(check("application/json", " {} "), Ok(()));
        assert_eq!(check("text/plain", "{}"), Err(BodyError::NotJson));
        for said in ["{\"force\":true}", "[]", "null", "{", "x"] {
            assert_eq!(check("application/json", said), Err(BodyError::NotEmpty), "{said}");
        }
    }
}
