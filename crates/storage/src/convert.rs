//! Between our types and the plain ones that every database has.

use jiff::Timestamp;
use mandate_schema::Position;

use crate::StorageError;

/// A number that the databases keep as a signed one. Positions and versions stay far below 2^63.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The way back; a negative number is not ours.
pub(crate) fn unsigned(number: i64) -> Result<u64, StorageError> {
    u64::try_from(number).map_err(StorageError::unreadable)
}

/// The second part of a stream's name, by which states are listed and counted.
pub(crate) fn component(stream: &str) -> &str {
    stream.split('/').nth(1).unwrap_or_default()
}

/// A statement that deletes what is old deletes at most so many rows, and is repeated: many at once would keep others waiting, or take
/// longer than a statement may.
pub(crate) const PRUNED_AT_ONCE: usize = 5_000;

/// A limit of a query.
pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(crate) fn position(number: i64) -> Result<Position, StorageError> {
    unsigned(number).map(Position)
}

pub(crate) fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// A length of time, in milliseconds; a hundred years at most, so that sums with times stay in range.
pub(crate) fn length_millis(length: std::time::Duration) -> i64 {
    const LONGEST: i64 = 100 * 366 * 24 * 3_600 * 1_000;
    i64::try_from(length.as_millis()).unwrap_or(LONGEST).min(LONGEST)
}

/// The beginning of a time's minute.
pub(crate) fn minute(time: Timestamp) -> i64 {
    millis(time).div_euclid(60_000) * 60_000
}

pub(crate) fn time(millis: i64) -> Result<Timestamp, StorageError> {
    Timestamp::from_millisecond(millis).map_err(StorageError::unreadable)
}

/// Parses a stored text.
pub(crate) fn parse<T>(text: &str) -> Result<T, StorageError>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error: T::Err| StorageError::unreadable(error))
}

/// Reads stored JSON.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StorageError> {
    serde_json::from_str(text).map_err(StorageError::unreadable)
}

/// Writes JSON.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StorageError> {
    serde_json::to_string(value).map_err(|error| StorageError::Data(error.into()))
}

/// A set as words between blanks.
pub(crate) fn words<T: ToString>(set: impl IntoIterator<Item = T>) -> String {
    set.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" ")
}

/// The way back.
pub(crate) fn from_words<T>(text: &str) -> Result<std::collections::BTreeSet<T>, StorageError>
where
    T: std::str::FromStr + Ord,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.split_whitespace().map(parse).collect()
}

/// A text for people as every database takes it: `PostgreSQL` refuses NUL characters, which become U+FFFD.
pub(crate) fn told(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Why a dead letter of a task is refused that no attempt gives up.
pub(crate) const NO_ATTEMPT: &str = "only an attempt gives a task up";
