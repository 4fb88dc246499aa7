//! Links that ask for an authorization, and visits to them.

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, CodeDigest, ComponentId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Result, Store, append};
use crate::{
    Appended, Command, StorageError,
    convert::to_json,
    driver::{Driver, Postgres, Row, Sql, Sqlite, prune, sql, sqlite, values},
};

/// What a merchant is asked for, and what happens afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentTerms {
    /// The component that asks.
    pub component: ComponentId,
    /// Which kinds of accounts may answer, in `WeChat`'s numbers.
    pub auth_type: u8,
    /// The one account that may answer; beats `auth_type`.
    pub biz_appid: Option<AuthorizerId>,
    /// The permission sets that are offered; none named: all of the component's.
    pub category_ids: Vec<u32>,
    /// Where the merchant is led on to.
    pub return_url: Option<String>,
    /// The operator's tag, which the grant will carry.
    pub tag: Option<String>,
}

/// A prepared link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentLink {
    /// The end of its short address.
    pub id: String,
    /// What it asks for.
    pub terms: ConsentTerms,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// One opening of a consent page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentVisit {
    /// Its id.
    pub id: Uuid,
    /// The link that was opened; `None`: the page without a link.
    pub link: Option<String>,
    /// What was asked for.
    pub terms: ConsentTerms,
    /// Digest of the pre-auth code that was made for it.
    pub pre_auth: CodeDigest,
    /// Digest of the cookie of the browser that opened it.
    pub cookie: CodeDigest,
    /// Digest of the first authorization code that it brought.
    pub code: Option<CodeDigest>,
    /// When it stops taking a code.
    pub expires_at: Timestamp,
}

/// What became of a code that a visit brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landed {
    /// The visit is tied to it, and this is what became of its command.
    Appended(Appended),
    /// The visit is tied to another code, or is not there; nothing was changed.
    Refused,
}

const FIND_VISIT: Sql = sql!("select code, data from consent_visit where id = $1");
/// Ties a visit to the first code that it brings.
const LAND: Sql = sql!("update consent_visit set code = $2 where id = $1 and (code is null or code = $2)");

impl Store {
    /// Stores a link; `false` if there is one of this id already.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn put_link(&self, link: ConsentLink) -> Result<bool> {
        let put = sql!(
            "insert into consent_link (id, data, expires_at) values ($1, $2, $3) on conflict (id) do nothing"
        );
        let data = to_json(&LinkData::of(&link))?;
        Ok(self.driver.change(put, values![link.id, data, link.expires_at]).await? == 1)
    }

    /// A link, also one that has expired.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn link(&self, id: &str) -> Result<Option<ConsentLink>> {
        let find = sql!("select data from consent_link where id = $1");
        let found = self.driver.first(find, values![id], |row| row.json::<LinkData>("data")).await?;
        Ok(found.map(|data| data.into_link(id)))
    }

    /// Stores a visit without a code.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn put_visit(&self, visit: ConsentVisit) -> Result<()> {
        let put = sql!("insert into consent_visit (id, pre_auth, data, expires_at) values ($1, $2, $3, $4)");
        let data = to_json(&VisitData::of(&visit))?;
        let values = values![visit.id, visit.pre_auth, data, visit.expires_at];
        self.driver.change(put, values).await.map(drop)
    }

    /// A visit, also one that has expired.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn visit(&self, id: Uuid) -> Result<Option<ConsentVisit>> {
        self.driver.first(FIND_VISIT, values![id], visit).await
    }

    /// Ties a visit to the first code that it brings and appends the command that follows, both or neither. After
    /// [`Appended::Conflict`] nothing is changed.
    ///
    /// # Errors
    ///
    /// As [`Store::append_batch`].
    pub async fn land(&self, visit: Uuid, code: CodeDigest, command: Command) -> Result<Landed> {
        match &self.driver {
            Driver::Sqlite(database) => land_on_sqlite(database, visit, code, command).await,
            Driver::Postgres(database) => Box::pin(land_on_postgres(database, visit, code, command)).await,
        }
    }

    /// Deletes links and visits that expired before `before`; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    pub async fn prune_consents(&self, before: Timestamp) -> Result<usize> {
        let links = prune!("consent_link", "id", "where expires_at < $1", 2);
        let visits = prune!("consent_visit", "id", "where expires_at < $1", 2);
        let links = self.driver.prune(links, values![before]).await?;
        Ok(links + self.driver.prune(visits, values![before]).await?)
    }
}

async fn land_on_sqlite(database: &Sqlite, id: Uuid, code: CodeDigest, command: Command) -> Result<Landed> {
    let work = move |tx: &rusqlite::Transaction<'_>| {
        // Nothing is written by an append that conflicts, so it goes first.
        let tied = sqlite::first(tx, FIND_VISIT, &values![id], visit)?;
        if tied.is_none_or(|visit| visit.code.is_some_and(|tied| tied != code)) {
            return Ok(Landed::Refused);
        }
        let appended = append::sqlite::append_batch(tx, &[command])?.remove(0);
        if appended != Appended::Conflict {
            sqlite::change(tx, LAND, &values![id, code])?;
        }
        Ok(Landed::Appended(appended))
    };
    database.write(work).await
}

async fn land_on_postgres(
    database: &Postgres,
    id: Uuid,
    code: CodeDigest,
    command: Command,
) -> Result<Landed> {
    let connection = database.connection().await?;
    let work = async {
        // Holds the visit's row until the commit; the log's lock is taken last and held for one statement.
        if connection.change(LAND.postgres, &values![id, code]).await? == 0 {
            return Ok(Landed::Refused);
        }
        match append::postgres::append_on(&connection, &[command]).await?.remove(0) {
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

/// Columns code, data.
pub(super) fn visit(row: &Row<'_>) -> Result<ConsentVisit> {
    let code = row.parse_if_any("code")?;
    Ok(row.json::<VisitData>("data")?.into_visit(code))
}

/// What the tables keep of a link in one column.
#[derive(Serialize, Deserialize)]
struct LinkData {
    terms: ConsentTerms,
    expires_at: Timestamp,
}

impl LinkData {
    fn of(link: &ConsentLink) -> Self {
        Self { terms: link.terms.clone(), expires_at: link.expires_at }
    }

    fn into_link(self, id: &str) -> ConsentLink {
        ConsentLink { id: id.to_owned(), terms: self.terms, expires_at: self.expires_at }
    }
}

/// What the tables keep of a visit in one column: all that never changes.
#[derive(Serialize, Deserialize)]
struct VisitData {
    id: Uuid,
    link: Option<String>,
    terms: ConsentTerms,
    pre_auth: CodeDigest,
    cookie: CodeDigest,
    expires_at: Timestamp,
}

impl VisitData {
    fn of(visit: &ConsentVisit) -> Self {
        let ConsentVisit { id, link, terms, pre_auth, cookie, code: _, expires_at } = visit.clone();
        Self { id, link, terms, pre_auth, cookie, expires_at }
    }

    fn into_visit(self, code: Option<CodeDigest>) -> ConsentVisit {
        let Self { id, link, terms, pre_auth, cookie, expires_at } = self;
        ConsentVisit { id, link, terms, pre_auth, cookie, code, expires_at }
    }
}
