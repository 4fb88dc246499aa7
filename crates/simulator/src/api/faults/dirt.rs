//! Answers that are not as JSON or the documentation wants them, though every id and every token in them is right.

use serde_json::{Value, json};

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) enum Dirt {
    /// These bytes stand inside of each text for people.
    InTexts(&'static [u8]),
    /// A byte-order mark stands in front.
    ByteOrderMark,
    /// Numbers are texts.
    NumbersAsText,
    /// Texts for people are numbers.
    TextsAsNumbers,
    /// Fields of these names are null; none named: all that are neither an id nor a token.
    Null(Vec<String>),
    /// A text for people ends too early, so that all behind it is no JSON.
    Unreadable,
    /// Nothing arrives.
    Empty,
}

/// Names of texts that are for people, as far as the answers here have them.
const FOR_PEOPLE: [&str; 11] = [
    "nick_name",
    "principal_name",
    "signature",
    "alias",
    "head_img",
    "qrcode_url",
    "errmsg",
    "name",
    "desc",
    "first",
    "second",
];
/// Fields that stay when all others are null.
const IDS_AND_TOKENS: [&str; 16] = [
    "authorizer_info",
    "authorization_info",
    "authorizer_appid",
    "authorizer_access_token",
    "authorizer_refresh_token",
    "refresh_token",
    "component_access_token",
    "pre_auth_code",
    "user_name",
    "list",
    "func_info",
    "funcscope_category",
    "id",
    "total_count",
    "auth_time",
    "errcode",
];
/// Stands where bytes are put in that JSON text cannot hold.
const PLACE: char = '\u{e000}';

impl Dirt {
    /// The body of an answer.
    pub(in crate::api) fn body(&self, mut answer: Value) -> Vec<u8> {
        match self {
            Self::InTexts(bytes) => with_bytes(answer, bytes),
            Self::ByteOrderMark => format!("\u{feff}{answer}").into_bytes(),
            Self::NumbersAsText => {
                change(&mut answer, &mut |_, value| match value {
                    Value::Number(number) => *value = json!(number.to_string()),
                    Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {}
                });
                answer.to_string().into_bytes()
            }
            Self::TextsAsNumbers => {
                change(&mut answer, &mut |name, value| {
                    if FOR_PEOPLE.contains(&name) {
                        *value = json!(12_345);
                    }
                });
                answer.to_string().into_bytes()
            }
            Self::Null(names) => {
                change(&mut answer, &mut |name, value| {
                    let is_meant = if names.is_empty() {
                        !IDS_AND_TOKENS.contains(&name)
                    } else {
                        names.iter().any(|known| known == name)
                    };
                    if is_meant {
                        *value = Value::Null;
                    }
                });
                answer.to_string().into_bytes()
            }
            Self::Unreadable => with_bytes(answer, b"\""),
            Self::Empty => Vec::new(),
        }
    }
}

/// An answer with these bytes in the middle and at the end of each text for people, of which it has one at least.
fn with_bytes(mut answer: Value, bytes: &[u8]) -> Vec<u8> {
    if let Value::Object(fields) = &mut answer {
        fields.entry("errmsg").or_insert_with(|| json!("正常"));
    }
    change(&mut answer, &mut |name, value| {
        if let Value::String(text) = value
            && FOR_PEOPLE.contains(&name)
        {
            let middle = text.char_indices().nth(1).map_or(text.len(), |(at, _)| at);
            *text = format!("{}{PLACE}{}{PLACE}", &text[..middle], &text[middle..]);
        }
    });
    let place = PLACE.to_string();
    let text = answer.to_string();
    let parts: Vec<&[u8]> = text.split(&place).map(str::as_bytes).collect();
    parts.join(bytes)
}

/// Changes every field of an answer, wherever it stands, from the inside out.
fn change(value: &mut Value, with: &mut impl FnMut(&str, &mut Value)) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                change(inner, with);
                with(name, inner);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|inner| change(inner, with)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
