//! Who may ask: callers with a key. While no key was ever made, whoever is on this machine, and nobody else's web page.

use std::{sync::Arc, time::Duration};

use actix_web::{
    Error, HttpMessage, HttpRequest, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderValue},
    },
    middleware::Next,
    web::Data,
};
use mandate_runtime::strangers::{LineLimit, REQUEST_SHOWN, excerpt};
use mandate_schema::{AuthorizerId, ComponentId, Scope, Secret};

use mandate_worker::access::Caller;

use crate::{Api, ApiError, this_machine};

/// Lines of the log about requests that were refused, or that failed before anybody knew whose they were.
static LINES: LineLimit = LineLimit::new(3);

/// Makes every answer one that nobody keeps or guesses the type of.
///
/// # Errors
///
/// Those of the service behind it.
pub(crate) async fn never_kept<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// Lets callers in who have a key; while none was ever made, whoever is on this machine. Handlers say what they want with
/// [`caller`].
///
/// # Errors
///
/// Those of the service behind it; a refusal is an answer.
pub(crate) async fn known_callers<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let api = request.app_data::<Data<Api>>().cloned().expect("the scope has it");
    let (caller, answer) = match Pass::of(request.request()).caller(&api, request.request()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller.clone());
            (Some(caller), next.call(request).await?.map_into_boxed_body())
        }
        Err(error) => {
            let answer = error.error_response();
            (None, request.into_response(answer))
        }
    };
    let status = answer.status();
    if status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN {
        return Ok(answer);
    }
    Ok(match note_refusal(&api, caller.as_deref(), answer.request(), status) {
        None => answer,
        Some(refused) => ServiceResponse::new(answer.into_parts().0, refused.error_response()),
    })
}

/// What a request came with.
pub(crate) struct Pass(Option<Secret>);

impl Pass {
    /// That of a request.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        Self(bearer(request.headers()).map(Secret::new))
    }

    async fn caller(&self, api: &Api, request: &HttpRequest) -> Result<Arc<Caller>, ApiError> {
        let access = &api.worker.access;
        match &self.0 {
            Some(key) => access.authenticate(key.expose()).await?.ok_or(ApiError::KeyNeeded),
            None if access.is_open().await? => {
                this_machine::check(request)?;
                Ok(Arc::new(Caller::local()))
            }
            None => Err(ApiError::KeyNeeded),
        }
    }

    /// Whether it is still good, for what is delivered long after the request came. What is remembered of keys does not
    /// count, so that nothing is delivered once a key is revoked.
    ///
    /// # Errors
    ///
    /// [`ApiError::KeyNeeded`]; the store does not answer.
    pub(crate) async fn still_good(&self, api: &Api) -> Result<(), ApiError> {
        let access = &api.worker.access;
        let good = match &self.0 {
            Some(key) => access.authenticate_anew(key.expose()).await?.is_some(),
            None => access.is_open_now().await?,
        };
        if good { Ok(()) } else { Err(ApiError::KeyNeeded) }
    }

    /// The same by what is remembered, at most a second old: for those who only wait.
    pub(crate) async fn seems_good(&self, api: &Api) -> Result<(), ApiError> {
        let access = &api.worker.access;
        let good = match &self.0 {
            Some(key) => access.authenticate(key.expose()).await?.is_some(),
            None => access.is_open().await?,
        };
        if good { Ok(()) } else { Err(ApiError::KeyNeeded) }
    }
}

/// How often those who wait look whether their key is still good.
pub(crate) const LOOK_AT_KEY: Duration = Duration::from_secs(1);

/// Notes a refusal in log and audit trail. `Some`: there were too many from this address, which is answered instead.
pub(crate) fn note_refusal(
    api: &Api,
    caller: Option<&Caller>,
    request: &HttpRequest,
    status: StatusCode,
) -> Option<ApiError> {
    let address = api.proxies.client(request);
    let what = excerpt(&format!("{} {}", request.method(), request.path()), REQUEST_SHOWN);
    let why = status.canonical_reason().unwrap_or_default();
    if let Some(wait) = api.worker.access.note_refusal(caller, address, &what, why) {
        return Some(ApiError::TooManyRefusals { seconds: wait.as_secs() + 1 });
    }
    if let Some(unlogged) = LINES.admit() {
        let actor = caller.map_or_else(|| "nobody known".to_owned(), Caller::actor);
        let address = address.map(|address| address.to_string()).unwrap_or_default();
        tracing::warn!(
            actor,
            address,
            status = status.as_u16(),
            unlogged,
            "a request to the API was refused: {what}"
        );
    }
    None
}

/// Logs a failure that a stranger can make happen as often as he likes, by asking while the store is away.
pub(crate) fn log_failure(log: impl FnOnce(u64)) {
    if let Some(unlogged) = LINES.admit() {
        log(unlogged);
    }
}

/// The text behind `Authorization: Bearer`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let sent = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = sent.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

/// Who asks, if the key opens this.
///
/// # Errors
///
/// [`ApiError::OutOfScope`].
pub(crate) fn caller(request: &HttpRequest, scope: Scope) -> Result<Arc<Caller>, ApiError> {
    let caller = request.extensions().get::<Arc<Caller>>().cloned().ok_or(ApiError::KeyNeeded)?;
    if caller.may(scope) { Ok(caller) } else { Err(ApiError::OutOfScope(scope)) }
}

/// Who asks, if the key opens this for a component, or for one account of it.
///
/// # Errors
///
/// [`ApiError::OutOfScope`], [`ApiError::OutOfReach`].
pub(crate) fn caller_for(
    request: &HttpRequest,
    scope: Scope,
    component: &ComponentId,
    authorizer: Option<&AuthorizerId>,
) -> Result<Arc<Caller>, ApiError> {
    let caller = caller(request, scope)?;
    if caller.covers(component, authorizer) { Ok(caller) } else { Err(ApiError::OutOfReach) }
}
