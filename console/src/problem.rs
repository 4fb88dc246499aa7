//! Problem documents (RFC 9457): the one form of every refusal and failure, and the list of their codes.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use serde::Serialize;

use crate::{ApiError, query::Query};

/// The media type of a problem document.
const CONTENT_TYPE: &str = "application/problem+json";

/// What a program branches on. Codes are never renamed; texts may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The caller is not on this machine, or did not mean this machine.
    LoopbackOnly,
    /// A page of another site makes the browser ask.
    CrossOrigin,
    /// The key that the address asks for is missing or wrong.
    Unauthenticated,
    /// The key does not open this.
    InsufficientScope,
    /// The key is limited to other components or accounts.
    OutOfReach,
    /// Too many refusals from one address.
    TooManyRefusals,
    /// Nothing is served at the address.
    UnknownRoute,
    /// The thing asked for does not exist.
    NotFound,
    /// The address takes another method.
    MethodNotAllowed,
    /// A query parameter that the address does not know.
    UnknownParameter,
    /// A query parameter with an unusable value.
    InvalidParameter,
    /// An id in the path that cannot be one.
    InvalidId,
    /// A cursor that this list did not give.
    InvalidCursor,
    /// A body that the address does not take.
    InvalidBody,
    /// A body beyond the limit.
    BodyTooLarge,
    /// A body that did not arrive in time.
    BodyTooSlow,
    /// A body of a type that the address does not take.
    UnsupportedMediaType,
    /// As many streams are open as there may be.
    TooManyStreams,
    /// As many webhooks are registered as there may be.
    TooManyWebhooks,
    /// A position that this log has not reached, or that belongs to another log.
    LogReset,
    /// The proxy does not make this call.
    ProxyRefused,
    /// The proxy makes no calls of the component itself.
    ComponentOnly,
    /// The account has revoked its authorization.
    Revoked,
    /// The account's credentials are lost.
    Broken,
    /// The account has authorized nothing that has an API.
    NoApiPermission,
    /// The authorizer was erased.
    Erased,
    /// The account's code is being redeemed.
    Pending,
    /// `WeChat` has sent no ticket that it accepts.
    NoTicket,
    /// `WeChat` cannot be reached, or refuses.
    UpstreamUnavailable,
    /// A quota at `WeChat` is spent.
    QuotaSpent,
    /// The database does not answer.
    StorageUnavailable,
    /// A defect, or a row that this program cannot read.
    InternalError,
}

/// What is the same for all problems of one code; the body of `GET /api/v1/problems/{code}`.
#[derive(Clone, Debug, Serialize)]
struct About {
    code: &'static str,
    status: u16,
    title: &'static str,
    cure: &'static str,
}

/// The body of an error's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Address of a page about the code, on this server.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code means.
    pub title: &'static str,
    /// The HTTP status, repeated.
    pub status: u16,
    /// What is wrong with this request. It repeats names and ids, never a value that could be a secret.
    pub detail: String,
    /// The code.
    pub code: &'static str,
    /// What `WeChat` said, if it said no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Upstream>,
}

/// `WeChat`'s refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Upstream {
    /// Its error number.
    pub errcode: i64,
    /// Its words.
    pub errmsg: String,
    /// Its id of the request.
    pub rid: Option<String>,
}

impl Problem {
    /// The problem document of a code.
    pub fn new(code: Code, detail: String) -> Self {
        let About { code, status, title, .. } = code.about();
        Self { kind: format!("/api/v1/problems/{code}"), title, status, detail, code, upstream: None }
    }

