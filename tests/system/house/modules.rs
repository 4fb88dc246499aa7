//! Modules import each other in one direction: among those that lie in one folder there is no circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::{collect, root};

/// Folders of crates.
const CRATES: [&str; 11] = [
    "cli",
    "console",
    "ingress",
    "schema",
    "worker",
    "crates/broker",
    "crates/domain",
    "crates/runtime",
    "crates/simulator",
    "crates/storage",
    "crates/wechat",
];

/// Circles that are left: the crate, the folder, and its modules. This list only becomes shorter.
const LEFT: [(&str, &str, &[&str]); 6] = [
    ("console", "", &["body", "error", "guard", "list", "problem", "proxy", "query", "tokens"]),
    // One registry of connections: the process knows its listeners, each listener the process.
    ("crates/runtime", "web", &["shared", "slots"]),
    ("crates/simulator", "", &["api", "orders", "push", "release_check", "simulator", "state"]),
    ("crates/simulator", "api", &["faults", "reply"]),
    ("crates/simulator", "push", &["dirt", "draft", "forge", "seal"]),
    ("crates/simulator", "state", &["changes", "grants"]),
];

/// The names of a module's path; none for the crate.
type Names = Vec<String>;

/// Modules and their texts, without tests.
fn modules(folder: &Path) -> BTreeMap<Names, String> {
    let source = folder.join("src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    let mut modules = BTreeMap::new();
    for file in files {
        let path = file.strip_prefix(&source).expect("inside").with_extension("");
        let mut names: Names = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        let is_test = |name: &String| name == "tests" || name.ends_with("_tests") || name == "conformance";
        if names.iter().any(is_test) {
            continue;
        }
        if names.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
            names.pop();
        }
        let text = fs::read_to_string(&file).expect("text");
        let code = text.split("#[cfg(test)]\nmod tests {").next().expect("something").to_owned();
        let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
        modules.insert(names, lines.collect::<Vec<_>>().join("\n"));
    }
    let is_test = |module: &Names| {
        let (name, parent) = module.split_last()?;
        Some(modules.get(parent)?.contains(&format!("#[cfg(test)]\nmod {name};")))
    };
    let tests: BTreeSet<Names> =
        modules.keys().filter(|module| is_test(module) == Some(true)).cloned().collect();
    modules.retain(|module, _| !tests.contains(module));
    modules
}

/// The paths that a `use` tree names, whose text begins here; and what follows it.
fn tree(text: &str) -> (Vec<Names>, &str) {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        let mut paths = Vec::new();
        loop {
            rest = rest.trim_start_matches([',', ' ', '\n', '\t']);
            if rest.is_empty() || rest.starts_with('}') {
                return (paths, rest.strip_prefix('}').unwrap_or(rest));
            }
            let (more, after) = tree(rest);
            let stuck = after.len() == rest.len();
            paths.extend(more);
            rest = if stuck { &rest[1..] } else { after };
        }
    }
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return (vec![Vec::new()], text.strip_prefix('*').unwrap_or(text));
    }
    let Some(below) = rest.strip_prefix("::").filter(|below| !below.starts_with('<')) else {
        let renamed = rest
            .strip_prefix(" as ")
            .map(|rest| rest.trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '_'));
        return (vec![vec![name.to_owned()]], renamed.unwrap_or(rest));
    };
    let (paths, rest) = tree(below);
    let under = |path: Names| std::iter::once(name.to_owned()).chain(path).collect();
    (paths.into_iter().map(under).collect(), rest)
}

/// The paths in this crate that a module names, from the crate's root.
fn named(module: &Names, text: &str) -> Vec<Names> {
    let mut named = Vec::new();
    for (start, word) in text.match_indices("::").map(|(end, _)| word_before(text, end)) {
        let base = match word {
            _ if text[..start].ends_with("::") => continue,
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => module[..module.len().saturating_sub(1)].to_vec(),
            _ => continue,
        };
        let (mut base, mut rest) = (base, &text[start + word.len() + 2..]);
        while let Some(above) = rest.strip_prefix("super::") {
            base.pop();
            rest = above;
        }
        named.extend(tree(rest).0.into_iter().map(|path| [base.clone(), path].concat()));
    }
    named
}

fn word_before(text: &str, end: usize) -> (usize, &str) {
    let start = text[..end].rfind(|letter: char| !letter.is_alphanumeric() && letter != '_');
    let start = start.map_or(0, |before| before + 1);
    (start, &text[start..end])
}

