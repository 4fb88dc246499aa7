//! `GET /events/stream`: server-sent events (WHATWG HTML, 9.2).

use std::{
    convert::Infallible,
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Bytes, Data},
};
use futures_util::stream::unfold;
use mandate_schema::{Position, Scope};

use mandate_worker::views::FeedPage;

use super::page::{Asked, filter, start};
use crate::{
    Api, ApiError, QueryError,
    guard::{Pass, caller},
    query::Query,
};

/// How often a stream without events says that it is there. It is also how a reader that has gone is noticed.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Streams at once.
const STREAMS_MAX: usize = 1_000;
/// Events written at once.
const PAGE: usize = 100;

/// How many streams are open.
#[derive(Clone, Default)]
pub(crate) struct Streams(Arc<AtomicUsize>);

/// The place of one stream among them.
struct Open(Arc<AtomicUsize>);

impl Streams {
    fn open(&self) -> Result<Open, ApiError> {
        if self.0.fetch_add(1, Ordering::Relaxed) >= STREAMS_MAX {
            self.0.fetch_sub(1, Ordering::Relaxed);
            return Err(ApiError::TooManyStreams);
        }
        Ok(Open(self.0.clone()))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `GET /events/stream`.
pub(crate) async fn stream(api: Data<Api>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let caller = caller(&request, Scope::EventsRead)?;
    let query = Query::read(&request, &["after", "type", "component", "authorizer", "log_id"])?;
    let after = match last_event_id(&request)? {
        Some(last) => last,
        None => start(&api, &query).await?,
    };
    let asked = Asked {
        filter: filter(&query, &caller)?,
        log_id: query.text("log_id").map(str::to_owned),
        limit: PAGE,
    };
    let open = api.streams.open()?;
    // What is wrong with the cursor is told before the stream begins.
    let pass = Pass::of(&request);
    let first = asked.next(&api, &pass, after, Duration::ZERO).await?;
    let following = Following { api, asked, pass, after, first: Some(first), _open: open };
    let events = unfold(following, |mut following| async move {
        let text = following.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), following))
    });
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream; charset=utf-8"))
        .insert_header(("x-accel-buffering", "no")) // nginx passes it on as it comes
        .streaming(events))
}

/// Where a reader goes on that was cut off.
fn last_event_id(request: &HttpRequest) -> Result<Option<Position>, QueryError> {
    let Some(sent) = request.headers().get("last-event-id") else { return Ok(None) };
    let position = sent.to_str().ok().and_then(|text| text.parse().ok()).map(Position);
    let reason = "the position that the stream gave as id".to_owned();
    position.map(Some).ok_or(QueryError::Invalid { name: "Last-Event-ID", reason })
}

/// A reader that follows the log.
struct Following {
    api: Data<Api>,
    asked: Asked,
    /// What it came with.
    pass: Pass,
    after: Position,
    first: Option<FeedPage>,
    _open: Open,
}

impl Following {
    /// What is written next; `None`: the stream ends, and its reader comes again if it wants to.
    async fn next(&mut self) -> Option<String> {
        let page = if let Some(first) = self.first.take() {
            first
        } else {
            let page = self.asked.next(&self.api, &self.pass, self.after, HEARTBEAT).await;
            if self.api.stop.is_requested() {
                return None;
            }
            page.inspect_err(|error| tracing::debug!(%error, "a stream of events ends")).ok()?
        };
        self.after = page.last_position;
        Some(written(&page))
    }
}

/// The events of a page, then how far it has read: a reader of few kinds need not read all the others again.
fn written(page: &FeedPage) -> String {
    let mut text = String::new();
    for event in &page.data {
        let position = event.sequence.trim_start_matches('0');
        let data = serde_json::to_string(event).expect("texts and a map of JSON become JSON");
        writeln!(text, "id: {position}\nevent: {}\ndata: {data}\n", event.kind).expect("a String takes all");
    }
    writeln!(text, ": here\nid: {}\n", page.last_position).expect("a String takes all");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_events_is_a_comment_that_moves_the_cursor() {
        let page = FeedPage { data: Vec::new(), last_position: Position(7), log_id: "log".into() };
        assert_eq!(written(&page), ": here\nid: 7\n\n");
    }

    #[test]
    fn streams_are_counted_and_limited() {
        let streams = Streams::default();
        let open: Vec<_> = (0..STREAMS_MAX).map(|_| streams.open().unwrap()).collect();
        assert!(streams.open().is_err());
        drop(open);
        assert!(streams.open().is_ok());
    }
}
