//! Files, defaults and validation.

use std::{path::Path, time::Duration};

use super::{super::*, Folder, component, config, problems, shown};

#[test]
fn an_empty_file_means_the_documented_defaults() {
    let config = config("");
    assert!(config.components.is_empty());
    assert_eq!(config.ingress.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.ingress.admin_listen.to_string(), "127.0.0.1:9080");
    assert_eq!(config.ingress.journal, Path::new("data/journal.db"));
    assert_eq!((config.ingress.journal_max, config.ingress.body_max), (Bytes(1 << 30), Bytes(256 << 10)));
    assert_eq!(config.ingress.settle_url.as_str(), "http://127.0.0.1:8081");
    assert_eq!(config.worker.public_listen.to_string(), "0.0.0.0:8082");
    assert_eq!((config.worker.open_consent, config.worker.audit_days), (false, 400));
    assert_eq!(config.storage.url, StorageUrl::Sqlite("data/mandate.db".into()));
    assert_eq!(config.storage.owner_url(), &config.storage.url);
    assert_eq!(config.broker.url, BrokerUrl::Embedded);
    assert_eq!(config.broker.events_max_age, Duration::from_hours(30 * 24));
    assert_eq!(config.wechat.api_base.as_str(), "https://api.weixin.qq.com");
    assert_eq!(config.wechat.timeout, Duration::from_secs(5));
    assert_eq!(config.reconcile.every, Every::Period(Duration::from_hours(24)));
    assert_eq!(config.webhooks.disable_after, Duration::from_hours(5 * 24));
    assert_eq!(config.simulator.listen.to_string(), "127.0.0.1:8090");
    assert_eq!(config.log, Log { format: LogFormat::Auto, level: "info".to_owned() });
    assert_eq!(config.log, Log::default());
}

#[test]
fn the_callback_paths_of_a_component_follow_from_its_appid() {
    let config = config(&component(""));
    assert_eq!(config.components[0].event_path, "/wechat/wx1f2e3d4c5b6a7988/events");
    assert_eq!(config.components[0].message_path, "/wechat/wx1f2e3d4c5b6a7988/messages/$APPID$");
    assert_eq!(config.components[0].app_secret, None);
}

#[test]
fn former_pairs_are_read_from_inline_tables() {
    let previous = "previous = [{ token = 'oldtoken', encoding_aes_key = 'GFEDCBA9876543210zyxwvutsrqponmlkjihgfedcba' }]";
    let config = config(&component(previous));
    assert_eq!(config.components[0].previous[0].token.expose(), "oldtoken");
}

#[test]
fn a_file_that_was_named_must_exist_and_the_default_file_need_not() {
    let errors = load(Some(Path::new("/nowhere/m.toml")), Path::new("/nowhere/d.toml"), std::iter::empty());
    let text = errors.expect_err("a problem").to_string();
    assert!(text.starts_with("cannot be read: ") && text.ends_with("(file /nowhere/m.toml)"), "{text}");
    load(None, Path::new("/nowhere/d.toml"), std::iter::empty()).expect("defaults");
}

#[test]
fn a_default_file_that_cannot_be_looked_at_is_a_problem() {
    let folder = Folder::with("");
    let below_a_file = folder.0.path().join("mandate.toml/mandate.toml");
    let errors = load(None, &below_a_file, std::iter::empty()).expect_err("a problem");
    assert!(errors.to_string().starts_with("cannot be read: "), "{errors}");
}

#[test]
fn a_named_file_is_read_instead_of_the_default_one() {
    let folder = Folder::with("[log]\nlevel = 'debug'");
    let named = folder.write("other.toml", "[log]\nlevel = 'warn'");
    let loaded = load(Some(Path::new(&named)), &folder.0.path().join("mandate.toml"), std::iter::empty());
    assert_eq!(loaded.expect("valid").config.log.level, "warn");
}

#[test]
fn every_value_is_shown_with_its_line_or_as_a_default() {
    let loaded = Folder::with("[ingress]\n\nlisten = '0.0.0.0:80'").loaded(&[]);
    let (value, origin) = shown(&loaded, "ingress.listen");
    assert_eq!(value, "0.0.0.0:80");
    assert!(origin.starts_with("file /") && origin.ends_with("/mandate.toml:3"), "{origin}");
    assert_eq!(shown(&loaded, "ingress.journal_max"), ("1GiB".to_owned(), "default".to_owned()));
    assert_eq!(shown(&loaded, "storage.migrate_url"), ("(not set)".to_owned(), "default".to_owned()));
}

