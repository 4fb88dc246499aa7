//! The house in order: arrows between crates, sizes of files, documents that agree.

mod modules;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What each crate may use of ours. An arrow allows everything below it.
const ARROWS: [(&str, &[&str]); 11] = [
    ("mandate", &["mandate-console", "mandate-ingress", "mandate-simulator"]),
    ("mandate-console", &["mandate-worker"]),
    (
        "mandate-worker",
        &["mandate-domain", "mandate-storage", "mandate-broker", "mandate-wechat", "mandate-runtime"],
    ),
    ("mandate-ingress", &["mandate-wechat", "mandate-broker", "mandate-runtime"]),
    ("mandate-simulator", &["mandate-wechat", "mandate-runtime"]),
    ("mandate-domain", &["mandate-wechat"]),
    ("mandate-storage", &["mandate-schema"]),
    ("mandate-broker", &["mandate-schema"]),
    ("mandate-wechat", &["mandate-schema"]),
    ("mandate-runtime", &["mandate-schema"]),
    ("mandate-schema", &[]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn allowed(name: &str) -> BTreeSet<&'static str> {
    let direct = ARROWS.iter().find(|(from, _)| *from == name).map_or(&[][..], |(_, to)| *to);
    direct.iter().flat_map(|below| std::iter::once(*below).chain(allowed(below))).collect()
}

#[test]
fn arrows_between_crates_point_down_only() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let metadata = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert_eq!(packages.len(), ARROWS.len(), "a crate is missing in the list of arrows");
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        let allowed = allowed(name);
        for dependency in package["dependencies"].as_array().expect("a list") {
            let to = dependency["name"].as_str().expect("a name");
            assert!(!to.starts_with("mandate") || allowed.contains(to), "{name} must not use {to}");
        }
    }
}

#[test]
fn no_source_file_is_longer_than_500_lines() {
    let mut files = Vec::new();
    for folder in ["ingress", "worker", "console", "cli", "schema", "crates", "tests"] {
        collect(&root().join(folder), &mut files);
    }
    assert!(files.len() > 100);
    for file in files {
        let lines = fs::read_to_string(&file).expect("text").lines().count();
        assert!(lines <= 500, "{} has {lines} lines", file.display());
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn both_readmes_have_the_same_headings_and_commands() {
    let outline = |name: &str| {
        let text = fs::read_to_string(root().join(name)).expect("a README");
        let mut code = false;
        let mut headings: BTreeMap<usize, usize> = BTreeMap::new();
        let mut commands = Vec::new();
        for line in text.lines() {
            if line.starts_with("```") {
                code = !code;
            } else if code {
                if line.starts_with("cargo ") || line.starts_with("mandate ") || line.starts_with("tests/") {
                    commands.push(line.split('#').next().unwrap_or_default().trim_end().to_owned());
                }
            } else if line.starts_with('#') {
                *headings.entry(line.chars().take_while(|c| *c == '#').count()).or_default() += 1;
            }
        }
        (headings, commands)
    };
    let (english, chinese) = (outline("README.md"), outline("README.zh-CN.md"));
    assert!(!english.1.is_empty());
    assert_eq!(english, chinese);
}

#[test]
fn no_banned_crate_is_in_the_lock_file() {
    let read = |name: &str| fs::read_to_string(root().join(name)).expect("text");
    let (lock, policy) = (read("Cargo.lock"), read("deny.toml"));
    let banned: Vec<&str> = policy
        .lines()
        .filter_map(|line| line.trim().strip_prefix("{ crate = \"")?.split(['"', ':']).next())
        .collect();
    assert!(banned.len() >= 7, "{banned:?}");
    for name in banned {
        assert!(!lock.contains(&format!("name = \"{name}\"\n")), "{name} is banned; see deny.toml");
    }
}
