//! Workers die while they redeem and refresh, answers are lost, refresh tokens rotate: no merchant is lost.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{A, World, path};
use crate::world::Stack;

/// How likely an answer is lost.
const LOST: f64 = 0.3;
/// Where a process dies: WeChat has answered, and nobody knows it yet. Otherwise at any moment.
const POINTS: [&str; 3] = ["task.answered", "refresh.answered", ""];
/// How long a round without a point may take, in milliseconds; a start takes about 400.
const LONGEST: u64 = 2_500;
/// Accounts whose tokens are asked for in one round.
const ASKED: usize = 6;

#[tokio::test]
async fn killed_while_answers_are_lost_and_refresh_tokens_rotate() {
    play(Stack::Embedded, 20).await;
}

/// The long form: `tests/soak credentials`.
#[tokio::test]
#[ignore = "the long form, run by tests/soak"]
async fn soak_credentials() {
    play(Stack::Embedded, 200).await;
}

mod on_servers {
    use super::{Stack, play};

    #[tokio::test]
    async fn workers_killed_while_answers_are_lost_and_refresh_tokens_rotate() {
        play(Stack::Servers, 20).await;
    }

    /// The long form: `tests/soak credentials`.
    #[tokio::test]
    #[ignore = "the long form, run by tests/soak"]
    async fn soak_credentials() {
        play(Stack::Servers, 200).await;
    }
}

async fn play(stack: Stack, rounds: usize) {
    let mut world = World::on(stack).await;
    world.ticket(A).await;
    world.control("switches", json!({"refresh_token_on_refresh": "at_once"})).await;
    for api in ["api_query_auth", "api_authorizer_token"] {
        let lost = json!({"api": api, "kind": "drop_answer", "times": 1_000_000, "probability": LOST});
        world.control("faults", lost).await;
    }
    world.kill_service().await;
    let mut merchants = Vec::new();
    for round in 0..rounds {
        one_round(&mut world, &mut merchants, POINTS[round % POINTS.len()]).await;
    }
    world.start_service(&[]).await;
    world.clear_faults().await;
    world.settle().await;
    for merchant in &merchants {
        world.wait_working_token(merchant).await;
        assert_eq!(world.authorizer(A, merchant).await["status"], "authorized");
    }
    let refreshes = world.calls("api_authorizer_token").await.len();
    assert!(refreshes > rounds, "the story was about refreshes: {refreshes}");
    world.finish().await;
}

/// A merchant authorizes and the worker dies; it comes back and dies again while tokens are asked for that have gone bad.
async fn one_round(world: &mut World, merchants: &mut Vec<String>, point: &str) {
    world.start_service(&[]).await;
    merchants.push(world.authorize(A).await);
    world.kill_service().await;
    let asked: Vec<&String> = merchants.iter().rev().take(ASKED).collect();
    for merchant in &asked {
        let bad = json!({"kind": "invalidate_tokens", "times": 1, "component": A, "authorizer": merchant});
        world.control("faults", bad).await;
    }
    let armed = format!("{point}:{}", 1 + fastrand::u32(..3));
    let environment = [("MANDATE_FAILPOINT", armed.as_str())];
    world.spawn_service(if point.is_empty() { &[] } else { &environment });
    let until = Instant::now() + Duration::from_millis(fastrand::u64(LONGEST / 4..LONGEST));
    world
        .wait_mut("death, or the end of the round", async |world| {
            // All at once: one whose answer is lost keeps its reader waiting, and not the others.
            join_all(asked.iter().map(|merchant| world.replace(merchant))).await;
            (world.has_died() || Instant::now() > until).then_some(())
        })
        .await;
    world.kill_service().await;
}

impl World {
    /// Reads a token, and says that it was refused. `None`: nobody answered.
    async fn replace(&self, merchant: &str) -> Option<()> {
        let url = self.console_url(&path(merchant));
        let answer = self.http.get(&url).send().await.ok()?;
        let body: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
        if let Some(token) = body["access_token"].as_str() {
            let stale = json!({"access_token": token}).to_string();
            let request =
                self.http.post(format!("{url}/invalidate")).header("content-type", "application/json");
            request.body(stale).send().await.ok()?;
        }
        Some(())
    }
}