#[test]
fn all_problems_are_reported_in_one_go_with_key_and_line() {
    let toml = "
[[component]]
app_id = 'wx1'
token = ''
encoding_aes_key = 'short'
event_path = 'events'
message_path = '/m/$APPID$/$APPID$'
[ingress]
listen = 'localhost'
journal_max = 1024
body_max = '1 GB'
settle_url = 'worker:8081'
[worker]
open_consent = 'yes'
audit_days = 0
return_hosts = ['https://shop.example.com']
[storage]
url = 'mysql://u:p@h/d'
[broker]
url = 'kafka://h'
events_max_age = '1 month'
[seal]
keys = ['nokey']
[wechat]
proxy = 'socks5://h'
[webhooks]
allow_private = ['10.0.0.0/33']
[log]
format = 'xml'
level = 'inof'
";
    let found = problems(toml);
    let expected = [
        ("component.0.app_id", 3),
        ("component.0.token", 4),
        ("component.0.encoding_aes_key", 5),
        ("component.0.event_path", 6),
        ("component.0.message_path", 7),
        ("ingress.listen", 9),
        ("ingress.journal_max", 10),
        ("ingress.body_max", 11),
        ("ingress.settle_url", 12),
        ("worker.open_consent", 14),
        ("worker.return_hosts", 16),
        ("worker.audit_days", 15),
        ("storage.url", 18),
        ("broker.url", 20),
        ("broker.events_max_age", 21),
        ("seal.keys", 23),
        ("wechat.proxy", 25),
        ("webhooks.allow_private", 27),
        ("log.format", 29),
        ("log.level", 30),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (problem, (key, line)) in found.iter().zip(expected) {
        assert!(problem.starts_with(&format!("{key}: ")), "{problem} is not about {key}");
        assert!(
            problem.ends_with(&format!("(file mandate.toml:{line})")),
            "{problem} is not about line {line}"
        );
    }
}

#[test]
fn proxies_are_trusted_on_this_machine_unless_others_are_named() {
    let trusts = |toml: &str, address: &str| {
        config(toml).ingress.trusted_proxies.contains(address.parse().expect("an address"))
    };
    assert!(trusts("", "127.0.0.1") && trusts("", "127.200.0.1"));
    for stranger in ["10.0.0.1", "192.168.0.1", "172.17.0.1", "::1", "fd00::1", "203.0.113.7"] {
        assert!(!trusts("", stranger), "{stranger}");
    }
    let named = "[ingress]\ntrusted_proxies = ['10.1.0.0/16', '192.0.2.7', '::1', 'fd00::/8']";
    for proxy in ["10.1.255.1", "192.0.2.7", "::1", "fd12::1", "::ffff:10.1.0.1"] {
        assert!(trusts(named, proxy), "{proxy}");
    }
    assert!(!trusts(named, "127.0.0.1") && !trusts(named, "10.2.0.1") && !trusts(named, "192.0.2.8"));
    assert!(!trusts("[ingress]\ntrusted_proxies = []", "127.0.0.1"));
    let loaded = Folder::with("").loaded(&[("MANDATE_INGRESS__TRUSTED_PROXIES", "10.0.0.0/8, ::1")]);
    assert_eq!(shown(&loaded, "ingress.trusted_proxies").0, "[10.0.0.0/8, ::1/128]");
    for bad in ["10.0.0.0/33", "proxy.example", "10.0.0", ""] {
        let found = problems(&format!("[ingress]\ntrusted_proxies = ['{bad}']"));
        assert!(found[0].starts_with("ingress.trusted_proxies: must be a network"), "{bad}: {found:?}");
    }
    for all in ["0.0.0.0/0", "::/0"] {
        let loaded = Folder::with(&format!("[ingress]\ntrusted_proxies = ['{all}']")).loaded(&[]);
        assert!(loaded.warnings[0].contains("ingress.trusted_proxies trusts every address"), "{all}");
    }
}

#[test]
fn a_public_url_that_is_too_long_is_a_problem_that_names_the_limit() {
    for length in [513, 2_500, 60_000] {
        let url = format!("https://auth.example.com/{}", "p".repeat(length - 25));
        let found = problems(&format!("[worker]\npublic_url = '{url}'"));
        assert!(found[0].starts_with("worker.public_url: must not be longer than 512 bytes"), "{found:?}");
    }
}

#[test]
fn a_component_needs_an_appid_a_token_and_a_key() {
    assert_eq!(
        problems("\n[[component]]\n"),
        [
            "component.0.app_id: is required (file mandate.toml:2)",
            "component.0.token: is required (file mandate.toml:2)",
            "component.0.encoding_aes_key: is required (file mandate.toml:2)",
        ]
    );
}

#[test]
fn an_empty_token_is_refused_wherever_it_stands() {
    for token in ["", "ab", "with space", "tööken", "a123456789012345678901234567890123"] {
        let toml = component("").replace("goodtoken", token);
        assert!(problems(&toml)[0].starts_with("component.0.token: "), "{token:?} was accepted");
        let previous = format!("previous = [{{ token = '{token}', encoding_aes_key = '{}' }}]", super::KEY);
        let found = problems(&component(&previous));
        assert!(
            found[0].starts_with("component.0.previous.0.token: "),
            "{token:?} was accepted as a former one"
        );
    }
}

#[test]
fn a_key_has_43_characters_and_need_not_be_canonical_base64() {
    let with = |key: &str| component("").replace(super::KEY, key);
    config(&with(&"a".repeat(43)));
    config(&with(&format!("{}R", "+/9".repeat(14))));
    for bad in [&"a".repeat(42), &format!("{}=", "a".repeat(43)), &format!("{}-", "a".repeat(42))] {
        assert!(problems(&with(bad))[0].starts_with("component.0.encoding_aes_key: "), "{bad} was accepted");
    }
}

#[test]
fn unknown_keys_are_errors_and_name_what_was_meant() {
    let toml = "[ingress]\nlissen = '0.0.0.0:80'\n[storag]\n[[replay]]\nwhen = 'x'\n[worker]\nzzz = 1";
    assert_eq!(
        problems(toml),
        [
            "ingress.lissen: is not a known key; did you mean `listen`? (file mandate.toml:2)",
            "worker.zzz: is not a known key (file mandate.toml:7)",
            "replay: is not a known key; did you mean `reply`? (file mandate.toml:4)",
            "storag: is not a known key; did you mean `storage`? (file mandate.toml:3)",
        ]
    );
}

#[test]
fn a_table_in_the_place_of_a_list_and_the_reverse_are_told() {
    let found =
        problems("ingress = 5\n[component]\napp_id = 'wx1f2e3d4c5b6a7988'\n[worker.listen]\nport = 1");
    assert_eq!(
        found,
        [
            "component: must be a list of tables: [[component]] (file mandate.toml:2)",
            "ingress: must be a table: [ingress] (file mandate.toml:1)",
            "worker.listen: must be a single value (file mandate.toml:4)",
        ]
    );
}

#[test]
fn a_syntax_error_is_told_with_its_line_and_without_the_text_of_it() {
    let found = problems("[log]\nlevel = 'info'\n[[component]]\napp_secret = hunter2hunter2\n");
    assert!(
        found[0].starts_with("is not TOML: ") && found[0].ends_with("(file mandate.toml:4)"),
        "{found:?}"
    );
    assert!(!found.join("\n").contains("hunter2"), "{found:?}");
}

#[test]
fn two_components_cannot_share_an_appid_or_a_message_address() {
    let twice = component("") + &component("");
    assert_eq!(
        problems(&twice),
        [
            "component.1.app_id: is the same as component.0.app_id (file mandate.toml:7)",
            "component.1.message_path: can mean the same request as component.0.message_path; only equal event paths may be \
             shared (not set)",
        ]
    );
    let other = |more: &str| component(more).replace("7988'\ntok", "7989'\ntok");
    assert_eq!(
        problems(&(component("") + &other("event_path = '/wechat/wx1f2e3d4c5b6a7988/messages/events'"))),
        [
            "component.1.event_path: can mean the same request as component.0.message_path; only equal event paths may be \
             shared (file mandate.toml:10)"
        ]
    );
    for message_path in ["/m/$APPID$", "/m/wx$APPID$"] {
        let one = component("message_path = '/m/$APPID$'");
        let found = problems(&(one + &other(&format!("message_path = '{message_path}'"))));
        assert!(found[0].starts_with("component.1.message_path: can mean the same request"), "{found:?}");
    }
}

#[test]
fn components_may_share_an_event_address_and_even_token_and_key() {
    let shared = "event_path = '/wechat/events'";
    let other = component(shared).replace("7988'\ntok", "7989'\ntok");
    let config = config(&(component(shared) + &other));
    let paths: Vec<_> = config.components.iter().map(|component| component.event_path.as_str()).collect();
    assert_eq!(paths, ["/wechat/events"; 2]);
}

#[test]
fn databases_and_brokers_are_told_apart_by_their_scheme() {
    let sqlite = |url: &str| config(&format!("[storage]\nurl = '{url}'")).storage.url;
    assert_eq!(sqlite("sqlite:/var/lib/m.db"), StorageUrl::Sqlite("/var/lib/m.db".into()));
    assert_eq!(sqlite("sqlite:///var/lib/m.db"), StorageUrl::Sqlite("/var/lib/m.db".into()));
    assert!(matches!(sqlite("postgresql://u:p@h/d"), StorageUrl::Postgres(_)));
    for bad in ["sqlite:", "sqlite::memory:", "sqlite:file:x?mode=memory", "data/m.db"] {
        assert_eq!(problems(&format!("[storage]\nurl = '{bad}'")).len(), 1, "{bad} was accepted");
    }
    let broker = config("[broker]\nurl = 'amqps://u:p@h/v'").broker.url;
    assert!(matches!(broker, BrokerUrl::Amqp(_)));
}
