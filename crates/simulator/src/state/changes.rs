//! What merchants do: make an account, authorize, change what they ticked, revoke.

use mandate_schema::{AuthorizerId, ComponentId};
use serde::{Deserialize, Serialize};

use super::{Account, Authorization, Code, SecretKind, State, Wishes};
use crate::{
    error::OrderError,
    push::{Draft, Hold, InfoType},
    switches::{CodeLifetimes, Presence, UnauthorizedDelivery, UpdatedAccess, UpdatedToken},
    xml::Element,
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
    /// The push that announces it; none for a new account, nor where the switch loses it.
    pub(crate) draft: Option<Draft>,
    /// Whether a switch holds that push back.
    pub(crate) hold: Option<Hold>,
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
                Ok(Changed { authorizer, code: None, create_time: None, draft: None, hold: None })
            }
            Act::Authorize => {
                self.use_pre_auth_code(&change, now)?;
                let authorizer = self.account_for(change.authorizer.clone(), change.wishes.clone());
                self.grant(&change, authorizer, InfoType::Authorized, now)
            }
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
        let code = code.ok_or_else(|| OrderError::Invalid("the pre-auth code is unknown, used or expired".into()))?;
        code.used = true;
        Ok(())
    }

    fn grant(
        &mut self,
        change: &Change,
        authorizer: AuthorizerId,
        info_type: InfoType,
        now: i64,
    ) -> Result<Changed, OrderError> {
        let usual = self.account(&authorizer)?.kind.usual_permissions();
        let switches = self.switches.clone();
        let code = self.mint(SecretKind::AuthorizationCode);
        let unlinked = change.pre_auth_code.is_none().then(|| self.mint(SecretKind::PreAuthCode));
        let pre_auth_code = change.pre_auth_code.clone().or(unlinked).expect("one of the two");
        let component = self.component_mut(&change.component)?;
        let authorization = component.authorizations.entry(authorizer.clone()).or_default();
        let update = authorization.holds() && authorization.auth_time != 0;
        let create_time = authorization.stamp(change.create_time, now);
        authorization.auth_time = create_time;
        authorization.revoked_at = None;
        match &change.permissions {
            Some(permissions) => authorization.permissions.clone_from(permissions),
            None if authorization.permissions.is_empty() || !update => authorization.permissions = usual,
            None => {}
        }
        let dead = authorization.access_token.clone().filter(|_| {
            update && switches.access_token_on_update == UpdatedAccess::Dead
        });
        let expires_at = now + code_life(switches.code_lifetimes);
        let renews_refresh_token = update && switches.refresh_token_on_update == UpdatedToken::New;
        let issued =
            Code { authorizer: authorizer.clone(), expires_at, redeemed: false, void: false, renews_refresh_token };
        component.add_code(code.clone(), issued, now);
        if let Some(token) = dead {
            self.tokens.retire(&token, now);
        }
        let mut fields = vec![
            Element::text("AuthorizerAppid", authorizer.as_str()),
            Element::text("AuthorizationCode", &*code),
            Element::number("AuthorizationCodeExpiredTime", expires_at),
        ];
        if switches.pre_auth_code_in_event == Presence::Present {
            fields.push(Element::text("PreAuthCode", pre_auth_code));
        }
        let draft = self.event(&change.component, Some(&authorizer), info_type.as_str(), create_time, fields);
        let create_time = Some(create_time);
        Ok(Changed { authorizer, code: Some(code), create_time, draft: Some(draft), hold: None })
    }

    fn revoke(&mut self, change: &Change, authorizer: AuthorizerId, now: i64) -> Result<Changed, OrderError> {
        let delivery = self.switches.unauthorized_delivery;
        let component = self.component_mut(&change.component)?;
        for code in component.codes.values_mut().filter(|code| code.authorizer == authorizer) {
            code.void = true;
        }
        let authorization = component.authorizations.entry(authorizer.clone()).or_default();
        let same_second = (delivery == UnauthorizedDelivery::SameSecond).then_some(authorization.auth_time);
        let create_time = authorization.stamp(change.create_time.or(same_second), now);
        let token = authorization.access_token.take();
        authorization.revoke(create_time);
        if let Some(token) = token {
            self.tokens.retire(&token, now);
        }
        let fields = vec![Element::text("AuthorizerAppid", authorizer.as_str())];
        let name = InfoType::Unauthorized.as_str();
        let draft = self.event(&change.component, Some(&authorizer), name, create_time, fields);
        let (draft, hold) = match delivery {
            UnauthorizedDelivery::InOrder | UnauthorizedDelivery::SameSecond => (Some(draft), None),
            UnauthorizedDelivery::Late => (Some(draft), Some(Hold::AfterNext)),
            UnauthorizedDelivery::Lost => (None, None),
        };
        Ok(Changed { authorizer, code: None, create_time: Some(create_time), draft, hold })
    }
}

impl Authorization {
    /// The time of a change: as asked for, else now but later than the last change.
    fn stamp(&mut self, asked: Option<i64>, now: i64) -> i64 {
        let time = asked.unwrap_or_else(|| now.max(self.last_change + 1));
        self.last_change = self.last_change.max(time);
        time
    }
}

/// How long an authorization code lives, in seconds.
fn code_life(lifetimes: CodeLifetimes) -> i64 {
    match lifetimes {
        CodeLifetimes::Long => 3600,
        CodeLifetimes::Short => 600,
    }
}
