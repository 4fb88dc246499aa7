//! The contract about links that ask for an authorization, and about visits to them.

use std::future::Future;

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, CodeDigest, ComponentId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Appended, Command, StorageError};

type Result<T> = std::result::Result<T, StorageError>;

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

/// Links and visits.
pub trait Consents: Send + Sync + 'static {
    /// Stores a link; `false` if there is one of this id already.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn put_link(&self, link: ConsentLink) -> impl Future<Output = Result<bool>> + Send;

    /// A link, also one that has expired.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn link(&self, id: &str) -> impl Future<Output = Result<Option<ConsentLink>>> + Send;

    /// Stores a visit without a code.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn put_visit(&self, visit: ConsentVisit) -> impl Future<Output = Result<()>> + Send;

    /// A visit, also one that has expired.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn visit(&self, id: Uuid) -> impl Future<Output = Result<Option<ConsentVisit>>> + Send;

    /// Ties a visit to the first code that it brings and appends the command that follows, both or neither. After
    /// [`Appended::Conflict`] nothing is changed.
    ///
    /// # Errors
    ///
    /// As [`EventLog::append_batch`](crate::EventLog::append_batch).
    fn land(
        &self,
        visit: Uuid,
        code: CodeDigest,
        command: Command,
    ) -> impl Future<Output = Result<Landed>> + Send;

    /// Deletes links and visits that expired before `before`; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn prune_consents(&self, before: Timestamp) -> impl Future<Output = Result<usize>> + Send;
}

/// What the tables keep of a link in one column.
#[derive(Serialize, Deserialize)]
pub(crate) struct LinkData {
    terms: ConsentTerms,
    expires_at: Timestamp,
}

impl LinkData {
    pub(crate) fn of(link: &ConsentLink) -> Self {
        Self { terms: link.terms.clone(), expires_at: link.expires_at }
    }

    pub(crate) fn into_link(self, id: &str) -> ConsentLink {
        ConsentLink { id: id.to_owned(), terms: self.terms, expires_at: self.expires_at }
    }
}

/// What the tables keep of a visit in one column: all that never changes.
#[derive(Serialize, Deserialize)]
pub(crate) struct VisitData {
    id: Uuid,
    link: Option<String>,
    terms: ConsentTerms,
    pre_auth: CodeDigest,
    cookie: CodeDigest,
    expires_at: Timestamp,
}

impl VisitData {
    pub(crate) fn of(visit: &ConsentVisit) -> Self {
        let ConsentVisit { id, link, terms, pre_auth, cookie, code: _, expires_at } = visit.clone();
        Self { id, link, terms, pre_auth, cookie, expires_at }
    }

    pub(crate) fn into_visit(self, code: Option<CodeDigest>) -> ConsentVisit {
        let Self { id, link, terms, pre_auth, cookie, expires_at } = self;
        ConsentVisit { id, link, terms, pre_auth, cookie, code, expires_at }
    }
}
