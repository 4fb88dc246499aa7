//! The two forms that a push can have, outside and inside.

use std::fmt;

use mandate_schema::Document;

use crate::{
    json,
    text::{self, REPLACED_CHARACTERS, is_blank},
    tree::{Element, TreeError},
    xml,
};

/// How a document is written. Outside and inside of one push may differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// What `WeChat` documents for a platform.
    #[default]
    Xml,
    /// What reports from the field say comes, too.
    Json,
}

impl Form {
    /// A passive reply of [`crate::reply`] in this form.
    pub fn of_reply(self, xml: String) -> String {
        match self {
            Self::Xml => xml,
            Self::Json => xml::parse(&xml).map_or(xml, |root| json::from_tree(&root)),
        }
    }
}

/// A document that was read.
pub(crate) struct Readable {
    pub(crate) root: Element,
    pub(crate) form: Form,
    /// Characters that were replaced, see [`text::clean`].
    replaced: usize,
}

/// A document that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not {form}: {error}")]
pub struct Unreadable {
    /// What it looked like.
    pub form: Form,
    /// What is wrong with it.
    pub error: TreeError,
}

/// Reads a document in the form that it has, whatever characters are in it.
pub(crate) fn read(bytes: &[u8]) -> Result<Readable, Unreadable> {
    let clean = text::clean(bytes);
    let text = clean.text.trim_start_matches('\u{feff}').trim_start_matches(is_blank);
    let form = if text.starts_with('{') { Form::Json } else { Form::Xml };
    let read = match form {
        Form::Xml => xml::read(text),
        Form::Json => json::read(text),
    };
    let (root, replaced) = read.map_err(|error| Unreadable { form, error })?;
    Ok(Readable { root, form, replaced: clean.replaced + replaced })
}

impl Readable {
    /// The document as a flat map, which says if something in it was replaced.
    pub(crate) fn document(&self) -> Document {
        let mut document = self.root.document();
        if self.replaced > 0 {
            document.push(REPLACED_CHARACTERS, self.replaced.to_string());
        }
        document
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Xml => "XML",
            Self::Json => "JSON",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_seen_whatever_stands_before_it() {
        for before in ["", "\u{feff}", " \r\n", "\0", "\u{feff}\n\0"] {
            let form = |text: &str| read(format!("{before}{text}").as_bytes()).map(|read| read.form);
            assert_eq!(form("<xml/>"), Ok(Form::Xml), "{before:?}");
            assert_eq!(form("{}"), Ok(Form::Json), "{before:?}");
        }
    }

    #[test]
    fn a_document_says_how_many_characters_were_replaced() {
        let replaced = |bytes: &[u8]| {
            let document = read(bytes).expect("it is readable").document();
            document.get(REPLACED_CHARACTERS).map(str::to_owned)
        };
        assert_eq!(replaced("<x><a>\u{fffd}</a></x>".as_bytes()), None);
        assert_eq!(replaced(b"<x><a>\0\x01\xff&#2;</a></x>\0").as_deref(), Some("5"));
        assert_eq!(replaced(b"{\"a\":\"\x08\xff\\u0000\\ud800\"}\0").as_deref(), Some("5"));
    }

    #[test]
    fn a_member_cannot_say_it_in_our_place() {
        let said = |json: &str| {
            let document = read(json.as_bytes()).expect("it is readable").document();
            let values = |path: &str| {
                document
                    .iter()
                    .filter(|(name, _)| *name == path)
                    .flat_map(|(_, texts)| texts.to_vec())
                    .collect()
            };
            let (ours, theirs): (Vec<String>, Vec<String>) =
                (values(REPLACED_CHARACTERS), values("replaced_characters"));
            (ours.join(" "), theirs.join(" "))
        };
        let pair = |ours: &str, theirs: &str| (ours.to_owned(), theirs.to_owned());
        assert_eq!(said(r##"{"#replaced_characters":"7"}"##), pair("", "7"));
        assert_eq!(said(r#"{"\u0023replaced_characters":7}"#), pair("", "7"));
        assert_eq!(said(r##"{"#replaced_characters":["7","8"],"a":1}"##), pair("", "7 8"));
        assert_eq!(said("{\"#replaced_characters\":\"7\",\"a\":\"\0\"}"), pair("1", "7"));
        assert_eq!(said("{\"a\":\"\\u0000\"}"), pair("1", ""));
    }

    #[test]
    fn what_cannot_be_read_names_its_form_and_quotes_nothing() {
        let told = |text: &str| read(text.as_bytes()).err().map(|error| error.to_string());
        assert_eq!(told("<x>secret").as_deref(), Some("it is not XML: it ends early"));
        assert_eq!(told("{\"secret\":").as_deref(), Some("it is not JSON: it ends early"));
        assert_eq!(told("secret").as_deref(), Some("it is not XML: not well-formed"));
    }
}
