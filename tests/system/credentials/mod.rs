//! Access tokens for others: one holder, never lost, never raced, whatever `WeChat` answers.

mod callers;
mod dirty;
mod erase;
mod healing;
mod proxy;
mod readers;
mod reconcile;
mod rounds;
mod seal;
mod tickets;

use mandate_schema::StreamName;

use serde_json::{Value, json};

use crate::world::{COMPONENT_A as A, World};

/// How a read of a token was answered: the status, and the body.
type Answer = (u16, Value);

/// The address of an account's token under a worker's address.
fn path(merchant: &str) -> String {
    format!("/api/v1/components/{A}/authorizers/{merchant}/access-token")
}

impl World {
    /// Reads an account's token.
    async fn token(&self, merchant: &str) -> Answer {
        let answer = self.http.get(self.console_url(&path(merchant))).send().await.expect("the API answers");
        read(answer).await
    }

    /// Says that a token was refused.
    async fn invalidate(&self, merchant: &str, token: &str) -> Answer {
        let url = self.console_url(&format!("{}/invalidate", path(merchant)));
        let body = json!({"access_token": token}).to_string();
        let request = self.http.post(url).header("content-type", "application/json").body(body);
        read(request.send().await.expect("the API answers")).await
    }

    /// The token that works at the simulator, if one does.
    async fn good_token(&self, merchant: &str) -> Option<String> {
        let state = self.observe(&format!("state?component={A}&authorizer={merchant}")).await;
        let token = &state["components"][0]["authorizers"][0]["access_token"];
        token["good"].as_bool()?.then(|| token["value"].as_str().expect("a text").to_owned())
    }

    /// Makes an account's stored token one that has so many seconds to live.
    async fn shorten(&self, merchant: &str, seconds: i64) {
        let stream = StreamName::Authorizer(A.parse().expect("an id"), merchant.parse().expect("an id"));
        let storage = self.storage().await;
        let now = jiff::Timestamp::now();
        let until = now + jiff::SignedDuration::from_secs(1);
        let lease = storage.lease_token(&stream, now, until).await.expect("the store").expect("no other");
        let (sealed, _) = lease.row.access.clone().expect("a token");
        let expires_at = now + jiff::SignedDuration::from_secs(seconds);
        assert!(storage.store_token(&stream, &lease, sealed, expires_at).await.expect("the store"));
    }

    /// Asks until the account has a token, and it works. One that does not is given back, as a caller would.
    async fn wait_working_token(&self, merchant: &str) -> String {
        self.wait(&format!("a working token of {merchant}"), async |world| {
            let (_, body) = world.token(merchant).await;
            let token = body["access_token"].as_str()?;
            if world.good_token(merchant).await.as_deref() == Some(token) {
                return Some(token.to_owned());
            }
            world.invalidate(merchant, token).await;
            None
        })
        .await
    }
}

async fn read(answer: reqwest::Response) -> Answer {
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).expect("JSON"))
}

/// An account whose first token is there, and nothing under way.
async fn merchant(world: &World) -> String {
    world.ticket(A).await;
    let merchant = world.authorize(A).await;
    world.wait_view(A, &merchant, "profile", |view| view["profile"].is_object()).await;
    world.settle().await;
    merchant
}
