//! The simulator over real HTTP, against a small receiver of pushes.

mod api;
mod consent;
mod control;
mod dirty;
mod forged;
mod pushes;
mod readme;
mod receiver;
mod release_check;

use std::net::TcpListener;

use mandate_schema::{ComponentId, Secret};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::receiver::Receiver;
use crate::{Handle, Settings, SimComponent, start};

const COMPONENT: &str = "wx1f2e3d4c5b6a7988";
const MERCHANT: &str = "wxa0b1c2d3e4f50617";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const TOKEN: &str = "RustComponentToken01";
const KEY: &str = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";

/// A simulator, a receiver of its pushes, and a caller.
struct World {
    simulator: Handle,
    receiver: Receiver,
    http: reqwest::Client,
    _stop: DropGuard,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(adjust: impl FnOnce(&mut Settings)) -> Self {
        let stop = CancellationToken::new();
        let receiver = Receiver::start(stop.clone());
        let mut settings = Settings::new(vec![SimComponent {
            app_id: component(),
            app_secret: Secret::new(SECRET),
            token: Secret::new(TOKEN),
            encoding_aes_key: Secret::new(KEY),
            event_url: format!("{}/events?tenant=1", receiver.url),
            message_url: format!("{}/messages/$APPID$", receiver.url),
        }]);
        settings.retry_pause = std::time::Duration::from_millis(1);
        adjust(&mut settings);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let simulator = start(settings, listener, stop.clone()).await.expect("it starts");
        // Without the pool each call is a connection of its own, so that a dropped one is seen as such.
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).tls_certs_only([]).build();
        Self { simulator, receiver, http: http.expect("a client"), _stop: stop.drop_guard() }
    }

    /// Posts to the simulator; status and body.
    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.try_post(path, body).await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    async fn try_post(&self, path: &str, body: &Value) -> reqwest::Result<reqwest::Response> {
        self.http.post(format!("{}{path}", self.simulator.url())).body(body.to_string()).send().await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let answer =
            self.http.get(format!("{}{path}", self.simulator.url())).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.expect("JSON"))
    }

    /// An order to the control API that must succeed.
    #[track_caller]
    fn order(&self, path: &str, body: Value) -> impl Future<Output = Value> {
        let path = format!("/_control/{path}");
        async move {
            let (status, value) = self.post(&path, &body).await;
            assert!((200..300).contains(&status), "{path} {body}: {status} {value}");
            value
        }
    }

    /// A call to the component API.
    async fn api(&self, api: &str, token: &str, body: Value) -> Value {
        self.post(&format!("/cgi-bin/component/{api}?component_access_token={token}"), &body).await.1
    }

    /// A component token, starting from a pushed ticket.
    async fn component_token(&self) -> String {
        let push = self
            .order("push", json!({ "component": COMPONENT, "info_type": "component_verify_ticket" }))
            .await;
        assert_eq!(push["deliveries"][0]["ok"], true, "{push}");
        let ticket = self.receiver.last().field("ComponentVerifyTicket");
        let body = json!({
            "component_appid": COMPONENT, "component_appsecret": SECRET, "component_verify_ticket": ticket,
        });
        let value = self.api("api_component_token", "", body).await;
        value["component_access_token"].as_str().expect("a token").to_owned()
    }
}

fn component() -> ComponentId {
    ComponentId::parse(COMPONENT).expect("an appid")
}
