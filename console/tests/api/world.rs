//! A worker over a store of its own, and the API in front of it.

use std::{sync::Arc, time::Duration};

use actix_web::{App, dev::Service as _, http::Method, test, test::TestRequest, web::Data};
use jiff::Timestamp;
use mandate_broker::CallbackSink;
use mandate_console::{Api, Proxy, routes};
use mandate_runtime::{health::Readiness, metrics::Metrics, stop::Stop, tls, web};
use mandate_schema::{MasterKeys, Push, Secret};
use mandate_storage::{Store, sqlite::migrate};
use mandate_wechat::envelope::KeyRing;
use mandate_worker::{
    ComponentSettings, Parts, ReconcileSettings, Worker,
    api::{ApiClient, ApiSettings},
    consent::ConsentSettings,
    messages::MessageSettings,
    views::Views,
    webhooks::WebhookSettings,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    contract::assert_described,
    pushes::{TOKEN, ring},
};

pub(crate) const LOG_ID: &str = "log-of-the-test";

/// One worker and its API. Its tasks stay queued: nothing runs them.
pub(crate) struct World {
    folder: TempDir,
    pub(crate) worker: Arc<Worker>,
    pub(crate) views: Arc<Views>,
    pub(crate) readiness: Readiness,
    pub(crate) metrics: Metrics,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        Self::over(folder, ring(TOKEN))
    }

    /// The same store behind a worker with other keys, as after a restart.
    pub(crate) fn restarted_with(self, ring: KeyRing) -> Self {
        Self::over(self.folder, ring)
    }

    /// The same store behind a worker that knows nothing yet.
    pub(crate) fn restarted(self) -> Self {
        self.restarted_with(ring(TOKEN))
    }

    pub(crate) fn over(folder: TempDir, ring: KeyRing) -> Self {
        tls::install_provider();
        let path = folder.path().join("mandate.db");
        migrate(&path, Timestamp::now(), LOG_ID).expect("a new store");
        let storage = Store::open_sqlite(&path, 2).expect("a store");
        let metrics = Metrics::new();
        let settings = nowhere();
        let worker = Worker::new(Parts {
            storage: storage.clone(),
            master: master(),
            components: vec![ComponentSettings { ring, app_secret: None }],
            api: ApiClient::new(&settings, metrics.clone()).expect("a client"),
            messages: MessageSettings { max_age: Duration::from_hours(1), max_size: 1 << 20, feed: true },
            consent: ConsentSettings {
                public_url: "https://auth.example.com".into(),
                base: "http://wechat.test".into(),
                mobile_base: "http://mobile.wechat.test".into(),
                open: true,
                return_hosts: vec!["shop.example.com".into()],
            },
            webhooks: WebhookSettings {
                allow_private: vec!["127.0.0.0/8".parse().expect("a network")],
                disable_after: Duration::from_hours(120),
            },
            calls: 64,
            audit_days: 1,
            reconciling: ReconcileSettings { every: None, calls_per_minute: 60 },
            metrics: metrics.clone(),
            readiness: Readiness::new(),
        });
        let views = Arc::new(Views::new(storage, master()));
        Self { folder, worker, views, readiness: Readiness::new(), metrics }
    }

    /// Takes the store away. Connections are opened when they are first needed, so do this before any question.
    pub(crate) fn lose_store(&self) {
        std::fs::remove_file(self.folder.path().join("mandate.db")).expect("it was there");
    }

    /// A world in which these pushes have come, in this order.
    pub(crate) async fn after(pushes: impl IntoIterator<Item = Push>) -> Self {
        let world = Self::new();
        world.take(pushes).await;
        world
    }

    pub(crate) async fn take(&self, pushes: impl IntoIterator<Item = Push>) {
        for push in pushes {
            self.worker.ingest().accept(vec![push]).await.expect("the store is there");
        }
    }

    pub(crate) async fn head(&self) -> u64 {
        self.worker.storage.head().await.expect("the store is there").0
    }

    /// Asks the API the way a listener would.
    pub(crate) async fn ask(&self, request: TestRequest) -> Answer {
        let api = Data::new(Api::new(
            self.worker.clone(),
            self.views.clone(),
            Some(settle_key()),
            proxy(),
            Stop::new(),
        ));
        let app = test::init_service(App::new().configure(|config| {
            web::health_routes(config, &self.readiness, &self.metrics);
            routes(config, api);
        }))
        .await;
        let request = request.to_request();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let response = app.call(request).await.expect("errors are answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = test::read_body(response).await;
        let body = String::from_utf8(body.to_vec()).expect("text");
        let header = |name: &str| {
            headers.get(name).map(|value| value.to_str().expect("printable").to_owned()).unwrap_or_default()
        };
        let names = headers.keys().map(ToString::to_string).collect();
        let answer = Answer {
            status,
            names,
            content_type: header("content-type"),
            cache_control: header("cache-control"),
            etag: header("etag"),
            link: header("link"),
            allow: header("allow"),
            retry_after: header("retry-after"),
            body,
        };
        assert_described(&method, &uri, &answer);
        answer
    }

    /// `GET` from this machine.
    pub(crate) async fn get(&self, address: &str) -> Answer {
        self.ask(local(address)).await
    }

    /// `POST` from this machine, without a body.
    pub(crate) async fn post(&self, address: &str) -> Answer {
        self.ask(local(address).method(Method::POST)).await
    }

    /// The items of a whole list, page by page; each page but the last must be full.
    pub(crate) async fn pages(&self, list: &str, limit: usize) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{list}limit={limit}{cursor}")).await.list();
            items.extend(page.0.iter().cloned());
            let Some(next) = page.1 else { return items };
            assert_eq!(page.0.len(), limit, "a page with a next one is full");
            cursor = format!("&cursor={next}");
        }
    }
}

