//! Pushes of the message URL, as `WeChat` sent them (only in the embedded form).

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, CallbackId, Position, Push};

use super::{Result, Store, dead_letters::settle};
use crate::{
    convert::to_json,
    driver::{Row, Statement, prune, sql, values},
};

impl Store {
    /// Stores messages; those that are there are left as they are.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable): repeat the same call.
    pub async fn store_messages(&self, pushes: Vec<Push>) -> Result<()> {
        let move_head = sql!("update message_head set position = position + $1");
        let count = pushes.len();
        let mut statements = vec![Statement::new(move_head, values![count])];
        for (number, push) in (1_usize..).zip(&pushes) {
            let authorizer = push.authorizer.as_ref().map_or("", AuthorizerId::as_str);
            let values = values![
                push.id,
                &push.component,
                authorizer,
                to_json(push)?,
                push.received_at,
                number,
                count
            ];
            statements.push(Statement::new(sql!(MESSAGES / "message_put"), values));
        }
        statements.extend(settle(pushes.iter().map(|push| push.id.0).collect())); // they may have been dead
        self.driver.changes(statements).await.map(drop)
    }

    /// Messages after a position, in order; none of an authorizer that was erased since. No position is ever given to two messages,
    /// and none appears behind one that was read.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn read_messages(&self, after: Position, limit: usize) -> Result<Vec<(Position, Push)>> {
        let read = |row: &Row<'_>| {
            let (id, position) = (CallbackId(row.get("id")?), row.get("position")?);
            Ok((position, Push { id, ..row.json("push")? }))
        };
        self.driver.all(sql!(MESSAGES / "message_read"), values![after, limit], read).await
    }

    /// The last position that was given, and how many bytes the stored messages have.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn message_head(&self) -> Result<(Position, u64)> {
        let head = sql!("select position, size from message_head");
        self.driver.one(head, values![], |row| Ok((row.get("position")?, row.get("size")?))).await
    }

    /// How many are stored, those of erased authorizers aside.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn message_count(&self) -> Result<u64> {
        self.driver.one(sql!(MESSAGES / "message_count"), values![], |row| row.get("count")).await
    }

    /// Deletes messages received before `before`; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn prune_messages(&self, before: Timestamp) -> Result<usize> {
        self.driver.prune(prune!("message", "id", "where received_at < $1", 2), values![before]).await
    }

    /// Deletes messages of erased authorizers, which nobody reads any more; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable): some may be deleted.
    pub async fn prune_erased_messages(&self) -> Result<usize> {
        let erased = sql!(
            "select component, authorizer, position from erased_messages order by component, authorizer limit 100"
        );
        let delete =
            prune!("message", "id", "where component = $1 and authorizer = $2 and position <= $3", 4);
        // One that was erased again meanwhile has another position.
        let end =
            sql!("delete from erased_messages where component = $1 and authorizer = $2 and position = $3");
        let read = |row: &Row<'_>| {
            let (component, authorizer): (String, String) = (row.get("component")?, row.get("authorizer")?);
            Ok(values![component, authorizer, row.get::<Position>("position")?])
        };
        let mut pruned = 0;
        for erased in self.driver.all(erased, values![], read).await? {
            pruned += self.driver.prune(delete, erased.clone()).await?;
            self.driver.change(end, erased).await?;
        }
        Ok(pruned)
    }

    /// Deletes the oldest messages, so many of them; answers how many there were.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn prune_oldest_messages(&self, count: usize) -> Result<usize> {
        self.driver.prune_up_to(count, prune!("message", "id", "order by position", 1), values![]).await
    }
}
