//! How far each reader of the log has come.

use mandate_schema::Position;

use super::{Result, Store};
use crate::driver::{sql, values};

impl Store {
    /// The last position that `reader` has dealt with; 0 at first.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn checkpoint(&self, reader: &str) -> Result<Position> {
        let find = sql!("select position from checkpoint where reader = $1");
        let found = self.driver.first(find, values![reader], |row| row.get("position")).await?;
        Ok(found.unwrap_or_default())
    }

    /// Moves a reader's checkpoint.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn set_checkpoint(&self, reader: &str, position: Position) -> Result<()> {
        let put = sql!(
            "insert into checkpoint (reader, position) values ($1, $2)
            on conflict (reader) do update set position = excluded.position"
        );
        self.driver.change(put, values![reader, position]).await.map(drop)
    }
}
