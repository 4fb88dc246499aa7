//! Leases, on the server's clock.

use std::time::Duration;

use mandate_schema::sql::postgres as sql;
use uuid::Uuid;

use super::{PostgresStorage, convert::get};
use crate::{
    Fence, Leases, StorageError,
    convert::{length_millis, unsigned},
};

type Result<T> = std::result::Result<T, StorageError>;

impl Leases for PostgresStorage {
    async fn take(&self, name: &str, holder: Uuid, length: Duration) -> Result<Option<Fence>> {
        let length = length_millis(length);
        let found = self.connection().await?.first(sql::lease_take, &[&name, &holder, &length]).await?;
        found.map(|row| Ok(Fence(unsigned(get(&row, "fence")?)?))).transpose()
    }

    async fn give_back(&self, name: &str, holder: Uuid) -> Result<()> {
        self.connection().await?.change(sql::lease_give_back, &[&name, &holder]).await?;
        Ok(())
    }
}
