//! What merchants and `WeChat` do, and what the API shows.

use serde_json::{Value, json};

use super::{World, schemas};

impl World {
    /// A call of the simulator's control API that must succeed.
    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let answer =
            self.http.post(self.simulator_url(&format!("/_control/{path}"))).json(&body).send().await;
        let answer = answer.expect("the simulator answers");
        let (status, text) = (answer.status(), answer.text().await.expect("a body"));
        assert!(status.is_success(), "{path} {body}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// A read of the simulator's control API.
    pub(crate) async fn observe(&self, path: &str) -> Value {
        self.try_get(&self.simulator_url(&format!("/_control/{path}"))).await.expect("the simulator answers")
    }

    /// The next ticket, which must be accepted.
    pub(crate) async fn ticket(&self, component: &str) {
        let pushed = self.push(json!({"component": component, "info_type": "component_verify_ticket"})).await;
        assert_accepted(&pushed);
    }

    /// Any push; what its deliveries got.
    pub(crate) async fn push(&self, spec: Value) -> Value {
        self.control("push", spec).await
    }

    /// A merchant acts, and the push must be accepted; the outcome.
    pub(crate) async fn act(&self, spec: Value) -> Value {
        let outcome = self.control("authorizers", spec).await;
        assert_accepted(&outcome);
        outcome
    }

    /// A new merchant authorizes; its appid.
    pub(crate) async fn authorize(&self, component: &str) -> String {
        let outcome = self.act(json!({"component": component, "act": "authorize"})).await;
        outcome["authorizer"].as_str().expect("an appid").to_owned()
    }

    /// A merchant that is known authorizes, updates or revokes.
    pub(crate) async fn again(&self, component: &str, authorizer: &str, act: &str) -> Value {
        self.act(json!({"component": component, "authorizer": authorizer, "act": act})).await
    }

    /// The address of a link that asks for an authorization.
    pub(crate) async fn link(&self, order: Value) -> String {
        let url = self.console_url("/api/v1/authorization-links");
        let answer = self.http.post(url).json(&order).send().await.expect("the API answers");
        let link: Value = serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON");
        link["url"].as_str().unwrap_or_else(|| panic!("{link}")).to_owned()
    }

    /// A read of the API that must succeed.
    pub(crate) async fn api(&self, path: &str) -> Value {
        let url = self.console_url(&format!("/api/v1{path}"));
        let answer = self.http.get(&url).send().await.expect("the API answers");
        let (status, text) = (answer.status(), answer.text().await.expect("a body"));
        assert!(status.is_success(), "{url}: {status} {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// An account as the API shows it; `Null` if it is unknown.
    pub(crate) async fn authorizer(&self, component: &str, authorizer: &str) -> Value {
        let url = self.console_url(&format!("/api/v1/components/{component}/authorizers/{authorizer}"));
        self.try_get(&url).await.unwrap_or(Value::Null)
    }

    /// Waits until the account has this status.
    pub(crate) async fn wait_status(&self, component: &str, authorizer: &str, status: &str) -> Value {
        self.wait(&format!("{authorizer} to be {status}"), async |world| {
            let view = world.authorizer(component, authorizer).await;
            (view["status"] == status).then_some(view)
        })
        .await
    }

    /// Waits until something holds for the account.
    pub(crate) async fn wait_view(
        &self,
        component: &str,
        authorizer: &str,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        self.wait(what, async |world| {
            let view = world.authorizer(component, authorizer).await;
            holds(&view).then_some(view)
        })
        .await
    }

    /// The account's events, oldest first.
    pub(crate) async fn history(&self, component: &str, authorizer: &str) -> Vec<Value> {
        let page =
            self.api(&format!("/components/{component}/authorizers/{authorizer}/events?limit=500")).await;
        let mut events = page["data"].as_array().expect("a list").clone();
        events.reverse();
        events
    }

    /// The stored types of the account's events, oldest first.
    pub(crate) async fn types(&self, component: &str, authorizer: &str) -> Vec<String> {
        self.history(component, authorizer).await.iter().map(short_type).collect()
    }

    /// The whole feed; every position must be there.
    pub(crate) async fn feed(&self) -> Vec<Value> {
        let (mut events, mut after) = (Vec::new(), 0);
        loop {
            let page = self.api(&format!("/events?after={after}&limit=500")).await;
            let data = page["data"].as_array().expect("a list");
            events.extend(data.iter().cloned());
            let last = page["last_position"].as_u64().expect("a position");
            if last == after {
                break;
            }
            after = last;
        }
        schemas::assert_valid(&events);
        for (index, event) in events.iter().enumerate() {
            assert_eq!(event["sequence"], format!("{:020}", index + 1), "the feed is dense");
        }
        events
    }

    /// How often the simulator's API was called, and with which results.
    pub(crate) async fn calls(&self, api: &str) -> Vec<i64> {
        let calls = self.observe("calls").await;
        let calls = calls["data"].as_array().expect("a list").iter().filter(|call| call["api"] == api);
        calls.map(|call| call["errcode"].as_i64().unwrap_or(-2)).collect()
    }

    /// Takes all waiting faults back.
    pub(crate) async fn clear_faults(&self) {
        let answer =
            self.http.delete(self.simulator_url("/_control/faults")).send().await.expect("an answer");
        assert!(answer.status().is_success());
    }

    /// Adds a fault; without an API it is one of all.
    pub(crate) async fn fault(&self, api: &str, kind: &str, times: u32, value: Value) {
        let mut body = json!({"kind": kind, "times": times});
        if !api.is_empty() {
            body["api"] = json!(api);
        }
        if !value.is_null() {
            body["value"] = value;
        }
        self.control("faults", body).await;
    }
}

/// `authorization.granted` of `mandate.authorization.granted.v1`.
pub(crate) fn short_type(event: &Value) -> String {
    let kind = event["type"].as_str().expect("a type");
    kind.trim_start_matches("mandate.").trim_end_matches(".v1").to_owned()
}

/// Every delivery was answered 200 `success`.
pub(crate) fn assert_accepted(outcome: &Value) {
    let deliveries = outcome["deliveries"].as_array().expect("deliveries");
    for delivery in deliveries {
        assert_eq!((&delivery["status"], &delivery["body"]), (&json!(200), &json!("success")), "{outcome}");
    }
}
