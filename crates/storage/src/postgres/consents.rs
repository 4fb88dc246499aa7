//! Links that ask for an authorization, and visits to them.

use jiff::Timestamp;
use mandate_schema::{CodeDigest, sql::postgres as sql};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{PostgresStorage, append, convert::get};
use crate::{
    Appended, Command, ConsentLink, ConsentVisit, Consents, Landed, StorageError,
    contract_consent::{LinkData, VisitData},
    convert::{from_json, millis, parse, to_json},
};

type Result<T> = std::result::Result<T, StorageError>;

impl Consents for PostgresStorage {
    async fn put_link(&self, link: ConsentLink) -> Result<bool> {
        let (data, expires_at) = (to_json(&LinkData::of(&link))?, millis(link.expires_at));
        let connection = self.connection().await?;
        Ok(connection.change(sql::consent_link_put, &[&link.id, &data, &expires_at]).await? == 1)
    }

    async fn link(&self, id: &str) -> Result<Option<ConsentLink>> {
        let found = self.connection().await?.first(sql::consent_link_find, &[&id]).await?;
        let read = |row: Row| Ok(from_json::<LinkData>(&get::<String>(&row, "data")?)?.into_link(id));
        found.map(read).transpose()
    }

    async fn put_visit(&self, visit: ConsentVisit) -> Result<()> {
        let (data, expires_at) = (to_json(&VisitData::of(&visit))?, millis(visit.expires_at));
        let pre_auth = visit.pre_auth.to_string();
        let connection = self.connection().await?;
        connection.change(sql::consent_visit_put, &[&visit.id, &pre_auth, &data, &expires_at]).await?;
        Ok(())
    }

    async fn visit(&self, id: Uuid) -> Result<Option<ConsentVisit>> {
        let found = self.connection().await?.first(sql::consent_visit_find, &[&id]).await?;
        found.as_ref().map(visit).transpose()
    }

    async fn land(&self, visit: Uuid, code: CodeDigest, command: Command) -> Result<Landed> {
        let connection = self.connection().await?;
        let code = code.to_string();
        let work = async {
            // Holds the visit's row until the commit; the log's lock is taken last and held for one statement.
            if connection.change(sql::consent_visit_land, &[&visit, &code]).await? == 0 {
                return Ok(Landed::Refused);
            }
            match append::append_on(&connection, &[command]).await?.remove(0) {
                Appended::Conflict => Err(Interrupted::Conflict),
                appended => Ok(Landed::Appended(appended)),
            }
        };
        match connection.transaction("begin", work).await {
            Err(Interrupted::Conflict) => Ok(Landed::Appended(Appended::Conflict)),
            Err(Interrupted::Failed(error)) => Err(error),
            Ok(landed) => Ok(landed),
        }
    }

    async fn prune_consents(&self, before: Timestamp) -> Result<usize> {
        let (connection, before) = (self.connection().await?, millis(before));
        let links = connection.prune(sql::consent_link_prune, &[&before]).await?;
        Ok(links + connection.prune(sql::consent_visit_prune, &[&before]).await?)
    }
}

/// Why a landing is rolled back.
enum Interrupted {
    /// Another command came first; the same landing is tried again.
    Conflict,
    Failed(StorageError),
}

impl From<StorageError> for Interrupted {
    fn from(error: StorageError) -> Self {
        Self::Failed(error)
    }
}

pub(super) fn visit(row: &Row) -> Result<ConsentVisit> {
    let code = get::<Option<String>>(row, "code")?.map(|code| parse(&code)).transpose()?;
    Ok(from_json::<VisitData>(&get::<String>(row, "data")?)?.into_visit(code))
}
