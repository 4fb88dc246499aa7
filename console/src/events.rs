//! The log: all of it as a feed, and one account's part newest first.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use mandate_schema::{CloudEvent, EVENT_NAMES, Position, Scope, StreamName, Version};
use mandate_storage::Storage;
use mandate_worker::{
    ReadError,
    views::{FeedFilter, Views},
};

use crate::{
    Api, ApiError, List, authorizers,
    guard::{caller, caller_for},
    list::start,
    path,
    query::Query,
};

/// `GET /events`.
pub(crate) async fn feed<S: Storage>(
    api: Data<Api<S>>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let caller = caller(&request, Scope::EventsRead)?;
    let query = Query::read(&request, &["after", "limit", "type", "component", "authorizer", "log_id"])
        .map_err(|error| error.not_yet("wait", "ask again after a while"))?;
    let filter = FeedFilter {
        kind: query.one_of("type", EVENT_NAMES)?,
        component: query.value("component")?,
        authorizer: query.value("authorizer")?,
        reach: caller.reach.clone(),
    };
    let after = Position(query.value("after")?.unwrap_or(0));
    let page = api.views.feed(after, query.text("log_id"), &filter, query.limit()?).await?;
    Ok(HttpResponse::Ok().json(page))
}

/// `GET /components/{c}/authorizers/{a}/events`.
pub(crate) async fn history<S: Storage>(
    api: Data<Api<S>>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let query = Query::read(&request, &["limit", "cursor"])?;
    let (component, authorizer) = (path::component(&request)?, path::authorizer(&request)?);
    caller_for(&request, Scope::EventsRead, &component, Some(&authorizer))?;
    let stream = StreamName::Authorizer(component.clone(), authorizer.clone());
    let before: Option<Version> = start(&stream.to_string(), &query)?;
    let page = list_history(&api.views, &stream, before, query.limit()?).await?;
    // A stream without events does not exist.
    if page.data.is_empty() && before.is_none() {
        return Err(authorizers::unknown(&component, &authorizer));
    }
    Ok(page.answer(&request))
}

/// A page of a stream's events below a version, newest first, as an account's `/events` answers it.
///
/// # Errors
///
/// [`ReadError`].
pub async fn list_history<S: Storage>(
    views: &Views<S>,
    stream: &StreamName,
    before: Option<Version>,
    limit: usize,
) -> Result<List<CloudEvent>, ReadError> {
    let found = views.history(stream, before, limit + 1).await?;
    Ok(List::cut(&stream.to_string(), found, limit, |last| {
        last.data["version"].as_u64().expect("a published event says its version")
    }))
}
