//! Looks for known secrets in every file, in the forms in which they could stand there.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use aho_corasick::AhoCorasick;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// Bytes by which a candidate is found; shorter secrets are not looked for.
const PREFIX: usize = 8;

/// Fails if any file below `folder` holds one of the secrets.
#[track_caller]
pub(crate) fn assert_clean(folder: &Path, secrets: &[String], except: &[PathBuf]) {
    let patterns = Patterns::of(secrets);
    for file in files(folder) {
        if except.contains(&file) {
            continue;
        }
        let found = patterns.find(&fs::read(&file).expect("a readable file"));
        assert_eq!(found, None, "a secret stands in {}", file.display());
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Forms of secrets by their first bytes.
struct Patterns {
    by_prefix: HashMap<[u8; PREFIX], Vec<(String, &'static str)>>,
    prefixes: AhoCorasick,
}

impl Patterns {
    fn of(secrets: &[String]) -> Self {
        let mut by_prefix = HashMap::<_, Vec<_>>::new();
        for secret in secrets {
            for (form, name) in forms(secret) {
                if let Some(prefix) = form.as_bytes().first_chunk::<PREFIX>() {
                    by_prefix.entry(*prefix).or_default().push((form, name));
                }
            }
        }
        let prefixes = AhoCorasick::new(by_prefix.keys()).expect("short texts");
        Self { by_prefix, prefixes }
    }

    /// The name of the form that was found, if any.
    fn find(&self, bytes: &[u8]) -> Option<&'static str> {
        self.prefixes.find_overlapping_iter(bytes).find_map(|found| {
            let rest = &bytes[found.start()..];
            let candidates = rest.first_chunk::<PREFIX>().and_then(|prefix| self.by_prefix.get(prefix))?;
            candidates.iter().find(|(form, _)| rest.starts_with(form.as_bytes())).map(|(_, name)| *name)
        })
    }
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

fn forms(secret: &str) -> Vec<(String, &'static str)> {
    let hex = hex(secret);
    let url: String = secret
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let json = serde_json::to_string(secret).expect("text");
    let mut forms = vec![
        (secret.to_owned(), "raw"),
        (hex.to_uppercase(), "hex"),
        (hex, "hex"),
        (url, "url-encoded"),
        (json.trim_matches('"').to_owned(), "json-escaped"),
    ];
    for offset in 0..3 {
        // Within a longer text the secret may start at any of three places of a base64 group.
        let padded = [&b"\0\0"[..offset], secret.as_bytes()].concat();
        for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            let start = (offset * 8).div_ceil(6);
            let end = padded.len() * 8 / 6;
            forms.push((encoded[start..end].to_owned(), "base64"));
        }
    }
    forms
}

#[test]
fn a_planted_secret_is_found_in_every_form() {
    let secret = "ticket@@@Vb1yQm0Lr5TzN8dK/+".to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let plant = |text: &[u8]| fs::write(folder.path().join("log"), text).expect("writable");
    let encoded = |text: &str| format!("x{}y", STANDARD_NO_PAD.encode(text));
    let hex = hex(&secret);
    for planted in [
        secret.clone(),
        format!("before{secret}after"),
        hex,
        secret.replace('@', "%40").replace('/', "%2F").replace('+', "%2B"),
        encoded(&secret),
        encoded(&format!("a{secret}b")),
        encoded(&format!("ab{secret}")),
    ] {
        plant(planted.as_bytes());
        let scan = || assert_clean(folder.path(), std::slice::from_ref(&secret), &[]);
        assert!(
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(scan)).is_err(),
            "{planted} was not found"
        );
    }
    plant(b"ticket@@@ and other harmless text");
    assert_clean(folder.path(), &[secret], &[]);
}
