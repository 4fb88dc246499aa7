//! Refused orders as HTTP answers.

use std::fmt;

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use serde_json::json;

use crate::error::OrderError;

/// A problem in the form of RFC 9457.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }
}

/// A body or a query that does not parse.
pub(super) fn bad_request(error: &dyn fmt::Display) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_request", error.to_string())
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status).content_type("application/problem+json").json(json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        }))
    }
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        let (status, code) = match &error {
            OrderError::UnknownComponent(_) => (StatusCode::NOT_FOUND, "unknown_component"),
            OrderError::UnknownAuthorizer(_) => (StatusCode::NOT_FOUND, "unknown_authorizer"),
            OrderError::NotHeld(_) => (StatusCode::NOT_FOUND, "not_held"),
            OrderError::AlreadyExists(_) => (StatusCode::CONFLICT, "already_exists"),
            OrderError::NotAuthorized { .. } => (StatusCode::CONFLICT, "not_authorized"),
            OrderError::Invalid(_) => (StatusCode::BAD_REQUEST, "bad_request"),
        };
        Self::new(status, code, error.to_string())
    }
}
