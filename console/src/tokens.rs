//! Access tokens for services that act for an account, or for the component.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, rt, web};
use jiff::Timestamp;
use mandate_schema::{Scope, Secret, StreamName, format_time};

use mandate_worker::{
    Worker,
    tokens::{HeldToken, TokenError},
};
use serde::{Deserialize, Serialize};

use crate::{Api, ApiError, body, guard::caller_for, path, query::Query};

/// The largest body of an invalidation, in bytes: WeChat's tokens have up to 512.
const BODY_MAX: usize = 4 * 1024;

/// A token. The one answer of this API that holds a secret; nobody may keep a copy of the answer itself.
#[derive(Serialize)]
struct Answer<'a> {
    access_token: &'a str,
    expires_at: String,
    /// Seconds.
    expires_in: i64,
}

/// A token that `WeChat` refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stale {
    access_token: Secret,
}

/// `GET /components/{c}/access-token`.
pub(crate) async fn of_component(
    api: web::Data<Api>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    Query::read(&request, &[])?;
    let component = path::component(&request)?;
    let caller = caller_for(&request, Scope::TokenRead, &component, None)?;
    let of = component.clone();
    let token = to_its_end(&api, async move |worker| worker.tokens.component_token(&of).await).await?;
    api.worker.access.note_read(&caller, &StreamName::Component(component));
    Ok(answer(&token))
}

/// `GET /components/{c}/authorizers/{a}/access-token`.
pub(crate) async fn of_authorizer(
    api: web::Data<Api>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    Query::read(&request, &[])?;
    let (component, authorizer) = (path::component(&request)?, path::authorizer(&request)?);
    let caller = caller_for(&request, Scope::TokenRead, &component, Some(&authorizer))?;
    let of = (component.clone(), authorizer.clone());
    let token =
        to_its_end(&api, async move |worker| worker.tokens.authorizer_token(&of.0, &of.1).await).await?;
    api.worker.access.note_read(&caller, &StreamName::Authorizer(component, authorizer));
    Ok(answer(&token))
}

/// `POST /components/{c}/access-token/invalidate`.
pub(crate) async fn replace_of_component(
    api: web::Data<Api>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    Query::read(&request, &[])?;
    let component = path::component(&request)?;
    let caller = caller_for(&request, Scope::TokenRead, &component, None)?;
    let Stale { access_token } = body::read_json(&request, payload, BODY_MAX).await?;
    let of = component.clone();
    let token =
        to_its_end(&api, async move |worker| worker.tokens.replace_component_token(&of, &access_token).await)
            .await?;
    api.worker.access.note_read(&caller, &StreamName::Component(component));
    Ok(answer(&token))
}

/// `POST /components/{c}/authorizers/{a}/access-token/invalidate`.
pub(crate) async fn replace_of_authorizer(
    api: web::Data<Api>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    Query::read(&request, &[])?;
    let (component, authorizer) = (path::component(&request)?, path::authorizer(&request)?);
    let caller = caller_for(&request, Scope::TokenRead, &component, Some(&authorizer))?;
    let Stale { access_token } = body::read_json(&request, payload, BODY_MAX).await?;
    let of = (component.clone(), authorizer.clone());
    let token = to_its_end(&api, async move |worker| {
        worker.tokens.replace_authorizer_token(&of.0, &of.1, &access_token).await
    })
    .await?;
    api.worker.access.note_read(&caller, &StreamName::Authorizer(component, authorizer));
    Ok(answer(&token))
}

/// Gets a token apart from this request: actix drops a handler whose caller has gone, and a refresh that `WeChat` has answered
/// must be stored.
pub(crate) async fn to_its_end<F>(
    api: &Api,
    work: impl FnOnce(Arc<Worker>) -> F,
) -> Result<HeldToken, ApiError>
where
    F: Future<Output = Result<HeldToken, TokenError>> + 'static,
{
    Ok(rt::spawn(work(api.worker.clone())).await??)
}

fn answer(token: &HeldToken) -> HttpResponse {
    let now = Timestamp::now();
    HttpResponse::Ok().json(Answer {
        access_token: token.token.expose(),
        expires_at: format_time(token.ends_at(now)),
        expires_in: token.expires_in(now),
    })
}
