//! `mandate dead-letters`.

use jiff::Timestamp;
use mandate_console::{DeadLetterAct, DeadLetterOutcome, DeadLetterView, LIMIT_MAX, list_dead_letters};
use mandate_schema::{CommandId, format_time};
use mandate_storage::Store;

use mandate_worker::{Retried, RetryError};

use crate::{
    args::{DeadLettersCommand, Global},
    context::{load, load_for_storage, open_storage, warn},
    exit::CliError,
    output, process,
};

pub(super) async fn run(global: &Global, command: DeadLettersCommand) -> Result<(), CliError> {
    match command {
        DeadLettersCommand::List => {
            let rows = all(&open_storage(&load_for_storage(global)?).await?).await?;
            output::list(
                &rows,
                global.output,
                ["id", "recorded_at", "reason", "component", "retries", "detail"],
                |row| {
                    [
                        row.id.to_string(),
                        format_time(row.recorded_at),
                        row.reason.clone(),
                        row.component.as_ref().map(ToString::to_string).unwrap_or_default(),
                        row.retries.to_string(),
                        row.detail.clone(),
                    ]
                },
            )
        }
        DeadLettersCommand::Show { id } => {
            let storage = open_storage(&load_for_storage(global)?).await?;
            let row = storage.dead_letter(id).await?.ok_or_else(|| missing(id))?;
            output::json(&DeadLetterView::from(row), global.output)
        }
        DeadLettersCommand::Retry { id, all: _ } => retry(global, id).await,
        DeadLettersCommand::Discard { id } => {
            let storage = open_storage(&load_for_storage(global)?).await?;
            if !storage.discard(id, Timestamp::now()).await? {
                return Err(missing(id));
            }
            print(&[act(id, DeadLetterOutcome::Discarded)], global.output)
        }
    }
}

async fn all(storage: &Store) -> Result<Vec<DeadLetterView>, CliError> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = list_dead_letters(storage, after, LIMIT_MAX).await?.data;
        let Some(last) = page.last() else { return Ok(rows) };
        after = Some(last.id);
        rows.extend(page);
    }
}

/// Tries one again, or all: with a worker of our own, beside a running service.
async fn retry(global: &Global, id: Option<CommandId>) -> Result<(), CliError> {
    let loaded = load(global)?;
    warn(loaded.check_standalone().into_result()?);
    let storage = open_storage(&loaded.config).await?;
    let ids = match id {
        Some(id) => vec![id],
        None => all(&storage).await?.into_iter().map(|row| row.id).collect(),
    };
    let worker = process::worker_for_commands(&loaded.config, storage)?;
    let mut acts = Vec::with_capacity(ids.len());
    for one in ids {
        match worker.dead_letters.retry(one).await {
            Ok(Retried::Revived) => acts.push(act(one, DeadLetterOutcome::Revived)),
            Ok(Retried::StillDead) => acts.push(act(one, DeadLetterOutcome::StillDead)),
            // Of all of them, one may have been dealt with meanwhile.
            Err(RetryError::NotFound(_)) if id.is_none() => {}
            Err(RetryError::NotFound(id)) => return Err(missing(id)),
            Err(RetryError::Storage(error)) => return Err(error.into()),
            Err(error @ RetryError::Ingest(_)) => return Err(CliError::Unavailable(error.to_string())),
        }
    }
    print(&acts, global.output)?;
    match acts.iter().filter(|act| act.outcome == DeadLetterOutcome::StillDead).count() {
        0 => Ok(()),
        count => Err(CliError::Failed(anyhow::anyhow!("{count} still dead"))),
    }
}

fn act(id: CommandId, outcome: DeadLetterOutcome) -> DeadLetterAct {
    DeadLetterAct { id, outcome }
}

fn print(acts: &[DeadLetterAct], format: output::Format) -> Result<(), CliError> {
    output::list(acts, format, ["id", "outcome"], |act| {
        let outcome = match act.outcome {
            DeadLetterOutcome::Revived => "revived",
            DeadLetterOutcome::StillDead => "still dead",
            DeadLetterOutcome::Discarded => "discarded",
        };
        [act.id.to_string(), outcome.to_owned()]
    })
}

fn missing(id: CommandId) -> CliError {
    CliError::NotFound(format!("there is no dead letter {id}"))
}
