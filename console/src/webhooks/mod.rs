//! `/webhooks`: endpoints of subscribers.

mod forms;

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    rt,
    web::{Data, Payload},
};
use mandate_schema::{AuthorizerId, ComponentId, Position, Scope};

use mandate_worker::{
    access::Caller,
    webhooks::{
        OVERLAP_DEFAULT, RewindTo, Webhook, WebhookChange, WebhookError, WebhookFilter, WebhookOrder,
    },
};
use uuid::Uuid;

pub use self::forms::WebhookView;

use self::forms::{Change, Detail, New, RewindOrder, RewindView, Rotation, Told};
use crate::{Api, ApiError, BodyError, List, body, guard::caller, list::start, path, query::Query};

const NAME: &str = "webhooks";
const ATTEMPTS: &str = "webhook-attempts";
/// Attempts shown with a webhook.
const ATTEMPTS_SHOWN: usize = 20;
/// Largest body that is read, in bytes.
const BODY_MAX: usize = 16 * 1_024;

/// `GET /webhooks`.
pub(crate) async fn list(api: Data<Api>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let caller = caller(&request, Scope::WebhookManage)?;
    let query = Query::read(&request, &["limit", "cursor"])?;
    let (after, limit) = (start::<Uuid>(NAME, &query)?, query.limit()?);
    let head = api.worker.storage.head().await?;
    let all = api.worker.webhooks.all().await?.into_iter();
    let found =
        all.filter(|webhook| after.is_none_or(|after| webhook.id > after) && covers(&caller, webhook));
    let found: Vec<_> = found.take(limit + 1).collect();
    let page = List::cut(NAME, found, limit, |last| last.id);
    let data = page.data.into_iter().map(|webhook| WebhookView::new(webhook, head)).collect();
    Ok(List { data, next_cursor: page.next_cursor }.answer(&request))
}

/// `POST /webhooks`.
pub(crate) async fn create(
    api: Data<Api>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    Query::read(&request, &[])?;
    let caller = caller(&request, Scope::WebhookManage)?;
    let New { url, description, types, component, authorizer, after } =
        body::read_json(&request, payload, BODY_MAX).await?;
    may_see(&caller, component.as_ref(), authorizer.as_ref())?;
    let filter = WebhookFilter { types, component, authorizer };
    let order = WebhookOrder { url, description, filter, after: after.map(Position) };
    let (webhook, secret) = api.worker.webhooks.create(order).await?;
    note(&api, &caller, &request, "webhook.created", webhook.id);
    let address = format!("/api/v1/webhooks/{}", webhook.id);
    let told = Told { webhook: view(&api, webhook).await?, secret: secret.expose().to_owned() };
    Ok(HttpResponse::Created().insert_header((header::LOCATION, address)).json(told))
}

/// `GET /webhooks/{id}`.
pub(crate) async fn show(api: Data<Api>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let (webhook, _) = asked(&api, &request).await?;
    let attempts = api.worker.webhooks.attempts(webhook.id, None, ATTEMPTS_SHOWN).await?;
    Ok(HttpResponse::Ok().json(Detail { webhook: view(&api, webhook).await?, attempts }))
}

/// `GET /webhooks/{id}/attempts`.
pub(crate) async fn attempts(api: Data<Api>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let query = Query::read(&request, &["limit", "cursor"])?;
    let (before, limit) = (start::<Uuid>(ATTEMPTS, &query)?, query.limit()?);
    let (webhook, _) = within_reach(&api, &request).await?;
    let found = api.worker.webhooks.attempts(webhook.id, before, limit + 1).await?;
    Ok(List::cut(ATTEMPTS, found, limit, |last| last.id).answer(&request))
}

/// `PATCH /webhooks/{id}`.
pub(crate) async fn change(
    api: Data<Api>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let (webhook, caller) = asked(&api, &request).await?;
    let Change { url, description, types } = body::read_json(&request, payload, BODY_MAX).await?;
    let change = WebhookChange { url, description, types };
    let webhook = api.worker.webhooks.change(webhook.id, change).await?;
    note(&api, &caller, &request, "webhook.changed", webhook.id);
    Ok(HttpResponse::Ok().json(view(&api, webhook).await?))
}

