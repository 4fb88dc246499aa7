//! Notes about callbacks that may be what ends the process that decides them: each is tried alone. A note is neither an outcome nor a
//! dead letter.

use jiff::Timestamp;
use mandate_schema::CommandId;

use super::{Result, Store};
use crate::{
    convert::told,
    driver::{prune, sql, values},
};

impl Store {
    /// Notes that a process begins to try a callback alone; answers how many processes noted the same before it and ended without
    /// an outcome.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn note_alone(&self, id: CommandId, detail: &str, now: Timestamp) -> Result<u32> {
        let note = sql!(
            "insert into tried_alone (command, detail, since) values ($1, $2, $3)
            on conflict (command) do update set ended = tried_alone.ended + 1, detail = excluded.detail
            returning ended"
        );
        self.driver.one(note, values![id, told(detail), now], |row| row.get("ended")).await
    }

    /// Removes the note about a callback that has an outcome.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn forget_alone(&self, id: CommandId) -> Result<()> {
        self.driver.change(sql!("delete from tried_alone where command = $1"), values![id]).await.map(drop)
    }

    /// Removes the notes first made before a time; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn prune_alone(&self, before: Timestamp) -> Result<usize> {
        self.driver.prune(prune!("tried_alone", "command", "where since < $1", 2), values![before]).await
    }
}
