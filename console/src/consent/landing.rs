//! `GET /authorize/return/{state}`: the browser comes back from `WeChat`'s page.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, StatusCode},
    rt,
    web::{Data, Path, Query},
};
use mandate_schema::Secret;
use mandate_storage::ConsentVisit;
use mandate_worker::{
    Status,
    consent::{ConsentResult, LandingError},
};

use super::{
    LINES, Pages, browser, opening,
    page::{Mood, Page, Referrer},
    words::Words,
};

/// How long a merchant looks at an empty page at most. A redemption usually takes well under a second.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the result of an authorization stands before its merchant is led on, in seconds.
const LINGER_SECONDS: u64 = 3;
/// How often a page without a result reloads, in seconds.
const RELOAD_SECONDS: u64 = 3;

/// Takes the code and shows what becomes of it.
pub(super) async fn land(
    pages: Data<Pages>,
    request: HttpRequest,
    state: Path<String>,
    query: Option<Query<Vec<(String, String)>>>,
) -> HttpResponse {
    let words = Words::of(browser::language(request.headers()));
    if let Err(wait) = pages.admit(&request) {
        return opening::too_many(words, wait);
    }
    if request.method() == Method::HEAD {
        return Page::new(words, Mood::Wait, words.pending).answer(StatusCode::OK, Referrer::Nothing);
    }
    let cookie = pages.cookies.find(request.headers(), &state);
    let code = code(query.map(Query::into_inner).unwrap_or_default());
    let taker = pages.worker.clone();
    // Apart from this request: a code that came is taken also if the browser goes away.
    let landed = rt::spawn(async move { taker.consents.land(&state, cookie.as_ref(), code).await }).await;
    let visit = match landed {
        Ok(Ok(visit)) => visit,
        Ok(Err(error)) => return refuse(words, &error),
        Err(error) => {
            if let Some(unlogged) = LINES.admit() {
                tracing::error!(%error, unlogged, "a code was not taken");
            }
            return unavailable(words);
        }
    };
    let result = tokio::select! {
        result = pages.worker.consents.result(&visit, PATIENCE) => result,
        () = pages.stop.requested() => Ok(ConsentResult::Pending),
    };
    match result {
        Ok(result) => show(&pages, words, &visit, &result),
        Err(error) => {
            if let Some(unlogged) = LINES.admit() {
                tracing::warn!(%error, unlogged, "the result of a consent cannot be read");
            }
            // The code is safe: it is a task by now.
            show(&pages, words, &visit, &ConsentResult::Pending)
        }
    }
}

/// The one code; of several nobody knows which is meant.
fn code(query: Vec<(String, String)>) -> Option<Secret> {
    let mut codes = query.into_iter().filter(|(name, _)| name == "auth_code").map(|(_, value)| value);
    let code = codes.next().map(Secret::new);
    if codes.next().is_none() { code } else { None }
}

fn show(pages: &Pages, words: &Words, visit: &ConsentVisit, result: &ConsentResult) -> HttpResponse {
    let onward = pages.worker.consents.onward(visit, result);
    let page = match result {
        ConsentResult::Pending | ConsentResult::Account(_, Status::Pending) => {
            Page::new(words, Mood::Wait, words.pending).refresh(RELOAD_SECONDS.to_string())
        }
        ConsentResult::Account(account, Status::Authorized) => {
            let page = Page::new(words, Mood::Good, words.authorized).account(Some(account.to_string()));
            match onward {
                Some(onward) => {
                    page.refresh(format!("{LINGER_SECONDS};url={onward}")).button(words.go_on, onward)
                }
                None => page.note(words.close),
            }
        }
        ConsentResult::Account(_, Status::Revoked | Status::Broken) | ConsentResult::Refused => {
            let account = result.authorizer();
            let saying = if account.is_some() { words.incomplete } else { words.refused };
            let page = Page::new(words, Mood::Bad, saying)
                .account(account.map(ToString::to_string))
                .button(words.again, retry(pages, visit));
            match onward {
                Some(onward) => page.link(words.go_on, onward),
                None => page,
            }
        }
    };
    page.answer(StatusCode::OK, Referrer::Nothing)
}

/// The page that this visit opened.
fn retry(pages: &Pages, visit: &ConsentVisit) -> String {
    let base = pages.worker.consents.url();
    match &visit.link {
        Some(link) => format!("{base}/authorize/{link}"),
        None => format!("{base}/authorize?component={}", visit.terms.component),
    }
}

fn refuse(words: &Words, error: &LandingError) -> HttpResponse {
    let (status, saying) = match error {
        LandingError::UnknownState => (StatusCode::NOT_FOUND, words.unknown_state),
        LandingError::OtherBrowser => (StatusCode::FORBIDDEN, words.other_browser),
        LandingError::OtherCode => (StatusCode::CONFLICT, words.other_code),
        LandingError::NoCode => (StatusCode::BAD_REQUEST, words.no_code),
        LandingError::Expired => (StatusCode::GONE, words.expired_visit),
        LandingError::Read(error) => {
            if let Some(unlogged) = LINES.admit() {
                tracing::warn!(%error, unlogged, "a code could not be taken; the browser will bring it again");
            }
            return unavailable(words);
        }
    };
    if let Some(unlogged) = LINES.admit() {
        tracing::info!(%error, unlogged, "a return from WeChat's page is refused");
    }
    Page::new(words, Mood::Bad, saying).answer(status, Referrer::Nothing)
}

/// The code was not taken: the page brings it again by itself.
fn unavailable(words: &Words) -> HttpResponse {
    Page::new(words, Mood::Wait, words.pending)
        .refresh(RELOAD_SECONDS.to_string())
        .answer(StatusCode::SERVICE_UNAVAILABLE, Referrer::Nothing)
}
