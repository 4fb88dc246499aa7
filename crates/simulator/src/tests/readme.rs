//! The tables of the README are what the code takes.

use serde_json::{Map, Value, json};

use crate::{FaultKind, Forge, Switches};

const README: &str = include_str!("../../README.md");

fn section(title: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("## {title}\n")).expect("the section is there");
    rest.split("\n## ").next().expect("split yields at least one part")
}

/// The words in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn rows(title: &str) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let rows = section(title).lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|line| {
        let (name, rest) = line.split_once('`').expect("the name is quoted");
        (name, quoted(rest).collect())
    })
}

#[test]
fn every_switch_is_listed_with_its_values_and_its_default_first() {
    let Ok(Value::Object(defaults)) = serde_json::to_value(Switches::default()) else { panic!("an object") };
    let mut listed = 0;
    for (name, values) in rows("Switches") {
        assert_eq!(defaults[name], values[0], "{name}");
        for value in values {
            let change = Map::from_iter([(name.to_owned(), json!(value))]);
            Switches::default().with(&change).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        listed += 1;
    }
    assert_eq!(listed, defaults.len());
}

/// The names that a refusal lists as known.
#[track_caller]
fn known<T: serde::de::DeserializeOwned + std::fmt::Debug>() -> Vec<String> {
    let error = serde_json::from_value::<T>(json!("?")).expect_err("no such name").to_string();
    let names: Vec<String> = quoted(&error).skip(1).map(str::to_owned).collect();
    assert!(names.len() > 10, "{error}");
    names
}

#[test]
fn every_fault_and_every_forged_push_is_listed() {
    let mut faults: Vec<&str> = rows("Faults").map(|(name, _)| name).collect();
    let mut expected = known::<FaultKind>();
    faults.sort_unstable();
    expected.sort_unstable();
    assert_eq!(faults, expected);
    let mut forges: Vec<&str> = quoted(section("Forged pushes")).collect();
    let mut expected = known::<Forge>();
    forges.sort_unstable();
    expected.sort_unstable();
    assert_eq!(forges, expected);
}
