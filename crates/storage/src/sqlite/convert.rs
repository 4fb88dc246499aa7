//! Between our types and `SQLite`'s.

use rusqlite::{ErrorCode, ffi};
use uuid::Uuid;

use crate::StorageError;
pub(super) use crate::convert::{
    NO_ATTEMPT, component, from_json, length_millis, limit, millis, minute, parse, position, signed, time,
    to_json, told, unsigned,
};

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

pub(super) fn blob(id: &Uuid) -> &[u8] {
    id.as_bytes()
}

pub(super) fn uuid(bytes: &[u8]) -> Result<Uuid, StorageError> {
    Uuid::from_slice(bytes).map_err(StorageError::unreadable)
}
