//! Calls to `WeChat` on behalf of authorizers: the caller's request as it is, with the right token put in. Bodies stream both ways.
//!
//! `WeChat` refuses with HTTP 200 and a number in a small JSON document, so small JSON answers are looked at before they are
//! passed on. If the number says that the token is no longer good, it is replaced, and the request made once more, provided
//! that its body was small enough to be kept.

mod body;
mod manner;
mod target;
pub(crate) mod upload;

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{self, HeaderName},
    },
    web,
};
use futures_util::{StreamExt, stream};
use mandate_schema::{AuthorizerId, ComponentId, Scope, Secret, StreamName};

use mandate_worker::{
    api::{ApiSettings, ClientError, client_builder},
    tokens::HeldToken,
};

pub use target::ProxyRefusal;

use crate::{Api, ApiError, guard::caller_for, path, tokens::to_its_end};
use body::{Body, Peeked};
use manner::{Names, TokenKind};
use target::{Target, body_naming, target};

/// A whole call at most, beside an upload: large media on slow lines.
const CALL_MAX: Duration = Duration::from_mins(5);
/// How long nothing may come from `WeChat`.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// What the caller's request keeps of its headers.
const PASSED_ON: [HeaderName; 6] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::RANGE,
];
/// What `WeChat`'s answer keeps of its headers.
const PASSED_BACK: [HeaderName; 9] = [
    header::ACCEPT_RANGES,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
];
/// The token is not the newest, not one, or expired.
const TOKEN_REFUSED: [i64; 3] = [40001, 40014, 42001];
/// The same of the component's token alone.
const COMPONENT_TOKEN_REFUSED: [i64; 2] = [40094, 42006];

/// How the proxy reaches `WeChat`, and what it may call there.
#[derive(Clone)]
pub struct Proxy {
    http: reqwest::Client,
    base: String,
    prefixes: Vec<String>,
}

impl Proxy {
    /// A proxy to the same address as the worker's own calls, for paths below these prefixes.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn new(settings: &ApiSettings, prefixes: Vec<String>) -> Result<Self, ClientError> {
        let builder = client_builder(settings, CALL_MAX)?;
        // An answer goes back as it came, compressed or not.
        let builder = builder.no_gzip().connect_timeout(settings.timeout);
        let http = builder.build().map_err(ClientError::from)?;
        Ok(Self { http, base: settings.base.trim_end_matches('/').to_owned(), prefixes })
    }
}

/// `ANY /proxy/{c}/{a}/{path}`.
pub(crate) async fn forward(
    api: web::Data<Api>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let (component, authorizer) = (path::component(&request)?, path::authorizer(&request)?);
    let caller = caller_for(&request, Scope::Proxy, &component, Some(&authorizer))?;
    let target = target(
        &component,
        &authorizer,
        behind(request.uri().path(), &component, &authorizer).ok_or(ProxyRefusal::UnclearPath)?,
        request.uri().query().unwrap_or_default(),
        &api.proxy.prefixes,
    )?;
    if target.manner.names == Names::Component && !caller.covers(&component, None) {
        return Err(ApiError::WholeComponentNeeded);
    }
    let call = Call { api: &api, component: &component, authorizer: &authorizer, target, request: &request };
    let body = call.checked(Body::read(&request, payload).await?)?;
    let token = call.token().await?;
    api.worker.access.note_read(&caller, &call.token_stream());
    call.make(token, body).await
}

/// The path behind the authorizer, as it was sent: the router has decoded what it matched.
fn behind<'a>(path: &'a str, component: &ComponentId, authorizer: &AuthorizerId) -> Option<&'a str> {
    path.strip_prefix(&format!("/api/v1/proxy/{component}/{authorizer}")).filter(|rest| rest.starts_with('/'))
}

/// A call under way.
struct Call<'a> {
    api: &'a Api,
    component: &'a ComponentId,
    authorizer: &'a AuthorizerId,
    target: Target,
    request: &'a HttpRequest,
}

