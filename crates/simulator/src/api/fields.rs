//! The JSON body of a request.

use serde_json::{Map, Value};

use super::{ApiError, errors};

/// The fields of a body.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body: not empty, UTF-8, one JSON object.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Err(ApiError::new(errors::EMPTY_BODY));
        }
        let text = std::str::from_utf8(body).map_err(|_| ApiError::new(errors::NOT_UTF8))?;
        match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) | Err(_) => Err(ApiError::new(errors::NOT_JSON)),
        }
    }

    /// A text; `None` if it is missing, null or empty.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(ApiError::new(errors::NOT_JSON)),
        }
    }

    /// A text inside an object; `None` if either is missing.
    pub(crate) fn inner_text(&self, outer: &str, name: &str) -> Option<&str> {
        self.0.get(outer)?.get(name)?.as_str()
    }

    /// A whole number; `None` if it is missing.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or(ApiError::new(errors::NOT_JSON)),
        }
    }

    /// A text that must be there, else this error.
    pub(crate) fn required(&self, name: &str, missing: i64) -> Result<&str, ApiError> {
        self.text(name)?.ok_or(ApiError::new(missing))
    }
}
