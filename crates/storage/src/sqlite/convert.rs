//! Between our types and `SQLite`'s.

use jiff::Timestamp;
use mandate_schema::Position;
use rusqlite::{ErrorCode, ffi};
use uuid::Uuid;

use crate::StorageError;

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        match &error {
            E::SqliteFailure(failure, message) => match failure.code {
                ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig => {
                    Self::Data(error.into())
                }
                ErrorCode::Unknown if is_about_the_data(*failure, message.as_deref()) => {
                    Self::Data(error.into())
                }
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Unreadable(error.into()),
                _ => Self::Unavailable(error.into()),
            },
            E::FromSqlConversionFailure(..) | E::InvalidColumnType(..) | E::IntegralValueOutOfRange(..) => {
                Self::Unreadable(error.into())
            }
            _ => Self::Unavailable(error.into()),
        }
    }
}

/// Whether a failure without a code of its own is the data's fault, such as "malformed JSON" of a generated column. The same
/// data meets the same answer again; taken for an absence, it would stop everything behind it for ever. A table that is
/// missing is nobody's data: that is waited out.
fn is_about_the_data(failure: ffi::Error, message: Option<&str>) -> bool {
    failure.extended_code == ffi::SQLITE_ERROR && message.is_none_or(|text| !text.starts_with("no such "))
}

/// A number that SQLite keeps as a signed one. Positions and versions stay far below 2^63.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The way back; a negative number is not ours.
pub(super) fn unsigned(number: i64) -> Result<u64, StorageError> {
    u64::try_from(number).map_err(StorageError::unreadable)
}

/// A limit of a query.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) fn position(number: i64) -> Result<Position, StorageError> {
    unsigned(number).map(Position)
}

pub(super) fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

pub(super) fn time(millis: i64) -> Result<Timestamp, StorageError> {
    Timestamp::from_millisecond(millis).map_err(StorageError::unreadable)
}

pub(super) fn blob(id: &Uuid) -> &[u8] {
    id.as_bytes()
}

pub(super) fn uuid(bytes: &[u8]) -> Result<Uuid, StorageError> {
    Uuid::from_slice(bytes).map_err(StorageError::unreadable)
}

/// Parses a stored text.
pub(super) fn parse<T>(text: &str) -> Result<T, StorageError>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error: T::Err| StorageError::unreadable(error))
}

/// Reads stored JSON.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StorageError> {
    serde_json::from_str(text).map_err(StorageError::unreadable)
}

/// Writes JSON.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StorageError> {
    serde_json::to_string(value).map_err(|error| StorageError::Data(error.into()))
}
