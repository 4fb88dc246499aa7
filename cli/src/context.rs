//! What commands need of the configuration: files, keys, stores.

use std::{fs::File, os::unix::fs::OpenOptionsExt, path::Path};

use jiff::Timestamp;
use mandate_runtime::{
    config::{self, Config, Loaded, Log, StorageUrl},
    outage::Outage,
    stop::Stop,
};
use mandate_schema::{MasterKeys, Secret};
use mandate_storage::{
    Migrated, Store,
    postgres::{self, PostgresSettings},
    sqlite,
};
use mandate_worker::{access::entry, views::Views};
use uuid::Uuid;

use crate::{args::Global, exit::CliError};

/// Reads the configuration and starts logging.
pub(crate) fn load(global: &Global) -> Result<Loaded, CliError> {
    let loaded =
        config::load(global.config.as_deref(), Path::new(config::DEFAULT_FILE), config::environment())?;
    begin(&loaded.config.log)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    Ok(loaded)
}

/// Prepares the process and starts logging.
pub(crate) fn begin(log: &Log) -> Result<(), CliError> {
    let prepared = mandate_runtime::process::prepare();
    mandate_runtime::telemetry::init(log).map_err(CliError::failed)?;
    if let Err(error) = prepared {
        tracing::warn!("{error}");
    }
    Ok(())
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

/// The file that a setting names.
pub(crate) fn read_file(key: &str, path: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(path).map_err(|error| CliError::Usage(format!("{key}: {}: {error}", path.display())))
}

/// Opens the store.
pub(crate) async fn open_storage(config: &Config) -> Result<Store, CliError> {
    let pool = usize::try_from(config.storage.pool).unwrap_or(1);
    let opened = match &config.storage.url {
        StorageUrl::Sqlite(path) => Store::open_sqlite(path, pool).map_err(CliError::from),
        StorageUrl::Postgres(url) => {
            Store::open_postgres(&server(config, url)?).await.map_err(CliError::from)
        }
    };
    opened.map_err(|error| named(&config.storage.url, error))
}

/// Opens the store of a process; waits for a server that is away. `None`: the process was asked to stop meanwhile.
pub(crate) async fn wait_for_storage(config: &Config, stop: &Stop) -> Result<Option<Store>, CliError> {
    if let StorageUrl::Sqlite(_) = config.storage.url {
        return open_storage(config).await.map(Some); // no server that could come back
    }
    wait(stop, async || open_storage(config).await).await
}

/// As [`migrate`]; waits for a server that is away. `None`: the process was asked to stop meanwhile.
pub(crate) async fn wait_to_migrate(config: &Config, stop: &Stop) -> Result<Option<Migrated>, CliError> {
    if let StorageUrl::Sqlite(_) = config.storage.url {
        return migrate(config).await.map(Some);
    }
    wait(stop, async || migrate(config).await).await
}

/// Repeats work that a server which is away fails. `None`: the process was asked to stop meanwhile.
pub(crate) async fn wait<T>(
    stop: &Stop,
    work: impl AsyncFn() -> Result<T, CliError>,
) -> Result<Option<T>, CliError> {
    let mut outage = Outage::none("waiting for the database");
    loop {
        let error = match work().await {
            Ok(done) => {
                outage.over();
                return Ok(Some(done));
            }
            Err(CliError::Unavailable(error)) => error,
            Err(error) => return Err(error),
        };
        outage.wait(&error, stop).await;
        if stop.is_requested() {
            return Ok(None);
        }
    }
}

/// Brings the database up to date, as its owner.
pub(crate) async fn migrate(config: &Config) -> Result<Migrated, CliError> {
    let (now, log_id) = (Timestamp::now(), Uuid::new_v4().to_string());
    let url = config.storage.owner_url();
    let migrated: Result<Migrated, CliError> = match (url, &config.storage.url) {
        (StorageUrl::Sqlite(path), _) => sqlite::migrate(path, now, &log_id).map_err(CliError::from),
        (StorageUrl::Postgres(owner), StorageUrl::Postgres(service)) => {
            let owner = server(config, owner)?;
            postgres::migrate(&owner, service, now, &log_id).await.map_err(CliError::from)
        }
        (StorageUrl::Postgres(_), StorageUrl::Sqlite(_)) => {
            return Err(CliError::Usage("storage.migrate_url: must be the database of storage.url".into()));
        }
    };
    migrated.map_err(|error| named(url, error))
}

/// An error that says which database is away.
fn named(url: &StorageUrl, error: CliError) -> CliError {
    match error {
        CliError::Unavailable(error) => CliError::Unavailable(format!("{}: {error}", url.show())),
        error => error,
    }
}

fn server(config: &Config, url: &Secret) -> Result<PostgresSettings, CliError> {
    let ca = config.storage.ca_file.as_deref().map(|path| read_file("storage.ca_file", path)).transpose()?;
    Ok(PostgresSettings { url: url.clone(), ca, pool: usize::try_from(config.storage.pool).unwrap_or(1) })
}

/// The right to be the one worker of an embedded store, held until the process ends, however it ends. A database server has
/// any number of workers and no such lock.
pub(crate) fn lock_storage(config: &Config) -> Result<Option<File>, CliError> {
    let StorageUrl::Sqlite(path) = &config.storage.url else { return Ok(None) };
    let mut path = path.as_os_str().to_owned();
    path.push(".lock");
    let opened = File::options().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = opened.map_err(|error| {
        CliError::Refused(format!(
            "{}: {error}; run `mandate migrate` first if the database is not there yet",
            Path::new(&path).display()
        ))
    })?;
    file.try_lock().map_err(|_| {
        CliError::Refused(format!(
            "{} is locked: another mandate works on this database",
            Path::new(&path).display()
        ))
    })?;
    Ok(Some(file))
}

/// The master keys.
pub(crate) fn master_keys(config: &Config) -> Result<MasterKeys, CliError> {
    let keys = config.seal.keys.iter().map(|key| (key.id.as_str(), key.expose()));
    MasterKeys::new(keys).ok_or_else(|| {
        CliError::Usage("seal.keys: no master key is configured; `mandate keygen` makes one".to_owned())
    })
}

/// A reader of state and log.
pub(crate) async fn open_views(global: &Global) -> Result<Views, CliError> {
    let config = load_for_storage(global)?;
    Ok(Views::new(open_storage(&config).await?, master_keys(&config)?))
}

/// Notes in the audit trail what this command did.
pub(crate) async fn note_act(
    storage: &Store,
    act: &str,
    subject: &str,
    detail: Option<String>,
) -> Result<(), CliError> {
    Ok(storage.put_audit(vec![entry(&actor(), None, act, Some(subject), detail)]).await?)
}

/// Who gives this command, for the audit trail.
pub(crate) fn actor() -> String {
    format!("command line ({})", user())
}

/// The operating system's user of this command.
fn user() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    named
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("user id {}", mandate_runtime::disk::user()))
}
