//! What the caller gets. The one place that knows status codes.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{self, ContentType},
    },
};
use mandate_runtime::failpoint;
use mandate_wechat::{form::Form, reply::SUCCESS};

use super::Refusal;

/// What `WeChat` hears once a push is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Received, nothing to add.
    Success,
    /// The same, in the form that the release check asks for.
    Empty,
    /// A sealed passive reply, and its form.
    Sealed(String, Form),
}

/// The only answers with status 200: the push is durable, `WeChat` may forget it.
pub(super) fn taken(answer: Answer) -> HttpResponse {
    if cfg!(debug_assertions) {
        // Runs when this connection's task has yielded, which is after it has written the answer.
        actix_web::rt::spawn(async { failpoint::reached("ingress.answered") });
    }
    let mut ok = HttpResponse::Ok();
    match answer {
        Answer::Success => ok.content_type(ContentType::plaintext()).body(SUCCESS),
        Answer::Empty => ok.content_type(ContentType::plaintext()).body(""),
        Answer::Sealed(envelope, Form::Xml) => ok.content_type("text/xml; charset=utf-8").body(envelope),
        Answer::Sealed(envelope, Form::Json) => {
            ok.content_type("application/json; charset=utf-8").body(envelope)
        }
    }
}

/// No URL of ours.
pub(super) fn not_found() -> HttpResponse {
    empty(StatusCode::NOT_FOUND)
}

/// The answer to a push that was not taken: a status and nothing else, the same for whatever is wrong with an envelope.
pub(super) fn refused(refusal: &Refusal) -> HttpResponse {
    let mut response = empty(status(refusal));
    if matches!(refusal, Refusal::Method) {
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
    }
    response
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
        Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::BrokenBody => StatusCode::BAD_REQUEST,
        Refusal::Envelope(_) => StatusCode::FORBIDDEN,
        Refusal::NotStored { .. } => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn empty(status: StatusCode) -> HttpResponse {
    HttpResponse::build(status).finish()
}
