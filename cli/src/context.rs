//! What commands need of the configuration: files, keys, stores.

use std::{fs::File, os::unix::fs::OpenOptionsExt, path::Path};

use mandate_runtime::config::{self, Config, Loaded, StorageUrl};
use mandate_schema::MasterKeys;
use mandate_storage::sqlite::SqliteStorage;
use mandate_worker::views::Views;

use crate::{args::Global, exit::CliError};

/// Reads the configuration and starts logging.
pub(crate) fn load(global: &Global) -> Result<Loaded, CliError> {
    let loaded =
        config::load(global.config.as_deref(), Path::new(config::DEFAULT_FILE), config::environment())?;
    mandate_runtime::telemetry::init(&loaded.config.log).map_err(CliError::failed)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    Ok(loaded)
}

/// Reads the configuration of a command that opens the storage directly.
pub(crate) fn load_for_storage(global: &Global) -> Result<Config, CliError> {
    let loaded = load(global)?;
    warn(loaded.check_storage().into_result()?);
    Ok(loaded.config)
}

/// Logs what a role check found worth saying.
pub(crate) fn warn(warnings: Vec<String>) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

/// The file of the embedded store.
pub(crate) fn sqlite_path(url: &StorageUrl) -> Result<&Path, CliError> {
    match url {
        StorageUrl::Sqlite(path) => Ok(path),
        StorageUrl::Postgres(_) => {
            Err(CliError::Usage("storage.url: this build has no PostgreSQL yet; use sqlite:PATH".into()))
        }
    }
}

/// Opens the store.
pub(crate) fn open_storage(config: &Config) -> Result<SqliteStorage, CliError> {
    let readers = usize::try_from(config.storage.pool).unwrap_or(1);
    Ok(SqliteStorage::open(sqlite_path(&config.storage.url)?, readers)?)
}

/// The right to be the one worker of an embedded store, held until the process ends, however it ends.
pub(crate) fn lock_storage(config: &Config) -> Result<File, CliError> {
    let mut path = sqlite_path(&config.storage.url)?.as_os_str().to_owned();
    path.push(".lock");
    let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
    file.try_lock().map_err(|_| {
        CliError::Refused(format!(
            "{} is locked: another mandate works on this database",
            Path::new(&path).display()
        ))
    })?;
    Ok(file)
}

/// The master keys.
pub(crate) fn master_keys(config: &Config) -> Result<MasterKeys, CliError> {
    let keys = config.seal.keys.iter().map(|key| (key.id.as_str(), key.expose()));
    MasterKeys::new(keys).ok_or_else(|| {
        CliError::Usage("seal.keys: no master key is configured; `mandate keygen` makes one".to_owned())
    })
}

/// A reader of state and log.
pub(crate) fn open_views(global: &Global) -> Result<Views<SqliteStorage>, CliError> {
    let config = load_for_storage(global)?;
    Ok(Views::new(open_storage(&config)?, master_keys(&config)?))
}
