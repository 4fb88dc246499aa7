//! What is unusual about a genuine push: `WeChat` has sent such things, or reports from the field say so.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Draft;
use crate::{
    error::OrderError,
    xml::{Content, Element},
};

/// How a document is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// As documented.
    #[default]
    Xml,
    /// As some other products of `WeChat` do.
    Json,
}

/// What is unusual about a push that is genuine otherwise. What really happens with it stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dirt {
    /// The form of the envelope.
    pub envelope: Form,
    /// The form of the document inside.
    pub document: Form,
    /// Elements of the document that are left out.
    pub omit: Vec<String>,
    /// Elements of the document that have this text instead; those that are not there are added.
    pub set: BTreeMap<String, String>,
    /// The whole document, as text, instead of the one that is composed.
    pub text: Option<String>,
    /// The same as bytes, in base64.
    pub base64: Option<String>,
    /// What stands on both sides of the ciphertext: white space.
    pub around: String,
    /// Whether the signature covers that, too.
    pub around_is_signed: bool,
    /// How `encrypt_type` is spelled.
    pub encrypt_type: Option<String>,
}

impl Dirt {
    /// Changes a push that was composed.
    pub(super) fn apply(
        &self,
        draft: &mut Draft,
        write: impl Fn(&[Element]) -> String,
    ) -> Result<(), OrderError> {
        if self.around.chars().any(|c| !c.is_whitespace()) {
            return Err(OrderError::Invalid("around must be white space".to_owned()));
        }
        draft.elements.retain(|element| !self.omit.contains(&element.name));
        for (name, text) in &self.set {
            match draft.elements.iter_mut().find(|element| element.name == *name) {
                Some(element) => element.content = Content::Text(text.clone()),
                None => draft.elements.push(Element::text(name, text.as_str())),
            }
        }
        draft.plaintext = self.bytes(&draft.elements, write)?;
        draft.dirt = self.clone();
        Ok(())
    }

    fn bytes(
        &self,
        elements: &[Element],
        write: impl Fn(&[Element]) -> String,
    ) -> Result<Vec<u8>, OrderError> {
        match (&self.text, &self.base64) {
            (Some(_), Some(_)) => Err(OrderError::Invalid("give either text or base64".to_owned())),
            (Some(text), None) => Ok(text.clone().into_bytes()),
            (None, Some(bytes)) => {
                STANDARD.decode(bytes).map_err(|_| OrderError::Invalid("base64 is not base64".to_owned()))
            }
            (None, None) => Ok(match self.document {
                Form::Xml => write(elements),
                Form::Json => object(elements).to_string(),
            }
            .into_bytes()),
        }
    }

    /// The text that is signed, and the one that is sent.
    pub(super) fn around(&self, encrypted: &str) -> (String, String) {
        let sent = format!("{0}{encrypted}{0}", self.around);
        (if self.around_is_signed { sent.clone() } else { encrypted.to_owned() }, sent)
    }
}

/// The JSON form of a document: a list where an element repeats.
fn object(elements: &[Element]) -> Value {
    let mut members = Map::new();
    for element in elements {
        let value = match &element.content {
            Content::Text(text) => Value::from(text.as_str()),
            Content::Number(number) => Value::from(*number),
            Content::Children(children) => object(children),
        };
        match members.get_mut(&element.name) {
            None => {
                members.insert(element.name.clone(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Value::Object(members)
}
