//! The rehearsal of the release check against the real processes.

use serde_json::{Value, json};

use crate::world::{COMPONENT_A as A, Stack, World};

/// The items that are not as `expected` says: (name, whether it must pass).
fn unexpected(report: &Value, expected: impl Fn(&str) -> bool) -> Vec<&Value> {
    let items = report["items"].as_array().expect("items").iter();
    items.filter(|item| item["passed"] != expected(item["name"].as_str().expect("a name"))).collect()
}

/// The exit code of a rehearsal, and its report.
fn rehearse(world: &World, more: &[&str]) -> (i32, Value) {
    let simulator = world.simulator_url("");
    let fixed = ["release-check", "--simulator", &simulator, "--component", A, "-o", "json"];
    let (code, out, err) = world.command(&[&fixed, more].concat());
    (code, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out} {err}")))
}

async fn every_group_passes(stack: Stack) {
    let world = World::on(stack).await;
    for group in ["1", "2", "3", "4", "5"] {
        let (code, report) = rehearse(&world, &["--group", group]);
        assert_eq!(code, 0, "{report:#}");
        assert_eq!(report["items"].as_array().map(Vec::len), Some(7));
    }
    // Once more with accounts that are known already.
    let (code, report) = rehearse(&world, &["--group", "1"]);
    assert_eq!(code, 0, "{report:#}");
    let redeemed = world.calls("api_query_auth").await;
    assert_eq!(redeemed, [0; 12], "each code once, whoever brought it first");
    let history = world.history(A, "wxd101a85aa106f53e").await;
    let granted = history.iter().filter(|event| event["type"] == "mandate.authorization.granted.v1");
    assert!(granted.clone().count() > 0);
    assert!(granted.into_iter().all(|event| event["data"]["via"] == "release_check"), "{history:#?}");
    world.finish().await; // whose scan would find a code that was kept or published
}

async fn a_failure_is_told_with_its_cause(stack: Stack) {
    let mut world = World::on(stack).await;
    world.fault("custom/send", "errcode", 1, json!(40001)).await;
    assert_eq!(rehearse(&world, &[]).0, 0, "a refused token is replaced");

    world.fault("custom/send", "errcode", 2, json!(45015)).await;
    let (code, report) = rehearse(&world, &["--wait", "2s"]);
    let is_api_text = |name: &str| name.starts_with("api_text");
    assert_eq!((code, unexpected(&report, |name| !is_api_text(name)).len()), (1, 0), "{report:#}");
    let items = report["items"].as_array().expect("items").iter();
    for item in items.filter(|item| is_api_text(item["name"].as_str().expect("a name"))) {
        assert!(item["cause"].as_str().expect("a cause").contains("custom/send → 45015"), "{item:#}");
    }
    world.expected_dead_letters = 2;

    let foreign =
        json!({"component": A, "token": "AnotherToken01", "encoding_aes_key": "x".repeat(42) + "A"});
    world.control("keys", foreign).await;
    let (code, report) = rehearse(&world, &["--wait", "1s"]);
    assert_eq!((code, unexpected(&report, |_| false).len()), (1, 0), "{report:#}");
    let received = report["items"][0]["exchanges"][0]["received"].as_str().expect("what was received");
    assert!(received.starts_with("403"), "{received}");
    world.finish().await;
}

#[tokio::test]
async fn every_group_of_test_accounts_passes() {
    every_group_passes(Stack::Embedded).await;
}

#[tokio::test]
async fn what_fails_is_told_with_its_cause() {
    a_failure_is_told_with_its_cause(Stack::Embedded).await;
}

#[tokio::test]
async fn an_instance_made_for_it_passes_and_nonsense_is_refused() {
    let world = World::start().await;
    let (code, out, err) = world.command(&["release-check"]);
    assert_eq!((code, out.matches("  ok").count()), (0, 7), "{out} {err}");
    let (code, _, err) = world.command(&["release-check", "--group", "6"]);
    assert_eq!((code, err.contains("1 to 5")), (2, true), "{err}");
    let (code, _, err) =
        world.command(&["release-check", "--simulator", "http://127.0.0.1:1", "--component", A]);
    assert_eq!((code, err.contains("127.0.0.1:1")), (5, true), "{err}");
    world.finish().await;
}

mod on_servers {
    use super::{Stack, a_failure_is_told_with_its_cause, every_group_passes};

    #[tokio::test]
    async fn every_group_of_test_accounts_passes() {
        every_group_passes(Stack::Servers).await;
    }

    #[tokio::test]
    async fn what_fails_is_told_with_its_cause() {
        a_failure_is_told_with_its_cause(Stack::Servers).await;
    }
}
