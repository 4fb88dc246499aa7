//! `mandate events republish`.

use std::time::Duration;

use mandate_broker::{EVENTS_LOG, Publisher, Session};
use mandate_runtime::stop::Stop;
use mandate_schema::Position;

use mandate_worker::{
    Worker,
    publisher::{PublishFailure, republish},
};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::{
    args::Global,
    context::{load, open_storage, warn},
    exit::CliError,
    output, process,
};

/// How long the broker may be away before the command gives up.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often it is tried meanwhile.
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// What was published.
#[derive(Serialize)]
struct Done {
    from: Position,
    to: Position,
}

pub(super) async fn run(global: &Global, from: Position, to: Option<Position>) -> Result<(), CliError> {
    let loaded = load(global)?;
    warn(loaded.check_standalone().into_result()?);
    let config = &loaded.config;
    let worker = process::worker_for_commands(config, open_storage(config).await?)?;
    worker.check_master_keys().await?;
    let head = worker.storage.head().await?;
    let to = to.unwrap_or(head);
    if from.0 == 0 || from > to || to > head {
        return Err(CliError::Usage(format!(
            "the log has positions 1 to {head}; --from must not be above --to"
        )));
    }
    let stop = Stop::new();
    let publisher = process::event_publisher(config, "republish", &stop)?;
    let done = publish(&worker, &publisher, from, to).await;
    stop.request();
    stop.finish(PATIENCE).await?;
    done?;
    match global.output {
        output::Format::Table => output::line(format!("published {from} to {to} again")),
        format => output::json(&Done { from, to }, format),
    }
}

async fn publish(
    worker: &Worker,
    publisher: &Publisher,
    from: Position,
    to: Position,
) -> Result<(), CliError> {
    let session = connected(publisher).await?;
    let progress = |position| tracing::info!(%position, "published up to position {position}");
    republish(&worker.outbox(), publisher, session, from, to, progress).await.map_err(|failure| match failure
    {
        PublishFailure::Broker(error) => CliError::Unavailable(error.to_string()),
        PublishFailure::Read(error) => error.into(),
    })
}

/// Waits until the broker answers; the connection on which it did.
async fn connected(publisher: &Publisher) -> Result<Session, CliError> {
    let until = Instant::now() + PATIENCE;
    loop {
        match publisher.tail(EVENTS_LOG).await {
            Ok(tail) => return Ok(tail.session),
            Err(error) if Instant::now() > until => return Err(CliError::Unavailable(error.to_string())),
            Err(_) => sleep(TRY_AGAIN).await,
        }
    }
}
