//! `mandate events`.

use std::time::Duration;

use mandate_schema::{CloudEvent, EventId, Position, Reach};

use mandate_worker::views::{FeedFilter, Views};

use super::republish;
use crate::{
    args::{EventFilter, EventsCommand, Global},
    context::open_views,
    exit::CliError,
    output::{self, Format},
};

const HEADER: [&str; 5] = ["position", "time", "type", "subject", "data"];
const PAGE: usize = 500;
/// How often `tail` looks for new events.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

pub(super) async fn run(global: &Global, command: EventsCommand) -> Result<(), CliError> {
    match command {
        EventsCommand::Tail { after, filter } => {
            tail(&open_views(global).await?, after, filter.into(), global.output).await
        }
        EventsCommand::List { after, limit, filter } => {
            let events = collect(&open_views(global).await?, after, limit as usize, &filter.into()).await?;
            output::list(&events, global.output, HEADER, row)
        }
        EventsCommand::Show { event } => {
            let found = find(&open_views(global).await?, &event).await?;
            output::json(&found, global.output)
        }
        EventsCommand::Republish { from, to } => republish::run(global, from, to).await,
        EventsCommand::Export { after, filter } => {
            export(&open_views(global).await?, after, &filter.into()).await
        }
    }
}

async fn collect(
    views: &Views,
    mut after: Position,
    limit: usize,
    filter: &FeedFilter,
) -> Result<Vec<CloudEvent>, CliError> {
    let mut events = Vec::new();
    while events.len() < limit {
        let page = views.feed(after, None, filter, PAGE.min(limit - events.len())).await?;
        if page.last_position == after {
            break;
        }
        after = page.last_position;
        events.extend(page.data);
    }
    Ok(events)
}

async fn export(views: &Views, mut after: Position, filter: &FeedFilter) -> Result<(), CliError> {
    loop {
        let page = views.feed(after, None, filter, PAGE).await?;
        if page.last_position == after {
            return Ok(());
        }
        after = page.last_position;
        page.data.iter().try_for_each(|event| output::json(event, Format::Ndjson))?;
    }
}

/// Runs until it is interrupted, or nobody reads its output any more.
async fn tail(
    views: &Views,
    after: Option<Position>,
    filter: FeedFilter,
    format: Format,
) -> Result<(), CliError> {
    let mut after = match after {
        Some(after) => after,
        None => views.head().await?,
    };
    output::note(format!("waiting for events after position {after}; Ctrl-C ends"))?;
    loop {
        let page = views.feed(after, None, &filter, PAGE).await?;
        for event in &page.data {
            match format {
                Format::Table => output::line(row(event).join("  "))?,
                Format::Json | Format::Ndjson => output::json(event, Format::Ndjson)?,
            }
        }
        if page.last_position == after {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        after = page.last_position;
    }
}

async fn find(views: &Views, wanted: &str) -> Result<CloudEvent, CliError> {
    let found = if let Ok(position) = wanted.parse::<u64>() {
        let before = Position(position.saturating_sub(1));
        let head = views.head().await?;
        if position == 0 || before >= head {
            None
        } else {
            views.feed(before, None, &FeedFilter::default(), 1).await?.data.pop()
        }
    } else if let Ok(id) = wanted.parse::<EventId>() {
        views.event(id).await?
    } else {
        return Err(CliError::Usage(format!("{wanted:?} is neither a position nor an event id")));
    };
    found.ok_or_else(|| CliError::NotFound(format!("there is no event {wanted}")))
}

pub(super) fn row(event: &CloudEvent) -> [String; 5] {
    let mut data = event.data.clone();
    for known in ["component", "authorizer", "stream", "version"] {
        data.remove(known);
    }
    let data = serde_json::to_string(&data).unwrap_or_default();
    [
        event.sequence.trim_start_matches('0').to_owned(),
        event.time.clone(),
        event.kind.trim_start_matches("mandate.").to_owned(),
        event.subject.clone(),
        shorten(&data, 100),
    ]
}

/// Cuts a text for a table.
fn shorten(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl From<EventFilter> for FeedFilter {
    fn from(filter: EventFilter) -> Self {
        Self {
            kind: filter.kind,
            component: filter.component,
            authorizer: filter.authorizer,
            reach: Reach::default(),
        }
    }
}
