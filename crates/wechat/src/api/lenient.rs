//! Fields as `WeChat` sends them: a number may come as text and a text as a number, a text may be empty or damaged, anything
//! may be missing.
//!
//! A field that cannot be read is absent, not an error: serde's own errors quote the value, which may be a secret. Texts for
//! people are read as far as they go. Ids and tokens are whole or not there: they are never altered.

use mandate_schema::{AuthorizerId, Secret};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::text::{REPLACEMENT, is_allowed};

/// A text that is not blank, for people to read: what no document and no database can hold is replaced.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Ok(None),
    };
    let text: String = text.chars().map(|c| if is_allowed(c) { c } else { REPLACEMENT }).collect();
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

/// A token, code or id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Token {
    /// Missing, null or blank. An empty one must never replace a real one.
    #[default]
    Absent,
    /// There, but not as it was sent.
    Damaged,
    /// Whole, without white space around it.
    Whole(Secret),
}

impl Token {
    pub(super) fn is_damaged(&self) -> bool {
        match self {
            Self::Damaged => true,
            Self::Absent | Self::Whole(_) => false,
        }
    }

    pub(super) fn whole(self) -> Option<Secret> {
        match self {
            Self::Whole(token) => Some(token),
            Self::Absent | Self::Damaged => None,
        }
    }

    fn of(text: Secret) -> Self {
        let trimmed = text.expose().trim();
        if trimmed.is_empty() {
            Self::Absent
        } else if trimmed.contains(|c: char| c == REPLACEMENT || c.is_control()) {
            Self::Damaged
        } else if trimmed.len() == text.expose().len() {
            Self::Whole(text)
        } else {
            Self::Whole(Secret::new(trimmed))
        }
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::String(text) => Self::of(Secret::new(text)),
            Value::Number(number) if number.is_u64() || number.is_i64() => {
                Self::Whole(Secret::new(number.to_string()))
            }
            Value::Number(_) => Self::Damaged, // its digits are not those that were sent
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Self::Absent,
        })
    }
}

/// An id that is no secret, or none if it is damaged.
pub(super) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Token::deserialize(deserializer)?.whole().map(|id| id.expose().to_owned()))
}

/// A whole number, as a number or as digits.
pub(super) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| without_fraction(number.as_f64()?)),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| without_fraction(text.parse().ok()?))
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `7200.0` is 7200.
fn without_fraction(number: f64) -> Option<i64> {
    /// Up to here every whole number is one of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole = number.abs() < EXACT && number.fract() == 0.0;
    is_whole.then(|| format!("{number:.0}").parse().ok())?
}

/// An integer, as a number or as digits.
pub(super) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(whole(&Value::deserialize(deserializer)?))
}

/// An integer that is not negative: seconds, or a count.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(integer(deserializer)?.and_then(|number| u64::try_from(number).ok()))
}

/// An account's appid.
pub(super) fn authorizer<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<AuthorizerId>, D::Error> {
    Ok(id(deserializer)?.and_then(|id| AuthorizerId::parse(&id).ok()))
}

/// An object of fields that are all lenient themselves.
pub(super) fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    Ok(fields(Value::deserialize(deserializer)?))
}

/// A list of such objects; `None` stands for an entry that is none.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Option<Vec<Option<T>>>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    Ok(entries(Value::deserialize(deserializer)?))
}

/// The entries of a list, see [`list`].
pub(super) fn entries<T: DeserializeOwned>(value: Value) -> Option<Vec<Option<T>>> {
    match value {
        Value::Array(items) => Some(items.into_iter().map(fields).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => None,
    }
}

/// serde would take a list for an object, too.
fn fields<T: DeserializeOwned>(value: Value) -> Option<T> {
    if value.is_object() { serde_json::from_value(value).ok() } else { None }
}

/// `{"id": 2}`: how the answers write a number that stands for something.
#[derive(Default, Deserialize)]
pub(super) struct Id {
    #[serde(default, deserialize_with = "integer")]
    pub(super) id: Option<i64>,
}
