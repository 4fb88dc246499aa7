//! Token rows and their leases.

use jiff::Timestamp;
use mandate_schema::{SealedText, StreamName, sql::postgres as sql};

use super::{
    PostgresStorage,
    convert::{get, int},
    rows,
};
use crate::{
    Expiring, Lease, StorageError, TokenFailure, TokenRow, Tokens,
    convert::{self, length_millis, millis, minute, parse, signed, unsigned},
};

type Result<T> = std::result::Result<T, StorageError>;

impl Tokens for PostgresStorage {
    async fn token(&self, stream: &StreamName) -> Result<Option<TokenRow>> {
        let found = self.connection().await?.first(sql::token_find, &[&stream.to_string()]).await?;
        found.as_ref().map(rows::token).transpose()
    }

    async fn lease_token(
        &self,
        stream: &StreamName,
        now: Timestamp,
        leased_until: Timestamp,
    ) -> Result<Option<Lease>> {
        let (stream, now, until) = (stream.to_string(), millis(now), millis(leased_until));
        let found = self.connection().await?.first(sql::token_lease, &[&stream, &now, &until]).await?;
        found
            .map(|row| Ok(Lease { fence: unsigned(get(&row, "fence")?)?, row: rows::token(&row)? }))
            .transpose()
    }

    async fn store_token(
        &self,
        stream: &StreamName,
        lease: &Lease,
        access: SealedText,
        expires_at: Timestamp,
    ) -> Result<bool> {
        let (stream, access, expires_at) = (stream.to_string(), access.to_string(), millis(expires_at));
        let (fence, generation) = (signed(lease.fence), signed(lease.row.generation));
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&stream, &fence, &generation, &access, &expires_at];
        Ok(self.connection().await?.change(sql::token_store, &parameters).await? == 1)
    }

    async fn release_token(&self, stream: &StreamName, lease: &Lease) -> Result<()> {
        let (stream, fence) = (stream.to_string(), signed(lease.fence));
        self.connection().await?.change(sql::token_release, &[&stream, &fence]).await?;
        Ok(())
    }

    async fn fail_token(&self, stream: &StreamName, lease: &Lease, failure: TokenFailure) -> Result<()> {
        let (stream, fence) = (stream.to_string(), signed(lease.fence));
        let (failures, not_before) = (int(failure.failures), millis(failure.not_before));
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&stream, &fence, &failures, &not_before, &failure.reason];
        self.connection().await?.change(sql::token_fail, &parameters).await?;
        Ok(())
    }

    async fn touch_tokens(&self, streams: Vec<StreamName>, now: Timestamp) -> Result<()> {
        let streams: Vec<String> = streams.iter().map(ToString::to_string).collect();
        self.connection().await?.change(sql::token_touch, &[&streams, &minute(now)]).await?;
        Ok(())
    }

    async fn take_expiring_tokens(&self, expiring: Expiring) -> Result<Vec<StreamName>> {
        let Expiring { of, now, before, used, hold, limit } = expiring;
        let (now, before, used) = (millis(now), millis(before), millis(used));
        let ((from, to), hold, limit) = (of.streams(), length_millis(hold), convert::limit(limit));
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
            [&now, &before, &used, &from, &to, &hold, &limit];
        let found = self.connection().await?.all(sql::token_take_expiring, &parameters).await?;
        found.iter().map(|row| parse(&get::<String>(row, "stream")?)).collect()
    }

    async fn empty_token(&self, stream: &StreamName, held: &SealedText) -> Result<bool> {
        let (stream, held) = (stream.to_string(), held.to_string());
        Ok(self.connection().await?.change(sql::token_empty_if, &[&stream, &held]).await? == 1)
    }
}
