//! Callers of the API: their keys, what they read, and what is worth keeping of what they did.

use jiff::Timestamp;
use mandate_schema::{ApiKeyRecord, Reach};
use uuid::Uuid;

use super::{Result, Store};
use crate::{
    AuditEntry, TokenReads,
    convert::{from_words, minute, told, words},
    driver::{Row, Statement, prune, sql, values},
};

impl Store {
    /// Stores a new key.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn put_api_key(&self, key: ApiKeyRecord) -> Result<()> {
        let values = values![
            key.id,
            told(&key.name),
            key.hash.to_vec(),
            words(&key.scopes),
            key.reach.components.as_ref().map(words),
            key.reach.authorizers.as_ref().map(words),
            key.created_at,
            key.expires_at,
        ];
        self.driver.change(sql!(CALLERS / "api_key_put"), values).await.map(drop)
    }

    /// All keys, in the order in which they were made.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn api_keys(&self) -> Result<Vec<ApiKeyRecord>> {
        self.driver.all(sql!(CALLERS / "api_key_list"), values![], api_key).await
    }

    /// The key with this hash, active or not.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn api_key(&self, hash: [u8; 32]) -> Result<Option<ApiKeyRecord>> {
        self.driver.first(sql!(CALLERS / "api_key_find"), values![hash.to_vec()], api_key).await
    }

    /// Whether a key was ever made; one that was revoked or has expired counts.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn had_api_keys(&self) -> Result<bool> {
        let any = sql!("select exists (select 1 from api_key) as there");
        self.driver.one(any, values![], |row| row.get("there")).await
    }

    /// Revokes a key for good; `false` if there is none, or it was revoked before.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn revoke_api_key(&self, id: Uuid, now: Timestamp) -> Result<bool> {
        let revoke = sql!("update api_key set revoked_at = $2 where id = $1 and revoked_at is null");
        Ok(self.driver.change(revoke, values![id, now]).await? == 1)
    }

    /// Notes that keys were used just now, to the minute, and adds to the counts of tokens read.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn note_use(&self, keys: Vec<Uuid>, reads: Vec<TokenReads>, now: Timestamp) -> Result<()> {
        let touch =
            sql!("update api_key set used_at = $2 where id = $1 and (used_at is null or used_at < $2)");
        let add = sql!(
            "insert into token_read (minute, api_key, stream, count) values ($1, $2, $3, $4)
            on conflict (minute, api_key, stream) do update set count = token_read.count + excluded.count"
        );
        let touched = keys.into_iter().map(|key| Statement::new(touch, values![key, minute(now)]));
        let added = reads.into_iter().map(|TokenReads { minute: at, api_key, stream, count }| {
            Statement::new(add, values![minute(at), api_key, &stream, count])
        });
        self.driver.changes(touched.chain(added).collect()).await.map(drop)
    }

    /// Counts of tokens read since a time, newest minute first.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn token_reads(&self, since: Timestamp, limit: usize) -> Result<Vec<TokenReads>> {
        let list = sql!(
            "select minute, api_key, stream, count from token_read
            where minute >= $1 order by minute desc, api_key, stream limit $2"
        );
        let read = |row: &Row<'_>| {
            Ok(TokenReads {
                minute: row.get("minute")?,
                api_key: row.get("api_key")?,
                stream: row.parse("stream")?,
                count: row.get("count")?,
            })
        };
        self.driver.all(list, values![minute(since), limit], read).await
    }

    /// Adds to the audit trail.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn put_audit(&self, entries: Vec<AuditEntry>) -> Result<()> {
        let put = sql!(
            "insert into audit (id, recorded_at, actor, address, act, subject, detail)
            values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing"
        );
        let text = |text: Option<String>| text.as_deref().map(told);
        let entries = entries.into_iter().map(|entry| {
            let AuditEntry { id, recorded_at, actor, address, act, subject, detail } = entry;
            let (actor, act) = (told(&actor), told(&act));
            Statement::new(put, values![id, recorded_at, actor, address, act, text(subject), text(detail)])
        });
        self.driver.changes(entries.collect()).await.map(drop)
    }

    /// The audit trail below an entry, newest first.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn audit(&self, before: Option<Uuid>, limit: usize) -> Result<Vec<AuditEntry>> {
        let list = sql!(
            "select id, recorded_at, actor, address, act, subject, detail from audit
            where id < $1 order by id desc limit $2"
        );
        let read = |row: &Row<'_>| {
            Ok(AuditEntry {
                id: row.get("id")?,
                recorded_at: row.get("recorded_at")?,
                actor: row.get("actor")?,
                address: row.get("address")?,
                act: row.get("act")?,
                subject: row.get("subject")?,
                detail: row.get("detail")?,
            })
        };
        self.driver.all(list, values![before.unwrap_or(Uuid::max()), limit], read).await
    }

    /// Forgets entries and counts before a time; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable).
    pub async fn prune_audit(&self, before: Timestamp) -> Result<usize> {
        let entries = prune!("audit", "id", "where recorded_at < $1", 2);
        let counts = prune!("token_read", "minute, api_key, stream", "where minute < $1", 2);
        let entries = self.driver.prune(entries, values![before]).await?;
        Ok(entries + self.driver.prune(counts, values![before]).await?)
    }
}

fn api_key(row: &Row<'_>) -> Result<ApiKeyRecord> {
    let (id, name, hash) = (row.get("id")?, row.get("name")?, row.get("hash")?);
    let scopes = from_words(row.get("scopes")?)?;
    let components = row.get::<Option<&str>>("components")?.map(from_words).transpose()?;
    let authorizers = row.get::<Option<&str>>("authorizers")?.map(from_words).transpose()?;
    Ok(ApiKeyRecord {
        id,
        name,
        hash,
        scopes,
        reach: Reach { components, authorizers },
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        revoked_at: row.get("revoked_at")?,
        used_at: row.get("used_at")?,
    })
}
