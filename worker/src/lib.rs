//! The work: ingest, tasks, the component API over HTTP, and the views that doors show. Generic over the storage.

pub mod access;
pub mod consent;
mod erase;
mod housekeeping;
mod inbound;
mod lead;
mod log;
mod outbound;
mod reason;
mod reconcile;
mod rotate;
mod tasks;
#[cfg(test)]
mod tests;
pub mod tokens;
pub mod views;
mod wechat;

use std::{collections::HashMap, sync::Arc};

use mandate_runtime::{
    health::{Dependency, Readiness},
    metrics::Metrics,
    stop::Stop,
    strangers::LineLimit,
};
use mandate_schema::{ComponentId, MasterKeys, Position, SealError, Secret};
use mandate_storage::{RebuildMode, RebuildReport, Storage, StorageError};
use mandate_wechat::envelope::KeyRing;
use tokio::sync::{Notify, watch};

/// Where an account stands, and why it is not erased.
pub use mandate_domain::{Status, StillHeld};
/// `WeChat`'s refusal of a call.
pub use mandate_wechat::api::Refusal;

pub use erase::EraseError;
pub use inbound::{
    dead_letters::{Retried, RetryError},
    inbox::FromInbox,
    ingest::{Ingest, IngestError, Ingested},
    messages,
    opener::{OpenError, Opener, UNKNOWN_PAIR},
};
pub use log::{
    fold::{ReadError, RebuildFolder, StreamState},
    vault::{Vault, VaultError},
};
pub use outbound::{publisher, webhooks};
pub use reconcile::{Manner, ReconcileError, ReconcileSettings, Report};
pub use rotate::{RotateError, rotate_master_key};
pub use tasks::TaskRunner;
pub use tokens::TokenError;
pub use wechat::{call::Uncalled, client as api};

use api::ApiClient;
use consent::ConsentSettings;
use log::Log;
use messages::MessageSettings;
use tokens::{ComponentTokens, TokenRows};
use webhooks::WebhookSettings;
use wechat::list::ListScans;

/// What a worker is made of. Shared by its ingest, its tasks and the doors.
pub struct Core<S> {
    /// The storage.
    pub storage: S,
    /// Who may ask what.
    pub access: access::Access<S>,
    audit_days: u32,
    /// Tasks under way at once.
    calls: usize,
    vault: Arc<Vault<S>>,
    log: Log<S>,
    opener: Opener,
    api: ApiClient,
    rows: Arc<TokenRows<S>>,
    tokens: ComponentTokens<S>,
    components: Vec<ComponentId>,
    messages: MessageSettings,
    consent: ConsentSettings,
    webhooks: WebhookSettings,
    webhook_sender: webhooks::Sender,
    /// Rung when an operator has changed one.
    webhooks_changed: Notify,
    /// Changes when messages were stored.
    messages_stored: watch::Sender<()>,
    /// Whoever has captured messages can make dead letters of them.
    dead_letter_log: LineLimit,
    reconciling: ReconcileSettings,
    list_scans: ListScans,
    metrics: Metrics,
    /// Shows whether the storage answers.
    health: Dependency,
    /// Shows whether tickets come.
    tickets: Dependency,
    /// Rung when there may be something to claim.
    tasks_changed: Arc<Notify>,
}

/// A component as the worker knows it.
pub struct ComponentSettings {
    /// Its pairs of token and key.
    pub ring: KeyRing,
    /// Its secret.
    pub app_secret: Option<Secret>,
}

/// Why a worker does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What the store holds is sealed under a master key that is not configured, or not as it was.
    #[error("the database needs master key {id:?}: {source}")]
    MasterKey {
        /// The key's id.
        id: String,
        /// What is wrong.
        #[source]
        source: SealError,
    },
}

/// What the settings say to a worker.
pub struct Parts<S> {
    /// The storage.
    pub storage: S,
    /// The master keys.
    pub master: MasterKeys,
    /// The components that are served.
    pub components: Vec<ComponentSettings>,
    /// The client of the component API.
    pub api: ApiClient,
    /// How long and how many pushes of the message URL are kept.
    pub messages: MessageSettings,
    /// Where merchants consent.
    pub consent: ConsentSettings,
    /// Which endpoints of webhooks are called.
    pub webhooks: WebhookSettings,
    /// For how many days the audit trail is kept.
    pub audit_days: u32,
    /// Tasks that call `WeChat` at once.
    pub calls: usize,
    /// When accounts are compared with `WeChat`'s list.
    pub reconciling: ReconcileSettings,
    /// Where to count.
    pub metrics: Metrics,
    /// Where to show whether the storage answers.
    pub readiness: Readiness,
}

