//! The example file is complete and valid.

use super::{super::show, Folder};

const EXAMPLE: &str = include_str!("../../../../../mandate.example.toml");

/// Every key that is documented, list entries as number 0.
const KEYS: [&str; 70] = [
    "component.0.app_id",
    "component.0.app_secret",
    "component.0.token",
    "component.0.encoding_aes_key",
    "component.0.previous.0.token",
    "component.0.previous.0.encoding_aes_key",
    "component.0.event_path",
    "component.0.message_path",
    "ingress.listen",
    "ingress.admin_listen",
    "ingress.journal",
    "ingress.journal_max",
    "ingress.body_max",
    "ingress.trusted_proxies",
    "ingress.connections_per_address",
    "ingress.settle_url",
    "ingress.settle_key",
    "worker.listen",
    "worker.public_listen",
    "worker.public_url",
    "worker.settle_key",
    "worker.open_consent",
    "worker.return_hosts",
    "worker.audit_days",
    "worker.calls",
    "worker.proxy_prefixes",
    "storage.url",
    "storage.migrate_url",
    "storage.pool",
    "storage.ca_file",
    "broker.url",
    "broker.ca_file",
    "broker.events_max_age",
    "broker.messages_max",
    "broker.messages_max_age",
    "seal.keys",
    "wechat.api_base",
    "wechat.consent_base",
    "wechat.consent_mobile_base",
    "wechat.timeout",
    "wechat.proxy",
    "wechat.ca_file",
    "reconcile.every",
    "reconcile.calls_per_minute",
    "webhooks.allow_private",
    "webhooks.disable_after",
    "reply.0.component",
    "reply.0.authorizer",
    "reply.0.msg_type",
    "reply.0.event",
    "reply.0.event_key",
    "reply.0.text",
    "reply.0.text_prefix",
    "reply.0.reply",
    "reply.0.content",
    "reply.0.media_id",
    "reply.0.title",
    "reply.0.description",
    "reply.0.music_url",
    "reply.0.hq_music_url",
    "reply.0.thumb_media_id",
    "reply.0.agent",
    "reply.0.articles.0.title",
    "reply.0.articles.0.url",
    "reply.0.articles.0.description",
    "reply.0.articles.0.pic_url",
    "simulator.listen",
    "simulator.push_base",
    "log.format",
    "log.level",
];

/// The example with each optional line in force.
fn uncommented() -> String {
    let is_setting = |line: &str| {
        let is_key = |key: &str| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        line == "[[reply]]" || line.split_once(" = ").is_some_and(|(key, _)| is_key(key))
    };
    let lines =
        EXAMPLE.lines().map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_is_valid_as_it_is() {
    let loaded = Folder::with(EXAMPLE).loaded(&[]);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn the_example_names_every_key_and_each_of_its_lines_is_valid() {
    let loaded = Folder::with(&uncommented()).loaded(&[]);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let mut rows = show(&loaded);
    for [key, ..] in &mut rows {
        let parts = key.split('.').map(|part| if part.parse::<usize>().is_ok() { "0" } else { part });
        *key = parts.collect::<Vec<_>>().join(".");
    }
    let set: Vec<&str> = rows.iter().filter(|row| row[2] != "default").map(|row| row[0].as_str()).collect();
    for key in KEYS {
        assert!(set.contains(&key), "the example does not name {key}");
    }
    for [key, ..] in &rows {
        assert!(KEYS.contains(&key.as_str()), "{key} is not documented");
    }
}

#[test]
fn what_the_example_calls_a_default_is_the_default() {
    let given = show(&Folder::with(&uncommented()).loaded(&[]));
    let defaults = show(&Folder::with(EXAMPLE).loaded(&[]));
    // Settings without a default, of which the example shows an example.
    let examples = [
        "settle_key",
        "return_hosts",
        "migrate_url",
        "ca_file",
        "keys",
        "proxy",
        "allow_private",
        "connections_per_address",
    ];
    for [key, value, origin] in &defaults {
        let name = key.rsplit('.').next().unwrap_or_default();
        if origin == "default" && !examples.contains(&name) {
            let row = given.iter().find(|row| &row[0] == key).expect("the example names every key");
            assert_eq!(&row[1], value, "the default of {key}");
        }
    }
}
