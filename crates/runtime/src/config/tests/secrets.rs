//! Secrets from files, and that none is ever shown.

use std::{fs, os::unix::fs::PermissionsExt};

use mandate_schema::Secret;

use super::{super::*, Folder, component, shown};

#[test]
fn a_secret_can_stand_in_a_file_of_its_own() {
    let folder = Folder::with("");
    let path = folder.write("app_secret", "from-a-file\r\n");
    folder.write("mandate.toml", &component(&format!("app_secret_file = '{path}'")));
    let loaded = folder.loaded(&[]);
    assert_eq!(loaded.config.components[0].app_secret.as_ref().map(Secret::expose), Some("from-a-file"));
    assert_eq!(
        shown(&loaded, "component.0.app_secret"),
        ("********".to_owned(), format!("secret file {path}"))
    );
}

#[test]
fn a_variable_can_name_the_file_and_wins_over_the_file_of_settings() {
    let folder = Folder::with(&component("app_secret = 'of-the-settings'"));
    let path = folder.write("app_secret", "of-the-environment");
    let components = folder.loaded(&[("MANDATE_COMPONENT__0__APP_SECRET_FILE", &path)]).config.components;
    assert_eq!(components[0].app_secret.as_ref().map(Secret::expose), Some("of-the-environment"));
    let folder = Folder::with(&component("app_secret_file = '/nowhere'"));
    let components = folder.loaded(&[("MANDATE_COMPONENT__0__APP_SECRET", "direct")]).config.components;
    assert_eq!(components[0].app_secret.as_ref().map(Secret::expose), Some("direct"));
}

#[test]
fn a_secret_and_its_file_at_one_level_are_a_problem() {
    let folder = Folder::with(&component("app_secret = 'one'\napp_secret_file = '/nowhere'"));
    assert_eq!(
        folder.problems(&[]),
        [
            "component.0.app_secret: is set, and so is `app_secret_file`; set one of them (file mandate.toml:5)"
        ]
    );
    let env = [
        ("MANDATE_INGRESS__SETTLE_KEY", "0123456789abcdef"),
        ("MANDATE_INGRESS__SETTLE_KEY_FILE", "/nowhere"),
    ];
    assert_eq!(Folder::with("").problems(&env).len(), 1);
}

#[test]
fn master_keys_in_a_file_stand_one_per_line() {
    let (first, second) = (
        "2026-11:cmVwbGFjZS1tZS13aXRoLW1hbmRhdGUta2V5Z2VuISE=",
        "old:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    );
    let folder = Folder::with("");
    let path = folder.write("keys", &format!("{first}\n{second}\n"));
    let keys = folder.loaded(&[("MANDATE_SEAL__KEYS_FILE", &path)]).config.seal.keys;
    assert_eq!(keys.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(), ["2026-11", "old"]);
    assert_eq!(keys[0].expose(), b"replace-me-with-mandate-keygen!!");
    let keys = folder.loaded(&[("MANDATE_SEAL__KEYS", &format!("{first},{second}"))]).config.seal.keys;
    assert_eq!(keys.len(), 2);
}

#[test]
fn master_keys_have_distinct_ids_and_32_bytes() {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for bad in [
        format!("'a:{key}', 'a:{key}'"),
        "'a:AAAA'".into(),
        format!("'{key}'"),
        format!("':{key}'"),
        format!("'a b:{key}'"),
    ] {
        let found = Folder::with(&format!("[seal]\nkeys = [{bad}]")).problems(&[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("seal.keys: ") && found[0].ends_with("(file mandate.toml:2)"),
            "{found:?}"
        );
    }
}

#[test]
fn a_secret_file_that_is_missing_empty_or_too_large_is_a_problem() {
    let folder = Folder::with(&component(""));
    let empty = folder.write("empty", "\n");
    let large = folder.write("large", &"x".repeat(70_000));
    for path in ["/nowhere", "", &empty, &large, "/"] {
        let found = folder.problems(&[("MANDATE_COMPONENT__0__APP_SECRET_FILE", path)]);
        assert!(found[0].starts_with("component.0.app_secret"), "{path:?}: {found:?}");
    }
}

/// A configuration in which each secret is marked, and where it is wrong in every place if `broken`.
fn marked(broken: bool) -> String {
    let spoil = if broken { " hunter2" } else { "" };
    let host = if broken { "hunter2 hunter2@h" } else { "mandate:hunter2@h" };
    format!(
        "[[component]]\napp_id = 'wx1f2e3d4c5b6a7988'\napp_secret = 'hunter2{spoil}'\ntoken = 'hunter2{spoil}'\n\
         encoding_aes_key = 'hunter2hunter2hunter2hunter2hunter2hunter2x{spoil}'\n\
         previous = [{{ token = 'hunter2{spoil}', encoding_aes_key = 'hunter2hunter2hunter2hunter2hunter2hunter2x{spoil}' }}]\n\
         [ingress]\nsettle_key = 'hunter2{spoil}'\n[worker]\nsettle_key = 'hunter2{spoil}'\n\
         [storage]\nurl = '{scheme}postgres://{host}/d'\nmigrate_url = '{scheme}postgres://{host}/d'\n\
         [broker]\nurl = '{scheme}amqp://{host}/v'\n[seal]\nkeys = ['a:aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ={spoil}']\n\
         [wechat]\nproxy = 'http://{host}:3128'\n",
        scheme = if broken { "x" } else { "" },
    )
}

#[test]
fn no_secret_is_shown_by_show_debug_or_a_problem() {
    let loaded = Folder::with(&marked(false)).loaded(&[]);
    let visible = format!("{:?} {loaded:?} {:?}", show(&loaded), loaded.check_worker());
    assert!(visible.contains("postgres://mandate:********@h/d"), "{visible}");
    let problems = Folder::with(&marked(true)).problems(&[]);
    assert_eq!(problems.len(), 12, "{problems:#?}");
    for text in [visible, problems.join("\n")] {
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVy"), "{text}");
        assert!(!text.contains("104, 117, 110, 116"), "key bytes in {text}");
    }
}

#[test]
fn secrets_in_a_file_that_every_user_can_read_are_a_warning() {
    let warned = |text: &str, mode: u32| {
        let folder = Folder::with(text);
        let path = folder.0.path().join("mandate.toml");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("ours");
        folder
            .loaded(&[])
            .warnings
            .iter()
            .any(|warning| warning.contains(&format!("chmod o-r {}", path.display())))
    };
    for (text, mode, is_warned) in [
        ("[worker]\nsettle_key = '0123456789abcdef'", 0o644, true),
        ("[storage]\nurl = 'postgres://user:password@db/mandate'", 0o604, true),
        ("[worker]\nsettle_key = '0123456789abcdef'", 0o640, false),
        ("[worker]\nsettle_key = '0123456789abcdef'", 0o600, false),
        ("[log]\nlevel = 'info'", 0o644, false),
    ] {
        assert_eq!(warned(text, mode), is_warned, "{mode:o} {text}");
    }
}

#[test]
fn a_settle_key_that_can_be_guessed_is_a_warning() {
    let warnings = Folder::with("[worker]\nsettle_key = 'short'").loaded(&[]).warnings;
    assert_eq!(warnings, ["worker.settle_key has fewer than 16 characters and can be guessed"]);
}
