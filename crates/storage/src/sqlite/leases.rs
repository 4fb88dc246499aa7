//! Leases, on the clock of this machine, read by the database while it writes.

use std::time::Duration;

use mandate_schema::sql::sqlite as sql;
use rusqlite::params;
use uuid::Uuid;

use super::{
    SqliteStorage,
    convert::{blob, length_millis, unsigned},
};
use crate::{Fence, Leases, StorageError};

type Result<T> = std::result::Result<T, StorageError>;

impl Leases for SqliteStorage {
    async fn take(&self, name: &str, holder: Uuid, length: Duration) -> Result<Option<Fence>> {
        let name = name.to_owned();
        self.write(move |tx| {
            let mut statement = tx.prepare_cached(sql::lease_take)?;
            let mut found = statement.query(params![name, blob(&holder), length_millis(length)])?;
            found.next()?.map(|row| Ok(Fence(unsigned(row.get(0)?)?))).transpose()
        })
        .await
    }

    async fn give_back(&self, name: &str, holder: Uuid) -> Result<()> {
        let name = name.to_owned();
        self.write(move |tx| {
            tx.prepare_cached(sql::lease_give_back)?.execute(params![name, blob(&holder)])?;
            Ok(())
        })
        .await
    }
}
