//! Callers of the API.

use jiff::Timestamp;
use mandate_schema::{ApiKeyRecord, Reach, sql::postgres as sql};
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{PostgresStorage, convert::get, rows};
use crate::{
    AuditEntry, Callers, StorageError, TokenReads,
    convert::{from_words, hash, limit, millis, minute, parse, signed, time, told, unsigned, words},
};

type Result<T> = std::result::Result<T, StorageError>;

impl Callers for PostgresStorage {
    async fn put_api_key(&self, key: ApiKeyRecord) -> Result<()> {
        let (components, authorizers) =
            (key.reach.components.as_ref().map(words), key.reach.authorizers.as_ref().map(words));
        let (scopes, created_at) = (words(&key.scopes), millis(key.created_at));
        let (name, expires_at) = (told(&key.name), key.expires_at.map(millis));
        let hash = key.hash.as_slice();
        let row: [&(dyn ToSql + Sync); 8] =
            [&key.id, &name, &hash, &scopes, &components, &authorizers, &created_at, &expires_at];
        self.connection().await?.change(sql::api_key_put, &row).await?;
        Ok(())
    }

    async fn api_keys(&self) -> Result<Vec<ApiKeyRecord>> {
        rows::collect(&self.connection().await?.all(sql::api_key_list, &[]).await?, api_key)
    }

    async fn api_key(&self, hash: [u8; 32]) -> Result<Option<ApiKeyRecord>> {
        let found = self.connection().await?.first(sql::api_key_find, &[&hash.as_slice()]).await?;
        found.as_ref().map(api_key).transpose()
    }

    async fn had_api_keys(&self) -> Result<bool> {
        get(&self.connection().await?.one(sql::api_key_any, &[]).await?, "there")
    }

    async fn revoke_api_key(&self, id: Uuid, now: Timestamp) -> Result<bool> {
        Ok(self.connection().await?.change(sql::api_key_revoke, &[&id, &millis(now)]).await? == 1)
    }

    async fn note_use(&self, keys: Vec<Uuid>, reads: Vec<TokenReads>, now: Timestamp) -> Result<()> {
        let connection = self.connection().await?;
        let work = async {
            for key in &keys {
                connection.change(sql::api_key_touch, &[key, &minute(now)]).await?;
            }
            for read in &reads {
                let (at, stream, count) = (minute(read.minute), read.stream.to_string(), signed(read.count));
                connection.change(sql::token_read_add, &[&at, &read.api_key, &stream, &count]).await?;
            }
            Ok(())
        };
        connection.transaction("begin", work).await
    }

    async fn token_reads(&self, since: Timestamp, most: usize) -> Result<Vec<TokenReads>> {
        let (since, most) = (minute(since), limit(most));
        let found = self.connection().await?.all(sql::token_read_list, &[&since, &most]).await?;
        rows::collect(&found, |row| {
            Ok(TokenReads {
                minute: time(get(row, "minute")?)?,
                api_key: get(row, "api_key")?,
                stream: parse(&get::<String>(row, "stream")?)?,
                count: unsigned(get(row, "count")?)?,
            })
        })
    }

    async fn put_audit(&self, entries: Vec<AuditEntry>) -> Result<()> {
        let connection = self.connection().await?;
        let work = async {
            for entry in &entries {
                let at = millis(entry.recorded_at);
                let text = |text: &Option<String>| text.as_deref().map(told);
                let (actor, act) = (told(&entry.actor), told(&entry.act));
                let (subject, detail) = (text(&entry.subject), text(&entry.detail));
                let row: [&(dyn ToSql + Sync); 7] =
                    [&entry.id, &at, &actor, &entry.address, &act, &subject, &detail];
                connection.change(sql::audit_put, &row).await?;
            }
            Ok(())
        };
        connection.transaction("begin", work).await
    }

    async fn audit(&self, before: Option<Uuid>, most: usize) -> Result<Vec<AuditEntry>> {
        let most = limit(most);
        let found = self.connection().await?.all(sql::audit_list, &[&before, &most]).await?;
        rows::collect(&found, |row| {
            Ok(AuditEntry {
                id: get(row, "id")?,
                recorded_at: time(get(row, "recorded_at")?)?,
                actor: get(row, "actor")?,
                address: get(row, "address")?,
                act: get(row, "act")?,
                subject: get(row, "subject")?,
                detail: get(row, "detail")?,
            })
        })
    }

    async fn prune_audit(&self, before: Timestamp) -> Result<usize> {
        let (connection, before) = (self.connection().await?, millis(before));
        let entries = connection.prune(sql::audit_prune, &[&before]).await?;
        Ok(entries + connection.prune(sql::token_read_prune, &[&before]).await?)
    }
}

fn api_key(row: &Row) -> Result<ApiKeyRecord> {
    let optional = |name| get::<Option<i64>>(row, name)?.map(time).transpose();
    let text = |name| get::<Option<String>>(row, name);
    Ok(ApiKeyRecord {
        id: get(row, "id")?,
        name: get(row, "name")?,
        hash: hash(&get::<Vec<u8>>(row, "hash")?)?,
        scopes: from_words(&get::<String>(row, "scopes")?)?,
        reach: Reach {
            components: text("components")?.as_deref().map(from_words).transpose()?,
            authorizers: text("authorizers")?.as_deref().map(from_words).transpose()?,
        },
        created_at: time(get(row, "created_at")?)?,
        expires_at: optional("expires_at")?,
        revoked_at: optional("revoked_at")?,
        used_at: optional("used_at")?,
    })
}
