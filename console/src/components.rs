//! `/components`.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use jiff::Timestamp;
use mandate_schema::{ComponentId, Scope};

use mandate_worker::{
    ReadError,
    views::{ComponentView, Views},
};

use crate::{
    Api, ApiError, List,
    guard::{caller, caller_for},
    list::start,
    path,
    query::Query,
};

const NAME: &str = "components";

/// `GET /components`.
pub(crate) async fn list(api: Data<Api>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let caller = caller(&request, Scope::StateRead)?;
    let query = Query::read(&request, &["limit", "cursor"])?;
    let (limit, after) = (query.limit()?, start(NAME, &query)?);
    let within_reach = api.worker.components().iter().filter(|component| caller.covers(component, None));
    let within_reach: Vec<_> = within_reach.cloned().collect();
    let page = list_components(&api.views, &within_reach, after, limit, Timestamp::now()).await?;
    Ok(page.answer(&request))
}

/// A page of those of the `configured` components behind `after`, in order of their ids.
///
/// # Errors
///
/// [`ReadError`].
pub async fn list_components(
    views: &Views,
    configured: &[ComponentId],
    after: Option<ComponentId>,
    limit: usize,
    now: Timestamp,
) -> Result<List<ComponentView>, ReadError> {
    let mut wanted: Vec<_> = configured.iter().filter(|id| Some(*id) > after.as_ref()).collect();
    wanted.sort();
    let mut found = Vec::new();
    for component in wanted.into_iter().take(limit + 1) {
        found.push(views.component(component, now).await?);
    }
    Ok(List::cut(NAME, found, limit, |last| last.app_id.clone()))
}

/// `GET /components/{c}`.
pub(crate) async fn show(api: Data<Api>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Query::read(&request, &[])?;
    let component = path::component(&request)?;
    caller_for(&request, Scope::StateRead, &component, None)?;
    if !api.worker.components().contains(&component) {
        return Err(ApiError::not_found(format!("component {component} is not configured here")));
    }
    Ok(HttpResponse::Ok().json(api.views.component(&component, Timestamp::now()).await?))
}
