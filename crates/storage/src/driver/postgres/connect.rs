//! The pool of connections, with the settings that durability and bounded waiting rest on.

use std::{str::FromStr, time::Duration};

use deadpool_postgres::{Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime};
use tokio_postgres::Config;

use super::{PostgresSettings, connection::Connection, tls};
use crate::{StorageError, driver::values};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection of the pool.
const POOL_WAIT: Duration = Duration::from_secs(5);
/// How long sent data may stay unacknowledged before the connection counts as broken.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);
/// The server's own limits for a session.
const SESSION: &str = "-c statement_timeout=5s -c lock_timeout=2s -c idle_in_transaction_session_timeout=5s \
     -c synchronous_commit=on -c client_min_messages=warning";

/// The oldest server that is known to work.
const SERVER_MIN: i32 = 150_000;

/// A pool on the server of these settings. Nothing is connected yet.
pub(crate) fn pool(settings: &PostgresSettings) -> Result<Pool, StorageError> {
    let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let tls = tls::connector(settings.ca.as_deref())?;
    let manager = Manager::from_config(config(settings)?, tls, manager_config);
    Pool::builder(manager)
        .max_size(settings.pool.max(1))
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(POOL_WAIT))
        .create_timeout(Some(CONNECT))
        .recycle_timeout(Some(CONNECT))
        .build()
        .map_err(|error| StorageError::Unavailable(error.into()))
}

/// The driver's settings. Nothing of the address is repeated in an error: it holds the password.
pub(crate) fn config(settings: &PostgresSettings) -> Result<Config, StorageError> {
    let url = driver_url(settings.url.expose());
    let mut config = Config::from_str(&url).map_err(|_| {
        StorageError::Schema(
            "storage.url is not an address such as postgres://user:password@host:5432/database?sslmode=verify-full \
             (special characters of the password percent-encoded)"
                .to_owned(),
        )
    })?;
    let options = config.get_options().map_or_else(|| SESSION.to_owned(), |ours| format!("{SESSION} {ours}"));
    config.options(options).connect_timeout(CONNECT).tcp_user_timeout(TCP_USER_TIMEOUT);
    config
        .keepalives_idle(Duration::from_secs(5))
        .keepalives_interval(Duration::from_secs(2))
        .keepalives_retries(3);
    if config.get_application_name().is_none() {
        config.application_name("mandate");
    }
    Ok(config)
}

/// The driver knows fewer words: whenever it uses TLS, it verifies the certificate.
fn driver_url(url: &str) -> String {
    let Some((address, query)) = url.split_once('?') else { return url.to_owned() };
    let parameters = query.split('&').map(|parameter| match parameter {
        "sslmode=verify-full" | "sslmode=verify-ca" => "sslmode=require",
        "sslmode=allow" => "sslmode=prefer",
        other => other,
    });
    format!("{address}?{}", parameters.collect::<Vec<_>>().join("&"))
}

/// Refuses a server that may lose what it has committed.
pub(crate) async fn check_server(connection: &Connection) -> Result<(), StorageError> {
    let setting = async |name: &str| -> Result<String, StorageError> {
        let sql = "select current_setting($1) as setting";
        connection.one(sql, &values![name], |row| row.get("setting")).await
    };
    let version = setting("server_version_num").await?.parse::<i32>().unwrap_or_default();
    if version < SERVER_MIN {
        return Err(StorageError::Schema(format!(
            "the server is PostgreSQL {}; 15 or later is needed",
            version / 10_000
        )));
    }
    for (name, cure) in [
        ("fsync", "a crash would lose committed events"),
        ("full_page_writes", "a crash could damage the database"),
        ("synchronous_commit", "a crash would lose events that were acknowledged"),
    ] {
        if matches!(setting(name).await?.as_str(), "off") {
            return Err(StorageError::Schema(format!(
                "the server has {name} = off: {cure}. Set it to on in postgresql.conf (or with ALTER SYSTEM) and restart it"
            )));
        }
    }
    Ok(())
}

impl From<PoolError> for StorageError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Timeout(_) => Self::Unavailable("no connection to the server within 5 s".into()),
            other @ (PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_)) => {
                Self::Unavailable(other.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use mandate_schema::Secret;
    use tokio_postgres::config::SslMode;

    use super::*;

    fn parsed(url: &str) -> Result<Config, StorageError> {
        config(&PostgresSettings { url: Secret::new(url), ca: None, pool: 1 })
    }

    #[test]
    fn every_way_to_ask_for_tls_verifies_the_certificate() {
        let mode =
            |query: &str| parsed(&format!("postgres://u:p@h:1/d{query}")).expect("valid").get_ssl_mode();
        assert_eq!(mode(""), SslMode::Prefer);
        assert_eq!(mode("?sslmode=disable"), SslMode::Disable);
        for verified in ["require", "verify-ca", "verify-full"] {
            assert_eq!(
                mode(&format!("?application_name=x&sslmode={verified}")),
                SslMode::Require,
                "{verified}"
            );
        }
        assert!(parsed("postgresql://u@h/d").is_ok());
    }

    #[test]
    fn an_address_that_cannot_be_used_is_told_without_repeating_it() {
        for bad in ["postgres://u:hunter2@h:port/d", "postgres://u:hunter2@h/d?sslmode=sometimes"] {
            let error = parsed(bad).expect_err("refused");
            assert!(matches!(error, StorageError::Schema(_)), "{error:?}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
