//! Fields as `WeChat` sends them: a number may come as text, a text may be empty, anything may be missing.
//!
//! A field that cannot be read is absent, not an error: serde's own errors quote the value, which may be a secret.

use mandate_schema::{AuthorizerId, Secret};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

/// A text that is not blank.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text).filter(|text| !text.trim().is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    })
}

/// A secret that is not blank, without white space around it. An empty one must never replace a real one.
pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    let secret = text(deserializer)?.map(Secret::new);
    Ok(secret.map(|secret| match secret.expose().trim() {
        trimmed if trimmed.len() == secret.expose().len() => secret,
        trimmed => Secret::new(trimmed),
    }))
}

/// An integer, as a number or as digits.
pub(super) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    })
}

/// An integer that is not negative: seconds, or a count.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(integer(deserializer)?.and_then(|number| u64::try_from(number).ok()))
}

/// An account's appid.
pub(super) fn authorizer<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<AuthorizerId>, D::Error> {
    Ok(text(deserializer)?.and_then(|text| AuthorizerId::parse(text.trim()).ok()))
}

/// An object of fields that are all lenient themselves.
pub(super) fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    Ok(T::deserialize(Value::deserialize(deserializer)?).ok())
}

/// A list of such objects; what is no object is left out.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    Ok(match Value::deserialize(deserializer)? {
        Value::Array(items) => Some(items.into_iter().filter_map(|item| T::deserialize(item).ok()).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => None,
    })
}

/// `{"id": 2}`: how the answers write a number that stands for something.
#[derive(Default, Deserialize)]
pub(super) struct Id {
    #[serde(default, deserialize_with = "integer")]
    pub(super) id: Option<i64>,
}
