//! Database, master keys, journal and broker.

use std::time::Duration;

use mandate_broker::EVENTS_LOG;
use mandate_ingress::journal::JournalFile;
use mandate_runtime::{
    config::{BrokerUrl, Bytes, Config, StorageUrl},
    stop::Stop,
};
use mandate_storage::Store;
use mandate_worker::{StartError, Worker};
use ring::digest::{SHA256, digest};
use tokio::time::{Instant, sleep};

use super::Finding;
use crate::{exit::CliError, process};

/// How long a server may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How often the broker is asked meanwhile.
const ASK_AGAIN: Duration = Duration::from_millis(200);
/// Bytes of a fingerprint that are shown.
const FINGERPRINT: usize = 8;

pub(super) fn database(config: &Config, opened: &Result<Store, CliError>) -> Finding {
    const CHECK: &str = "database";
    let shown = config.storage.url.show();
    let Err(error) = opened else {
        return Finding::ok(CHECK, format!("{shown} answers and has the tables of this version"));
    };
    let found = format!("{shown}: {error}");
    match (error, &config.storage.url) {
        (CliError::Refused(_), _) => {
            Finding::failed(CHECK, found, "Run `mandate migrate` with the program of the version that runs.")
        }
        (_, StorageUrl::Sqlite(path)) => Finding::failed(
            CHECK,
            found,
            format!(
                "Run `mandate migrate` if it was never made; else see that {} is readable.",
                path.display()
            ),
        ),
        (_, StorageUrl::Postgres(_)) => Finding::failed(
            CHECK,
            found,
            "See that PostgreSQL runs and is reached at the host and port of storage.url, and that user, password and \
             pg_hba.conf let this machine in.",
        ),
    }
}

/// What tells keys of one id apart.
pub(super) fn fingerprints(config: &Config) -> Vec<Finding> {
    let keys = config.seal.keys.iter();
    keys.map(|key| {
        Finding::ok("master keys", format!("{}, fingerprint {}", key.id, fingerprint(key.expose())))
    })
    .collect()
}

fn fingerprint(key: &[u8; 32]) -> String {
    let hash = digest(&SHA256, &[b"mandate master key ".as_slice(), key].concat());
    hash.as_ref()[..FINGERPRINT].iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// `None`: the keys open what is stored.
pub(super) async fn master_keys(worker: &Worker) -> Option<Finding> {
    const CHECK: &str = "master keys";
    match worker.check_master_keys().await {
        Ok(()) => None,
        Err(error @ StartError::MasterKey { .. }) => Some(Finding::failed(
            CHECK,
            format!("{error}: [seal] keys does not have the key that the database was sealed by"),
            "Put the former key back into [seal] keys, after the first one. A key with the same id and another fingerprint is \
             another key: look at the backup of the configuration.",
        )),
        Err(error @ StartError::Storage(_)) => Some(Finding::failed(CHECK, error, "See the database above.")),
    }
}

pub(super) fn journal(config: &Config) -> Finding {
    const CHECK: &str = "journal";
    let (path, most) = (&config.ingress.journal, config.ingress.journal_max);
    let shown = path.display();
    if !path.exists() {
        return Finding::ok(CHECK, format!("{shown} is not there yet; the first start makes it"));
    }
    let status = match JournalFile::open(path).and_then(|journal| journal.status()) {
        Ok(status) => status,
        Err(error) => {
            let cure = "See that ingress.journal names the journal of this version, and that its user may write to it.";
            return Finding::failed(CHECK, format!("{shown}: {error}"), cure);
        }
    };
    let rows = status.waiting.new.rows + status.waiting.handed_over.rows;
    let bytes = status.waiting.new.bytes + status.waiting.handed_over.bytes;
    let found = format!("{shown}: {rows} callbacks wait, {} of {most} bytes", Bytes(bytes));
    if bytes > most.0 / 4 * 3 {
        let cure = "Look at database and broker: callbacks wait for them. When it is full, WeChat is answered with 503.";
        return Finding::failed(CHECK, found, cure);
    }
    Finding::ok(CHECK, found)
}

pub(super) async fn broker(config: &Config) -> Finding {
    const CHECK: &str = "broker";
    if config.broker.url == BrokerUrl::Embedded {
        return Finding::skipped(CHECK, "there is none: everything is one process");
    }
    let stop = Stop::new();
    let publisher = match process::event_publisher(config, "doctor", &stop) {
        Ok(publisher) => publisher,
        Err(error) => return Finding::failed(CHECK, error, "Correct [broker] url."),
    };
    let until = Instant::now() + PATIENCE;
    let reached = loop {
        match publisher.tail(EVENTS_LOG).await {
            Ok(_) => break Ok(()),
            Err(error) if Instant::now() > until => break Err(error),
            Err(_) => sleep(ASK_AGAIN).await,
        }
    };
    let why = publisher.link().borrow().failing();
    stop.request();
    stop.finish(PATIENCE).await.ok();
    match reached {
        Ok(()) => Finding::ok(CHECK, "RabbitMQ answers, and its exchanges and queues are as they should be"),
        Err(error) => Finding::failed(
            CHECK,
            why.map_or_else(|| error.to_string(), |why| format!("{error}: {why}")),
            "See that RabbitMQ runs and is reached at broker.url, and that the user has the rights of the README. Callbacks \
             stay in the journal meanwhile.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_id_have_fingerprints_of_their_own() {
        let (one, other) = (fingerprint(&[1; 32]), fingerprint(&[2; 32]));
        assert_ne!(one, other);
        assert_eq!(one.len(), 2 * FINGERPRINT);
    }
}
