//! One page: a mood, a few words, at most one button. No script and nothing from elsewhere.

use std::sync::LazyLock;

use actix_web::{
    Error, HttpResponse,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
};
use askama::Template;
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};

use super::words::{Saying, Words};

const STYLE: &str = include_str!("../../templates/consent.css");

/// Nothing but our own style sheet, by its hash.
static CONTENT_SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// How a page looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Ask,
    Good,
    Wait,
    Bad,
}

impl Mood {
    fn class(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Good => "good",
            Self::Wait => "wait",
            Self::Bad => "bad",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Ask => "→",
            Self::Good => "✓",
            Self::Wait => "…",
            Self::Bad => "!",
        }
    }
}

/// Somewhere to go.
pub(super) struct Target {
    pub(super) label: &'static str,
    pub(super) address: String,
}

/// What other pages learn from where a merchant comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Referrer {
    /// Our host: `WeChat` asks for it.
    Host,
    /// Nothing: the address of a landing has a code in it.
    Nothing,
}

/// A page.
#[derive(Template)]
#[template(path = "consent.html")]
pub(super) struct Page {
    language: &'static str,
    mood: Mood,
    title: &'static str,
    texts: Vec<&'static str>,
    account: Option<String>,
    button: Option<Target>,
    link: Option<Target>,
    note: Option<String>,
    /// What stands in `<meta http-equiv="refresh">`.
    refresh: Option<String>,
    style: &'static str,
}

impl Page {
    pub(super) fn new(words: &Words, mood: Mood, (title, text): Saying) -> Self {
        Self {
            language: words.tag,
            mood,
            title,
            texts: vec![text],
            account: None,
            button: None,
            link: None,
            note: None,
            refresh: None,
            style: STYLE,
        }
    }

    pub(super) fn text(mut self, text: &'static str) -> Self {
        self.texts.push(text);
        self
    }

    pub(super) fn account(mut self, account: Option<String>) -> Self {
        self.account = account;
        self
    }

    pub(super) fn button(mut self, label: &'static str, address: impl Into<String>) -> Self {
        self.button = Some(Target { label, address: address.into() });
        self
    }

    pub(super) fn link(mut self, label: &'static str, address: impl Into<String>) -> Self {
        self.link = Some(Target { label, address: address.into() });
        self
    }

    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    pub(super) fn refresh(mut self, what: String) -> Self {
        self.refresh = Some(what);
        self
    }

    /// The page as an answer.
    pub(super) fn answer(self, status: StatusCode, referrer: Referrer) -> HttpResponse {
        let html = match self.render() {
            Ok(html) => html,
            Err(error) => {
                tracing::error!(%error, "a consent page could not be written");
                return HttpResponse::InternalServerError().finish();
            }
        };
        let referrer = match referrer {
            Referrer::Host => "strict-origin",
            Referrer::Nothing => "no-referrer",
        };
        let mut answer = HttpResponse::build(status)
            .content_type("text/html; charset=utf-8")
            .insert_header((header::CONTENT_LANGUAGE, self.language))
            .insert_header((header::VARY, "Accept-Language, User-Agent"))
            .insert_header((header::REFERRER_POLICY, referrer))
            .body(html);
        secure(answer.headers_mut());
        answer
    }
}

/// Adds the security headers that an answer lacks, also to answers that no page made.
///
/// # Errors
///
/// Those of the service behind it.
pub(super) async fn secured<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    secure(response.headers_mut());
    Ok(response)
}

/// What an answer does not say for itself.
fn secure(headers: &mut HeaderMap) {
    let own = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY.as_str()),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ];
    for (name, value) in own {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}
