//! JSON pushes: read into the same tree as XML, within the same limits.
//!
//! A member becomes an element, a list one element for each entry, whatever the member is called. Of a name that repeats
//! every member is kept, so that a second `Encrypt` is seen.

mod mend;
mod visitor;
mod write;

pub(crate) use write::{from_tree, quoted};

use std::borrow::Cow;

use crate::{
    text::is_blank,
    tree::{Element, TreeError},
};

/// Reads a whole JSON object of allowed characters: the root, and how many escapes of other characters were replaced.
pub(crate) fn read(text: &str) -> Result<(Element, usize), TreeError> {
    let (text, mended): (Cow<'_, str>, usize) = mend::mend(text.trim_matches(is_blank));
    let (root, replaced) = visitor::read(&text)?;
    Ok((root, mended + replaced))
}

#[cfg(test)]
mod tests;
