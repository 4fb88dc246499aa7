//! The messages of the message URL, where no broker publishes them.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use mandate_schema::{Position, Scope};

use mandate_worker::{access::Caller, messages::MessagePage};
use tokio::time::Instant;

use crate::{
    Api, ApiError,
    guard::{LOOK_AT_KEY, Pass, caller},
    query::Query,
};

/// `GET /messages`.
pub(crate) async fn feed(api: Data<Api>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let caller = caller(&request, Scope::MessagesRead)?;
    if !api.worker.messages.has_feed() {
        return Err(ApiError::not_found(
            "messages are published to the broker's exchange mandate.messages here, and can be replayed from the queue \
             mandate.messages.log",
        ));
    }
    let query = Query::read(&request, &["after", "limit", "wait"])?;
    let after = Position(query.value("after")?.unwrap_or(0));
    let (limit, wait) = (query.limit()?, query.wait()?);
    let page = waited_for(&api, &Pass::of(&request), &caller, Asked { after, limit, wait }).await?;
    Ok(HttpResponse::Ok().json(page))
}

/// What a reader wants.
struct Asked {
    after: Position,
    limit: usize,
    wait: Duration,
}

/// The next page with messages; without any when the time is over, or when the process stops. Nothing to whose key is no longer
/// good: that is looked at before a page is given out, and every second while there is none.
async fn waited_for(
    api: &Api,
    pass: &Pass,
    caller: &Caller,
    Asked { mut after, limit, wait }: Asked,
) -> Result<MessagePage, ApiError> {
    let deadline = Instant::now() + wait;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let page = api.worker.messages.page(after, limit, &caller.reach, left.min(LOOK_AT_KEY));
        let page = tokio::select! {
            page = page => page?,
            () = api.stop.requested() => {
                api.worker.messages.page(after, limit, &caller.reach, Duration::ZERO).await?
            }
        };
        if !page.data.is_empty() || Instant::now() >= deadline || api.stop.is_requested() {
            if !wait.is_zero() {
                pass.still_good(api).await?;
            }
            return Ok(page);
        }
        pass.seems_good(api).await?;
        after = page.last_position;
    }
}
