//! Links that ask for an authorization, and visits to them.

use jiff::Timestamp;
use mandate_schema::{CodeDigest, sql::sqlite as sql};
use rusqlite::{Connection, OptionalExtension, ToSql, params};
use uuid::Uuid;

use super::{
    SqliteStorage,
    append::append_batch,
    convert::{blob, from_json, millis, parse, to_json},
};
use crate::{
    Appended, Command, ConsentLink, ConsentVisit, Consents, Landed, StorageError,
    contract_consent::{LinkData, VisitData},
};

type Result<T> = std::result::Result<T, StorageError>;

impl Consents for SqliteStorage {
    async fn put_link(&self, link: ConsentLink) -> Result<bool> {
        self.write(move |tx| {
            let row = params![link.id, to_json(&LinkData::of(&link))?, millis(link.expires_at)];
            Ok(tx.prepare_cached(sql::consent_link_put)?.execute(row)? == 1)
        })
        .await
    }

    async fn link(&self, id: &str) -> Result<Option<ConsentLink>> {
        let id = id.to_owned();
        self.read(move |c| {
            let mut statement = c.prepare_cached(sql::consent_link_find)?;
            let found: Option<String> = statement.query_row([&id], |row| row.get(0)).optional()?;
            found.map(|data| Ok(from_json::<LinkData>(&data)?.into_link(&id))).transpose()
        })
        .await
    }

    async fn put_visit(&self, visit: ConsentVisit) -> Result<()> {
        self.write(move |tx| {
            let data = to_json(&VisitData::of(&visit))?;
            let pre_auth = visit.pre_auth.to_string();
            let row = params![blob(&visit.id), pre_auth, data, millis(visit.expires_at)];
            tx.prepare_cached(sql::consent_visit_put)?.execute(row)?;
            Ok(())
        })
        .await
    }

    async fn visit(&self, id: Uuid) -> Result<Option<ConsentVisit>> {
        self.read(move |c| find(c, sql::consent_visit_find, &blob(&id))).await
    }

    async fn land(&self, visit: Uuid, code: CodeDigest, command: Command) -> Result<Landed> {
        self.write(move |tx| {
            // Nothing is written by an append that conflicts, so it goes first.
            let tied = find(tx, sql::consent_visit_find, &blob(&visit))?;
            if tied.is_none_or(|visit| visit.code.is_some_and(|tied| tied != code)) {
                return Ok(Landed::Refused);
            }
            let appended = append_batch(tx, &[command])?.remove(0);
            if appended != Appended::Conflict {
                let row = params![blob(&visit), code.to_string()];
                tx.prepare_cached(sql::consent_visit_land)?.execute(row)?;
            }
            Ok(Landed::Appended(appended))
        })
        .await
    }

    async fn prune_consents(&self, before: Timestamp) -> Result<usize> {
        let before = [millis(before).into()];
        let links = self.prune(sql::consent_link_prune, &before).await?;
        Ok(links + self.prune(sql::consent_visit_prune, &before).await?)
    }
}

pub(super) fn find(connection: &Connection, sql: &str, key: &dyn ToSql) -> Result<Option<ConsentVisit>> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement
        .query_row([key], |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    found
        .map(|(code, data)| {
            let code = code.map(|code| parse(&code)).transpose()?;
            Ok(from_json::<VisitData>(&data)?.into_visit(code))
        })
        .transpose()
}
