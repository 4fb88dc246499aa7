//! What was configured, before anybody knows what it should be: a small tree with an origin at each leaf.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::report::Origin;

/// A value, a table or a list.
pub(super) enum Node {
    Leaf(Scalar, Origin),
    Table(Table),
    List(Vec<Node>, Origin),
}

/// Keys with what stands under them.
#[derive(Default)]
pub(super) struct Table {
    pub(super) origin: Origin,
    pub(super) entries: BTreeMap<String, Node>,
}

/// A single value. Texts are wiped when dropped: any of them may be a secret.
#[derive(Clone)]
pub(super) enum Scalar {
    /// A text of the file.
    Text(Zeroizing<String>),
    /// A variable of the environment, which has no type of its own: to be read as whatever is wanted.
    Untyped(Zeroizing<String>),
    Integer(i64),
    Boolean(bool),
    /// A type that no setting has, such as a date.
    Other,
}

impl Node {
    /// Where it came from; for an environment list or table, its first variable.
    pub(super) fn origin(&self) -> &Origin {
        match self {
            Self::Leaf(_, origin) | Self::List(_, origin) => origin,
            Self::Table(table) => &table.origin,
        }
    }
}
