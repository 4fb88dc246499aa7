//! JSON pushes: read into the same tree as XML, within the same limits.
//!
//! A member becomes an element, a list one element for each entry, whatever the member is called. Of a name that repeats
//! every member is kept, so that a second `Encrypt` is seen.

mod repair;
mod visitor;
mod write;

pub(crate) use repair::{Extent, Repaired, repair};
pub use repair::{Repair, Repairs};
pub(crate) use write::{from_tree, quoted};

use crate::{
    text::is_blank,
    tree::{Element, TreeError},
};

/// Reads a whole JSON object of allowed characters: the root, and how many escapes of other characters were replaced.
pub(crate) fn read(text: &str) -> Result<(Element, usize), TreeError> {
    let Repaired { text, replaced: repaired, repairs: _ } =
        repair(text.trim_matches(is_blank), Extent::Texts);
    let (root, replaced) = visitor::read(&text)?;
    Ok((root, repaired + replaced))
}

#[cfg(test)]
mod tests;
