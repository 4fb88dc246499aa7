//! `mandate migrate`, `rebuild`, `keygen`.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{Timestamp, tz::TimeZone};
use mandate_storage::{RebuildMode, RebuildReport, sqlite};
use ring::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

use crate::{
    args::Global,
    context::{load_for_storage, master_keys, open_storage, sqlite_path},
    exit::CliError,
    output,
};

pub(super) fn migrate(global: &Global) -> Result<(), CliError> {
    let config = load_for_storage(global)?;
    let path = sqlite_path(config.storage.owner_url())?;
    let migrated = sqlite::migrate(path, Timestamp::now(), &Uuid::new_v4().to_string())?;
    for name in &migrated.applied {
        output::line(format!("applied {name}"))?;
    }
    output::line(format!("{} is at version {}", path.display(), migrated.version))
}

pub(super) async fn rebuild(global: &Global, check: bool) -> Result<(), CliError> {
    let config = load_for_storage(global)?;
    let storage = open_storage(&config)?;
    let mode = if check { RebuildMode::Check } else { RebuildMode::Swap };
    let progress = |position| tracing::info!(%position, "folded up to position {position}");
    let report = mandate_worker::rebuild(&storage, master_keys(&config)?, mode, progress).await?;
    let RebuildReport { events, streams, different, head } = report;
    output::line(format!("{events} events folded into {streams} states, up to position {head}"))?;
    for stream in different.iter().take(20) {
        output::line(format!("differs: {stream}"))?;
    }
    match (different.len(), mode) {
        (0, _) => output::line("the live state equals the log"),
        (count, RebuildMode::Swap) => output::line(format!("{count} states were put right")),
        (count, RebuildMode::Check) => {
            Err(CliError::Failed(anyhow::anyhow!("{count} states differ; `mandate rebuild` puts them right")))
        }
    }
}

pub(super) fn keygen(id: Option<String>) -> Result<(), CliError> {
    let mut key = [0_u8; 32];
    SystemRandom::new()
        .fill(&mut key)
        .map_err(|_| anyhow::anyhow!("the system gives no random bytes"))
        .map_err(CliError::Failed)?;
    let month = || Timestamp::now().to_zoned(TimeZone::UTC).strftime("%Y-%m").to_string();
    output::line(format!("{}:{}", id.unwrap_or_else(month), STANDARD.encode(key)))?;
    output::note(
        "Put it first in [seal] keys, or in the file that keys_file names. Keep the older ones behind it, and keep a copy \
         in a safe place: without it nothing that it sealed can be opened.",
    )
}
