//! The messages of the message URL, where no broker publishes them.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use mandate_schema::{Position, Scope};
use mandate_storage::Storage;

use crate::{Api, ApiError, guard::caller, query::Query};

/// `GET /messages`.
pub(crate) async fn feed<S: Storage>(
    api: Data<Api<S>>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let caller = caller(&request, Scope::MessagesRead)?;
    if !api.core.has_message_feed() {
        return Err(ApiError::not_found(
            "messages are published to the broker's exchange mandate.messages here, and can be replayed from the queue \
             mandate.messages.log",
        ));
    }
    let query = Query::read(&request, &["after", "limit", "wait"])?;
    let after = Position(query.value("after")?.unwrap_or(0));
    let (limit, wait) = (query.limit()?, query.wait()?);
    let page = api.core.message_page(after, limit, &caller.reach, wait);
    let page = tokio::select! {
        page = page => page?,
        () = api.stop.requested() => api.core.message_page(after, limit, &caller.reach, Duration::ZERO).await?,
    };
    Ok(HttpResponse::Ok().json(page))
}
