//! A TOML file as a tree.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use zeroize::Zeroizing;

use super::{
    report::{Origin, Problem, Resolved},
    secret::MASK,
    tree::{Node, Scalar, Table},
};

/// The permission of users who are neither the owner nor of the group.
const READ_BY_OTHERS: u32 = 0o004;

/// Reads a file. Either it is a tree, or nothing in it can be trusted and only its syntax errors are told.
pub(super) fn read(path: &Path) -> Result<Table, Vec<Problem>> {
    let whole = Origin::File { path: path.to_owned(), line: 0 };
    let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
        vec![Problem { key: String::new(), source: whole, message: format!("cannot be read: {error}") }]
    })?;
    parse(&text, path)
}

/// What to say if secrets stand in a file that every user of the machine can read.
pub(super) fn warn_of_readers(path: &Path, resolved: &[Resolved]) -> Option<String> {
    let is_here =
        |value: &&Resolved| matches!(&value.origin, Origin::File { path: origin, .. } if origin == path);
    let secret = resolved.iter().filter(is_here).find(|value| value.value.contains(MASK))?;
    let mode = fs::metadata(path).ok()?.permissions().mode();
    (mode & READ_BY_OTHERS != 0).then(|| {
        let (path, key) = (path.display(), &secret.key);
        format!(
            "{path} holds secrets ({key}) and every user of this machine can read it; run: chmod o-r {path}"
        )
    })
}

pub(super) fn parse(text: &str, path: &Path) -> Result<Table, Vec<Problem>> {
    let source = Source { text, path };
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(source.table(&table));
    }
    // Only the parser's message: its full text quotes the line, which may hold a secret.
    let problem = |error: &toml::de::Error| Problem {
        key: String::new(),
        source: source.origin(error.span().map_or(0, |span| span.start)),
        message: format!("is not TOML: {}", error.message()),
    };
    Err(errors.iter().map(problem).collect())
}

struct Source<'s> {
    text: &'s str,
    path: &'s Path,
}

impl Source<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = 1 + before.matches('\n').count();
        Origin::File { path: self.path.to_owned(), line }
    }

    fn table(&self, table: &Spanned<DeTable<'_>>) -> Table {
        let entries = table.get_ref().iter();
        Table {
            origin: self.origin(table.span().start),
            entries: entries.map(|(key, value)| (key.get_ref().to_string(), self.node(value))).collect(),
        }
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        let origin = self.origin(value.span().start);
        let leaf = match value.get_ref() {
            DeValue::String(text) => Scalar::Text(Zeroizing::new(text.to_string())),
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).map_or(Scalar::Other, Scalar::Integer)
            }
            DeValue::Boolean(value) => Scalar::Boolean(*value),
            DeValue::Float(_) | DeValue::Datetime(_) => Scalar::Other,
            DeValue::Array(items) => {
                return Node::List(items.iter().map(|item| self.node(item)).collect(), origin);
            }
            DeValue::Table(table) => {
                let entries = table.iter().map(|(key, value)| (key.get_ref().to_string(), self.node(value)));
                return Node::Table(Table { origin, entries: entries.collect() });
            }
        };
        Node::Leaf(leaf, origin)
    }
}
