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
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use mandate_runtime::random;
use mandate_schema::Secret;
use mandate_storage::Storage;
use mandate_worker::consent::{Asked, Form, Opened, VisitError};
use serde::Deserialize;

use super::{
    Pages,
    browser::{self, COOKIE_NAME},
    page::{Mood, Page, Referrer},
    words::Words,
};

/// How long a browser keeps its cookie: longer than any visit lives.
const COOKIE_LIFE: Duration = Duration::from_hours(24);
/// When to try again while `WeChat` cannot be reached, in seconds.
const RETRY_AFTER_SECONDS: u64 = 60;

#[derive(Deserialize)]
pub(super) struct WithoutLink {
    component: String,
}

/// The page of a link.
pub(super) async fn link<S: Storage>(
    pages: Data<Pages<S>>,
    request: HttpRequest,
    link: Path<String>,
) -> HttpResponse {
    open(&pages, &request, Some(Asked::Link(link.into_inner()))).await
}

/// The page without a link.
pub(super) async fn without_link<S: Storage>(
    pages: Data<Pages<S>>,
    request: HttpRequest,
    query: Option<Query<WithoutLink>>,
) -> HttpResponse {
    let component = query.and_then(|query| query.component.parse().ok());
    open(&pages, &request, component.map(Asked::Component)).await
}

/// Strangers and programs that look at addresses open pages, too; those that say so by `HEAD` cost no pre-auth code.
async fn open<S: Storage>(
    pages: &Data<Pages<S>>,
    request: &HttpRequest,
    asked: Option<Asked>,
) -> HttpResponse {
    let words = browser::language(request.headers()).words();
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
    let known = browser::cookie(request.headers());
    let cookie = known.unwrap_or_else(new_cookie);
    let (core, given) = (pages.core.clone(), cookie.clone());
    // Apart from this request: what was asked of WeChat is also kept if the browser goes away.
    let opened = rt::spawn(async move { core.open_consent(asked, form, &given).await }).await;
    match opened {
        Ok(Ok(opened)) => {
            let mut answer = ask(words, form, &opened);
            if let Ok(value) = HeaderValue::from_str(&set_cookie(&cookie, &pages.cookie_attributes)) {
                answer.headers_mut().insert(header::SET_COOKIE, value);
            }
            answer
        }
        Ok(Err(error)) => refuse(words, &error),
        Err(error) => {
            tracing::error!(%error, "a consent page was not opened");
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
            tracing::warn!(%error, "a consent link is refused");
            (StatusCode::GONE, words.expired_link)
        }
        VisitError::NoCode(_) | VisitError::Storage(_) => {
            tracing::warn!(%error, "a consent page cannot be opened");
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

fn new_cookie() -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(random::bytes::<32>()))
}

/// `Lax`: the browser brings it along when `WeChat`'s page sends it back, but not from within other pages.
fn set_cookie(cookie: &Secret, attributes: &str) -> String {
    let life = COOKIE_LIFE.as_secs();
    format!("{COOKIE_NAME}={}; Max-Age={life}; HttpOnly; SameSite=Lax{attributes}", cookie.expose())
}
