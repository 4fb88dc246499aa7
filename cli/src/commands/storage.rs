//! `mandate migrate`, `rebuild`, `keygen`.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{Timestamp, tz::TimeZone};
use mandate_runtime::{config::SealKey, random};
use mandate_schema::{Position, StreamName};
use mandate_storage::RebuildMode;
use serde::Serialize;

use crate::{
    args::Global,
    context::{self, load_for_storage, master_keys, open_storage},
    exit::CliError,
    output::{self, Format},
};

/// Differing streams that are named; JSON names all.
const DIFFERENT_SHOWN: usize = 20;

/// `mandate migrate -o json`.
#[derive(Serialize)]
struct MigrateReport {
    database: String,
    applied: Vec<String>,
    version: u32,
}

/// `mandate rebuild -o json`.
#[derive(Serialize)]
struct RebuiltReport {
    events: u64,
    streams: u64,
    position: Position,
    different: Vec<StreamName>,
    put_right: bool,
}

pub(super) async fn migrate(global: &Global) -> Result<(), CliError> {
    let config = load_for_storage(global)?;
    let migrated = context::migrate(&config).await?;
    let report = MigrateReport {
        database: config.storage.owner_url().show(),
        applied: migrated.applied,
        version: migrated.version,
    };
    if global.output != Format::Table {
        return output::json(&report, global.output);
    }
    for name in &report.applied {
        output::line(format!("applied {name}"))?;
    }
    output::line(format!("{} is at version {}", report.database, report.version))
}

pub(super) async fn rebuild(global: &Global, check: bool) -> Result<(), CliError> {
    let config = load_for_storage(global)?;
    let storage = open_storage(&config).await?;
    let mode = if check { RebuildMode::Check } else { RebuildMode::Swap };
    let progress = |position| tracing::info!(%position, "folded up to position {position}");
    let found = mandate_worker::rebuild(&storage, master_keys(&config)?, mode, progress).await?;
    let report = RebuiltReport {
        events: found.events,
        streams: found.streams,
        position: found.head,
        put_right: !check && !found.different.is_empty(),
        different: found.different,
    };
    if global.output == Format::Table {
        print_rebuilt(&report)?;
    } else {
        output::json(&report, global.output)?;
    }
    match report.different.len() {
        count if check && count > 0 => {
            Err(CliError::Failed(anyhow::anyhow!("{count} states differ; `mandate rebuild` puts them right")))
        }
        _ => Ok(()),
    }
}

fn print_rebuilt(report: &RebuiltReport) -> Result<(), CliError> {
    let RebuiltReport { events, streams, position, .. } = report;
    output::line(format!("{events} events folded into {streams} states, up to position {position}"))?;
    for stream in report.different.iter().take(DIFFERENT_SHOWN) {
        output::line(format!("differs: {stream}"))?;
    }
    match report.different.len() {
        0 => output::line("the live state equals the log"),
        count if report.put_right => output::line(format!("{count} states were put right")),
        _ => Ok(()),
    }
}

pub(super) fn keygen(id: Option<String>) -> Result<(), CliError> {
    if let Some(id) = id.as_deref().filter(|id| !SealKey::is_id(id)) {
        return Err(CliError::Usage(format!(
            "--id {id:?}: an id has 1 to 64 letters, digits, '-', '_' or '.'"
        )));
    }
    let key = random::bytes::<32>();
    let month = || Timestamp::now().to_zoned(TimeZone::UTC).strftime("%Y-%m").to_string();
    output::line(format!("{}:{}", id.unwrap_or_else(month), STANDARD.encode(key)))?;
    output::note(
        "Put it first in [seal] keys, or in the file that keys_file names. Keep the older ones behind it, and keep a copy \
         in a safe place: without it nothing that it sealed can be opened.",
    )
}
