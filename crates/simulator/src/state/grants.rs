//! Granting and revoking: what becomes of codes, tokens and times.

use mandate_schema::AuthorizerId;

use super::{Authorization, Change, Changed, Code, SecretKind, State};
use crate::{
    error::OrderError,
    push::{Draft, InfoType},
    switches::{CodeLifetimes, Presence, UnauthorizedDelivery, UpdatedAccess, UpdatedToken},
    xml::Element,
};

impl State {
    /// A merchant confirms: a new authorization, or an update of the one that holds. The push names `info_type`.
    pub(super) fn grant(
        &mut self,
        change: &Change,
        authorizer: AuthorizerId,
        info_type: InfoType,
        now: i64,
    ) -> Result<Changed, OrderError> {
        let (create_time, update) = self.enter_grant(change, &authorizer, now)?;
        if update && self.switches.access_token_on_update == UpdatedAccess::Dead {
            self.retire_account_token(change, &authorizer, now)?;
        }
        let code = self.mint(SecretKind::AuthorizationCode);
        let expires_at = now + self.code_life();
        let issued = Code {
            authorizer: authorizer.clone(),
            expires_at,
            redeemed: false,
            void: false,
            renews_refresh_token: update && self.switches.refresh_token_on_update == UpdatedToken::New,
        };
        self.component_mut(&change.component)?.add_code(code.clone(), issued, now);
        let draft = self.grant_event(change, &authorizer, info_type, create_time, (&code, expires_at));
        let create_time = Some(create_time);
        Ok(Changed {
            authorizer,
            code: Some(code),
            create_time,
            draft: Some(draft),
            delivery: Announcement::Now,
        })
    }

    /// How long an authorization code lives, in seconds.
    pub(crate) fn code_life(&self) -> i64 {
        match self.switches.code_lifetimes {
            CodeLifetimes::Long => 3600,
            CodeLifetimes::Short => 600,
        }
    }

    /// Enters a grant; its time, and whether it updates an authorization that holds.
    fn enter_grant(
        &mut self,
        change: &Change,
        authorizer: &AuthorizerId,
        now: i64,
    ) -> Result<(i64, bool), OrderError> {
        let usual = self.account(authorizer)?.kind.usual_permissions();
        let component = self.component_mut(&change.component)?;
        let update = component.held(authorizer).is_some();
        let authorization = component.authorizations.entry(authorizer.clone()).or_default();
        let create_time = authorization.stamp(change.create_time, now);
        authorization.auth_time = create_time;
        authorization.revoked_at = None;
        component.listed.add(authorizer);
        match &change.permissions {
            Some(permissions) => authorization.permissions.clone_from(permissions),
            None if update => {}
            None => authorization.permissions = usual,
        }
        Ok((create_time, update))
    }

    fn grant_event(
        &mut self,
        change: &Change,
        authorizer: &AuthorizerId,
        info_type: InfoType,
        create_time: i64,
        (code, expires_at): (&str, i64),
    ) -> Draft {
        let mut fields = vec![
            Element::text("AuthorizerAppid", authorizer.as_str()),
            Element::text("AuthorizationCode", code),
            Element::number("AuthorizationCodeExpiredTime", expires_at),
        ];
        if self.switches.pre_auth_code_in_event == Presence::Present {
            // Without a link of the platform's, the event names a pre-auth code that the platform never saw.
            let used = change.pre_auth_code.clone();
            let used = used.unwrap_or_else(|| self.mint(SecretKind::PreAuthCode));
            fields.push(Element::text("PreAuthCode", used));
        }
        self.event(&change.component, Some(authorizer), info_type.as_str(), create_time, fields)
    }

    /// A merchant takes back what it granted.
    pub(super) fn revoke(
        &mut self,
        change: &Change,
        authorizer: AuthorizerId,
        now: i64,
    ) -> Result<Changed, OrderError> {
        self.retire_account_token(change, &authorizer, now)?;
        let switch = self.switches.unauthorized_delivery;
        let component = self.component_mut(&change.component)?;
        for code in component.codes.values_mut().filter(|code| code.authorizer == authorizer) {
            code.void = true;
        }
        let authorization = component.authorizations.entry(authorizer.clone()).or_default();
        let same_second = (switch == UnauthorizedDelivery::SameSecond).then_some(authorization.auth_time);
        let create_time = authorization.stamp(change.create_time.or(same_second), now);
        authorization.revoke(create_time);
        component.listed.remove(&authorizer);
        let fields = vec![Element::text("AuthorizerAppid", authorizer.as_str())];
        let name = InfoType::Unauthorized.as_str();
        let draft = self.event(&change.component, Some(&authorizer), name, create_time, fields);
        let delivery = match switch {
            UnauthorizedDelivery::InOrder | UnauthorizedDelivery::SameSecond => Announcement::Now,
            UnauthorizedDelivery::Late => Announcement::AfterNext,
            UnauthorizedDelivery::Lost => Announcement::Never,
        };
        Ok(Changed { authorizer, code: None, create_time: Some(create_time), draft: Some(draft), delivery })
    }

    fn retire_account_token(
        &mut self,
        change: &Change,
        authorizer: &AuthorizerId,
        now: i64,
    ) -> Result<(), OrderError> {
        let authorization = self.component_mut(&change.component)?.authorizations.get_mut(authorizer);
        if let Some(token) = authorization.and_then(|authorization| authorization.access_token.take()) {
            self.tokens.retire(&token, now);
        }
        Ok(())
    }
}

/// What a switch makes of the push that announces a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announcement {
    /// Sent at once.
    Now,
    /// Sent after the component's next push.
    AfterNext,
    /// Not sent.
    Never,
}

impl Authorization {
    /// The time of a change: as asked for, else now but later than the last change.
    fn stamp(&mut self, asked: Option<i64>, now: i64) -> i64 {
        let time = asked.unwrap_or_else(|| now.max(self.last_change + 1));
        self.last_change = self.last_change.max(time);
        time
    }
}
