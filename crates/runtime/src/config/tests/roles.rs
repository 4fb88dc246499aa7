//! What each process needs.

use super::{super::*, Folder, component};

const SEAL: &str = "[seal]\nkeys = ['2026-11:cmVwbGFjZS1tZS13aXRoLW1hbmRhdGUta2V5Z2VuISE=']\n";
const BROKER: &str = "[broker]\nurl = 'amqp://u:p@h/v'\n";
const SETTLE: &str =
    "[ingress]\nsettle_key = 'one-shared-secret'\n[worker]\nsettle_key = 'one-shared-secret'\n";

fn loaded(toml: &str) -> Loaded {
    Folder::with(toml).loaded(&[])
}

/// With secrets of our own in place of the example's.
fn ours(toml: &str) -> String {
    toml.replace("replacethistoken", "ourowntoken")
        .replace("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY")
        .replace(
            "cmVwbGFjZS1tZS13aXRoLW1hbmRhdGUta2V5Z2VuISE=",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        )
}

/// The keys that a check complains about.
fn keys(check: &RoleCheck) -> Vec<&str> {
    check.problems.iter().map(|problem| problem.key.as_str()).collect()
}

#[test]
fn standalone_needs_a_component_with_its_secret_and_a_master_key() {
    assert_eq!(keys(&loaded("").check_standalone()), ["component", "seal.keys"]);
    assert_eq!(keys(&loaded(&component("")).check_standalone()), ["component.0.app_secret", "seal.keys"]);
    let example = component("app_secret = 'x'") + SEAL;
    let warnings = loaded(&example).check_standalone().into_result().unwrap();
    assert_eq!(warnings.len(), 2, "everybody knows the example's secrets: {warnings:?}");
    let ours = ours(&example);
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
    let warnings = loaded(&ours(&toml)).check_ingress().warnings;
    for (warning, key) in warnings.iter().zip(["component.0.app_secret", "storage.url", "seal.keys"]) {
        assert!(warning.starts_with(&format!("{key} (file ")), "{warning} is not about {key}");
    }
    assert_eq!(warnings.len(), 3, "{warnings:#?}");
    assert!(loaded(&ours(&(component("") + BROKER + SETTLE))).check_ingress().warnings.is_empty());
}

#[test]
fn the_owner_opens_the_same_database() {
    let check = |url: &str, owner: &str| {
        let storage = format!("[storage]\nurl = '{url}'\nmigrate_url = '{owner}'");
        loaded(&storage).check_storage()
    };
    let (service, owner) = ("postgres://service:p@h/d", "postgres://owner:q@h/d");
    assert_eq!(check(service, owner), RoleCheck::default());
    for (url, owner) in [(service, "sqlite:a.db"), ("sqlite:a.db", owner), ("sqlite:a.db", "sqlite:b.db")] {
        let check = check(url, owner);
        assert_eq!(keys(&check), ["storage.migrate_url"], "{url} {owner}");
        assert!(!check.problems[0].to_string().contains(":q@"), "{}", check.problems[0]);
    }
}

#[test]
fn one_process_may_use_a_database_server_and_a_broker() {
    let toml = component("app_secret = 'x'") + SEAL + BROKER + "[storage]\nurl = 'postgres://u:p@h/d'";
    assert!(keys(&loaded(&toml).check_standalone()).is_empty());
}
