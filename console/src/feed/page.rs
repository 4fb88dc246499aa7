//! `GET /events`: a page of the log, at once or when there is something.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use mandate_schema::{EVENT_NAMES, Position, Scope};

use mandate_worker::{
    access::Caller,
    views::{FeedFilter, FeedPage},
};
use tokio::time::{Instant, sleep_until};

use crate::{
    Api, ApiError, QueryError,
    guard::{LOOK_AT_KEY, Pass, caller},
    query::Query,
};

const PARAMETERS: [&str; 7] = ["after", "limit", "type", "component", "authorizer", "log_id", "wait"];

/// `GET /events`.
pub(crate) async fn page(api: Data<Api>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let caller = caller(&request, Scope::EventsRead)?;
    let query = Query::read(&request, &PARAMETERS)?;
    let asked = Asked {
        filter: filter(&query, &caller)?,
        log_id: query.text("log_id").map(str::to_owned),
        limit: query.limit()?,
    };
    let after = start(&api, &query).await?;
    let page = asked.next(&api, &Pass::of(&request), after, query.wait()?).await?;
    Ok(HttpResponse::Ok().json(page))
}

/// Where the reading starts: behind a position, or at the end of the log.
pub(super) async fn start(api: &Api, query: &Query) -> Result<Position, ApiError> {
    match query.text("after") {
        Some("end") => Ok(api.worker.storage.head().await?),
        Some(_) | None => Ok(Position(query.value("after")?.unwrap_or(0))),
    }
}

/// The events that are wanted, and that the caller may see.
pub(super) fn filter(query: &Query, caller: &Caller) -> Result<FeedFilter, QueryError> {
    Ok(FeedFilter {
        kind: query.one_of("type", EVENT_NAMES)?,
        component: query.value("component")?,
        authorizer: query.value("authorizer")?,
        reach: caller.reach.clone(),
    })
}

/// What a reader wants of the log.
pub(super) struct Asked {
    pub(super) filter: FeedFilter,
    /// The log that its cursor is of.
    pub(super) log_id: Option<String>,
    pub(super) limit: usize,
}

impl Asked {
    /// The next page with events; without any after `wait`, or when the process stops. Nothing to whose key is no longer good:
    /// that is looked at before a page is given out, and every second while there is none.
    ///
    /// # Errors
    ///
    /// Those of [`mandate_worker::views::FeedError`]; [`ApiError::KeyNeeded`].
    pub(super) async fn next(
        &self,
        api: &Api,
        pass: &Pass,
        after: Position,
        wait: Duration,
    ) -> Result<FeedPage, ApiError> {
        let deadline = Instant::now() + wait;
        let (mut after, mut head) = (after, api.worker.log_head());
        loop {
            head.mark_unchanged();
            let page = api.views.feed(after, self.log_id.as_deref(), &self.filter, self.limit).await?;
            if !page.data.is_empty() || Instant::now() >= deadline || api.stop.is_requested() {
                if !wait.is_zero() {
                    pass.still_good(api).await?;
                }
                return Ok(page);
            }
            if page.last_position > after {
                after = page.last_position; // none of what it has looked at is wanted
                continue;
            }
            tokio::select! {
                // Its sender lives as long as the worker.
                _grown = head.changed() => {}
                () = sleep_until(deadline.min(Instant::now() + LOOK_AT_KEY)) => {}
                () = api.stop.requested() => {}
            }
            pass.seems_good(api).await?;
        }
    }
}
