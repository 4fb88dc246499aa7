//! The messages of the message URL, where no broker publishes them.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use mandate_schema::{Position, Scope};
use mandate_storage::Storage;
use mandate_worker::messages::WAIT_MAX;

use crate::{Api, ApiError, QueryError, guard::caller, query::Query};

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
    let (limit, wait) = (query.limit()?, seconds(&query)?);
    let page = api.core.message_page(after, limit, &caller.reach, wait);
    let page = tokio::select! {
        page = page => page?,
        () = api.stop.requested() => api.core.message_page(after, limit, &caller.reach, Duration::ZERO).await?,
    };
    Ok(HttpResponse::Ok().json(page))
}

/// `wait`: whole seconds.
fn seconds(query: &Query) -> Result<Duration, QueryError> {
    let seconds =
        query.text("wait").map_or(Ok(0), |text| text.strip_suffix('s').unwrap_or(text).parse::<u64>());
    match seconds.map(Duration::from_secs) {
        Ok(wait) if wait <= WAIT_MAX => Ok(wait),
        Ok(_) | Err(_) => {
            let reason = format!("whole seconds, {} at most", WAIT_MAX.as_secs());
            Err(QueryError::Invalid { name: "wait", reason })
        }
    }
}
