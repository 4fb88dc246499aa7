//! Tells the log as it grows.

use std::{sync::Arc, time::Duration};

use mandate_runtime::stop::Stop;
use mandate_schema::{CloudEvent, Position};

use mandate_worker::views::{FeedFilter, Views};
use serde_json::Value;
use tokio::{sync::watch, task::JoinHandle};

use crate::{exit::CliError, output::line};

const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A background teller.
pub(super) struct Narrator {
    /// Set to the position at which it may end.
    end: watch::Sender<Option<Position>>,
    task: JoinHandle<Result<(), CliError>>,
}

impl Narrator {
    /// Starts at the beginning of the log.
    pub(super) fn start(views: Arc<Views>, stop: Stop) -> Self {
        let (end, ends) = watch::channel(None);
        let task = tokio::spawn(async move { tell(&views, ends, &stop).await });
        Self { end, task }
    }

    /// Tells the rest of the log, then ends.
    pub(super) async fn finish(self, views: &Views) -> Result<(), CliError> {
        self.end.send_replace(Some(views.head().await?));
        self.task.await.map_err(CliError::failed)?
    }
}

async fn tell(
    views: &Views,
    mut ends: watch::Receiver<Option<Position>>,
    stop: &Stop,
) -> Result<(), CliError> {
    let mut after = Position(0);
    loop {
        let page = views.feed(after, None, &FeedFilter::default(), 100).await?;
        for event in &page.data {
            line(sentence(event))?;
        }
        after = page.last_position;
        let ended = ends.borrow_and_update().is_some_and(|end| after >= end);
        if ended || stop.is_requested() {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn sentence(event: &CloudEvent) -> String {
    let data = &event.data;
    let text = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |key: &str| data.get(key).map(Value::to_string).unwrap_or_default();
    let subject = &event.subject;
    let name = event.kind.trim_start_matches("mandate.").trim_end_matches(".v1");
    let told = match name {
        "component.ticket_received" => format!("{subject}: ticket received"),
        "component.notice_received" => format!("{subject}: notice {} received", text("info_type")),
        "authorization.granted" => format!("{subject}: merchant authorized {}", text("component")),
        "authorization.updated" => format!("{subject}: authorization confirmed again"),
        "authorization.revoked" => format!("{subject}: authorization revoked"),
        "authorization.permissions_changed" => {
            format!("{subject}: permissions changed, gained {}, lost {}", list("gained"), list("lost"))
        }
        "credentials.issued" => format!("{subject}: code redeemed, credentials sealed"),
        "credentials.recovered" => {
            format!("{subject}: refresh token recovered from api_get_authorizer_{}", text("source"))
        }
        "profile.recorded" => format!("{subject}: profile recorded, {}", text("nick_name")),
        other => format!("{subject}: {other}"),
    };
    format!("{:>4}  {told}", event.sequence.trim_start_matches('0'))
}
