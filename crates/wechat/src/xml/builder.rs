//! Builds the tree from the reader's events and enforces what the reader does not.

use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::{
    text::{allowed_or_replaced, is_blank},
    tree::{Budget, Element, Place, TreeError},
};

/// The tree so far.
#[derive(Default)]
pub(super) struct Builder {
    open: Vec<Open>,
    root: Option<Element>,
    budget: Budget,
    /// References to characters that are not allowed.
    replaced: usize,
    /// Whether anything but white space was seen, after which no declaration may come.
    started: bool,
}

/// An element whose end was not seen yet.
struct Open {
    element: Element,
    place: Place,
    /// Where its first CDATA section starts and its last one ends, in the text.
    cdata: Option<(usize, usize)>,
}

impl Builder {
    /// Takes the next event, other than the end of the input.
    pub(super) fn take(&mut self, event: &Event<'_>) -> Result<(), TreeError> {
        let first = !self.started;
        match event {
            Event::Text(text) => return self.text(&text.xml10_content()),
            Event::Decl(_) if first => {}
            Event::Decl(_) | Event::PI(_) => return Err(TreeError::ProcessingInstruction),
            Event::DocType(_) => return Err(TreeError::Doctype),
            Event::Comment(_) => {}
            Event::Start(tag) => self.start(tag)?,
            Event::End(_) => self.end()?,
            Event::CData(text) => self.cdata(&text.xml10_content())?,
            Event::GeneralRef(reference) => self.reference(reference)?,
            // The reader is told to expand empty elements, and its caller handles the end.
            Event::Empty(_) | Event::Eof => return Err(TreeError::NotWellFormed),
        }
        self.started = true;
        Ok(())
    }

    /// The root, if it is complete, and how many characters were replaced.
    pub(super) fn finish(self) -> Result<(Element, usize), TreeError> {
        let root = self.root.filter(|_| self.open.is_empty()).ok_or(TreeError::Truncated)?;
        Ok((root, self.replaced))
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), TreeError> {
        let name = tag.name().into_inner();
        // Attributes mean nothing here, but broken ones are no XML.
        if self.root.is_some() || !is_name(name) || tag.attributes().any(|a| a.is_err()) {
            return Err(TreeError::NotWellFormed);
        }
        let parent = self.open.last().map_or_else(Place::default, |open| open.place);
        let place = self.budget.admit(parent, name)?;
        let element = Element { name: name.to_owned(), text: String::new(), children: Vec::new() };
        self.open.push(Open { element, place, cdata: None });
        Ok(())
    }

    fn end(&mut self) -> Result<(), TreeError> {
        let element = self.open.pop().ok_or(TreeError::NotWellFormed)?.close();
        match self.open.last_mut() {
            Some(parent) => parent.element.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), TreeError> {
        match self.open.last_mut() {
            Some(open) => open.element.text.push_str(text),
            // Some senders end a text with a NUL.
            None if text.chars().all(is_blank) => return Ok(()),
            None => return Err(TreeError::NotWellFormed),
        }
        self.started = true;
        Ok(())
    }

    fn cdata(&mut self, text: &str) -> Result<(), TreeError> {
        let open = self.open.last_mut().ok_or(TreeError::NotWellFormed)?;
        let start = open.element.text.len();
        open.element.text.push_str(text);
        let first = open.cdata.map_or(start, |(first, _)| first);
        open.cdata = Some((first, open.element.text.len()));
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), TreeError> {
        let open = self.open.last_mut().ok_or(TreeError::NotWellFormed)?;
        open.element.text.push(resolve(reference, &mut self.replaced)?);
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
fn resolve(reference: &str, replaced: &mut usize) -> Result<char, TreeError> {
    match reference {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        other => match other.strip_prefix('#') {
            Some(number) => numbered(number, replaced),
            None => Err(TreeError::UnknownEntity),
        },
    }
}

/// The character of this number, decimal or `x` and hexadecimal.
fn numbered(number: &str, replaced: &mut usize) -> Result<char, TreeError> {
    let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |digits| (digits, 16));
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(TreeError::NotWellFormed);
    }
    let character = u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    // A surrogate, or beyond Unicode: replaced as NUL is.
    let character = character.unwrap_or('\0');
    Ok(allowed_or_replaced(character, replaced))
}
