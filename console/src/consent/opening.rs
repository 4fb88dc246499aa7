//! `GET /authorize/{link}` and `GET /authorize?component=`.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method, StatusCode,
        header::{self, HeaderValue},
    },
    rt,
    web::{Data, Path, Query},
};
use jiff::Timestamp;

use mandate_worker::consent::{Asked, Form, Opened, VisitError};
use serde::Deserialize;

use super::{
    LINES, Pages, browser, cookie,
    page::{Mood, Page, Referrer},
    words::Words,
};

/// When to try again while `WeChat` cannot be reached, in seconds.
const RETRY_AFTER_SECONDS: u64 = 60;

#[derive(Deserialize)]
pub(super) struct WithoutLink {
    component: String,
}

/// The page of a link.
pub(super) async fn link(pages: Data<Pages>, request: HttpRequest, link: Path<String>) -> HttpResponse {
    open(&pages, &request, Some(Asked::Link(link.into_inner()))).await
}

/// The page without a link.
pub(super) async fn without_link(
    pages: Data<Pages>,
    request: HttpRequest,
    query: Option<Query<WithoutLink>>,
) -> HttpResponse {
    let component = query.and_then(|query| query.component.parse().ok());
    open(&pages, &request, component.map(Asked::Component)).await
}

/// Strangers and programs that look at addresses open pages, too; those that say so by `HEAD` cost no pre-auth code.
async fn open(pages: &Data<Pages>, request: &HttpRequest, asked: Option<Asked>) -> HttpResponse {
    let words = Words::of(browser::language(request.headers()));
    if let Err(wait) = pages.admit(request) {
        return too_many(words, wait);
    }
    if request.method() == Method::HEAD {
        return Page::new(words, Mood::Ask, words.ask).answer(StatusCode::OK, Referrer::Host);
    }
    let Some(asked) = asked else {
        return refuse(words, &VisitError::Unknown);
    };
    let form = browser::form(request.headers());
    let cookie = cookie::new_value();
    let (worker, given) = (pages.worker.clone(), cookie.clone());
    // Apart from this request: what was asked of WeChat is also kept if the browser goes away.
    let opened = rt::spawn(async move { worker.consents.open(asked, form, &given).await }).await;
    match opened {
        Ok(Ok(opened)) => {
            let mut answer = ask(words, form, &opened);
            let lines = pages.cookies.set(request.headers(), &opened.state, &cookie);
            for value in lines.iter().filter_map(|line| HeaderValue::from_str(line).ok()) {
                answer.headers_mut().append(header::SET_COOKIE, value);
            }
            answer
        }
        Ok(Err(error)) => refuse(words, &error),
        Err(error) => {
            if let Some(unlogged) = LINES.admit() {
                tracing::error!(%error, unlogged, "a consent page was not opened");
            }
            unavailable(words)
        }
    }
}

fn ask(words: &Words, form: Form, opened: &Opened) -> HttpResponse {
    let seconds = opened.expires_at.duration_since(Timestamp::now()).as_secs();
    let minutes = (seconds + 59) / 60;
    let how = match form {
        Form::Desktop => words.how_desktop,
        Form::InWechat => words.how_in_wechat,
    };
    Page::new(words, Mood::Ask, words.ask)
        .text(how)
        .button(words.authorize, opened.address.expose())
        .note((words.valid_minutes)(minutes))
        .answer(StatusCode::OK, Referrer::Host)
}

fn refuse(words: &Words, error: &VisitError) -> HttpResponse {
    let (status, saying) = match error {
        VisitError::Unknown => (StatusCode::NOT_FOUND, words.unknown_link),
        VisitError::Expired => (StatusCode::GONE, words.expired_link),
        VisitError::Withdrawn(_) => {
            if let Some(unlogged) = LINES.admit() {
                tracing::warn!(%error, unlogged, "a consent link is refused");
            }
            (StatusCode::GONE, words.expired_link)
        }
        VisitError::NoCode(_) | VisitError::Storage(_) => {
            if let Some(unlogged) = LINES.admit() {
                tracing::warn!(%error, unlogged, "a consent page cannot be opened");
            }
            return unavailable(words);
        }
    };
    Page::new(words, Mood::Bad, saying).answer(status, Referrer::Host)
}

fn unavailable(words: &Words) -> HttpResponse {
    let page = Page::new(words, Mood::Bad, words.unavailable);
    let mut answer = page.answer(StatusCode::SERVICE_UNAVAILABLE, Referrer::Host);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    answer
}

pub(super) fn too_many(words: &Words, wait: Duration) -> HttpResponse {
    let page = Page::new(words, Mood::Bad, words.too_many);
    let mut answer = page.answer(StatusCode::TOO_MANY_REQUESTS, Referrer::Nothing);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
    answer
}
