//! Other services, with keys.

use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde_json::{Value, json};

use super::{A, World, merchant, path, read};
use crate::world::{Stack, client};

impl World {
    /// Makes a key; its id and its text.
    pub(crate) fn api_key(&self, more: &[&str]) -> (String, String) {
        let created = self.command_json(&[&["api-key", "create", "--name", "a service"], more].concat());
        let text = |name: &str| created[name].as_str().expect("a text").to_owned();
        (text("id"), text("key"))
    }

    /// Asks with a key from now on: once there was one, nobody is let in without.
    pub(super) fn ask_with_a_key(&mut self) {
        let scopes = ["state:read", "events:read", "token:read", "messages:read", "admin"];
        let scopes: Vec<&str> = scopes.into_iter().flat_map(|scope| ["--scope", scope]).collect();
        let (_, key) = self.api_key(&scopes);
        let value = format!("Bearer {key}").parse().expect("a header");
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
        self.http = client().default_headers(headers).build().expect("a client");
        self.planted.push(key);
    }

    async fn token_with(&self, merchant: &str, key: &str) -> (u16, Value) {
        let request = self.http.get(self.console_url(&path(merchant))).bearer_auth(key);
        read(request.send().await.expect("the API answers")).await
    }
}

async fn a_key_from_its_making_to_its_end(stack: Stack) {
    let mut world = World::on(stack).await;
    let (mine, other) = (merchant(&world).await, merchant(&world).await);
    let (id, key) = world.api_key(&["--scope", "token:read", "--component", A, "--authorizer", &mine]);
    world.wait("the key to be needed", async |world| (world.token(&mine).await.0 == 401).then_some(())).await;
    let (status, body) = world.token_with(&mine, &key).await;
    assert_eq!((status, body["access_token"].is_string()), (200, true), "{body}");
    for _ in 0..2 {
        world.token_with(&mine, &key).await;
    }
    let (status, body) = world.token_with(&other, &key).await;
    assert_eq!((status, body["code"].as_str()), (403, Some("out_of_reach")));

    let listed = world.command_json(&["api-key", "list"]);
    assert_eq!((&listed[0]["id"], &listed[0]["state"]), (&json!(id), &json!("active")));
    assert!(!listed.to_string().contains(&key), "its text is never shown again");
    world
        .wait("three reads to be counted", async |world| {
            let reads = world.command_json(&["audit", "--reads", "1h"]);
            let counts = reads.as_array()?.iter().map(|read| read["count"].as_u64().unwrap_or(0));
            (counts.sum::<u64>() == 3).then_some(())
        })
        .await;

    let (code, _, err) = world.command(&["api-key", "revoke", &id]);
    assert_eq!(code, 0, "{err}");
    world
        .wait("the key to be dead", async |world| {
            (world.token_with(&mine, &key).await.0 == 401).then_some(())
        })
        .await;
    let acts = world
        .wait("the audit trail", async |world| {
            let entries = world.command_json(&["audit"]);
            let acts =
                entries.as_array()?.iter().map(|entry| entry["act"].as_str().unwrap_or_default().to_owned());
            let acts: Vec<String> = acts.collect();
            acts.iter().any(|act| act == "request.refused").then_some(acts)
        })
        .await;
    for act in ["api_key.created", "api_key.revoked"] {
        assert_eq!(acts.iter().filter(|known| *known == act).count(), 1, "{acts:?}");
    }
    let (code, _, _) = world.command(&["api-key", "revoke", &id]);
    assert_eq!(code, 3, "it is revoked already");
    assert_eq!(world.token(&mine).await.0, 401, "there was a key, so nobody comes without");
    world.ask_with_a_key();
    assert_eq!(world.token(&mine).await.0, 200);
    world.planted.push(key);
    world.finish().await;
}

#[tokio::test]
async fn a_key_is_made_used_counted_and_revoked() {
    a_key_from_its_making_to_its_end(Stack::Embedded).await;
}

mod on_servers {
    use super::{Stack, a_key_from_its_making_to_its_end};

    #[tokio::test]
    async fn a_key_is_made_used_counted_and_revoked() {
        a_key_from_its_making_to_its_end(Stack::Servers).await;
    }
}

#[tokio::test]
async fn keys_that_make_no_sense_are_refused() {
    let world = World::start().await;
    let refused = |arguments: &[&str]| world.command(&[&["api-key", "create"], arguments].concat()).0;
    assert_eq!(refused(&["--name", "x", "--scope", "root"]), 2);
    assert_eq!(refused(&["--name", "x"]), 2);
    assert_eq!(refused(&["--name", " ", "--scope", "proxy"]), 2);
    assert_eq!(refused(&["--name", "x", "--scope", "admin", "--component", A]), 2);
    assert_eq!(refused(&["--name", "x", "--scope", "proxy", "--expires-in", "soon"]), 2);
    world.finish().await;
}
