//! A worker over a store of its own, and pushes as `WeChat` would send them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use mandate_broker::CallbackSink;
use mandate_runtime::{health::Readiness, metrics::Metrics};
use mandate_schema::{
    AuthorizerId, CallbackId, CommandId, ComponentId, Event, MasterKeys, PairId, Position, Push, Secret,
    StreamName,
};
use mandate_storage::{
    Claim, Claimed, CommandOutcome, Company, DeadLetterRow, EventQuery, Shares, Store, TaskState,
    sqlite::migrate,
};
use mandate_wechat::{
    envelope::{EncodingAesKey, KeyRing, Pair, cipher},
    signature,
};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    ComponentSettings, Parts, ReconcileSettings, Worker,
    consent::ConsentSettings,
    inbound::messages::MessageSettings,
    log::fold,
    outbound::webhooks::WebhookSettings,
    wechat::client::{ApiClient, ApiSettings},
};

pub(super) const COMPONENT: &str = "wx1f2e3d4c5b6a7988";
const TOKEN: &str = "RustComponentToken01";
const KEY: &str = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";

/// A process that claims tasks.
pub(super) const WORKER: Uuid = Uuid::from_u128(1);

/// A worker without background work.
pub(super) struct Given {
    pub(super) worker: Arc<Worker>,
    folder: TempDir,
}

pub(super) fn master() -> MasterKeys {
    MasterKeys::new([("test", &[42; 32])]).unwrap()
}

pub(super) fn component() -> ComponentId {
    COMPONENT.parse().unwrap()
}

pub(super) fn merchant() -> AuthorizerId {
    "wxa0b1c2d3e4f50617".parse().unwrap()
}

pub(super) fn stream() -> StreamName {
    StreamName::Authorizer(component(), merchant())
}

fn key() -> EncodingAesKey {
    EncodingAesKey::parse(&Secret::new(KEY)).unwrap()
}

impl Given {
    pub(super) fn new() -> Self {
        Self::with(TempDir::new().unwrap(), TOKEN, master())
    }

    /// A worker over a database that an earlier version left, given as SQL.
    pub(super) fn left_behind(dump: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let database = rusqlite::Connection::open(folder.path().join("mandate.db")).unwrap();
        database.execute_batch(dump).unwrap();
        Self::with(folder, TOKEN, master())
    }

    /// One that calls this API.
    pub(super) fn calling(base: &str) -> Self {
        Self::over(TempDir::new().unwrap(), TOKEN, master(), base)
    }

    /// Another worker over the same store.
    pub(super) fn another(&self, base: &str) -> Arc<Worker> {
        worker(&self.database(), TOKEN, master(), base)
    }

    /// The same store under a worker with another token or other master keys.
    pub(super) fn restarted(self, token: &str, master: MasterKeys) -> Self {
        Self::with(self.folder, token, master)
    }

    fn with(folder: TempDir, token: &str, master: MasterKeys) -> Self {
        Self::over(folder, token, master, "http://127.0.0.1:1")
    }

    fn over(folder: TempDir, token: &str, master: MasterKeys, base: &str) -> Self {
        let path = folder.path().join("mandate.db");
        migrate(&path, Timestamp::now(), "a log").unwrap();
        Self { worker: worker(&path, token, master, base), folder }
    }

    pub(super) fn database(&self) -> PathBuf {
        self.folder.path().join("mandate.db")
    }

    /// The time of whoever leads is over.
    pub(super) fn end_leases(&self) {
        let database = rusqlite::Connection::open(self.database()).unwrap();
        assert!(database.execute("update lease set until = 1", []).unwrap() > 0, "nobody has one");
    }

    pub(super) async fn take(&self, push: Push) {
        self.worker.ingest().accept(vec![push]).await.unwrap();
    }

    /// All events, opened.
    pub(super) async fn events(&self) -> Vec<Event> {
        let query = EventQuery { after: Position(0), limit: 1_000 };
        let mut events = Vec::new();
        for stored in self.worker.storage.read(query).await.unwrap() {
            events.push(fold::decode(&self.worker.log.vault, &stored).await.unwrap());
        }
        events
    }

    pub(super) async fn names(&self) -> Vec<&'static str> {
        self.events().await.iter().map(Event::name).collect()
    }

    /// Claims what is due, as a process that works on it for as long as it takes.
    pub(super) async fn claim(&self, limit: usize) -> Vec<Claimed> {
        self.claim_as(WORKER, SignedDuration::from_mins(5), Company::Beside(limit)).await
    }

    pub(super) async fn claim_as(
        &self,
        worker: Uuid,
        lease: SignedDuration,
        company: Company,
    ) -> Vec<Claimed> {
        let now = Timestamp::now();
        let claim = Claim { worker, now, leased_until: now + lease, company, shares: Shares::unlimited() };
        self.worker.storage.claim(claim).await.unwrap()
    }

    /// How many tasks of a kind are in a state.
    pub(super) async fn tasks(&self, kind: &str, state: TaskState) -> u64 {
        let counts = self.worker.storage.task_counts().await.unwrap();
        counts
            .iter()
            .filter(|count| count.kind == kind && count.state == state)
            .map(|count| count.count)
            .sum()
    }

    pub(super) async fn outcome(&self, id: CallbackId) -> Option<CommandOutcome> {
        let found = self.worker.storage.outcomes(vec![CommandId::from(id)]).await.unwrap();
        found.first().map(|record| record.outcome)
    }

    pub(super) async fn dead_letters(&self) -> Vec<DeadLetterRow> {
        self.worker.storage.dead_letters(None, 100).await.unwrap()
    }
}