impl Call<'_> {
    async fn token(&self) -> Result<HeldToken, ApiError> {
        let (component, authorizer) = (self.component.clone(), self.authorizer.clone());
        let kind = self.target.manner.token;
        to_its_end(self.api, async move |worker| match kind {
            TokenKind::Authorizer => worker.tokens.authorizer_token(&component, &authorizer).await,
            TokenKind::Component => worker.tokens.component_token(&component).await,
        })
        .await
    }

    /// Whose token the caller uses, for the audit trail.
    fn token_stream(&self) -> StreamName {
        match self.target.manner.token {
            TokenKind::Authorizer => StreamName::Authorizer(self.component.clone(), self.authorizer.clone()),
            TokenKind::Component => StreamName::Component(self.component.clone()),
        }
    }

    /// The body, naming the authorizer if this call does it there. Where the query does it, a body could name another one.
    fn checked(&self, body: Body) -> Result<Body, ApiError> {
        match (self.target.manner.names, body) {
            (Names::Body, Body::Kept(bytes)) => {
                Ok(Body::Kept(body_naming(self.component, self.authorizer, &bytes)?))
            }
            (Names::Body, Body::Streamed { .. }) => Err(ProxyRefusal::BodyNotAnObject.into()),
            (Names::Query, body) if self.request.method() == Method::GET && body.is_empty() => Ok(body),
            (Names::Query, _) => Err(ProxyRefusal::GetOnly.into()),
            (Names::Token | Names::Component, body) => Ok(body),
        }
    }

    fn is_about_the_token(&self, errcode: i64) -> bool {
        let is_component = self.target.manner.token == TokenKind::Component;
        TOKEN_REFUSED.contains(&errcode) || is_component && COMPONENT_TOKEN_REFUSED.contains(&errcode)
    }

    async fn another_token(&self, refused: &Secret) -> Result<HeldToken, ApiError> {
        let (component, authorizer) = (self.component.clone(), self.authorizer.clone());
        let (kind, refused) = (self.target.manner.token, refused.clone());
        to_its_end(self.api, async move |worker| match kind {
            TokenKind::Authorizer => {
                worker.tokens.replace_authorizer_token(&component, &authorizer, &refused).await
            }
            TokenKind::Component => worker.tokens.replace_component_token(&component, &refused).await,
        })
        .await
    }

    async fn make(&self, token: HeldToken, body: Body) -> Result<HttpResponse, ApiError> {
        let again = body.again();
        let answer = Peeked::of(self.send(&token, body).await?).await?;
        if !answer.errcode().is_some_and(|errcode| self.is_about_the_token(errcode)) {
            return Ok(pass_back(answer));
        }
        // If there is no other token, WeChat's own words say more than ours.
        let another = self.another_token(&token.token).await.ok().filter(|other| other.token != token.token);
        match (another, again) {
            (Some(another), Some(body)) => Ok(pass_back(Peeked::of(self.send(&another, body).await?).await?)),
            (Some(_) | None, _) => Ok(pass_back(answer)),
        }
    }

    async fn send(&self, token: &HeldToken, body: Body) -> Result<reqwest::Response, ApiError> {
        let proxy = &self.api.proxy;
        let address = format!("{}{}", proxy.base, self.target.address(&token.token).expose());
        let method = reqwest::Method::from_bytes(self.request.method().as_str().as_bytes());
        let mut call = proxy.http.request(method.map_err(|_| ProxyRefusal::UnclearPath)?, address);
        for name in PASSED_ON {
            for value in self.request.headers().get_all(&name) {
                call = call.header(name.as_str(), value.as_bytes());
            }
        }
        body.send(call).await
    }
}

fn pass_back(answer: Peeked) -> HttpResponse {
    let Peeked { status, headers, start, rest } = answer;
    let status = actix_web::http::StatusCode::from_u16(status.as_u16());
    let mut back = HttpResponse::build(status.unwrap_or(actix_web::http::StatusCode::BAD_GATEWAY));
    for name in PASSED_BACK {
        for value in headers.get_all(name.as_str()) {
            back.append_header((name.clone(), value.as_bytes()));
        }
    }
    back.streaming(stream::iter(start.into_iter().map(Ok)).chain(rest))
}
