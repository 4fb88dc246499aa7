//! `mandate dead-letters`.

use jiff::Timestamp;
use mandate_console::{DeadLetterView, LIMIT_MAX, list_dead_letters};
use mandate_schema::{CommandId, format_time};
use mandate_storage::DeadLetters;
use mandate_worker::{Retried, RetryError};

use crate::{
    args::{DeadLettersCommand, Global},
    context::{load_for_storage, open_storage},
    exit::CliError,
    output, process,
};

pub(super) async fn run(global: &Global, command: DeadLettersCommand) -> Result<(), CliError> {
    match command {
        DeadLettersCommand::List => {
            let rows = all(global).await?;
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
            let storage = open_storage(&load_for_storage(global)?)?;
            let row = storage.dead_letter(id).await?.ok_or_else(|| missing(id))?;
            output::json(&DeadLetterView::from(row), global.output)
        }
        DeadLettersCommand::Retry { id, all: _ } => retry(global, id).await,
        DeadLettersCommand::Discard { id } => {
            let storage = open_storage(&load_for_storage(global)?)?;
            if storage.discard(id, Timestamp::now()).await? {
                output::line(format!("{id} discarded"))
            } else {
                Err(missing(id))
            }
        }
    }
}

async fn all(global: &Global) -> Result<Vec<DeadLetterView>, CliError> {
    let storage = open_storage(&load_for_storage(global)?)?;
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = list_dead_letters(&storage, after, LIMIT_MAX).await?.data;
        let Some(last) = page.last() else { return Ok(rows) };
        after = Some(last.id);
        rows.extend(page);
    }
}

/// Tries one again, or all: with a worker of our own, beside a running service.
async fn retry(global: &Global, id: Option<CommandId>) -> Result<(), CliError> {
    let ids = match id {
        Some(id) => vec![id],
        None => all(global).await?.into_iter().map(|row| row.id).collect(),
    };
    let core = process::core_for_commands(global)?;
    let mut still_dead = 0;
    for id in ids {
        match core.retry_dead_letter(id).await {
            Ok(Retried::Revived) => output::line(format!("{id} revived"))?,
            Ok(Retried::StillDead) => {
                still_dead += 1;
                output::line(format!("{id} still dead"))?;
            }
            Err(RetryError::NotFound(id)) => return Err(missing(id)),
            Err(RetryError::Storage(error)) => return Err(error.into()),
            Err(error @ RetryError::Ingest(_)) => return Err(CliError::Unavailable(error.to_string())),
        }
    }
    if still_dead > 0 {
        Err(CliError::Failed(anyhow::anyhow!("{still_dead} are still dead")))
    } else {
        Ok(())
    }
}

fn missing(id: CommandId) -> CliError {
    CliError::NotFound(format!("there is no dead letter {id}"))
}
