//! The one place that maps errors to HTTP.

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use jiff::Timestamp;
use mandate_broker::OutcomesUnavailable;
use mandate_schema::{InvalidId, Scope};
use mandate_storage::StorageError;
use mandate_worker::{
    CallError, IngestError, ReadError, Refusal, RetryError,
    tokens::{TokenError, What},
    views::{FeedError, LogReset},
};

use crate::{
    BodyError, Code, InvalidCursor, Problem, ProxyRefusal, QueryError, Refused, guard, problem::Upstream,
};

/// After how many seconds a caller may ask again when the database does not answer.
const RETRY_AFTER_SECONDS: u64 = 5;

/// Why a request is not answered as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The caller may not ask at all.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The question needs a key, and it came without the right one.
    #[error(
        "the settle key is required as a bearer token; it must be the same text in [ingress] and [worker]"
    )]
    Unauthenticated,
    /// The question needs an API key, and it came without one that is good.
    #[error("an API key is required as a bearer token, and it must be neither revoked nor expired")]
    KeyNeeded,
    /// The key does not open this.
    #[error("the key lacks the scope {0}")]
    OutOfScope(Scope),
    /// The key is not good for this component or authorizer.
    #[error("the key is limited to other components or authorizers")]
    OutOfReach,
    /// The key is limited to authorizers, and the call is about no authorizer but about the component.
    #[error(
        "this call is made with the component's token and names no authorizer: it needs a key that is not limited to authorizers"
    )]
    WholeComponentNeeded,
    /// Too many refusals from one address.
    #[error("too many requests from this address were refused")]
    TooManyRefusals {
        /// When to come back.
        seconds: u64,
    },
    /// As many streams are open as there may be.
    #[error("too many streams of events are open; read pages of /api/v1/events instead")]
    TooManyStreams,
    /// Nobody needs so many.
    #[error("{0}")]
    TooManyWebhooks(String),
    /// Nothing is served at the address.
    #[error("nothing is served at this address")]
    UnknownRoute,
    /// The address takes another method.
    #[error("only {allowed} is possible at this address")]
    MethodNotAllowed {
        /// The method it takes.
        allowed: &'static str,
    },
    /// The query cannot be used.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// An appid or UUID in the path cannot be one.
    #[error(transparent)]
    InvalidId(#[from] InvalidId),
    /// The cursor cannot be used.
    #[error(transparent)]
    InvalidCursor(#[from] InvalidCursor),
    /// The body cannot be used.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The thing asked for does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The position is not of this log.
    #[error(transparent)]
    LogReset(#[from] LogReset),
    /// It cannot be said now which callbacks have an outcome.
    #[error(transparent)]
    Outcomes(#[from] OutcomesUnavailable),
    /// The proxy does not make this call.
    #[error(transparent)]
    Proxy(#[from] ProxyRefusal),
    /// `WeChat` did not answer the proxy.
    #[error("WeChat did not answer: {0}")]
    Upstream(String),
    /// There is no access token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// State or log could not be read or changed.
    #[error(transparent)]
    Storage(#[from] ReadError),
    /// The work panicked: a defect of ours.
    #[error("the work was not finished: {0}")]
    Unfinished(#[from] tokio::task::JoinError),
}

impl ApiError {
    /// What does not exist, in a sentence.
    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound(what.into())
    }

    /// What a program branches on.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(Refused::Peer | Refused::Forwarded | Refused::Host) => Code::LoopbackOnly,
            Self::Refused(Refused::Origin | Refused::OtherSite) => Code::CrossOrigin,
            Self::Unauthenticated | Self::KeyNeeded => Code::Unauthenticated,
            Self::OutOfScope(_) => Code::InsufficientScope,
            Self::OutOfReach | Self::WholeComponentNeeded => Code::OutOfReach,
            Self::TooManyRefusals { .. } => Code::TooManyRefusals,
            Self::TooManyStreams => Code::TooManyStreams,
            Self::TooManyWebhooks(_) => Code::TooManyWebhooks,
            Self::UnknownRoute => Code::UnknownRoute,
            Self::MethodNotAllowed { .. } => Code::MethodNotAllowed,
            Self::Query(QueryError::Unknown { .. }) => Code::UnknownParameter,
            Self::Query(QueryError::Repeated(_) | QueryError::Invalid { .. } | QueryError::Unreadable) => {
                Code::InvalidParameter
            }
            Self::InvalidId(_) => Code::InvalidId,
            Self::InvalidCursor(_) => Code::InvalidCursor,
            Self::Body(BodyError::NotJson) => Code::UnsupportedMediaType,
            Self::Body(BodyError::TooLarge(_)) => Code::BodyTooLarge,
            Self::Body(BodyError::TooSlow | BodyError::TooSlowly) => Code::BodyTooSlow,
            Self::Body(BodyError::NotEmpty | BodyError::Unusable(_) | BodyError::Broken) => Code::InvalidBody,
            Self::NotFound(_) => Code::NotFound,
            Self::LogReset(_) => Code::LogReset,
            Self::Outcomes(_) => Code::StorageUnavailable,
            Self::Proxy(ProxyRefusal::ComponentOnly(_)) => Code::ComponentOnly,
            Self::Proxy(_) => Code::ProxyRefused,
            Self::Upstream(_) => Code::UpstreamUnavailable,
            Self::Token(error) => of_token(error),
            Self::Storage(error) => of_read(error),
            Self::Unfinished(_) => Code::InternalError,
        }
    }

    /// Seconds after which the same request may be answered otherwise.
    fn retry_after(&self, now: Timestamp) -> Option<u64> {
        let until = |time: Timestamp| u64::try_from(time.duration_since(now).as_secs()).unwrap_or(0) + 1;
        match self {
            Self::TooManyRefusals { seconds } => Some(*seconds),
            Self::TooManyStreams => Some(RETRY_AFTER_SECONDS),
            Self::Token(TokenError::Failed(failed)) => Some(until(failed.not_before)),
            Self::Token(TokenError::Paused(CallError::Paused { until: time, .. })) => Some(until(*time)),
            _ => match self.code() {
                Code::StorageUnavailable => Some(RETRY_AFTER_SECONDS),
                code if code.status() == StatusCode::SERVICE_UNAVAILABLE => Some(1),
                _ => None,
            },
        }
    }

    /// What `WeChat` said.
    fn upstream(&self) -> Option<Upstream> {
        let refusal = match self {
            Self::Token(TokenError::Failed(failed)) => failed.refusal()?,
            Self::Token(TokenError::Paused(CallError::Paused { why, .. })) => why.refusal()?,
            _ => return None,
        };
        let Refusal { errcode, errmsg, rid } = refusal.clone();
        Some(Upstream::new(errcode, errmsg, rid))
    }

    /// The text for the caller. What a database or a panic says stays in the log.
    fn detail(&self, code: Code) -> String {
        match code {
            Code::StorageUnavailable => "the database does not answer; repeat the request".to_owned(),
            Code::InternalError => "the request could not be answered; the service's log says why".to_owned(),
            _ => self.to_string(),
        }
    }

    /// Failures of ours are logged here, where they end; refusals are the caller's affair.
    fn log(&self, code: Code) {
        if code == Code::StorageUnavailable {
            guard::log_failure(
                |unlogged| tracing::warn!(error = %self, unlogged, "a request was put off: {self}"),
            );
        } else if code == Code::InternalError {
            guard::log_failure(
                |unlogged| tracing::error!(error = %self, unlogged, "a request failed: {self}"),
            );
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code().status()
    }

    fn error_response(&self) -> HttpResponse {
        let code = self.code();
        self.log(code);
        let problem = Problem { upstream: self.upstream(), ..Problem::new(code, self.detail(code)) };
        let mut answer = problem.answer();
        let headers = answer.headers_mut();
        if let Self::MethodNotAllowed { allowed } = self {
            headers.insert(header::ALLOW, header::HeaderValue::from_static(allowed));
        }
        if code == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after(Timestamp::now()) {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        answer
    }
}

fn of_read(error: &ReadError) -> Code {
    if error.may_heal() { Code::StorageUnavailable } else { Code::InternalError }
}

fn of_token(error: &TokenError) -> Code {
    /// `WeChat`'s daily quota of an API is spent.
    const QUOTA: i64 = 45009;
    let of_refusal = |refusal: Option<&Refusal>| match refusal {
        Some(refusal) if refusal.errcode == QUOTA => Code::QuotaSpent,
        Some(_) | None => Code::UpstreamUnavailable,
    };
    match error {
        TokenError::Unknown => Code::NotFound,
        TokenError::Revoked => Code::Revoked,
        TokenError::Broken => Code::Broken,
        TokenError::NoApiPermission => Code::NoApiPermission,
        TokenError::Erased => Code::Erased,
        TokenError::Pending => Code::Pending,
        TokenError::Failed(failed) if matches!(failed.what, What::NoTicket { .. }) => Code::NoTicket,
        TokenError::Failed(failed) => of_refusal(failed.refusal()),
        TokenError::Paused(error) => of_refusal(error.refusal()),
        TokenError::NoSecret(_) | TokenError::Busy => Code::UpstreamUnavailable,
        TokenError::Read(error) => of_read(error),
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error.into())
    }
}

impl From<FeedError> for ApiError {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::Reset(reset) => Self::LogReset(reset),
            FeedError::Read(error) => Self::Storage(error),
        }
    }
}

impl From<RetryError> for ApiError {
    fn from(error: RetryError) -> Self {
        match error {
            RetryError::NotFound(_) => Self::not_found(error.to_string()),
            RetryError::Ingest(IngestError::Storage(error)) | RetryError::Storage(error) => error.into(),
            RetryError::Ingest(IngestError::Read(error)) => Self::Storage(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_away_is_503_with_a_time_to_come_back() {
        let answer = ApiError::from(StorageError::Unavailable("disk I/O error".into())).error_response();
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers().get("retry-after").expect("a header"), "5");
        assert_eq!(answer.headers().get("content-type").expect("a header"), "application/problem+json");
    }

    #[test]
    fn what_a_database_says_does_not_reach_the_caller() {
        for error in [
            ApiError::from(StorageError::Unavailable("/var/lib/mandate.db is locked".into())),
            ApiError::from(StorageError::unreadable("/var/lib/mandate.db is broken")),
        ] {
            assert!(error.to_string().contains("/var/lib"), "the log needs it");
            let detail = error.detail(error.code());
            assert!(!detail.contains("/var/lib"), "{detail}");
        }
    }

    #[test]
    fn an_unreadable_row_is_a_failure_of_ours() {
        let answer = ApiError::from(StorageError::unreadable("no JSON")).error_response();
        assert_eq!(answer.status(), 500);
        assert!(answer.headers().get("retry-after").is_none());
    }
}
