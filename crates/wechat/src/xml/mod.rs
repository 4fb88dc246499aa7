//! `WeChat`'s XML, read strictly: a small subset without attributes that matter, and no way to make a reader work hard.
//!
//! Refused are: any DOCTYPE (so no entity is ever defined or expanded), processing instructions, entities other than the
//! five of XML and character references, documents that end early, a second root, and what exceeds the limits of
//! [`crate::tree`]. Characters that XML does not allow are no reason to refuse: they are replaced. Size is limited by the
//! caller, who limits the body.

mod builder;

use builder::Builder;
use quick_xml::{Reader, events::Event};

use crate::{
    text::clean,
    tree::{Element, TreeError},
};

/// Reads a whole document and returns its root.
///
/// # Errors
///
/// [`TreeError`], the first thing found.
pub fn parse(text: &str) -> Result<Element, TreeError> {
    read(&clean(text.as_bytes()).text).map(|(root, _)| root)
}

/// Reads a whole document of allowed characters: its root, and how many references to other characters were replaced.
pub(crate) fn read(text: &str) -> Result<(Element, usize), TreeError> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut builder = Builder::default();
    loop {
        match reader.read_event().map_err(|_| TreeError::NotWellFormed)? {
            // The reader itself accepts a document that ends inside an element.
            Event::Eof => return builder.finish(),
            event => builder.take(&event)?,
        }
    }
}

/// A CDATA section with this text. `]]>` inside is split over two sections, so any text survives.
pub fn cdata(text: &str) -> String {
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}

#[cfg(test)]
mod tests;
