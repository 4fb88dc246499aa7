//! `WeChat`'s XML, read strictly: a small subset without attributes that matter, and no way to make a reader work hard.
//!
//! Refused are: any DOCTYPE (so no entity is ever defined or expanded), processing instructions, entities other than the
//! five of XML and character references, documents that end early, a second root, nesting deeper than
//! [`MAX_DEPTH`], more than [`MAX_ELEMENTS`] elements. Size is limited by the caller, who limits the body.

mod builder;
mod element;

pub use element::Element;

use builder::Builder;
use mandate_schema::Document;
use quick_xml::{Reader, events::Event};

/// Deepest nesting that is read; the root has depth 1. Real pushes have 3.
pub const MAX_DEPTH: usize = 16;
/// Most elements that are read, the root included. Real pushes have a few dozen.
pub const MAX_ELEMENTS: usize = 1000;

/// Why a text is not the XML we accept. It never quotes the text, which may hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Not XML, or not well-formed.
    #[error("not well-formed")]
    NotWellFormed,
    /// It ends before the root does, or there is no root.
    #[error("it ends early")]
    Truncated,
    /// It has a DOCTYPE.
    #[error("a DOCTYPE is not allowed")]
    Doctype,
    /// It has a processing instruction other than the declaration at its start.
    #[error("a processing instruction is not allowed")]
    ProcessingInstruction,
    /// It refers to an entity that XML itself does not define.
    #[error("an unknown entity")]
    UnknownEntity,
    /// It has a character that XML does not allow.
    #[error("a character that is not allowed")]
    IllegalCharacter,
    /// See [`MAX_DEPTH`].
    #[error("nested too deep")]
    TooDeep,
    /// See [`MAX_ELEMENTS`].
    #[error("too many elements")]
    TooManyElements,
}

/// Reads a whole document and returns its root.
///
/// # Errors
///
/// [`XmlError`], the first thing found.
pub fn parse(text: &str) -> Result<Element, XmlError> {
    // XML forbids it, and no store behind us would take it as text.
    if text.contains('\0') {
        return Err(XmlError::IllegalCharacter);
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut builder = Builder::default();
    loop {
        match reader.read_event().map_err(|_| XmlError::NotWellFormed)? {
            // The reader itself accepts a document that ends inside an element.
            Event::Eof => return builder.finish(),
            event => builder.take(&event)?,
        }
    }
}

/// Reads a whole document as a flat map: [`parse`], then [`Element::document`].
///
/// # Errors
///
/// [`XmlError`], the first thing found.
pub fn parse_document(text: &str) -> Result<Document, XmlError> {
    parse(text).map(|root| root.document())
}

/// A CDATA section with this text. `]]>` inside is split over two sections, so any text survives.
pub fn cdata(text: &str) -> String {
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}

#[cfg(test)]
mod tests;
