//! Builds the tree from the reader's events and enforces what the reader does not.

use quick_xml::events::{BytesRef, BytesStart, Event};

use super::{Element, MAX_DEPTH, MAX_ELEMENTS, XmlError};

/// The tree so far.
#[derive(Default)]
pub(super) struct Builder {
    open: Vec<Open>,
    root: Option<Element>,
    elements: usize,
    /// Whether anything but white space was seen, after which no declaration may come.
    started: bool,
}

/// An element whose end was not seen yet.
struct Open {
    element: Element,
    /// Where its first CDATA section starts and its last one ends, in the text.
    cdata: Option<(usize, usize)>,
}

impl Builder {
    /// Takes the next event, other than the end of the input.
    pub(super) fn take(&mut self, event: &Event<'_>) -> Result<(), XmlError> {
        let first = !self.started;
        match event {
            Event::Text(text) => return self.text(&text.xml10_content()),
            Event::Decl(_) if first => {}
            Event::Decl(_) | Event::PI(_) => return Err(XmlError::ProcessingInstruction),
            Event::DocType(_) => return Err(XmlError::Doctype),
            Event::Comment(_) => {}
            Event::Start(tag) => self.start(tag)?,
            Event::End(_) => self.end()?,
            Event::CData(text) => self.cdata(&text.xml10_content())?,
            Event::GeneralRef(reference) => self.reference(reference)?,
            // The reader is told to expand empty elements, and its caller handles the end.
            Event::Empty(_) | Event::Eof => return Err(XmlError::NotWellFormed),
        }
        self.started = true;
        Ok(())
    }

    /// The root, if it is complete.
    pub(super) fn finish(self) -> Result<Element, XmlError> {
        if self.open.is_empty() { self.root.ok_or(XmlError::Truncated) } else { Err(XmlError::Truncated) }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), XmlError> {
        let name = tag.name().into_inner();
        // Attributes mean nothing here, but broken ones are no XML.
        if self.root.is_some() || !is_name(name) || tag.attributes().any(|a| a.is_err()) {
            return Err(XmlError::NotWellFormed);
        }
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err(XmlError::TooManyElements);
        }
        if self.open.len() == MAX_DEPTH {
            return Err(XmlError::TooDeep);
        }
        let element = Element { name: name.to_owned(), text: String::new(), children: Vec::new() };
        self.open.push(Open { element, cdata: None });
        Ok(())
    }

    fn end(&mut self) -> Result<(), XmlError> {
        let element = self.open.pop().ok_or(XmlError::NotWellFormed)?.close();
        match self.open.last_mut() {
            Some(parent) => parent.element.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some(open) => open.element.text.push_str(text),
            None if text.trim().is_empty() => return Ok(()),
            None => return Err(XmlError::NotWellFormed),
        }
        self.started = true;
        Ok(())
    }

    fn cdata(&mut self, text: &str) -> Result<(), XmlError> {
        let open = self.open.last_mut().ok_or(XmlError::NotWellFormed)?;
        let start = open.element.text.len();
        open.element.text.push_str(text);
        let first = open.cdata.map_or(start, |(first, _)| first);
        open.cdata = Some((first, open.element.text.len()));
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), XmlError> {
        let open = self.open.last_mut().ok_or(XmlError::NotWellFormed)?;
        open.element.text.push(resolve(reference)?);
        Ok(())
    }
}

impl Open {
    /// Leaves out the white space before the first and after the last CDATA section: it is layout.
    fn close(self) -> Element {
        let mut element = self.element;
        if let Some((first, last)) = self.cdata {
            if element.text[last..].trim().is_empty() {
                element.text.truncate(last);
            }
            if element.text[..first].trim().is_empty() {
                element.text.drain(..first);
            }
        }
        element
    }
}

/// Whether a name is one of XML's (without its rarer characters).
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == ':')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '.'))
}

/// The character behind a reference: one of the five entities, or a number.
fn resolve(reference: &BytesRef<'_>) -> Result<char, XmlError> {
    match reference.resolve_char_ref() {
        Ok(Some(c)) if is_allowed(c) => Ok(c),
        Ok(Some(_)) | Err(_) => Err(XmlError::IllegalCharacter),
        Ok(None) => match &**reference {
            "lt" => Ok('<'),
            "gt" => Ok('>'),
            "amp" => Ok('&'),
            "apos" => Ok('\''),
            "quot" => Ok('"'),
            _ => Err(XmlError::UnknownEntity),
        },
    }
}

/// The characters of XML 1.0.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
