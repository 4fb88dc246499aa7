//! Puts a worker together from its parts, and starts what runs in the background.

use std::{collections::HashMap, convert::Infallible, sync::Arc, time::Duration};

use mandate_runtime::{
    health::{Dependency, Readiness},
    metrics::Metrics,
    stop::Stop,
};
use mandate_schema::{ComponentId, MasterKeys, Position, SealError, Secret};
use mandate_storage::{StorageError, Store};
use mandate_wechat::envelope::KeyRing;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::{
    access::Access,
    consent::{ConsentSettings, Consents},
    erase::Eraser,
    housekeeping::Housekeeping,
    inbound::{
        dead_letters::DeadLetters,
        ingest::Ingest,
        messages::{MessageSettings, Messages},
        opener::Opener,
    },
    log::{Log, vault::Vault},
    outbound::{
        publisher::{EventPublisher, EventsOut, Outbox},
        webhooks::{WebhookSettings, Webhooks},
    },
    reconcile::{ReconcileSettings, Reconciler},
    tasks::{TaskRunner, list::Lists},
    tokens::{TicketWatch, TokenRows, Tokens},
    wechat::client::ApiClient,
};

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
pub struct Parts {
    /// The storage.
    pub storage: Store,
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

/// A worker: the parts that doors use. What runs in the background begins with [`Worker::start`].
pub struct Worker {
    /// The storage.
    pub storage: Store,
    /// Who may ask what.
    pub access: Arc<Access>,
    /// Access tokens.
    pub tokens: Arc<Tokens>,
    /// Merchants' consent.
    pub consents: Consents,
    /// Subscribers' endpoints.
    pub webhooks: Arc<Webhooks>,
    /// Messages, where no broker publishes them.
    pub messages: Arc<Messages>,
    /// What could not be decided.
    pub dead_letters: Arc<DeadLetters>,
    /// Comparisons with `WeChat`'s list.
    pub reconciler: Arc<Reconciler>,
    /// Erases authorizers.
    pub eraser: Eraser,
    pub(crate) log: Arc<Log>,
    pub(crate) lists: Arc<Lists>,
    pub(crate) metrics: Metrics,
    ingest: Ingest,
    queued: Arc<Notify>,
    calls: usize,
    pub(crate) housekeeping: Arc<Housekeeping>,
    ticket_watch: Arc<TicketWatch>,
    health: Dependency,
}

impl Worker {
    /// Puts a worker together; nothing runs yet but the appender. Call it inside a tokio runtime.
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { storage, metrics, readiness, .. } = &parts;
        let (storage, metrics) = (storage.clone(), metrics.clone());
        let (health, tickets) = (readiness.register("storage"), readiness.register("tickets"));
        let queued = Arc::new(Notify::new());
        let vault = Arc::new(Vault::new(storage.clone(), parts.master));
        let rows = TokenRows::new(storage.clone(), vault.clone(), parts.api.timeout(), metrics.clone());
        let rows = Arc::new(rows);
        let log = Arc::new(Log::start(storage, vault.clone(), rows.clone(), queued.clone(), metrics.clone()));
        let secrets = secrets(&parts.components);
        let components = parts.components.iter().map(|one| one.ring.component().clone()).collect();
        let opener = Arc::new(Opener::new(parts.components.into_iter().map(|component| component.ring)));
        let tokens = Arc::new(Tokens::new(log.clone(), parts.api, rows, components, secrets));
        let lists = Arc::new(Lists::new(tokens.clone()));
        let messages = Arc::new(Messages::new(log.storage.clone(), opener.clone(), parts.messages));
        let webhooks = Arc::new(Webhooks::new(log.clone(), parts.webhooks, metrics.clone()));
        let ingest =
            Ingest::new(log.clone(), opener.clone(), messages.clone(), queued.clone(), metrics.clone());
        let housekeeping = Housekeeping {
            storage: log.storage.clone(),
            messages: messages.clone(),
            webhooks: webhooks.clone(),
            audit_days: parts.audit_days,
            metrics: metrics.clone(),
            health: health.clone(),
        };
        let ticket_watch = TicketWatch { tokens: tokens.clone(), metrics: metrics.clone(), health: tickets };
        Arc::new(Self {
            storage: log.storage.clone(),
            access: Arc::new(Access::new(log.storage.clone())),
            consents: Consents { tokens: tokens.clone(), log: log.clone(), settings: parts.consent },
            dead_letters: Arc::new(DeadLetters { ingest: ingest.clone(), queued: queued.clone() }),
            reconciler: Arc::new(Reconciler {
                log: log.clone(),
                lists: lists.clone(),
                settings: parts.reconciling,
            }),
            eraser: Eraser { log: log.clone(), opener },
            housekeeping: Arc::new(housekeeping),
            ticket_watch: Arc::new(ticket_watch),
            calls: parts.calls,
            tokens,
            webhooks,
            messages,
            log,
            lists,
            metrics,
            ingest,
            queued,
            health,
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
            self.log
                .vault
                .unwrap(&sample)
                .map_err(|source| StartError::MasterKey { id: sample.master, source })?;
        }
        Ok(())
    }

