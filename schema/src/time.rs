//! The one form of every time that leaves the service.

use jiff::Timestamp;
use serde::Serializer;

/// RFC 3339 in UTC with milliseconds.
pub fn format_time(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// The same for a field: `#[serde(serialize_with = "mandate_schema::serialize_time")]`.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize_time<T: Serializer>(time: &Timestamp, serializer: T) -> Result<T::Ok, T::Error> {
    serializer.serialize_str(&format_time(*time))
}

/// The same for a time that may be missing.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize_maybe_time<T: Serializer>(
    time: &Option<Timestamp>,
    serializer: T,
) -> Result<T::Ok, T::Error> {
    match time {
        Some(time) => serialize_time(time, serializer),
        None => serializer.serialize_none(),
    }
}