/// Names that a module has from the modules below it, by `use`.
fn passed_on(modules: &BTreeMap<Names, String>, module: &Names) -> BTreeMap<String, String> {
    let mut passed_on = BTreeMap::new();
    for line in modules.get(module).map_or("", String::as_str).split("use ").skip(1) {
        for path in tree(line).0 {
            let [child, .., name] = path.as_slice() else { continue };
            if modules.contains_key(&[module.clone(), vec![child.clone()]].concat()) {
                passed_on.insert(name.clone(), child.clone());
            }
        }
    }
    passed_on
}

/// For each folder, which of its modules import which.
fn imports(modules: &BTreeMap<Names, String>) -> BTreeMap<Names, BTreeMap<String, BTreeSet<String>>> {
    let mut imports: BTreeMap<Names, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (module, text) in modules {
        for path in named(module, text) {
            let common = module.iter().zip(&path).take_while(|(ours, theirs)| ours == theirs).count();
            let (Some(from), Some(to)) = (module.get(common), path.get(common)) else { continue };
            let folder = module[..common].to_vec();
            let is_module = modules.contains_key(&path[..=common]);
            let to = if is_module { Some(to.clone()) } else { passed_on(modules, &folder).remove(to) };
            if let Some(to) = to.filter(|to| to != from) {
                imports.entry(folder).or_default().entry(from.clone()).or_default().insert(to);
            }
        }
    }
    imports
}

/// The modules of circles: what is left when those that import none of the others are taken away, and those that none imports.
fn circle(mut imports: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    loop {
        let before = imports.clone();
        let imported: BTreeSet<String> = imports.values().flatten().cloned().collect();
        let names: BTreeSet<String> = imports.keys().cloned().collect();
        for named in imports.values_mut() {
            named.retain(|name| names.contains(name));
        }
        imports.retain(|name, named| imported.contains(name) && !named.is_empty());
        if imports == before {
            return imports;
        }
    }
}

#[test]
fn no_modules_of_one_folder_import_each_other_in_a_circle() {
    let mut found = Vec::new();
    for name in CRATES {
        let modules = modules(&root().join(name));
        assert!(modules.len() > 3, "{name} is read");
        for (folder, imports) in imports(&modules) {
            let circle = circle(imports);
            let folder = folder.join("::");
            let is_known = LEFT.iter().any(|(of, at, modules)| {
                *of == name && *at == folder && circle.keys().all(|module| modules.contains(&module.as_str()))
            });
            if !circle.is_empty() && !is_known {
                found.push(format!("{name} {folder}: {circle:?}"));
            }
        }
    }
    assert!(found.is_empty(), "circles among modules, by what they import:\n{}", found.join("\n"));
}

#[test]
fn imports_are_found_however_they_are_written() {
    let text = |text: &str| text.to_owned();
    let names =
        |path: &str| -> Names { path.split("::").filter(|name| !name.is_empty()).map(text).collect() };
    let modules: BTreeMap<Names, String> = [
        ("", "mod a;\nmod b;\nmod c;\nmod d;\npub use d::{Deep, other::Thing as Named};"),
        ("a", "use crate::{b::{X, Y}, c::*};\nfn f() { crate::Deep::new() }"),
        ("b", "fn f() { super::c::g(); }"),
        ("c", "use super::a::inner::Z as W;"),
        ("d", "use std::fmt;"),
        ("a::inner", "use super::super::d;\nuse self::nothing;"),
    ]
    .into_iter()
    .map(|(path, code)| (names(path), text(code)))
    .collect();
    let imports = imports(&modules);
    let of = |name: &str| imports[&names("")][name].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!((of("a"), of("b"), of("c")), (vec!["b", "c", "d"], vec!["c"], vec!["a"]));
    let circle = circle(imports[&names("")].clone());
    assert_eq!(circle.keys().collect::<Vec<_>>(), ["a", "b", "c"], "d imports none of them");
}

#[test]
fn pure_crates_name_no_clock_environment_file_or_async() {
    for name in ["schema", "crates/domain", "crates/wechat"] {
        for (module, text) in modules(&root().join(name)) {
            for impure in
                ["::now()", "SystemTime", "std::env", "std::fs", "std::net::Tcp", "async ", ".await", "tokio"]
            {
                assert!(!text.contains(impure), "{name} {}: {impure}", module.join("::"));
            }
        }
    }
}