/// A worker over the store at this path.
fn worker(path: &Path, token: &str, master: MasterKeys, base: &str) -> Arc<Worker> {
    mandate_runtime::tls::install_provider();
    let pair = Pair::new(Secret::new(token), key()).unwrap();
    let settings =
        ApiSettings { base: base.to_owned(), timeout: Duration::from_secs(1), proxy: None, ca: None };
    let metrics = Metrics::new();
    Worker::new(Parts {
        storage: Store::open_sqlite(path, 2).unwrap(),
        master,
        components: vec![ComponentSettings {
            ring: KeyRing::new(component(), vec![pair]).unwrap(),
            app_secret: Some(Secret::new("app secret")),
        }],
        api: ApiClient::new(&settings, metrics.clone()).unwrap(),
        messages: MessageSettings { max_age: Duration::from_hours(1), max_size: 1 << 20, feed: true },
        consent: ConsentSettings {
            public_url: "http://127.0.0.1:8082".into(),
            base: "http://wechat.test".into(),
            mobile_base: "http://mobile.wechat.test".into(),
            open: true,
            return_hosts: vec!["shop.example.com".into()],
        },
        webhooks: WebhookSettings {
            allow_private: vec!["127.0.0.0/8".parse().unwrap()],
            disable_after: Duration::from_hours(120),
        },
        audit_days: 1,
        calls: 64,
        reconciling: ReconcileSettings { every: None, calls_per_minute: 60 },
        metrics,
        readiness: Readiness::new(),
    })
}

/// A push of the auth-event URL that says this, signed and sealed as `WeChat` does.
/// A push of the auth-event URL.
pub(super) fn push(create_time: i64, info_type: &str, fields: &str) -> Push {
    sealed(
        create_time,
        None,
        &format!(
            "<xml><AppId>{COMPONENT}</AppId><CreateTime>{create_time}</CreateTime><InfoType>{info_type}</InfoType>{fields}</xml>"
        ),
    )
}

/// A push of the message URL of [`merchant`]; `to_user` is the account's original id.
pub(super) fn message(create_time: i64, to_user: &str, msg_type: &str, fields: &str) -> Push {
    sealed(
        create_time,
        Some(merchant()),
        &format!(
            "<xml><ToUserName>{to_user}</ToUserName><FromUserName>oXyz</FromUserName>\
             <CreateTime>{create_time}</CreateTime><MsgType>{msg_type}</MsgType>{fields}</xml>"
        ),
    )
}

fn sealed(create_time: i64, authorizer: Option<AuthorizerId>, text: &str) -> Push {
    let create_time = mandate_schema::CreateTime(create_time);
    let id = CallbackId::compute(create_time, &component(), authorizer.as_ref(), text);
    Push { id, ..genuine(authorizer, text.as_bytes()) }
}

/// When every push here is signed.
pub(super) const SIGNED_AT: i64 = 1_767_225_600;

/// A push of any bytes, under the id that one without a time of its own has.
pub(super) fn genuine(authorizer: Option<AuthorizerId>, plaintext: &[u8]) -> Push {
    let signed_at = mandate_schema::CreateTime(SIGNED_AT);
    let encrypted = cipher::encrypt(&key(), COMPONENT, [7; 16], plaintext);
    let signed = signature::sign(&[TOKEN, &SIGNED_AT.to_string(), "2", &encrypted]);
    Push {
        id: CallbackId::compute(signed_at, &component(), authorizer.as_ref(), plaintext),
        component: component(),
        authorizer,
        pair: PairId::of(&Secret::new(TOKEN), key().bytes()),
        query: format!("timestamp={SIGNED_AT}&nonce=2&msg_signature={signed}&encrypt_type=aes"),
        body: format!("<xml><AppId>{COMPONENT}</AppId><Encrypt>{encrypted}</Encrypt></xml>"),
        received_at: Timestamp::now(),
        unverified: false,
    }
}

pub(super) fn authorized(create_time: i64, code: &str) -> Push {
    let fields = format!(
        "<AuthorizerAppid>{}</AuthorizerAppid><AuthorizationCode>{code}</AuthorizationCode>",
        merchant()
    );
    push(create_time, "authorized", &fields)
}

pub(super) fn ticket(create_time: i64, ticket: &str) -> Push {
    push(
        create_time,
        "component_verify_ticket",
        &format!("<ComponentVerifyTicket>{ticket}</ComponentVerifyTicket>"),
    )
}
