//! `mandate seal`.

use mandate_schema::MasterKeys;
use mandate_storage::Store;

use mandate_worker::{RotateError, rotate_master_key};
use serde::Serialize;

use crate::{
    args::{Global, SealCommand},
    context::{load_for_storage, master_keys, open_storage},
    exit::CliError,
    output,
};

/// A master key, of the ring or of the database.
#[derive(Serialize)]
struct Wraps {
    master_key: String,
    configured: bool,
    data_keys: u64,
}

pub(super) async fn run(global: &Global, command: &SealCommand) -> Result<(), CliError> {
    let config = load_for_storage(global)?;
    let (storage, master) = (open_storage(&config).await?, master_keys(&config)?);
    if matches!(command, SealCommand::Rotate) {
        let tell = |count| tracing::info!(count, "{count} data keys wrapped anew");
        let rewrapped = rotate_master_key(&storage, &master, tell).await?;
        output::note(format!("{rewrapped} data keys wrapped anew by {}", master.first()))?;
    }
    let wraps = status(&storage, &master).await?;
    output::list(&wraps, global.output, ["master key", "data keys", "configured", "advice"], |row| {
        [
            row.master_key.clone(),
            row.data_keys.to_string(),
            if row.configured { "yes" } else { "no" }.to_owned(),
            advice(row, master.first()).to_owned(),
        ]
    })?;
    match wraps.iter().find(|row| !row.configured) {
        Some(row) if matches!(command, SealCommand::Rotate) => Err(CliError::Refused(format!(
            "{} data keys are wrapped by {}, which is not in [seal] keys: add it, and rotate again",
            row.data_keys, row.master_key
        ))),
        Some(_) | None => Ok(()),
    }
}

async fn status(storage: &Store, master: &MasterKeys) -> Result<Vec<Wraps>, CliError> {
    let counts = storage.key_counts().await?;
    let count = |id: &str| counts.iter().find(|(master, _)| master == id).map_or(0, |(_, count)| *count);
    let ring =
        master.ids().map(|id| Wraps { master_key: id.to_owned(), configured: true, data_keys: count(id) });
    let others = counts.iter().filter(|(id, _)| !master.ids().any(|known| known == id));
    let others =
        others.map(|(id, count)| Wraps { master_key: id.clone(), configured: false, data_keys: *count });
    Ok(ring.chain(others).collect())
}

fn advice(row: &Wraps, first: &str) -> &'static str {
    match (row.configured, row.data_keys) {
        (false, _) => "add it to [seal] keys: what it wraps cannot be opened",
        (true, _) if row.master_key == first => "wraps new data keys",
        (true, 0) => "no longer used: can be taken out of [seal] keys, and kept as long as backups need it",
        (true, _) => "run mandate seal rotate",
    }
}

impl From<RotateError> for CliError {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::Storage(error) => error.into(),
            RotateError::Seal { .. } => Self::failed(error),
        }
    }
}
