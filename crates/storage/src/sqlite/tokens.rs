//! Token rows and their leases.

use jiff::Timestamp;
use mandate_schema::{SealedText, StreamName, sql::sqlite as sql};
use rusqlite::{Row, params};

use super::{
    SqliteStorage,
    convert::{self, length_millis, millis, minute, parse, signed, time, unsigned},
};
use crate::{Expiring, Lease, StorageError, TokenFailure, TokenRow, Tokens};

type Result<T> = std::result::Result<T, StorageError>;

impl Tokens for SqliteStorage {
    async fn token(&self, stream: &StreamName) -> Result<Option<TokenRow>> {
        let stream = stream.to_string();
        self.read(move |c| {
            let mut statement = c.prepare_cached(sql::token_find)?;
            let mut found = statement.query([stream])?;
            found.next()?.map(token).transpose()
        })
        .await
    }

    async fn lease_token(
        &self,
        stream: &StreamName,
        now: Timestamp,
        leased_until: Timestamp,
    ) -> Result<Option<Lease>> {
        let stream = stream.to_string();
        self.write(move |tx| {
            let mut statement = tx.prepare_cached(sql::token_lease)?;
            let mut found = statement.query(params![stream, millis(now), millis(leased_until)])?;
            found.next()?.map(|row| Ok(Lease { fence: unsigned(row.get(6)?)?, row: token(row)? })).transpose()
        })
        .await
    }

    async fn store_token(
        &self,
        stream: &StreamName,
        lease: &Lease,
        access: SealedText,
        expires_at: Timestamp,
    ) -> Result<bool> {
        let (stream, lease) = (stream.to_string(), lease.clone());
        self.write(move |tx| {
            let changed = tx.prepare_cached(sql::token_store)?.execute(params![
                stream,
                signed(lease.fence),
                signed(lease.row.generation),
                access.to_string(),
                millis(expires_at)
            ])?;
            Ok(changed == 1)
        })
        .await
    }

    async fn release_token(&self, stream: &StreamName, lease: &Lease) -> Result<()> {
        let (stream, fence) = (stream.to_string(), lease.fence);
        self.write(move |tx| {
            tx.prepare_cached(sql::token_release)?.execute(params![stream, signed(fence)])?;
            Ok(())
        })
        .await
    }

    async fn fail_token(&self, stream: &StreamName, lease: &Lease, failure: TokenFailure) -> Result<()> {
        let (stream, fence) = (stream.to_string(), lease.fence);
        self.write(move |tx| {
            let TokenFailure { failures, not_before, reason } = failure;
            let mut statement = tx.prepare_cached(sql::token_fail)?;
            statement.execute(params![stream, signed(fence), failures, millis(not_before), reason])?;
            Ok(())
        })
        .await
    }

    async fn touch_tokens(&self, streams: Vec<StreamName>, now: Timestamp) -> Result<()> {
        self.write(move |tx| {
            let mut statement = tx.prepare_cached(sql::token_touch)?;
            for stream in &streams {
                statement.execute(params![stream.to_string(), minute(now)])?;
            }
            Ok(())
        })
        .await
    }

    async fn take_expiring_tokens(&self, expiring: Expiring) -> Result<Vec<StreamName>> {
        let Expiring { of, now, before, used, hold, limit } = expiring;
        self.write(move |tx| {
            let mut statement = tx.prepare_cached(sql::token_take_expiring)?;
            let ((from, to), hold, limit) = (of.streams(), length_millis(hold), convert::limit(limit));
            let mut rows =
                statement.query(params![millis(now), millis(before), millis(used), from, to, hold, limit])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(parse(&row.get::<_, String>(0)?)?);
            }
            Ok(found)
        })
        .await
    }

    async fn empty_token(&self, stream: &StreamName, held: &SealedText) -> Result<bool> {
        let (stream, held) = (stream.to_string(), held.to_string());
        self.write(move |tx| Ok(tx.prepare_cached(sql::token_empty_if)?.execute([stream, held])? == 1)).await
    }
}

/// Columns access, `expires_at`, generation, failures, `not_before`, failure.
fn token(row: &Row<'_>) -> Result<TokenRow> {
    let access: Option<String> = row.get(0)?;
    let expires_at: Option<i64> = row.get(1)?;
    let access = access.zip(expires_at).map(|(text, at)| Ok::<_, StorageError>((parse(&text)?, time(at)?)));
    let failure = match row.get::<_, Option<String>>(5)? {
        Some(reason) => Some(TokenFailure { failures: row.get(3)?, not_before: time(row.get(4)?)?, reason }),
        None => None,
    };
    Ok(TokenRow { access: access.transpose()?, generation: unsigned(row.get(2)?)?, failure })
}
