//! One account's part of the log, newest first.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use mandate_schema::{CloudEvent, Scope, StreamName, Version};

use mandate_worker::{ReadError, views::Views};

use crate::{Api, ApiError, List, authorizers, guard::caller_for, list::start, path, query::Query};

/// `GET /components/{c}/authorizers/{a}/events`.
pub(crate) async fn history(api: Data<Api>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
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
pub async fn list_history(
    views: &Views,
    stream: &StreamName,
    before: Option<Version>,
    limit: usize,
) -> Result<List<CloudEvent>, ReadError> {
    let found = views.history(stream, before, limit + 1).await?;
    Ok(List::cut(&stream.to_string(), found, limit, |last| {
        last.data["version"].as_u64().expect("a published event says its version")
    }))
}