/// The key of ingress.
pub(crate) fn settle_key() -> Secret {
    Secret::new("settle-key-of-the-test")
}

pub(crate) fn master() -> MasterKeys {
    MasterKeys::new([("test", &[42; 32])]).expect("one key")
}

/// A request from this machine.
pub(crate) fn local(address: &str) -> TestRequest {
    TestRequest::with_uri(address).peer_addr(([127, 0, 0, 1], 50_000).into())
}

/// An address at which nobody answers.
fn nowhere() -> ApiSettings {
    ApiSettings {
        base: "http://127.0.0.1:1".to_owned(),
        timeout: Duration::from_secs(1),
        proxy: None,
        ca: None,
    }
}

/// A proxy to nowhere.
pub(crate) fn proxy() -> Proxy {
    Proxy::new(
        &nowhere(),
        ["/cgi-bin/", "/wxa/", "/sns/component/", "/sns/oauth2/component/"].map(str::to_owned).to_vec(),
    )
    .expect("a client")
}

/// A request from another machine.
pub(crate) fn remote(address: &str) -> TestRequest {
    TestRequest::with_uri(address).peer_addr(([10, 0, 0, 9], 50_000).into())
}

/// What the API said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) cache_control: String,
    pub(crate) etag: String,
    pub(crate) link: String,
    pub(crate) allow: String,
    pub(crate) retry_after: String,
    /// The names of all headers, lower case.
    pub(crate) names: Vec<String>,
    pub(crate) body: String,
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.content_type, "application/json", "{self:?}");
        assert_eq!(self.cache_control, "no-store", "{self:?}");
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// The items and the next cursor of a list.
    #[track_caller]
    pub(crate) fn list(&self) -> (Vec<Value>, Option<String>) {
        let body = self.json();
        assert_eq!(keys(&body), ["data", "next_cursor"]);
        let data = body["data"].as_array().expect("a list").clone();
        (data, body["next_cursor"].as_str().map(str::to_owned))
    }

    /// Asserts that this is a problem document with this status and code; its detail.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> String {
        assert_eq!(
            (self.status, self.content_type.as_str()),
            (status, "application/problem+json"),
            "{self:?}"
        );
        assert_eq!(self.cache_control, "no-store", "{self:?}");
        let body: Value = serde_json::from_str(&self.body).expect("JSON");
        assert_eq!(keys(&body), ["code", "cure", "detail", "status", "title", "type"]);
        assert_eq!((&body["code"], &body["status"]), (&code.into(), &status.into()), "{self:?}");
        assert_eq!(body["type"], format!("/api/v1/problems/{code}"));
        assert!(!body["title"].as_str().expect("text").is_empty());
        body["detail"].as_str().expect("text").to_owned()
    }
}

/// The names of an object's members, in order of the alphabet.
#[track_caller]
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Asserts that a text is RFC 3339 in UTC with milliseconds.
#[track_caller]
pub(crate) fn assert_time(value: &Value) {
    let text = value.as_str().expect("a time is text");
    text.parse::<Timestamp>().expect("RFC 3339");
    assert!(text.len() == "2026-01-01T00:00:00.000Z".len() && text.ends_with('Z'), "{text}");
}
