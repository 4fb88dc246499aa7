//! What each process needs.

use super::{super::*, Folder, component};

const SEAL: &str = "[seal]\nkeys = ['2026-11:cmVwbGFjZS1tZS13aXRoLW1hbmRhdGUta2V5Z2VuISE=']\n";
const BROKER: &str = "[broker]\nurl = 'amqp://u:p@h/v'\n";
const SETTLE: &str =
    "[ingress]\nsettle_key = 'one-shared-secret'\n[worker]\nsettle_key = 'one-shared-secret'\n";

fn loaded(toml: &str) -> Loaded {
    Folder::with(toml).loaded(&[])
}

/// The keys that a check complains about, but for those that this build cannot do at all.
fn keys(check: &RoleCheck) -> Vec<&str> {
    let real = check.problems.iter().filter(|problem| !problem.message.starts_with("this build"));
    real.map(|problem| problem.key.as_str()).collect()
}

#[test]
fn standalone_needs_a_component_with_its_secret_and_a_master_key() {
    assert_eq!(keys(&loaded("").check_standalone()), ["component", "seal.keys"]);
    assert_eq!(keys(&loaded(&component("")).check_standalone()), ["component.0.app_secret", "seal.keys"]);
    let example = component("app_secret = 'x'") + SEAL;
    let warnings = loaded(&example).check_standalone().into_result().unwrap();
    assert_eq!(warnings.len(), 2, "everybody knows the example's secrets: {warnings:?}");
    let ours = example
        .replace("replacethistoken", "ourowntoken")
        .replace("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY")
        .replace(
            "cmVwbGFjZS1tZS13aXRoLW1hbmRhdGUta2V5Z2VuISE=",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        );
    assert_eq!(loaded(&ours).check_standalone().into_result(), Ok(Vec::new()));
}

#[test]
fn the_demo_needs_nothing_and_the_simulator_the_credentials() {
    assert_eq!(loaded("").check_demo(), RoleCheck::default());
    assert_eq!(keys(&loaded("").check_simulator()), ["component"]);
    assert_eq!(keys(&loaded(&component("")).check_simulator()), ["component.0.app_secret"]);
}

#[test]
fn two_processes_need_a_broker_and_are_told_what_to_do() {
    let whole = loaded(&(component("app_secret = 'x'") + SEAL));
    for check in [whole.check_ingress(), whole.check_worker()] {
        assert_eq!(keys(&check), ["broker.url"]);
        assert!(check.problems[0].message.contains("mandate standalone"), "{}", check.problems[0]);
    }
}

#[test]
fn with_a_broker_both_processes_need_the_same_settle_key() {
    let with = |rest: &str| loaded(&(component("app_secret = 'x'") + SEAL + BROKER + rest));
    assert_eq!(keys(&with("").check_ingress()), ["ingress.settle_key"]);
    assert_eq!(keys(&with("").check_worker()), ["worker.settle_key"]);
    assert!(keys(&with(SETTLE).check_worker()).is_empty());
    let different = SETTLE.replacen("one-shared", "another-shared", 1);
    assert_eq!(keys(&with(&different).check_ingress()), ["ingress.settle_key"]);
    // Each process may know its own section only.
    let own = "[ingress]\nsettle_key = 'one-shared-secret'\n";
    assert!(keys(&with(own).check_ingress()).is_empty());
}

#[test]
fn ingress_warns_about_what_it_should_not_know() {
    let toml =
        component("app_secret = 'x'") + SEAL + BROKER + SETTLE + "[storage]\nurl = 'sqlite:data/mandate.db'";
    let warnings = loaded(&toml).check_ingress().warnings;
    for (warning, key) in warnings.iter().zip(["component.0.app_secret", "storage.url", "seal.keys"]) {
        assert!(warning.starts_with(&format!("{key} (file ")), "{warning} is not about {key}");
    }
    assert_eq!(warnings.len(), 3, "{warnings:#?}");
    assert!(loaded(&(component("") + BROKER + SETTLE)).check_ingress().warnings.is_empty());
}

#[test]
fn what_comes_with_a_later_release_is_refused_with_a_clear_message() {
    let toml = component("app_secret = 'x'") + SEAL + BROKER + "[storage]\nurl = 'postgres://u:p@h/d'";
    let loaded = loaded(&toml);
    let text = |check: RoleCheck| ConfigErrors(check.problems).to_string();
    for text in [text(loaded.check_standalone()), text(loaded.check_demo()), text(loaded.check_worker())] {
        assert!(text.contains("storage.url: this build has no PostgreSQL yet"), "{text}");
        assert!(text.contains("broker.url: this build has no RabbitMQ yet"), "{text}");
    }
    let only_storage = text(loaded.check_storage());
    assert!(only_storage.contains("PostgreSQL") && !only_storage.contains("RabbitMQ"), "{only_storage}");
}