/// `DELETE /webhooks/{id}`.
pub(crate) async fn delete(
    api: Data<Api>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let (webhook, caller) = asked(&api, &request).await?;
    body::expect_none(&request, payload).await?;
    api.worker.webhooks.delete(webhook.id).await?;
    note(&api, &caller, &request, "webhook.deleted", webhook.id);
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /webhooks/{id}/pause`.
pub(crate) async fn pause(
    api: Data<Api>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let pause = async |id| api.worker.webhooks.pause(id).await;
    set(&api, &request, payload, "webhook.paused", pause).await
}

/// `POST /webhooks/{id}/resume`.
pub(crate) async fn resume(
    api: Data<Api>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let resume = async |id| api.worker.webhooks.resume(id).await;
    set(&api, &request, payload, "webhook.resumed", resume).await
}

async fn set(
    api: &Api,
    request: &HttpRequest,
    payload: Payload,
    act: &str,
    set: impl AsyncFnOnce(Uuid) -> Result<Webhook, WebhookError>,
) -> Result<HttpResponse, ApiError> {
    let (webhook, caller) = asked(api, request).await?;
    body::expect_none(request, payload).await?;
    let webhook = set(webhook.id).await?;
    note(api, &caller, request, act, webhook.id);
    Ok(HttpResponse::Ok().json(view(api, webhook).await?))
}

/// `POST /webhooks/{id}/test`.
pub(crate) async fn test(
    api: Data<Api>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let (webhook, caller) = asked(&api, &request).await?;
    body::expect_none(&request, payload).await?;
    note(&api, &caller, &request, "webhook.tested", webhook.id);
    let worker = api.worker.clone();
    // Apart from this request: actix drops a handler whose caller has gone, and the attempt should be kept.
    let attempt = rt::spawn(async move { worker.webhooks.test(webhook.id).await }).await??;
    Ok(HttpResponse::Ok().json(attempt))
}

/// `POST /webhooks/{id}/rewind`.
pub(crate) async fn rewind(
    api: Data<Api>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let (webhook, caller) = asked(&api, &request).await?;
    let RewindOrder { position, time, dry_run } = body::read_json(&request, payload, BODY_MAX).await?;
    let to = match (position, time) {
        (Some(position), None) => RewindTo::Position(Position(position)),
        (None, Some(time)) => RewindTo::Time(time),
        (Some(_), Some(_)) | (None, None) => {
            return Err(BodyError::Unusable("it must name either position or time".to_owned()).into());
        }
    };
    if dry_run {
        let rewind = api.worker.webhooks.count_rewind(webhook.id, to).await?;
        return Ok(HttpResponse::Ok().json(RewindView::new(rewind, false)));
    }
    let rewind = api.worker.webhooks.rewind(webhook.id, to).await?;
    note(&api, &caller, &request, "webhook.rewound", webhook.id);
    Ok(HttpResponse::Ok().json(RewindView::new(rewind, true)))
}

/// `POST /webhooks/{id}/rotate-secret`.
pub(crate) async fn rotate_secret(
    api: Data<Api>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let (webhook, caller) = asked(&api, &request).await?;
    let order: Rotation = body::read_json_or_default(&request, payload, BODY_MAX).await?;
    let overlap = order.expires_in.map_or(OVERLAP_DEFAULT, Duration::from_secs);
    let (webhook, secret) = api.worker.webhooks.rotate_secret(webhook.id, overlap).await?;
    note(&api, &caller, &request, "webhook.secret_rotated", webhook.id);
    let told = Told { webhook: view(&api, webhook).await?, secret: secret.expose().to_owned() };
    Ok(HttpResponse::Ok().json(told))
}

/// The webhook of the path, if the caller may manage it; the address takes no query.
async fn asked(api: &Api, request: &HttpRequest) -> Result<(Webhook, Arc<Caller>), ApiError> {
    Query::read(request, &[])?;
    within_reach(api, request).await
}

async fn within_reach(api: &Api, request: &HttpRequest) -> Result<(Webhook, Arc<Caller>), ApiError> {
    let caller = caller(request, Scope::WebhookManage)?;
    let webhook = api.worker.webhooks.find(path::webhook(request)?).await?;
    may_see(&caller, webhook.filter.component.as_ref(), webhook.filter.authorizer.as_ref())?;
    Ok((webhook, caller))
}

fn covers(caller: &Caller, webhook: &Webhook) -> bool {
    may_see(caller, webhook.filter.component.as_ref(), webhook.filter.authorizer.as_ref()).is_ok()
}

/// A webhook gets no more than its caller may see.
fn may_see(
    caller: &Caller,
    component: Option<&ComponentId>,
    authorizer: Option<&AuthorizerId>,
) -> Result<(), ApiError> {
    let covered = match component {
        Some(component) => caller.covers(component, authorizer),
        None => caller.reach.is_unlimited(),
    };
    if covered { Ok(()) } else { Err(ApiError::OutOfReach) }
}

async fn view(api: &Api, webhook: Webhook) -> Result<WebhookView, ApiError> {
    Ok(WebhookView::new(webhook, api.worker.storage.head().await?))
}

fn note(api: &Api, caller: &Caller, request: &HttpRequest, act: &str, id: Uuid) {
    let address = api.proxies.client(request);
    api.worker.access.note_act(&caller.actor(), address, act, &id.to_string(), None);
    tracing::info!(%id, act, "an operator acted on webhook {id}: {act}");
}

impl From<WebhookError> for ApiError {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Unknown(_) => Self::not_found(error.to_string()),
            WebhookError::Address(_) | WebhookError::Order(_) => {
                BodyError::Unusable(error.to_string()).into()
            }
            WebhookError::TooMany => Self::TooManyWebhooks(error.to_string()),
            WebhookError::Read(error) => Self::Storage(error),
        }
    }
}
