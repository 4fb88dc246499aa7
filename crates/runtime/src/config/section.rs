//! One table of the configuration, read key by key; what nobody asked for is unknown.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    report::{Origin, Report},
    scalar::Setting,
    tree::{Node, Scalar, Table},
};

/// How a value is shown that nobody set and that has no default.
pub(super) const NOT_SET: &str = "(not set)";
/// How alike two keys must be for "did you mean", from 0 to 1.
const ALIKE: f64 = 0.6;

/// A table that is being read. Every problem goes to the report, and reading goes on with the default.
pub(super) struct Section<'r> {
    path: String,
    origin: Origin,
    entries: BTreeMap<String, Node>,
    known: Vec<Cow<'static, str>>,
    pub(super) report: &'r Report,
}

impl<'r> Section<'r> {
    pub(super) fn root(table: Table, report: &'r Report) -> Self {
        Self::new(String::new(), table, report)
    }

    fn new(path: String, table: Table, report: &'r Report) -> Self {
        Self { path, origin: table.origin, entries: table.entries, known: Vec::new(), report }
    }

    /// The whole key of a key of this table.
    pub(super) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn problem(&self, key: &str, source: &Origin, message: impl Into<String>) {
        self.report.problem(self.key(key), source, message);
    }

    pub(super) fn resolved(&self, key: &str, value: impl Into<String>, origin: Origin) {
        self.report.resolved(self.key(key), value.into(), origin);
    }

    /// Says that a key must be set; the table it is missing from is the source.
    pub(super) fn missing(&self, key: &str) {
        self.problem(key, &self.origin, "is required");
    }

    /// Takes what stands under a key, which is known from now on.
    pub(super) fn take(&mut self, key: impl Into<Cow<'static, str>>) -> Option<Node> {
        let key = key.into();
        let node = self.entries.remove(key.as_ref());
        self.known.push(key);
        node
    }

    /// A value with a default.
    pub(super) fn get<T: Setting>(&mut self, key: &'static str, default: T) -> T {
        match self.value(key) {
            Some(Ok(value)) => value,
            Some(Err(Reported)) => default,
            None => {
                self.resolved(key, default.show(), Origin::Default);
                default
            }
        }
    }

    /// A value that may be absent.
    pub(super) fn optional<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        let value = self.value(key);
        if value.is_none() {
            self.resolved(key, NOT_SET, Origin::Default);
        }
        value?.ok()
    }

    /// A value that must be there. `None` has been reported.
    pub(super) fn required<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        let value = self.value(key);
        if value.is_none() {
            self.missing(key);
        }
        value?.ok()
    }

    fn value<T: Setting>(&mut self, key: &'static str) -> Option<Result<T, Reported>> {
        match self.take(key)? {
            Node::Leaf(scalar, origin) => Some(self.read(key, &scalar, origin)),
            node @ (Node::Table(_) | Node::List(..)) => {
                self.problem(key, node.origin(), "must be a single value");
                Some(Err(Reported))
            }
        }
    }

    fn read<T: Setting>(&self, key: &str, scalar: &Scalar, origin: Origin) -> Result<T, Reported> {
        match T::from_scalar(scalar) {
            Ok(value) => {
                self.resolved(key, value.show(), origin);
                Ok(value)
            }
            Err(message) => {
                self.problem(key, &origin, message);
                Err(Reported)
            }
        }
    }

    /// A list of texts of one kind, empty by default; in the environment, commas stand between them.
    pub(super) fn list<T: Setting>(&mut self, key: &'static str) -> Vec<T> {
        self.list_or(key, Vec::new())
    }

    /// The same with another default.
    pub(super) fn list_or<T: Setting>(&mut self, key: &'static str, default: Vec<T>) -> Vec<T> {
        let node = self.take(key);
        let origin = node.as_ref().map(|node| node.origin().clone()).unwrap_or_default();
        let values = node.map_or(default, |node| {
            let scalars = self.scalars(key, node).into_iter();
            let parsed = scalars.filter_map(|scalar| {
                T::from_scalar(&scalar).map_err(|message| self.problem(key, &origin, message)).ok()
            });
            parsed.collect()
        });
        let shown: Vec<String> = values.iter().map(Setting::show).collect();
        self.resolved(key, format!("[{}]", shown.join(", ")), origin);
        values
    }

    /// The single values of a list.
    pub(super) fn scalars(&self, key: &str, node: Node) -> Vec<Scalar> {
        match node {
            Node::List(items, _) => items.into_iter().filter_map(|item| self.scalar(key, item)).collect(),
            Node::Leaf(Scalar::Untyped(text), origin) => {
                let separator = if matches!(origin, Origin::SecretFile { .. }) { '\n' } else { ',' };
                let parts = text.split(separator).map(str::trim).filter(|part| !part.is_empty());
                parts.map(|part| Scalar::Untyped(part.to_owned().into())).collect()
            }
            Node::Leaf(_, origin) | Node::Table(Table { origin, .. }) => {
                self.problem(key, &origin, "must be a list");
                Vec::new()
            }
        }
    }

    fn scalar(&self, key: &str, node: Node) -> Option<Scalar> {
        match node {
            Node::Leaf(scalar, _) => Some(scalar),
            Node::Table(Table { origin, .. }) | Node::List(_, origin) => {
                self.problem(key, &origin, "must be a list of single values");
                None
            }
        }
    }

    /// A table below this one, empty if it is not there.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'r> {
        let table = match self.take(key) {
            Some(Node::Table(table)) => table,
            Some(node) => {
                self.problem(key, node.origin(), format!("must be a table: [{}]", self.key(key)));
                Table::default()
            }
            None => Table::default(),
        };
        Section::new(self.key(key), table, self.report)
    }

    /// The tables of a list of tables.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'r>> {
        match self.take(key) {
            Some(Node::List(items, _)) => {
                let items = items.into_iter().enumerate();
                items.filter_map(|(at, item)| self.entry(&format!("{key}.{at}"), item)).collect()
            }
            Some(node) => {
                self.problem(key, node.origin(), format!("must be a list of tables: [[{key}]]"));
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn entry(&self, key: &str, item: Node) -> Option<Section<'r>> {
        match item {
            Node::Table(table) => Some(Section::new(self.key(key), table, self.report)),
            Node::Leaf(_, origin) | Node::List(_, origin) => {
                self.problem(key, &origin, "must be a table with keys of its own");
                None
            }
        }
    }

    /// Ends reading: whatever was not asked for is an unknown key.
    pub(super) fn finish(self) {
        for (key, node) in &self.entries {
            let alike = |known: &Cow<'static, str>| strsim::normalized_damerau_levenshtein(known, key);
            let nearest = self.known.iter().max_by(|one, other| alike(one).total_cmp(&alike(other)));
            let message = match nearest.filter(|known| alike(known) >= ALIKE) {
                Some(known) => format!("is not a known key; did you mean `{known}`?"),
                None => "is not a known key".to_owned(),
            };
            self.problem(key, node.origin(), message);
        }
    }
}

/// A value is there but no good, and the report knows it.
pub(super) struct Reported;
