//! A parsed XML document as a flat map, the form in which notices and messages are kept and published.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Element path (`outer.inner`, without the root) to text; a path that repeats keeps every text in order.
///
/// As JSON: an object from path to text, or to a list of texts where the path repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Document(BTreeMap<String, Texts>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Document {
    /// Adds a text under a path, behind those that are there.
    pub fn push(&mut self, path: impl Into<String>, text: impl Into<String>) {
        use std::collections::btree_map::Entry;
        let text = text.into();
        match self.0.entry(path.into()) {
            Entry::Vacant(entry) => {
                entry.insert(Texts::One(text));
            }
            Entry::Occupied(mut entry) => match entry.get_mut() {
                Texts::Many(texts) => texts.push(text),
                Texts::One(first) => {
                    let first = std::mem::take(first);
                    entry.insert(Texts::Many(vec![first, text]));
                }
            },
        }
    }

    /// The first text under a path.
    pub fn get(&self, path: &str) -> Option<&str> {
        match self.0.get(path)? {
            Texts::One(text) => Some(text),
            Texts::Many(texts) => texts.first().map(String::as_str),
        }
    }

    /// All paths with their texts, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(path, texts)| {
            let texts = match texts {
                Texts::One(text) => std::slice::from_ref(text),
                Texts::Many(texts) => texts.as_slice(),
            };
            (path.as_str(), texts)
        })
    }

    /// Splits the document into its public part and the part that must never be published
    /// ([`is_secret_element`] of any name in the path).
    pub fn split_secrets(&self) -> (Document, Document) {
        let (secret, public) =
            self.0.clone().into_iter().partition(|(path, _)| path.split('.').any(is_secret_element));
        (Document(public), Document(secret))
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether an element of this name holds a secret: a ticket, a token, a secret or an authorization code.
pub fn is_secret_element(name: &str) -> bool {
    const MARKS: [&str; 7] =
        ["ticket", "token", "secret", "authcode", "auth_code", "authorizationcode", "preauthcode"];
    let name = name.to_ascii_lowercase();
    MARKS.iter().any(|mark| name.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_paths_keep_every_text_in_order() {
        let mut document = Document::default();
        document.push("list.appid", "wxa");
        document.push("list.appid", "wxb");
        document.push("status", "0");
        assert_eq!(
            serde_json::to_string(&document).expect("plain map"),
            r#"{"list.appid":["wxa","wxb"],"status":"0"}"#
        );
        assert_eq!(document.get("list.appid"), Some("wxa"));
    }

    #[test]
    fn secret_elements_are_split_off_wherever_they_stand() {
        let mut document = Document::default();
        for path in ["auth_code", "info.AuthCode", "PreAuthCode", "token.inner", "ComponentVerifyTicket"] {
            document.push(path, "x");
        }
        for path in ["info.code", "appid", "status"] {
            document.push(path, "y");
        }
        let (public, secret) = document.split_secrets();
        assert_eq!(public.iter().count(), 3);
        assert_eq!(secret.iter().count(), 5);
    }
}
