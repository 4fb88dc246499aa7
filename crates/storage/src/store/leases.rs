//! What one process does for all, on the database's clock: no caller passes a time of its own. A lease that ends further ahead than
//! its length and a minute was taken by a clock that was wrong, and counts as over.

use std::time::Duration;

use uuid::Uuid;

use super::{Result, Store};
use crate::{
    Fence,
    convert::length_millis,
    driver::{dialect, sql, values},
};

impl Store {
    /// Takes a lease, or prolongs it for who holds it, for so long from now; `None` if another one holds it. All who take one name
    /// take it for the same length. The holder has to count its time from before the call.
    ///
    /// A *turn*, which one process takes once in a time, is a lease of that length under a holder made up for it, not given back.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable): it may be taken.
    pub async fn take(&self, name: &str, holder: Uuid, length: Duration) -> Result<Option<Fence>> {
        let values = values![name, holder, length_millis(length)];
        self.driver.first(dialect!("lease_take"), values, |row| row.get("fence").map(Fence)).await
    }

    /// Gives a lease back, if it is held.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable): it ends by itself.
    pub async fn give_back(&self, name: &str, holder: Uuid) -> Result<()> {
        let end = sql!("update lease set until = 0 where name = $1 and holder = $2");
        self.driver.change(end, values![name, holder]).await.map(drop)
    }
}
