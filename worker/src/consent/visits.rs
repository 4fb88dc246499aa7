//! Openings of a consent page.

use jiff::{SignedDuration, Timestamp};
use mandate_schema::{CodeDigest, ComponentId, Secret};
use mandate_storage::{ConsentTerms, ConsentVisit, StorageError};
use mandate_wechat::api::PreauthCodeRequest;
use uuid::Uuid;

use super::{Consents, Form, LinkOrder, links::TermsError};
use crate::tokens::Uncalled;

/// A merchant who confirms in the last second of the pre-auth code still has to come back.
const GRACE: SignedDuration = SignedDuration::from_mins(10);
/// No pre-auth code is believed to live longer, in seconds.
const PRE_AUTH_LIFE_MAX: u64 = 86_400;

/// The page that a browser asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// That of a link.
    Link(String),
    /// The one without a link.
    Component(ComponentId),
}

/// An opened page.
#[derive(Debug)]
pub struct Opened {
    /// The address of `WeChat`'s page; the pre-auth code is part of it.
    pub address: Secret,
    /// Names the visit when the browser comes back; the address has it, too.
    pub state: String,
    /// When that page stops working.
    pub expires_at: Timestamp,
}

/// Why a page does not open.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// There is no such link, or pages without a link are not offered.
    #[error("there is no such link")]
    Unknown,
    /// The link has expired.
    #[error("the link has expired")]
    Expired,
    /// The settings have changed since the link was made.
    #[error("the link asks for what is not offered any more: {0}")]
    Withdrawn(#[from] TermsError),
    /// `WeChat` gave no pre-auth code.
    #[error("there is no pre-auth code: {0}")]
    NoCode(#[from] Uncalled),
    /// The store.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Consents {
    /// Opens a page for the browser with this cookie: makes a pre-auth code and keeps the visit.
    ///
    /// # Errors
    ///
    /// [`VisitError`].
    pub async fn open(&self, asked: Asked, form: Form, cookie: &Secret) -> Result<Opened, VisitError> {
        let (link, terms) = self.terms_of(asked).await?;
        let called_at = Timestamp::now();
        let code = self.tokens.call(&PreauthCodeRequest { component_appid: &terms.component }).await?;
        let life = i64::try_from(code.expires_in.min(PRE_AUTH_LIFE_MAX)).unwrap_or_default();
        let expires_at = called_at + SignedDuration::from_secs(life);
        let visit = ConsentVisit {
            id: Uuid::now_v7(),
            link,
            terms,
            pre_auth: CodeDigest::of(&code.pre_auth_code),
            cookie: CodeDigest::of(cookie),
            code: None,
            expires_at: expires_at + GRACE,
        };
        let state = self.log.vault.seal_state(visit.id);
        let address = self.settings.wechat_page(form, &visit.terms, &code.pre_auth_code, &state);
        self.log.storage.put_visit(visit).await?;
        Ok(Opened { address, state, expires_at })
    }

    async fn terms_of(&self, asked: Asked) -> Result<(Option<String>, ConsentTerms), VisitError> {
        match asked {
            Asked::Link(id) => {
                let link = self.log.storage.link(&id).await?.ok_or(VisitError::Unknown)?;
                if link.expires_at <= Timestamp::now() {
                    return Err(VisitError::Expired);
                }
                if !self.tokens.components.contains(&link.terms.component) {
                    return Err(TermsError::UnknownComponent(link.terms.component).into());
                }
                Ok((Some(id), link.terms))
            }
            Asked::Component(component)
                if self.settings.open && self.tokens.components.contains(&component) =>
            {
                Ok((None, LinkOrder::new(component).terms(&self.tokens.components, &self.settings)?))
            }
            Asked::Component(_) => Err(VisitError::Unknown),
        }
    }
}
