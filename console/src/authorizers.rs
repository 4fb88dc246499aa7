//! `/authorizers` and one account.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ETag, EntityTag, Header, IfNoneMatch},
    web::Data,
};
use mandate_domain::Status;
use mandate_schema::{AuthorizerId, ComponentId, Position, Scope, StreamName};
use mandate_storage::AuthorizerFilter;
use mandate_worker::{
    ReadError,
    views::{AuthorizerView, LogReset, Views},
};

use crate::{
    Api, ApiError, List, QueryError,
    guard::{caller, caller_for},
    list::start,
    path,
    query::Query,
};

const NAME: &str = "authorizers";
/// The longest text that is searched for, in characters.
const TEXT_MAX: usize = 100;

/// `GET /authorizers`.
pub(crate) async fn list(api: Data<Api>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let caller = caller(&request, Scope::StateRead)?;
    let query = Query::read(&request, &["component", "status", "q", "limit", "cursor"])?;
    let filter = AuthorizerFilter {
        component: query.value("component")?,
        status: query.one_of("status", Status::ALL.map(Status::as_str))?,
        text: search_text(&query)?,
        after: start(NAME, &query)?,
        limit: query.limit()?,
    };
    let mut page = list_authorizers(&api.views, filter).await?;
    page.data.retain(|view| caller.covers(&view.component, Some(&view.app_id)));
    Ok(page.answer(&request))
}

fn search_text(query: &Query) -> Result<Option<String>, QueryError> {
    match query.text("q") {
        Some(text) if text.chars().count() > TEXT_MAX => Err(QueryError::Invalid {
            name: "q",
            reason: format!("it must have at most {TEXT_MAX} characters"),
        }),
        Some(text) if text.contains(char::is_control) => {
            Err(QueryError::Invalid { name: "q", reason: "it must not have control characters".into() })
        }
        text => Ok(text.map(str::to_owned)),
    }
}

/// A page of accounts, as `GET /authorizers` answers it.
///
/// # Errors
///
/// [`ReadError`].
pub async fn list_authorizers(
    views: &Views,
    filter: AuthorizerFilter,
) -> Result<List<AuthorizerView>, ReadError> {
    let limit = filter.limit;
    let (found, _) = views.authorizers(AuthorizerFilter { limit: limit + 1, ..filter }).await?;
    Ok(List::cut(NAME, found, limit, |last| {
        StreamName::Authorizer(last.component.clone(), last.app_id.clone())
    }))
}

/// `GET /components/{c}/authorizers/{a}`.
pub(crate) async fn show(api: Data<Api>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let query = Query::read(&request, &["at_position"])?;
    let (component, authorizer) = (path::component(&request)?, path::authorizer(&request)?);
    caller_for(&request, Scope::StateRead, &component, Some(&authorizer))?;
    let found = match query.value("at_position")? {
        Some(position) => at(&api, &component, &authorizer, Position(position)).await?,
        None => api.views.authorizer(&component, &authorizer).await?,
    };
    let view = found.ok_or_else(|| unknown(&component, &authorizer))?;
    let tag = EntityTag::new_strong(format!("v{}", view.version));
    if is_current(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header(ETag(tag)).finish());
    }
    Ok(HttpResponse::Ok().insert_header(ETag(tag)).json(view))
}

/// A position that the log has not reached has no past yet: it is of another log.
async fn at(
    api: &Api,
    component: &ComponentId,
    authorizer: &AuthorizerId,
    after: Position,
) -> Result<Option<AuthorizerView>, ApiError> {
    let head = api.worker.storage.head().await?;
    if after > head {
        return Err(LogReset { after, head }.into());
    }
    Ok(api.views.authorizer_at(component, authorizer, after).await?)
}

/// The answer about an account that was never heard of, or not yet at that position.
pub(crate) fn unknown(component: &ComponentId, authorizer: &AuthorizerId) -> ApiError {
    ApiError::not_found(format!("nothing is known about authorizer {authorizer} of component {component}"))
}

/// Whether the caller has this version. A header that cannot be read is as good as none.
fn is_current(request: &HttpRequest, tag: &EntityTag) -> bool {
    if !request.headers().contains_key(IfNoneMatch::name()) {
        return false;
    }
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}