    /// The answer with this document as its body. Problems are about one moment, so nobody may keep them.
    pub(crate) fn answer(&self, code: Code) -> HttpResponse {
        HttpResponse::build(code.status())
            .content_type(CONTENT_TYPE)
            .insert_header(("cache-control", "no-store"))
            .json(self)
    }
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 32] = [
        Self::LoopbackOnly,
        Self::CrossOrigin,
        Self::Unauthenticated,
        Self::InsufficientScope,
        Self::OutOfReach,
        Self::TooManyRefusals,
        Self::UnknownRoute,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::UnknownParameter,
        Self::InvalidParameter,
        Self::InvalidId,
        Self::InvalidCursor,
        Self::InvalidBody,
        Self::BodyTooLarge,
        Self::BodyTooSlow,
        Self::UnsupportedMediaType,
        Self::TooManyStreams,
        Self::TooManyWebhooks,
        Self::LogReset,
        Self::ProxyRefused,
        Self::ComponentOnly,
        Self::Revoked,
        Self::Broken,
        Self::NoApiPermission,
        Self::Erased,
        Self::Pending,
        Self::NoTicket,
        Self::UpstreamUnavailable,
        Self::QuotaSpent,
        Self::StorageUnavailable,
        Self::InternalError,
    ];

    /// The name in the answers.
    pub fn as_str(self) -> &'static str {
        self.about().code
    }

    /// The HTTP status that goes with it.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.about().status).expect("the table holds HTTP statuses")
    }

    fn about(self) -> About {
        let (status, code, title, cure) = match self {
            Self::LoopbackOnly => (403, "loopback_only", "Only this machine is answered", ASK_LOCALLY),
            Self::CrossOrigin => (403, "cross_origin", "A page of another site asked", ASK_LOCALLY),
            Self::Unauthenticated => (401, "unauthenticated", "A key is needed", SEND_KEY),
            Self::InsufficientScope => {
                (403, "insufficient_scope", "The key does not open this", ASK_OPERATOR)
            }
            Self::OutOfReach => (403, "out_of_reach", "The key is limited to others", ASK_OPERATOR),
            Self::TooManyRefusals => (429, "too_many_refusals", "Too many refused requests", WAIT),
            Self::UnknownRoute => (404, "unknown_route", "There is nothing here", CHECK_ADDRESS),
            Self::NotFound => (404, "not_found", "It does not exist", CHECK_ADDRESS),
            Self::MethodNotAllowed => (405, "method_not_allowed", "Another method is wanted", USE_ALLOWED),
            Self::UnknownParameter => (400, "unknown_parameter", "Unknown query parameter", CORRECT),
            Self::InvalidParameter => (400, "invalid_parameter", "Unusable query parameter", CORRECT),
            Self::InvalidId => (400, "invalid_id", "Not an id", CORRECT),
            Self::InvalidCursor => (400, "invalid_cursor", "Unusable cursor", START_LIST),
            Self::InvalidBody => (400, "invalid_body", "Unusable body", SEND_RIGHT_BODY),
            Self::BodyTooLarge => (413, "body_too_large", "The body is too large", SEND_RIGHT_BODY),
            Self::BodyTooSlow => (408, "body_too_slow", "The body did not arrive in time", SEND_RIGHT_BODY),
            Self::UnsupportedMediaType => {
                (415, "unsupported_media_type", "The body is not JSON", SEND_RIGHT_BODY)
            }
            Self::TooManyWebhooks => (409, "too_many_webhooks", "Too many webhooks", CORRECT),
            Self::TooManyStreams => (503, "too_many_streams", "Too many streams of events", WAIT),
            Self::LogReset => (409, "log_reset", "The position is not of this log", START_LOG),
            Self::ProxyRefused => (400, "proxy_refused", "The proxy does not make this call", CORRECT),
            Self::ComponentOnly => (400, "component_only", "A call of the component itself", CORRECT),
            Self::Revoked => (409, "revoked", "The account has revoked its authorization", ASK_MERCHANT),
            Self::Broken => (409, "broken", "The account's credentials are lost", ASK_MERCHANT),
            Self::NoApiPermission => {
                (409, "no_api_permission", "The account has authorized nothing with an API", ASK_MERCHANT)
            }
            Self::Erased => (409, "erased", "The authorizer was erased", ASK_MERCHANT),
            Self::Pending => (503, "pending", "The account's code is being redeemed", REPEAT),
            Self::NoTicket => (503, "no_ticket", "There is no ticket that WeChat accepts", SEE_TICKETS),
            Self::UpstreamUnavailable => {
                (503, "upstream_unavailable", "WeChat cannot be asked", SEE_UPSTREAM)
            }
            Self::QuotaSpent => (503, "quota_spent", "A quota at WeChat is spent", SEE_UPSTREAM),
            Self::StorageUnavailable => (503, "storage_unavailable", "The database does not answer", REPEAT),
            Self::InternalError => (500, "internal_error", "The service could not do it", SEE_LOG),
        };
        About { code, status, title, cure }
    }
}

const ASK_LOCALLY: &str = "Ask from the machine that runs the worker, as http://127.0.0.1 or http://localhost and without a proxy, \
     or make a key: `mandate api-key create`.";
const ASK_OPERATOR: &str = "Ask the operator for a key that opens it: `mandate api-key create`.";
const WAIT: &str = "Correct the key, and come back after the time of Retry-After.";
const CHECK_ADDRESS: &str = "Check the address and the ids in it.";
const USE_ALLOWED: &str = "Use a method of the Allow header.";
const CORRECT: &str = "Correct the request as the detail says.";
const START_LIST: &str = "Start again without a cursor, then pass on next_cursor exactly as it was given.";
const SEND_KEY: &str = "Send the key as Authorization: Bearer KEY. `mandate api-key create` makes one, also when all others have ended.";
const SEND_RIGHT_BODY: &str =
    "Send what the detail asks for as application/json; where no body is expected, none or {}.";
const START_LOG: &str = "The database was restored or replaced. Read again from the start (after=0) and take over the log_id of the answer.";
const REPEAT: &str = "Repeat the same request later; repeating is harmless.";
const ASK_MERCHANT: &str =
    "Ask the merchant to authorize the component, with the permission sets that are needed.";
const SEE_TICKETS: &str = "WeChat pushes a ticket every 10 minutes. If none comes, look at the callback address and at the component's standing \
     on the WeChat Open Platform.";
const SEE_UPSTREAM: &str = "Repeat after the time of Retry-After. upstream, if there is one, is what WeChat said; `mandate explain CODE` tells more.";
const SEE_LOG: &str = "Look at the service's log, which says why.";

/// `GET /problems/{code}`.
pub(crate) async fn show(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Query::read(&request, &[])?;
    let wanted = request.match_info().get("code");
    let code = Code::ALL.into_iter().find(|code| Some(code.as_str()) == wanted);
    let code = code.ok_or_else(|| ApiError::not_found("there is no such code"))?;
    Ok(HttpResponse::Ok().json(code.about()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_and_an_error_status_of_its_own_kind() {
        for (index, code) in Code::ALL.into_iter().enumerate() {
            let twins = Code::ALL.into_iter().filter(|other| other.as_str() == code.as_str()).count();
            assert_eq!(twins, 1, "{code:?}");
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code:?}");
            assert_eq!(code as usize, index, "{code:?} is missing in ALL");
        }
    }

    #[test]
    fn a_problem_has_the_members_of_the_contract() {
        let problem = Problem::new(Code::LogReset, "why".to_owned());
        assert_eq!(
            serde_json::to_string(&problem).expect("plain"),
            r#"{"type":"/api/v1/problems/log_reset","title":"The position is not of this log","status":409,"detail":"why","code":"log_reset"}"#
        );
    }
}
