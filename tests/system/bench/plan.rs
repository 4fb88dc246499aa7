//! What is to be measured, as `tests/bench` says it in the environment.

use std::{path::PathBuf, process::Command};

use serde_json::{Value, json};

use super::Row;
use crate::world::process::MANDATE;

/// One of the binaries that are measured in turns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Version {
    /// The name of its lane.
    pub(super) name: &'static str,
    pub(super) binary: PathBuf,
}

/// The lane of this tree's binary.
pub(super) const NOW: &str = "now";
/// The lane of the binary that it is compared with.
pub(super) const BEFORE: &str = "before";

/// What is to be measured.
#[derive(Debug)]
pub(super) struct Plan {
    /// Fewer rounds and smaller loads.
    pub(super) quick: bool,
    rows: Vec<String>,
    versions: Vec<Version>,
    /// Where the JSON goes.
    pub(super) folder: PathBuf,
}

impl Plan {
    pub(super) fn read() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let now = text("MANDATE_BENCH_NOW").unwrap_or_else(|| MANDATE.to_owned());
        let before = text("MANDATE_BENCH_BEFORE_BINARY");
        let binaries = [(NOW, Some(now)), (BEFORE, before)];
        let version = |(name, binary): (_, Option<String>)| Some(Version { name, binary: binary?.into() });
        Self {
            quick: text("MANDATE_BENCH_QUICK").is_some(),
            rows: text("MANDATE_BENCH_ROWS").unwrap_or_default().split(' ').map(str::to_owned).collect(),
            versions: binaries.into_iter().filter_map(version).collect(),
            folder: text("MANDATE_BENCH_FOLDER").map_or_else(std::env::temp_dir, PathBuf::from),
        }
    }

    /// The rows that are asked for; all without a name.
    pub(super) fn choose(&self, all: &[Row]) -> Vec<Row> {
        let asked: Vec<&String> = self.rows.iter().filter(|name| !name.is_empty()).collect();
        for name in &asked {
            let names: Vec<_> = all.iter().map(|row| row.name).collect();
            assert!(names.contains(&name.as_str()), "there is no row {name}; there are {}", names.join(", "));
        }
        let wanted = |row: &&Row| asked.is_empty() || asked.iter().any(|name| *name == row.name);
        all.iter().filter(wanted).copied().collect()
    }

    pub(super) fn rounds(&self) -> usize {
        if self.quick { 1 } else { 5 }
    }

    /// All versions, each round in another order, so that none always runs on what the other one warmed.
    pub(super) fn versions(&self, round: usize) -> Vec<Version> {
        let mut versions = self.versions.clone();
        if round % 2 == 1 {
            versions.reverse();
        }
        versions
    }

    /// The machine, the day and the commits.
    pub(super) fn describe(&self) -> Value {
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        let after = |text: String, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
            line.unwrap_or_default().trim_start_matches([' ', '\t', ':']).to_owned()
        };
        let commit = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
        let commit = commit.map(|done| String::from_utf8_lossy(&done.stdout).trim().to_owned());
        json!({
            "at": jiff::Timestamp::now().round(jiff::Unit::Second).expect("a time in range").to_string(),
            "commit": commit.unwrap_or_default(),
            "before": std::env::var("MANDATE_BENCH_BEFORE").unwrap_or_default(),
            "processor": after(read("/proc/cpuinfo"), "model name"),
            "processors": std::thread::available_parallelism().map_or(0, usize::from),
            "memory": after(read("/proc/meminfo"), "MemTotal:"),
            "kernel": read("/proc/sys/kernel/osrelease").trim(),
            "quick": self.quick,
            "rounds": self.rounds(),
        })
    }
}
