//! Access tokens: a cache with one holder at a time.

use jiff::Timestamp;
use mandate_schema::{SealedText, StreamName};

use super::{Result, Store};
use crate::{
    Expiring, Lease, TokenFailure, TokenRow,
    convert::{length_millis, minute},
    driver::{Row, dialect, sql, values},
};

impl Store {
    /// The token row of a component or account.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn token(&self, stream: &StreamName) -> Result<Option<TokenRow>> {
        self.driver.first(sql!(TOKENS / "token_find"), values![stream], token).await
    }

    /// Takes the right to refresh, unless somebody else has it; raises the fence.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn lease_token(
        &self,
        stream: &StreamName,
        now: Timestamp,
        leased_until: Timestamp,
    ) -> Result<Option<Lease>> {
        let values = values![stream, now, leased_until];
        let read = |row: &Row<'_>| Ok(Lease { row: token(row)?, fence: row.get("fence")? });
        self.driver.first(sql!(TOKENS / "token_lease"), values, read).await
    }

    /// Stores a refreshed token and ends the lease; `false` if the lease or the generation is no longer the newest.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn store_token(
        &self,
        stream: &StreamName,
        lease: &Lease,
        access: SealedText,
        expires_at: Timestamp,
    ) -> Result<bool> {
        let store = sql!(
            "update token set access = $4, expires_at = $5, leased_until = null
            where stream = $1 and fence = $2 and generation = $3"
        );
        let values = values![stream, lease.fence, lease.row.generation, &access, expires_at];
        Ok(self.driver.change(store, values).await? == 1)
    }

    /// Ends a lease without a result.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable): the lease will end by itself.
    pub async fn release_token(&self, stream: &StreamName, lease: &Lease) -> Result<()> {
        let release = sql!("update token set leased_until = null where stream = $1 and fence = $2");
        self.driver.change(release, values![stream, lease.fence]).await.map(drop)
    }

    /// Ends a lease with a failure, which every process then knows, until the row changes or another refresh begins.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable): the lease will end by itself.
    pub async fn fail_token(&self, stream: &StreamName, lease: &Lease, failure: TokenFailure) -> Result<()> {
        let TokenFailure { failures, not_before, reason } = failure;
        let values = values![stream, lease.fence, failures, not_before, reason];
        self.driver.change(sql!(TOKENS / "token_fail"), values).await.map(drop)
    }

    /// Notes that tokens were read just now, to the minute. Rows that are not there are left out.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn touch_tokens(&self, streams: Vec<StreamName>, now: Timestamp) -> Result<()> {
        let streams: Vec<String> = streams.iter().map(ToString::to_string).collect();
        self.driver.change(dialect!("token_touch"), values![streams, minute(now)]).await.map(drop)
    }

    /// Takes tokens in use that expire soon, those that expire first, to refresh them ahead of time; without those that somebody
    /// refreshes, or may not refresh yet. No other process gets the same ones for a while, and who needs one of these tokens
    /// meanwhile is not held up. In no order.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable): some may be taken until their time is over.
    pub async fn take_expiring_tokens(&self, expiring: Expiring) -> Result<Vec<StreamName>> {
        let Expiring { of, now, before, used, hold, limit } = expiring;
        let (from, to) = of.streams();
        let values = values![now, before, used, from, to, length_millis(hold), limit];
        self.driver.all(dialect!("token_take_expiring"), values, |row| row.parse("stream")).await
    }

    /// Empties the row if it still holds exactly this token; `false` if it holds another.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn empty_token(&self, stream: &StreamName, held: &SealedText) -> Result<bool> {
        let empty =
            sql!("update token set access = null, expires_at = null where stream = $1 and access = $2");
        Ok(self.driver.change(empty, values![stream, held]).await? == 1)
    }
}

/// Columns access, `expires_at`, generation, failures, `not_before`, failure.
fn token(row: &Row<'_>) -> Result<TokenRow> {
    let access = row.parse_if_any("access")?.zip(row.get("expires_at")?);
    let generation = row.get("generation")?;
    let failure = match row.get::<Option<String>>("failure")? {
        Some(reason) => {
            Some(TokenFailure { failures: row.get("failures")?, not_before: row.get("not_before")?, reason })
        }
        None => None,
    };
    Ok(TokenRow { access, generation, failure })
}
