//! Between our types and `PostgreSQL`'s.

use tokio_postgres::{Row, error::SqlState, types::FromSqlOwned};

use crate::StorageError;

impl From<tokio_postgres::Error> for StorageError {
    /// Whether the data is at fault, or the same call may succeed later. A missing table is nobody's data: that is waited out.
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(state) if is_about_the_data(state) => Self::Data(told(&error).into()),
            Some(_) | None => Self::Unavailable(told(&error).into()),
        }
    }
}

/// Classes of SQLSTATE: 22 data exception, 23 constraint violation, 54 limit of the program.
fn is_about_the_data(state: &SqlState) -> bool {
    matches!(state.code().get(..2), Some("22" | "23" | "54"))
}

/// What the server said, or why it could not be asked.
fn told(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(said), _) => format!("{} ({})", said.message(), said.code().code()),
        (None, Some(source)) if source.to_string().contains("certificate") => format!(
            "{error}: {source}. Name its CA in storage.ca_file; on a network that you trust, sslmode=disable does without TLS"
        ),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

/// A column's value.
pub(super) fn get<T: FromSqlOwned>(row: &Row, column: &str) -> Result<T, StorageError> {
    row.try_get(column).map_err(StorageError::unreadable)
}

/// A number that is stored as an `integer`.
pub(super) fn small(number: i32) -> Result<u32, StorageError> {
    u32::try_from(number).map_err(StorageError::unreadable)
}

/// The way back.
pub(super) fn int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A count of rows.
pub(super) fn rows(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
