//! What the caller gets. The one place that knows status codes.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    HttpResponse,
    body::{BodySize, MessageBody},
    http::{
        StatusCode,
        header::{self, ContentType},
    },
    web::{Bytes, Payload},
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
pub(super) fn not_found(payload: Payload) -> HttpResponse {
    empty(StatusCode::NOT_FOUND, payload)
}

/// The answer to a push that was not taken: a status and nothing else, the same for whatever is wrong with an envelope.
pub(super) fn refused(refusal: &Refusal, payload: Payload) -> HttpResponse {
    let mut response = empty(status(refusal), payload);
    if matches!(refusal, Refusal::Method) {
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
    }
    response
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
        Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::SlowBody => StatusCode::REQUEST_TIMEOUT,
        Refusal::BrokenBody => StatusCode::BAD_REQUEST,
        Refusal::Envelope(_) => StatusCode::FORBIDDEN,
        Refusal::NotStored { .. } => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn empty(status: StatusCode, payload: Payload) -> HttpResponse {
    HttpResponse::build(status).body(Unread(payload))
}

/// An empty body that keeps the request's payload until the answer is written.
///
/// actix reads on for ever, without any limit of time, after a chunked payload that was dropped half read. One that is
/// still held makes it close the connection after the answer instead.
struct Unread(#[expect(dead_code, reason = "held, not read")] Payload);

impl MessageBody for Unread {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(0)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}
