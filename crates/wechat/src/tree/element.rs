//! An element with its text and its children.

use std::fmt;

use mandate_schema::Document;

use crate::text::{REPLACEMENT, is_blank};

/// One element of a parsed document.
#[derive(Clone, PartialEq, Eq)]
pub struct Element {
    /// The name as written: case matters, `AppId` and `appid` are different things.
    pub name: String,
    /// Its own text: character data, CDATA sections and references joined. White space around CDATA sections is layout and
    /// left out; all other white space is kept.
    pub text: String,
    /// Its child elements in order.
    pub children: Vec<Element>,
}

impl Element {
    /// The first child of this name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of this name.
    pub fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text without white space and replaced characters around it, or `None` if nothing is left. For names, numbers and
    /// words, which some pushes surround with line breaks; never for what a user wrote. See [`Element::whole`] for ids.
    pub fn value(&self) -> Option<&str> {
        Some(self.text.trim_matches(is_blank)).filter(|text| !text.is_empty())
    }

    /// [`Element::value`] of the first child of this name.
    pub fn child_value(&self, name: &str) -> Option<&str> {
        self.child(name)?.value()
    }

    /// The text without white space around it, or `None` if nothing is left or a character of it was replaced: an id, code or
    /// token without one of its characters is another one, or none.
    pub fn whole(&self) -> Option<&str> {
        Some(self.text.trim()).filter(|text| !text.is_empty() && !text.contains(REPLACEMENT))
    }

    /// [`Element::whole`] of the first child of this name.
    pub fn child_whole(&self, name: &str) -> Option<&str> {
        self.child(name)?.whole()
    }

    /// The document below this root as a flat map from path (without the root) to text, kept as it is. An element with
    /// children has an entry of its own only if it has text beside them.
    pub fn document(&self) -> Document {
        let mut document = Document::default();
        for child in &self.children {
            child.flatten(&child.name, &mut document);
        }
        document
    }

    fn flatten(&self, path: &str, document: &mut Document) {
        if self.children.is_empty() || !self.text.trim().is_empty() {
            document.push(path, self.text.as_str());
        }
        for child in &self.children {
            child.flatten(&format!("{path}.{}", child.name), document);
        }
    }
}

impl fmt::Debug for Element {
    /// Names only: texts may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.name)?;
        if self.children.is_empty() { Ok(()) } else { self.children.fmt(f) }
    }
}
