//! Callers of the API.

use jiff::Timestamp;
use mandate_schema::{ApiKeyRecord, Reach, sql::sqlite as sql};
use rusqlite::{Row, params};
use uuid::Uuid;

use super::{
    SqliteStorage,
    convert::{blob, limit, millis, minute, parse, signed, time, told, unsigned, uuid},
    rows,
};
use crate::{
    AuditEntry, Callers, StorageError, TokenReads,
    convert::{from_words, hash, words},
};

type Result<T> = std::result::Result<T, StorageError>;

impl Callers for SqliteStorage {
    async fn put_api_key(&self, key: ApiKeyRecord) -> Result<()> {
        self.write(move |tx| {
            tx.prepare_cached(sql::api_key_put)?.execute(params![
                blob(&key.id),
                told(&key.name),
                key.hash.as_slice(),
                words(&key.scopes),
                key.reach.components.as_ref().map(words),
                key.reach.authorizers.as_ref().map(words),
                millis(key.created_at),
                key.expires_at.map(millis),
            ])?;
            Ok(())
        })
        .await
    }

    async fn api_keys(&self) -> Result<Vec<ApiKeyRecord>> {
        self.read(|c| rows::collect(c.prepare_cached(sql::api_key_list)?.query([])?, api_key)).await
    }

    async fn api_key(&self, hash: [u8; 32]) -> Result<Option<ApiKeyRecord>> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(sql::api_key_find)?;
            let found = rows::collect(statement.query([hash.as_slice()])?, api_key)?;
            Ok(found.into_iter().next())
        })
        .await
    }

    async fn had_api_keys(&self) -> Result<bool> {
        self.read(|c| Ok(c.prepare_cached(sql::api_key_any)?.query_row([], |row| row.get(0))?)).await
    }

    async fn revoke_api_key(&self, id: Uuid, now: Timestamp) -> Result<bool> {
        self.write(move |tx| {
            let mut statement = tx.prepare_cached(sql::api_key_revoke)?;
            Ok(statement.execute(params![blob(&id), millis(now)])? == 1)
        })
        .await
    }

    async fn note_use(&self, keys: Vec<Uuid>, reads: Vec<TokenReads>, now: Timestamp) -> Result<()> {
        self.write(move |tx| {
            let mut touch = tx.prepare_cached(sql::api_key_touch)?;
            for key in &keys {
                touch.execute(params![blob(key), minute(now)])?;
            }
            let mut add = tx.prepare_cached(sql::token_read_add)?;
            for read in &reads {
                let stream = read.stream.to_string();
                add.execute(params![minute(read.minute), blob(&read.api_key), stream, signed(read.count)])?;
            }
            Ok(())
        })
        .await
    }

    async fn token_reads(&self, since: Timestamp, most: usize) -> Result<Vec<TokenReads>> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(sql::token_read_list)?;
            rows::collect(statement.query(params![minute(since), limit(most)])?, |row| {
                Ok(TokenReads {
                    minute: time(row.get(0)?)?,
                    api_key: uuid(&row.get::<_, Vec<u8>>(1)?)?,
                    stream: parse(&row.get::<_, String>(2)?)?,
                    count: unsigned(row.get(3)?)?,
                })
            })
        })
        .await
    }

    async fn put_audit(&self, entries: Vec<AuditEntry>) -> Result<()> {
        self.write(move |tx| {
            let mut statement = tx.prepare_cached(sql::audit_put)?;
            for entry in &entries {
                statement.execute(params![
                    blob(&entry.id),
                    millis(entry.recorded_at),
                    told(&entry.actor),
                    entry.address,
                    told(&entry.act),
                    entry.subject.as_deref().map(told),
                    entry.detail.as_deref().map(told),
                ])?;
            }
            Ok(())
        })
        .await
    }

    async fn audit(&self, before: Option<Uuid>, most: usize) -> Result<Vec<AuditEntry>> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(sql::audit_list)?;
            let before = before.as_ref().map(blob);
            rows::collect(statement.query(params![before, limit(most)])?, |row| {
                Ok(AuditEntry {
                    id: uuid(&row.get::<_, Vec<u8>>(0)?)?,
                    recorded_at: time(row.get(1)?)?,
                    actor: row.get(2)?,
                    address: row.get(3)?,
                    act: row.get(4)?,
                    subject: row.get(5)?,
                    detail: row.get(6)?,
                })
            })
        })
        .await
    }

    async fn prune_audit(&self, before: Timestamp) -> Result<usize> {
        let before = [millis(before).into()];
        let entries = self.prune(sql::audit_prune, &before).await?;
        Ok(entries + self.prune(sql::token_read_prune, &before).await?)
    }
}

fn api_key(row: &Row<'_>) -> Result<ApiKeyRecord> {
    let optional =
        |at: usize| -> Result<Option<Timestamp>> { row.get::<_, Option<i64>>(at)?.map(time).transpose() };
    let components: Option<String> = row.get(4)?;
    let authorizers: Option<String> = row.get(5)?;
    Ok(ApiKeyRecord {
        id: uuid(&row.get::<_, Vec<u8>>(0)?)?,
        name: row.get(1)?,
        hash: hash(&row.get::<_, Vec<u8>>(2)?)?,
        scopes: from_words(&row.get::<_, String>(3)?)?,
        reach: Reach {
            components: components.as_deref().map(from_words).transpose()?,
            authorizers: authorizers.as_deref().map(from_words).transpose()?,
        },
        created_at: time(row.get(6)?)?,
        expires_at: optional(7)?,
        revoked_at: optional(8)?,
        used_at: optional(9)?,
    })
}
