//! What merchants do: make an account, authorize, change what they ticked, revoke.

use mandate_schema::{AuthorizerId, ComponentId};
use serde::{Deserialize, Serialize};

use super::{Account, Announcement, State, Wishes};
use crate::{
    error::OrderError,
    push::{Draft, InfoType},
};

/// What a merchant does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Opens an account, and authorizes nobody.
    Create,
    /// Authorizes the platform (`authorized`).
    Authorize,
    /// Confirms again, with other permission sets (`updateauthorized`).
    Update,
    /// Takes it back (`unauthorized`).
    Revoke,
}

/// An order to a merchant.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) component: ComponentId,
    /// `None`: a new account with an appid of the simulator's choice.
    pub(crate) authorizer: Option<AuthorizerId>,
    pub(crate) act: Act,
    /// `None`: as before, or what accounts of this kind usually tick.
    pub(crate) permissions: Option<Vec<u32>>,
    pub(crate) wishes: Wishes,
    /// The pre-auth code of the link that was used; `None`: the merchant used no link of the platform's.
    pub(crate) pre_auth_code: Option<String>,
    /// `CreateTime` of the change; `None`: now, but later than the merchant's last change.
    pub(crate) create_time: Option<i64>,
}

/// What came of it.
pub(crate) struct Changed {
    pub(crate) authorizer: AuthorizerId,
    pub(crate) code: Option<String>,
    pub(crate) create_time: Option<i64>,
    /// The push that announces it; none for a new account.
    pub(crate) draft: Option<Draft>,
    /// What a switch makes of that push.
    pub(crate) delivery: Announcement,
}

impl State {
    /// Carries out an order to a merchant.
    pub(crate) fn change(&mut self, change: Change, now: i64) -> Result<Changed, OrderError> {
        self.component(&change.component)?;
        match change.act {
            Act::Create => {
                if let Some(id) = change.authorizer.as_ref().filter(|id| self.accounts.contains_key(*id)) {
                    return Err(OrderError::AlreadyExists(id.clone()));
                }
                let authorizer = self.account_for(change.authorizer, change.wishes);
                let delivery = Announcement::Now;
                Ok(Changed { authorizer, code: None, create_time: None, draft: None, delivery })
            }
            Act::Authorize => self.authorize(&change, InfoType::Authorized, now),
            Act::Update => {
                let authorizer = self.held_by(&change)?;
                self.use_pre_auth_code(&change, now)?;
                self.grant(&change, authorizer, InfoType::UpdateAuthorized, now)
            }
            Act::Revoke => {
                let authorizer = self.held_by(&change)?;
                self.revoke(&change, authorizer, now)
            }
        }
    }

    /// A merchant authorizes; the account is made if it is not there. The push names `info_type`: merchants who come
    /// back are now and then announced as updates.
    pub(crate) fn authorize(
        &mut self,
        change: &Change,
        info_type: InfoType,
        now: i64,
    ) -> Result<Changed, OrderError> {
        self.component(&change.component)?;
        self.use_pre_auth_code(change, now)?;
        let authorizer = self.account_for(change.authorizer.clone(), change.wishes.clone());
        self.grant(change, authorizer, info_type, now)
    }

    /// The account of this appid, made if it is not there.
    fn account_for(&mut self, id: Option<AuthorizerId>, wishes: Wishes) -> AuthorizerId {
        let id = id.unwrap_or_else(|| {
            let text = format!("wx{}", self.mint.hex(16));
            AuthorizerId::parse(&text).expect("the shape of an appid")
        });
        let n = self.accounts.len();
        let mint = &mut self.mint;
        self.accounts.entry(id.clone()).or_insert_with(|| Account::make(id.clone(), wishes, n, mint));
        id
    }

    fn held_by(&self, change: &Change) -> Result<AuthorizerId, OrderError> {
        let Some(authorizer) = &change.authorizer else {
            return Err(OrderError::Invalid("this act needs an authorizer".to_owned()));
        };
        self.account(authorizer)?;
        if self.component(&change.component)?.held(authorizer).is_none() {
            let (component, authorizer) = (change.component.clone(), authorizer.clone());
            return Err(OrderError::NotAuthorized { component, authorizer });
        }
        Ok(authorizer.clone())
    }

    fn use_pre_auth_code(&mut self, change: &Change, now: i64) -> Result<(), OrderError> {
        let Some(value) = &change.pre_auth_code else { return Ok(()) };
        let code = self.component_mut(&change.component)?.pre_auth_codes.get_mut(value);
        let code = code.filter(|code| !code.used && now < code.expires_at);
        let code =
            code.ok_or_else(|| OrderError::Invalid("the pre-auth code is unknown, used or expired".into()))?;
        code.used = true;
        Ok(())
    }
}
