//! Webhooks: everything arrives, signed and in order for each account, whatever refuses or dies meanwhile.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use crate::world::{COMPONENT_A as A, Options, Service, Stack, World, receiver::Receiver};

const ALLOWED: &str = "[webhooks]\nallow_private = [\"127.0.0.0/8\"]\n";

async fn world(stack: Stack, extra: &str) -> World {
    World::with(Options { extra: format!("{ALLOWED}{extra}"), ..Options::on(stack).await }).await
}

impl World {
    /// A POST of the API that must succeed.
    async fn order(&self, path: &str, body: &Value) -> Value {
        let url = self.console_url(&format!("/api/v1{path}"));
        let answer = self.http.post(&url).json(body).send().await.expect("the API answers");
        let (status, text) = (answer.status(), answer.text().await.expect("a body"));
        assert!(status.is_success(), "{url}: {status} {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Registers an endpoint for the whole log; its address in the API.
    async fn webhook(&mut self, receiver: &Receiver) -> String {
        let new = self.order("/webhooks", &json!({ "url": receiver.url(), "after": 0 })).await;
        let secret = new["secret"].as_str().expect("a secret");
        receiver.expect_signatures(secret);
        self.planted.push(secret.to_owned());
        format!("/webhooks/{}", new["id"].as_str().expect("an id"))
    }
}

/// Waits until an endpoint has taken the whole log, each account's events in order; the log.
async fn delivered(world: &World, receiver: &Receiver) -> Vec<Value> {
    world.settle().await;
    let feed = world.feed().await;
    world
        .wait("everything to be delivered", async |_| {
            let ids: HashSet<String> = receiver.taken().iter().map(id).collect();
            (ids.len() == feed.len()).then_some(())
        })
        .await;
    let mut seen = HashSet::new();
    let mut last = HashMap::new();
    for event in receiver.taken() {
        if seen.insert(id(&event)) {
            let next = event["sequence"].to_string();
            let before = last.insert(event["data"]["stream"].to_string(), next.clone());
            assert!(before.is_none_or(|before| before < next), "{event}");
            let position: usize = event["sequence"].as_str().expect("text").parse().expect("a number");
            assert_eq!(event, feed[position - 1]);
        }
    }
    feed
}

fn id(event: &Value) -> String {
    event["id"].as_str().expect("an id").to_owned()
}

async fn a_day(world: &World) {
    for _ in 0..4 {
        let merchant = world.authorize(A).await;
        world.wait_status(A, &merchant, "authorized").await;
        world.again(A, &merchant, "update").await;
        world.again(A, &merchant, "revoke").await;
    }
}

async fn everything_arrives(stack: Stack) {
    let (mut world, receiver) = (world(stack, "").await, Receiver::start());
    world.ticket(A).await;
    // It refuses each fifth event once.
    let mut refused = HashSet::new();
    receiver.answers(move |event| {
        let position: u64 = event["sequence"].as_str().expect("text").parse().expect("a number");
        if position % 5 == 3 && refused.insert(position) { 503 } else { 204 }
    });
    let address = world.webhook(&receiver).await;
    for _ in 0..2 {
        a_day(&world).await;
        match stack {
            Stack::Embedded => {
                world.kill_service().await;
                world.start_service(&[]).await;
            }
            Stack::Servers => {
                world.kill_worker().await;
                world.start_worker().await;
            }
        }
    }
    a_day(&world).await;
    let feed = delivered(&world, &receiver).await;
    let webhook = world
        .wait("the webhook to have come to the end", async |world| {
            let webhook = world.api(&address).await;
            (webhook["lag"] == 0 && webhook["held_streams"] == 0).then_some(webhook)
        })
        .await;
    assert_eq!((&webhook["position"], &webhook["given_up"]), (&json!(feed.len()), &json!(0)));
    assert_eq!(webhook["attempts"].as_array().expect("a list").len(), 20);
    let metrics = world.try_get(&world.console_url("/metrics")).await.expect("metrics");
    let metrics = metrics.as_str().expect("text");
    assert!(metrics.contains("mandate_webhook_deliveries_total{outcome=\"delivered\"}"), "{metrics}");
    assert!(metrics.contains("mandate_webhooks{state=\"active\"} 1"), "{metrics}");

    let before = receiver.taken().len();
    let rewound = world.order(&format!("{address}/rewind"), &json!({ "position": 1 })).await;
    assert_eq!(rewound, json!({ "position": 1, "events": feed.len(), "rewound": true }));
    world
        .wait("everything again", async |world| {
            // Its progress is stored behind the deliveries of a round.
            let is_at_the_end = world.api(&address).await["lag"] == 0;
            (is_at_the_end && receiver.taken().len() == before + feed.len()).then_some(())
        })
        .await;

    let listed = world.command_json(&["webhook", "list"]);
    let id = address.trim_start_matches("/webhooks/");
    assert_eq!((&listed[0]["id"], &listed[0]["state"]), (&json!(id), &json!("active")));
    let last = feed.len().to_string();
    let rewind = ["webhook", "rewind", id, "--position", last.as_str()];
    let (code, _, told) = world.command(&rewind);
    assert!(code == 2 && told.contains("1 events") && told.contains("--yes"), "{told}");
    let done = world.command_json(&[&rewind[..], &["--yes"]].concat());
    assert_eq!(done, json!({ "position": feed.len(), "events": 1 }));
    world
        .wait("the last again", async |_| (receiver.taken().len() == before + feed.len() + 1).then_some(()))
        .await;
    world.finish().await;
}

async fn an_endpoint_that_only_fails_is_disabled_and_told_of(stack: Stack) {
    let (mut world, receiver, other) =
        (world(stack, "disable_after = \"1s\"\n").await, Receiver::start(), Receiver::start());
    world.ticket(A).await;
    let address = world.webhook(&receiver).await;
    receiver.answers(|_| 500);
    world.webhook(&other).await;
    let webhook = world
        .wait("the webhook to be disabled", async |world| {
            let webhook = world.api(&address).await;
            (webhook["state"] == "disabled").then_some(webhook)
        })
        .await;
    let told = world
        .wait("the others to be told", async |_| {
            other.taken().into_iter().find(|event| event["type"] == "mandate.webhook.disabled.v1")
        })
        .await;
    assert_eq!((&told["subject"], &told["source"]), (&webhook["id"], &json!("/mandate")));
    assert_eq!(told["data"]["endpoint"], receiver.url());
    assert_eq!(told["data"]["since"], webhook["failing_since"]);
    assert!(world.logs().contains("is disabled: every delivery has failed since"), "{}", world.logs());

    receiver.answers(|_| 200);
    world.order(&format!("{address}/resume"), &json!({})).await;
    delivered(&world, &receiver).await;
    world.finish().await;
}

#[tokio::test]
async fn webhooks_bring_everything() {
    everything_arrives(Stack::Embedded).await;
}

#[tokio::test]
async fn a_webhook_that_only_fails_is_disabled() {
    an_endpoint_that_only_fails_is_disabled_and_told_of(Stack::Embedded).await;
}

#[tokio::test]
async fn a_private_address_is_not_called_unless_it_is_allowed() {
    let (world, receiver) = (World::start().await, Receiver::start());
    let url = world.console_url("/api/v1/webhooks");
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let body = json!({ "url": format!("http://{host}:{}/", receiver.port) });
        let answer = world.http.post(&url).json(&body).send().await.expect("the API answers");
        assert_eq!(answer.status(), 400, "{host}");
    }
    world.finish().await;
}

#[tokio::test]
async fn listen_brings_live_events_to_a_program_on_this_machine() {
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let (mut world, receiver) = (World::start().await, Receiver::start());
    world.ticket(A).await;
    world.settle().await;
    receiver.expect_signatures(SECRET);
    let url = receiver.url();
    let environment = [("MANDATE_WEBHOOK_SECRET", SECRET)];
    let command = ["listen", "--forward-to", url.as_str(), "--type", "authorization.granted"];
    let listening = Service::spawn(&world.folder(), &command, "listen.log", &environment);
    let log = world.folder().join("listen.log");
    let told = |text: &str| std::fs::read_to_string(&log).is_ok_and(|log| log.contains(text)).then_some(());
    world.wait("it to listen", async |_| told("events behind position")).await;
    let first = world.authorize(A).await;
    world.wait("an event", async |_| (receiver.taken().len() == 1).then_some(())).await;
    world.restart().await;
    let second = world.authorize(A).await;
    world.wait("another", async |_| (receiver.taken().len() == 2).then_some(())).await;
    let subjects: Vec<Value> = receiver.taken().iter().map(|event| event["subject"].clone()).collect();
    assert_eq!(subjects, [json!(first), json!(second)]);
    receiver.answers(|_| 422);
    world.authorize(A).await;
    world.wait("a refusal to be told", async |_| told("-> 422 in").and(told("it said: told"))).await;
    listening.kill().await;

    let wrong = |arguments: &[&str]| world.command(arguments).0;
    assert_eq!(wrong(&["listen", "--forward-to", "nonsense"]), 2);
    assert_eq!(wrong(&["listen", "--forward-to", &url, "--api", "http://127.0.0.1:1"]), 5);
    assert_eq!(wrong(&["listen", "--forward-to", &url, "--type", "granted"]), 2);
    world.finish().await;
}

mod on_servers {
    use super::*;

