//! `mandate webhook`.

use std::io::{IsTerminal, Write};

use mandate_console::WebhookView;

use mandate_worker::{
    Worker,
    webhooks::{RewindTo, WebhookError},
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    args::{Global, WebhookCommand},
    context::{load, note_act, open_storage, warn},
    exit::CliError,
    output::{self, Format},
    process,
};

const HEADER: [&str; 6] = ["id", "state", "position", "lag", "held", "url"];

/// What was done.
#[derive(Serialize)]
struct Done {
    position: u64,
    events: u64,
}

pub(super) async fn run(global: &Global, command: WebhookCommand) -> Result<(), CliError> {
    let loaded = load(global)?;
    warn(loaded.check_standalone().into_result()?);
    let worker = process::worker_for_commands(&loaded.config, open_storage(&loaded.config).await?)?;
    match command {
        WebhookCommand::List => {
            let head = worker.storage.head().await?;
            let webhooks =
                worker.webhooks.all().await?.into_iter().map(|webhook| WebhookView::new(webhook, head));
            output::list(&webhooks.collect::<Vec<_>>(), global.output, HEADER, row)
        }
        WebhookCommand::Rewind { id, position, time, yes } => {
            let to = match (position, time) {
                (Some(position), _) => RewindTo::Position(position),
                (None, Some(time)) => RewindTo::Time(time),
                (None, None) => return Err(CliError::Usage("say --position or --time".into())),
            };
            rewind(&worker, id, to, yes, global.output).await
        }
    }
}

fn row(webhook: &WebhookView) -> [String; 6] {
    let WebhookView { id, state, position, lag, held_streams, url, .. } = webhook;
    [
        id.clone(),
        (*state).to_owned(),
        position.to_string(),
        lag.to_string(),
        held_streams.to_string(),
        url.clone(),
    ]
}

async fn rewind(worker: &Worker, id: Uuid, to: RewindTo, yes: bool, format: Format) -> Result<(), CliError> {
    let counted = worker.webhooks.count_rewind(id, to).await?;
    let (events, position) = (counted.events, counted.position);
    output::note(format!("{events} events from position {position} on will be delivered again"))?;
    if !yes && !is_wanted()? {
        return Err(CliError::Refused("nothing was changed".into()));
    }
    // What was counted, also if the log has grown meanwhile.
    let rewound = worker.webhooks.rewind(id, RewindTo::Position(position)).await?;
    note_act(&worker.storage, "webhook.rewound", &id.to_string(), None).await?;
    match format {
        Format::Table => Ok(()),
        format => output::json(&Done { position: rewound.position.0, events: rewound.events }, format),
    }
}

fn is_wanted() -> Result<bool, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Usage("there is nobody to ask; add --yes if you are sure".into()));
    }
    write!(std::io::stderr().lock(), "Go on? [y/N] ")?;
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed)?;
    Ok(matches!(typed.trim(), "y" | "Y" | "yes"))
}

impl From<WebhookError> for CliError {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Unknown(_) => Self::NotFound(error.to_string()),
            WebhookError::Address(_) | WebhookError::Order(_) => Self::Usage(error.to_string()),
            WebhookError::TooMany => Self::Refused(error.to_string()),
            WebhookError::Read(error) => error.into(),
        }
    }
}