impl<S: Storage> Core<S> {
    /// Puts a worker together; nothing runs yet but the appender. Call it inside a tokio runtime.
    pub fn new(parts: Parts<S>) -> Arc<Self> {
        let Parts {
            storage,
            master,
            components,
            api,
            messages,
            consent,
            webhooks,
            audit_days,
            calls,
            reconciling,
            metrics,
            readiness,
        } = parts;
        let vault = Arc::new(Vault::new(storage.clone(), master));
        let ids: Vec<ComponentId> =
            components.iter().map(|component| component.ring.component().clone()).collect();
        let secrets: HashMap<ComponentId, Secret> = components
            .iter()
            .filter_map(|component| Some((component.ring.component().clone(), component.app_secret.clone()?)))
            .collect();
        let rows = Arc::new(TokenRows::new(storage.clone(), vault.clone(), api.timeout(), metrics.clone()));
        let tasks_changed = Arc::new(Notify::new());
        let log =
            Log::start(storage.clone(), vault.clone(), rows.clone(), tasks_changed.clone(), metrics.clone());
        Arc::new(Self {
            log,
            opener: Opener::new(components.into_iter().map(|component| component.ring)),
            tokens: ComponentTokens::new(storage.clone(), vault.clone(), api.clone(), secrets, rows.clone()),
            rows,
            access: access::Access::new(storage.clone()),
            audit_days,
            calls,
            list_scans: ListScans::new(&ids),
            components: ids,
            vault,
            storage,
            api,
            messages,
            consent,
            webhook_sender: webhooks::Sender::new(webhooks.allow_private.clone()),
            webhooks,
            webhooks_changed: Notify::new(),
            messages_stored: watch::Sender::new(()),
            dead_letter_log: LineLimit::new(1),
            reconciling,
            metrics,
            health: readiness.register("storage"),
            tickets: readiness.register("tickets"),
            tasks_changed,
        })
    }

    /// Checks that the master keys open what the store holds: better no worker than one that can open nothing and makes every
    /// callback a dead letter.
    ///
    /// # Errors
    ///
    /// - [`StartError::Storage`]: the store does not answer.
    /// - [`StartError::MasterKey`]: a master key that the store needs is missing, or is another than it was.
    pub async fn check_master_keys(&self) -> Result<(), StartError> {
        for sample in self.storage.key_samples().await? {
            self.vault
                .unwrap(&sample)
                .map_err(|source| StartError::MasterKey { id: sample.master, source })?;
        }
        Ok(())
    }

    /// Starts the background work: tasks and housekeeping. Pushes that could not be opened for want of a pair of keys are
    /// tried again beside it.
    ///
    /// # Errors
    ///
    /// [`StorageError`]: the store cannot be used. One that does not answer now is waited for.
    pub async fn start(self: &Arc<Self>, stop: &Stop) -> Result<(), StorageError> {
        match self.measure().await {
            Ok(()) => self.health.ok(),
            Err(error) if error.is_transient() => self.health.failing(error.to_string()),
            Err(error) => return Err(error),
        }
        let runner = TaskRunner::new(self.clone(), stop.clone());
        stop.spawn("tasks", async move {
            runner.run().await;
            Ok::<_, std::convert::Infallible>(())
        });
        let (core, stopping) = (self.clone(), stop.clone());
        stop.spawn("dead letters", async move { core.retry_unknown_pairs_until(stopping).await });
        let (core, stopping) = (self.clone(), stop.clone());
        stop.spawn("tokens", async move {
            core.refresh_ahead(stopping).await;
            Ok::<_, std::convert::Infallible>(())
        });
        let (core, stopping) = (self.clone(), stop.clone());
        stop.spawn("log watch", async move {
            core.log.watch(&stopping).await;
            Ok::<_, std::convert::Infallible>(())
        });
        self.tickets.ok();
        let (core, stopping) = (self.clone(), stop.clone());
        stop.spawn("ticket watch", async move {
            core.watch_tickets(stopping).await;
            Ok::<_, std::convert::Infallible>(())
        });
        for component in self.components.clone() {
            let (core, scanned, stopping) = (self.clone(), component.clone(), stop.clone());
            stop.spawn("list scan", async move {
                core.scan_list(scanned, stopping).await;
                Ok::<_, std::convert::Infallible>(())
            });
            let (core, stopping) = (self.clone(), stop.clone());
            stop.spawn("reconciliation", async move {
                core.reconcile_regularly(component, stopping).await;
                Ok::<_, std::convert::Infallible>(())
            });
        }
        let (core, stopping) = (self.clone(), stop.clone());
        stop.spawn("webhooks", async move {
            core.deliver_webhooks(stopping).await;
            Ok::<_, std::convert::Infallible>(())
        });
        let (core, stopping) = (self.clone(), stop.clone());
        stop.spawn("audit trail", async move {
            core.access.keep_trail(&stopping).await;
            Ok::<_, std::convert::Infallible>(())
        });
        let (core, stopping) = (self.clone(), stop.clone());
        stop.spawn("housekeeping", async move {
            core.keep_house(stopping).await;
            Ok::<_, std::convert::Infallible>(())
        });
        Ok(())
    }

    /// Where the log ends, as far as this process knows; changes when it grows.
    pub fn log_head(&self) -> watch::Receiver<Position> {
        self.log.head()
    }

    /// The components that are served.
    pub fn components(&self) -> &[ComponentId] {
        &self.components
    }
}

/// Rebuilds the state from the log, or only compares. Calls nobody; works beside a running service.
///
/// # Errors
///
/// [`StorageError`]; nothing was changed.
pub async fn rebuild<S: Storage>(
    storage: &S,
    master: MasterKeys,
    mode: RebuildMode,
    progress: impl Fn(Position) + Send + 'static,
) -> Result<RebuildReport, StorageError> {
    let vault = Arc::new(Vault::new(storage.clone(), master));
    storage.rebuild(mode, RebuildFolder::new(vault), progress).await
}
