//! Current state, one row per stream, written by the append.

use super::{Result, Store};
use crate::{
    AuthorizerFilter, AuthorizerRow, StateRow, StatusCount,
    driver::{Row, dialect, sql, values},
};

impl Store {
    /// Authorizers in order of stream names.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn authorizers(&self, filter: AuthorizerFilter) -> Result<Vec<AuthorizerRow>> {
        let AuthorizerFilter { component, status, text, after, limit } = filter;
        let after = after.map(|stream| stream.to_string()).unwrap_or_default();
        let values = values![component.as_ref(), status, text, after, limit];
        let read = |row: &Row<'_>| {
            Ok(AuthorizerRow { state: state(row)?, access_token_expires_at: row.get("expires_at")? })
        };
        self.driver.all(dialect!("state_list_authorizers"), values, read).await
    }

    /// How many authorizers there are, by component and status.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn status_counts(&self) -> Result<Vec<StatusCount>> {
        let counts = sql!(
            "select component, status, count(*) as count from state where kind = 'authorizer' group by component, status"
        );
        let read = |row: &Row<'_>| {
            Ok(StatusCount {
                component: row.parse("component")?,
                status: row.get("status")?,
                count: row.get("count")?,
            })
        };
        self.driver.all(counts, values![], read).await
    }
}

/// Columns stream, version, position, form, state.
pub(super) fn state(row: &Row<'_>) -> Result<StateRow> {
    Ok(StateRow {
        stream: row.parse("stream")?,
        version: row.get("version")?,
        position: row.get("position")?,
        form: row.get("form")?,
        state: row.get("state")?,
    })
}