    #[tokio::test]
    async fn webhooks_bring_everything() {
        everything_arrives(Stack::Servers).await;
    }

    #[tokio::test]
    async fn a_webhook_that_only_fails_is_disabled() {
        an_endpoint_that_only_fails_is_disabled_and_told_of(Stack::Servers).await;
    }

    #[tokio::test]
    async fn another_worker_goes_on_when_the_one_that_delivers_is_killed() {
        let (mut world, receiver) = (world(Stack::Servers, "").await, Receiver::start());
        world.ticket(A).await;
        world.webhook(&receiver).await;
        a_day(&world).await;
        delivered(&world, &receiver).await;
        let (other, url) = world.another_worker().await;
        world.kill_worker().await;
        let merchant = world.authorize(A).await;
        world
            .wait("the other one to deliver", async |_| {
                receiver.taken().iter().any(|event| event["subject"] == merchant.as_str()).then_some(())
            })
            .await;
        let counted = "mandate_webhook_deliveries_total{outcome=\"delivered\"}";
        world
            .wait("the other one to have counted it", async |world| {
                let metrics = world.try_get(&format!("{url}/metrics")).await?;
                metrics.as_str()?.contains(counted).then_some(())
            })
            .await;
        other.terminate();
        other.wait().await;
        world.start_worker().await;
        delivered(&world, &receiver).await;
        world.finish().await;
    }
}