    /// Starts what runs in the background. Pushes that could not be opened for want of a pair of keys are tried again beside it.
    ///
    /// # Errors
    ///
    /// [`StorageError`]: the store cannot be used. One that does not answer now is waited for.
    pub async fn start(&self, stop: &Stop) -> Result<(), StorageError> {
        match self.housekeeping.measure().await {
            Ok(()) => self.health.ok(),
            Err(error) if error.is_transient() => self.health.failing(error.to_string()),
            Err(error) => return Err(error),
        }
        let runner = self.task_runner(stop);
        background(stop, "tasks", &runner, |runner, _| runner.run());
        let (dead_letters, stopping) = (self.dead_letters.clone(), stop.clone());
        stop.spawn("dead letters", async move { dead_letters.retry_unknown_pairs_until(&stopping).await });
        background(stop, "tokens", &self.tokens, async |tokens, stop| tokens.refresh_ahead(&stop).await);
        background(stop, "log watch", &self.log, async |log, stop| log.watch(&stop).await);
        background(stop, "ticket watch", &self.ticket_watch, async |tickets, stop| tickets.run(&stop).await);
        background(stop, "webhooks", &self.webhooks, async |webhooks, stop| webhooks.run(&stop).await);
        background(stop, "audit trail", &self.access, async |access, stop| access.keep_trail(&stop).await);
        background(stop, "housekeeping", &self.housekeeping, async |house, stop| house.run(&stop).await);
        for component in self.components() {
            let (scanned, compared) = (component.clone(), component.clone());
            background(stop, "list scan", &self.lists, async move |lists, stop| {
                lists.scan(&scanned, &stop).await;
            });
            background(stop, "reconciliation", &self.reconciler, async move |reconciler, stop| {
                reconciler.run(&compared, &stop).await;
            });
        }
        Ok(())
    }

    /// The worker's ingest.
    pub fn ingest(&self) -> Ingest {
        self.ingest.clone()
    }

    /// A publisher of events into `out`, whose stream keeps events for `max_age`.
    pub fn publisher<O: EventsOut>(&self, out: O, max_age: Duration) -> EventPublisher<O> {
        EventPublisher::new(self.outbox(), self.log.clone(), self.metrics.clone(), out, max_age)
    }

    /// The log as it is published.
    pub fn outbox(&self) -> Outbox {
        Outbox { storage: self.storage.clone(), vault: self.log.vault.clone() }
    }

    /// Runs tasks until the process stops.
    pub(crate) fn task_runner(&self, stop: &Stop) -> Arc<TaskRunner> {
        Arc::new(TaskRunner {
            log: self.log.clone(),
            tokens: self.tokens.clone(),
            lists: self.lists.clone(),
            queued: self.queued.clone(),
            calls: self.calls,
            stop: stop.clone(),
            worker: Uuid::new_v4(),
        })
    }

    /// The components that are served.
    pub fn components(&self) -> &[ComponentId] {
        &self.tokens.components
    }

    /// Where the log ends, as far as this process knows; changes when it grows.
    pub fn log_head(&self) -> watch::Receiver<Position> {
        self.log.head()
    }
}

fn secrets(components: &[ComponentSettings]) -> HashMap<ComponentId, Secret> {
    let secret = |component: &ComponentSettings| {
        Some((component.ring.component().clone(), component.app_secret.clone()?))
    };
    components.iter().filter_map(secret).collect()
}

/// Runs a part until the process stops.
fn background<P, F>(stop: &Stop, name: &'static str, part: &Arc<P>, run: impl FnOnce(Arc<P>, Stop) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let running = run(part.clone(), stop.clone());
    stop.spawn(name, async move {
        running.await;
        Ok::<_, Infallible>(())
    });
}
