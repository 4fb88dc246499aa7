//! Variables `MANDATE_SECTION__KEY` over the tree of the file.

use zeroize::Zeroizing;

use super::{
    report::{Origin, Report},
    tree::{Node, Scalar, Table},
};

/// What our variables start with.
const PREFIX: &str = "MANDATE_";
/// What stands between levels. A variable without it, such as `MANDATE_TEST_STACK`, is not configuration.
const LEVEL: &str = "__";

/// Sections whose variables are easily written with one underscore.
const SECTIONS: [&str; 11] = [
    "COMPONENT",
    "INGRESS",
    "WORKER",
    "STORAGE",
    "BROKER",
    "SEAL",
    "WECHAT",
    "RECONCILE",
    "WEBHOOKS",
    "SIMULATOR",
    "LOG",
];

/// The environment of this process as texts; bytes that are no text are replaced, so that they are reported and not passed
/// over.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

struct Variable {
    path: Vec<String>,
    value: Scalar,
    origin: Origin,
}

/// Lays the variables over the tree. A number in a name counts list entries, from 0.
pub(super) fn merge(root: &mut Table, env: impl Iterator<Item = (String, String)>, report: &Report) {
    let mut variables = Vec::new();
    for (name, value) in env {
        match variable(name, value) {
            Ok(variable) => variables.extend(variable),
            Err((name, meant)) => {
                let message = format!("is not read: between levels stand two underscores, as in {meant}");
                report.problem(name.clone(), &Origin::Environment { name }, message);
            }
        }
    }
    variables.sort_by_cached_key(|Variable { path, origin, .. }| {
        (path.iter().map(|part| order(part)).collect::<Vec<_>>(), origin.to_string())
    });
    let mut before: Option<Vec<String>> = None;
    for Variable { path, value, origin } in variables {
        let key = path.join(".");
        let result = if before.as_ref() == Some(&path) {
            Err("two variables set it, they differ only in case".to_owned())
        } else {
            set_in_table(root, &path, value, &origin)
        };
        if let Err(message) = result {
            report.problem(key, &origin, message);
        }
        before = Some(path);
    }
}

/// A variable of ours; `None` if it is none; its name and the one that was meant if it has one underscore too few.
fn variable(name: String, value: String) -> Result<Option<Variable>, (String, String)> {
    let value = Zeroizing::new(value);
    let Some(rest) = name.strip_prefix(PREFIX) else { return Ok(None) };
    if !rest.contains(LEVEL) {
        let section = SECTIONS
            .iter()
            .find_map(|section| Some((section, rest.strip_prefix(section)?.strip_prefix('_')?)));
        return match section {
            Some((section, key)) if !key.is_empty() => {
                let meant = format!("{PREFIX}{section}{LEVEL}{}", entry(key));
                Err((name, meant))
            }
            Some(_) | None => Ok(None),
        };
    }
    let path = rest.split(LEVEL).map(str::to_ascii_lowercase).collect();
    Ok(Some(Variable { path, value: Scalar::Untyped(value), origin: Origin::Environment { name } }))
}

/// The rest of a name, with two underscores behind the number of a list entry: `0_TOKEN` means `0__TOKEN`.
fn entry(key: &str) -> String {
    match key.split_once('_') {
        Some((at, rest)) if index(at).is_some() => format!("{at}{LEVEL}{rest}"),
        Some(_) | None => key.to_owned(),
    }
}

/// Sorts numbers as numbers, so that list entry 2 is there before entry 10.
fn order(part: &str) -> (usize, String) {
    (index(part).unwrap_or(usize::MAX), part.to_owned())
}

/// The list index that a part of a name is.
fn index(part: &str) -> Option<usize> {
    part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten()
}

fn set_in_table(table: &mut Table, path: &[String], value: Scalar, origin: &Origin) -> Result<(), String> {
    let (head, rest) = path.split_first().expect("the caller checked that there is a part left");
    match table.entries.get_mut(head) {
        Some(node) if !rest.is_empty() => set(node, rest, value, origin),
        Some(_) | None => {
            table.entries.insert(head.clone(), build(rest, value, origin)?);
            Ok(())
        }
    }
}

/// Sets what stands at `path`, which is not empty, under a node.
fn set(node: &mut Node, path: &[String], value: Scalar, origin: &Origin) -> Result<(), String> {
    match node {
        Node::Table(table) => set_in_table(table, path, value, origin),
        Node::List(items, _) => {
            let (head, rest) = path.split_first().expect("the caller checked that there is a part left");
            let at = index(head).ok_or("the entries of a list are counted: 0, 1, 2 …")?;
            let length = items.len();
            match items.get_mut(at) {
                Some(item) if !rest.is_empty() => return set(item, rest, value, origin),
                Some(item) => *item = build(rest, value, origin)?,
                None if at == length => items.push(build(rest, value, origin)?),
                None => return Err(gap(length)),
            }
            Ok(())
        }
        Node::Leaf(..) => Err("what stands before the last __ is a single value".to_owned()),
    }
}

/// A new node with the value at `path` in it.
fn build(path: &[String], value: Scalar, origin: &Origin) -> Result<Node, String> {
    let Some((head, rest)) = path.split_first() else {
        return Ok(Node::Leaf(value, origin.clone()));
    };
    let node = build(rest, value, origin)?;
    match index(head) {
        Some(0) => Ok(Node::List(vec![node], origin.clone())),
        Some(_) => Err(gap(0)),
        None => Ok(Node::Table(Table { origin: origin.clone(), entries: [(head.clone(), node)].into() })),
    }
}

fn gap(missing: usize) -> String {
    format!("list entries are counted from 0 without gaps, and entry {missing} is missing")
}
