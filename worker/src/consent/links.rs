//! Links that a merchant is sent.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mandate_runtime::random::{self, LETTERS};
use mandate_schema::{AuthorizerId, ComponentId};
use mandate_storage::{ConsentLink, ConsentTerms, StorageError};

use super::{ConsentSettings, Consents};

/// How long a link works unless the order says otherwise.
pub const EXPIRES_DEFAULT: Duration = Duration::from_hours(7 * 24);
/// How long it may work at least and at most.
const EXPIRES_MIN: Duration = Duration::from_mins(1);
const EXPIRES_MAX: Duration = Duration::from_hours(90 * 24);
/// `WeChat` has fewer permission sets.
const CATEGORIES_MAX: usize = 100;
/// Longest tag, in characters.
const TAG_MAX: usize = 128;
/// Official accounts and mini programs.
const AUTH_TYPE_DEFAULT: u8 = 3;
/// `WeChat`'s numbers of kinds of accounts (protocol notes: official accounts, mini programs, both, promoters' mini programs,
/// channels, all kinds, sales helper).
const AUTH_TYPES: [u8; 7] = [1, 2, 3, 4, 5, 6, 8];
/// 62 to the power of this is more than anybody can try within the life of a link.
const ID_CHARACTERS: usize = 10;

/// What a link is to ask for.
#[derive(Clone, Debug)]
pub struct LinkOrder {
    /// The component that asks.
    pub component: ComponentId,
    /// Which kinds of accounts may answer, in `WeChat`'s numbers; `None`: official accounts and mini programs.
    pub auth_type: Option<u8>,
    /// The one account that may answer.
    pub biz_appid: Option<AuthorizerId>,
    /// The permission sets that are offered; none named: all.
    pub category_ids: Vec<u32>,
    /// Where the merchant is led on to.
    pub return_url: Option<String>,
    /// The operator's tag, which the grant will carry.
    pub tag: Option<String>,
    /// How long the link works.
    pub expires_in: Duration,
}

/// Why nobody can be asked for this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// The component is not configured here.
    #[error("component {0} is not configured here")]
    UnknownComponent(ComponentId),
    /// No kind of accounts.
    #[error("auth_type must be one of 1 (official accounts), 2 (mini programs), 3 (both), 4, 5, 6, 8")]
    AuthType,
    /// Too many permission sets.
    #[error("category_ids must name {CATEGORIES_MAX} permission sets at most")]
    Categories,
    /// A tag that is not fit for events.
    #[error("tag must be 1 to {TAG_MAX} characters, none of them a control character")]
    Tag,
    /// An address that a merchant is not led on to.
    #[error("return_url {0}")]
    ReturnUrl(String),
    /// Too short or too long.
    #[error("expires_in must be {} to {} seconds", EXPIRES_MIN.as_secs(), EXPIRES_MAX.as_secs())]
    ExpiresIn,
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// What it is to ask for.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The store.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl LinkOrder {
    /// An order with everything but the component at its default.
    pub fn new(component: ComponentId) -> Self {
        Self {
            component,
            auth_type: None,
            biz_appid: None,
            category_ids: Vec::new(),
            return_url: None,
            tag: None,
            expires_in: EXPIRES_DEFAULT,
        }
    }

    /// The terms, checked.
    ///
    /// # Errors
    ///
    /// [`TermsError`].
    pub(super) fn terms(
        self,
        components: &[ComponentId],
        settings: &ConsentSettings,
    ) -> Result<ConsentTerms, TermsError> {
        if !components.contains(&self.component) {
            return Err(TermsError::UnknownComponent(self.component));
        }
        let auth_type = self.auth_type.unwrap_or(AUTH_TYPE_DEFAULT);
        if !AUTH_TYPES.contains(&auth_type) {
            return Err(TermsError::AuthType);
        }
        if self.category_ids.len() > CATEGORIES_MAX {
            return Err(TermsError::Categories);
        }
        let fits =
            |tag: &String| (1..=TAG_MAX).contains(&tag.chars().count()) && !tag.chars().any(char::is_control);
        if self.tag.as_ref().is_some_and(|tag| !fits(tag)) {
            return Err(TermsError::Tag);
        }
        if let Some(url) = &self.return_url {
            settings.check_return_url(url)?;
        }
        if !(EXPIRES_MIN..=EXPIRES_MAX).contains(&self.expires_in) {
            return Err(TermsError::ExpiresIn);
        }
        Ok(ConsentTerms {
            component: self.component,
            auth_type,
            biz_appid: self.biz_appid,
            category_ids: self.category_ids,
            return_url: self.return_url,
            tag: self.tag,
        })
    }
}

impl Consents {
    /// Makes a link.
    ///
    /// # Errors
    ///
    /// [`LinkError`].
    pub async fn create_link(&self, order: LinkOrder) -> Result<ConsentLink, LinkError> {
        let life = SignedDuration::try_from(order.expires_in).map_err(|_| TermsError::ExpiresIn)?;
        let terms = order.terms(&self.tokens.components, &self.settings)?;
        let expires_at = Timestamp::now().checked_add(life).map_err(|_| TermsError::ExpiresIn)?;
        loop {
            let link =
                ConsentLink { id: random::text(ID_CHARACTERS, LETTERS), terms: terms.clone(), expires_at };
            if self.log.storage.put_link(link.clone()).await? {
                return Ok(link);
            }
        }
    }

    /// The address of a link, as a merchant gets it.
    pub fn link_address(&self, link: &ConsentLink) -> String {
        format!("{}/authorize/{}", self.settings.public_url, link.id)
    }
}
