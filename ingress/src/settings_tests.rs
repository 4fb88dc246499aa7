use std::{fs, path::Path};

use mandate_runtime::config;
use mandate_schema::PushKind;

use super::*;

const COMPONENT: &str = r#"
[[component]]
app_id = "wx1f2e3d4c5b6a7988"
token = "RustComponentToken01"
encoding_aes_key = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY"
previous = [{ token = "OldToken2024", encoding_aes_key = "y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM+9Q" }]
"#;

fn load(text: &str) -> Config {
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = folder.path().join("mandate.toml");
    fs::write(&file, text).expect("written");
    config::load(Some(&file), Path::new("none"), std::iter::empty()).expect("valid").config
}

#[test]
fn limits_and_paths_come_from_the_configuration() {
    let text =
        format!("{COMPONENT}\n[ingress]\njournal_max = \"2MiB\"\nbody_max = \"64KiB\"\njournal = \"x/j.db\"");
    let settings = Settings::from_config(&load(&text)).expect("valid");
    assert_eq!((settings.journal_limits.max_bytes, settings.body_max), (2 << 20, 64 << 10));
    assert_eq!(settings.journal, Path::new("x/j.db"));
    let events = settings.routes.find("/wechat/wx1f2e3d4c5b6a7988/events", "").expect("the default path");
    assert_eq!(events.kind, PushKind::Event);
    assert!(settings.routes.find("/wechat/wx1f2e3d4c5b6a7988/messages/wxa0b1c2d3e4f50617", "").is_some());
}

#[test]
fn previous_pairs_are_in_the_ring_beside_the_current_one() {
    let config = load(COMPONENT);
    let settings = Settings::from_config(&config).expect("valid");
    let pair = |token: &Secret, key: &Secret| {
        Pair::new(token.clone(), EncodingAesKey::parse(key).expect("valid")).expect("valid").id()
    };
    let component = &config.components[0];
    let previous = &component.previous[0];
    assert!(settings.rings[0].knows(pair(&component.token, &component.encoding_aes_key)));
    assert!(settings.rings[0].knows(pair(&previous.token, &previous.encoding_aes_key)));
    assert!(!settings.rings[0].knows(pair(&Secret::new("Unknown"), &previous.encoding_aes_key)));
}

#[test]
fn without_a_component_there_is_nothing_to_serve() {
    assert!(matches!(Settings::from_config(&load("")), Err(SettingsError::NoComponent)));
}
