//! What the simulator knows, for tests to compare with. It shows tokens: the control API is for loopback only.

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, ComponentId};
use serde::{Deserialize, Serialize};

use super::{Account, AccountKind, Authorization, Component, State};
use crate::{switches::Switches, time::Now};

/// Everything, or what a filter leaves of it.
#[derive(Clone, Serialize)]
pub struct Snapshot {
    /// The simulator's clock.
    pub now: Timestamp,
    /// The switches.
    pub switches: Switches,
    /// The platforms.
    pub components: Vec<ComponentSnapshot>,
    /// The merchants' accounts.
    pub accounts: Vec<AccountSnapshot>,
}

/// A platform.
#[derive(Clone, Serialize)]
pub struct ComponentSnapshot {
    /// Its appid.
    pub app_id: ComponentId,
    /// The ticket that was pushed last.
    pub ticket: Option<String>,
    /// The newest component token.
    pub access_token: Option<TokenSnapshot>,
    /// All who ever authorized it.
    pub authorizers: Vec<AuthorizerSnapshot>,
}

/// One merchant's authorization of a platform.
#[derive(Clone, Serialize)]
pub struct AuthorizerSnapshot {
    /// The merchant.
    pub authorizer: AuthorizerId,
    /// Whether it holds.
    pub authorized: bool,
    /// Time of the last grant or update, Unix seconds.
    pub auth_time: i64,
    /// Time of the revocation, Unix seconds.
    pub revoked_at: Option<i64>,
    /// What is ticked.
    pub permissions: Vec<u32>,
    /// The current refresh token, once a code was redeemed.
    pub refresh_token: Option<String>,
    /// The newest access token.
    pub access_token: Option<TokenSnapshot>,
    /// Codes that could be redeemed now.
    pub open_codes: Vec<String>,
}

/// An access token.
#[derive(Clone, Serialize)]
pub struct TokenSnapshot {
    /// Its value.
    pub value: String,
    /// When it was issued, Unix seconds.
    pub issued_at: i64,
    /// Its end, Unix seconds.
    pub expires_at: i64,
    /// Whether it works now.
    pub good: bool,
}

/// A merchant's account.
#[derive(Clone, Serialize)]
pub struct AccountSnapshot {
    /// Its appid.
    pub app_id: AuthorizerId,
    /// Its original id.
    pub user_name: String,
    /// What it is.
    pub kind: AccountKind,
    /// Its name.
    pub nick_name: String,
    /// Its owner.
    pub principal_name: String,
}

/// What a snapshot is to show; `None`: all.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SnapshotFilter {
    /// Only this platform.
    pub component: Option<ComponentId>,
    /// Only this merchant.
    pub authorizer: Option<AuthorizerId>,
}

impl State {
    /// What the simulator knows.
    pub(crate) fn snapshot(&self, filter: &SnapshotFilter, now: Now) -> Snapshot {
        let component = |id: &ComponentId| filter.component.as_ref().is_none_or(|only| only == id);
        let authorizer = |id: &AuthorizerId| filter.authorizer.as_ref().is_none_or(|only| only == id);
        let components = self.components.values().filter(|it| component(&it.app_id));
        Snapshot {
            now: now.timestamp(),
            switches: self.switches.clone(),
            components: components.map(|it| self.component_snapshot(it, authorizer, now.seconds())).collect(),
            accounts: self
                .accounts
                .values()
                .filter(|it| authorizer(&it.app_id))
                .map(Account::snapshot)
                .collect(),
        }
    }

    fn component_snapshot(
        &self,
        component: &Component,
        shown: impl Fn(&AuthorizerId) -> bool,
        now: i64,
    ) -> ComponentSnapshot {
        let authorizations = component.authorizations.iter().filter(|(authorizer, _)| shown(authorizer));
        let mut authorizers: Vec<AuthorizerSnapshot> = authorizations
            .map(|(authorizer, authorization)| self.authorizer_snapshot(authorizer, authorization, now))
            .collect();
        let open = |code: &super::Code| !code.redeemed && !code.void && now < code.expires_at;
        for (value, code) in component.codes.iter().filter(|(_, code)| open(code)) {
            let place = authorizers.binary_search_by(|it| it.authorizer.cmp(&code.authorizer));
            if let Ok(place) = place {
                authorizers[place].open_codes.push(value.clone());
            }
        }
        ComponentSnapshot {
            app_id: component.app_id.clone(),
            ticket: component.tickets.back().map(|ticket| ticket.value.clone()),
            access_token: self.token_snapshot(component.access_token.as_deref(), now),
            authorizers,
        }
    }

    fn authorizer_snapshot(
        &self,
        authorizer: &AuthorizerId,
        authorization: &Authorization,
        now: i64,
    ) -> AuthorizerSnapshot {
        AuthorizerSnapshot {
            authorizer: authorizer.clone(),
            authorized: authorization.holds(),
            auth_time: authorization.auth_time,
            revoked_at: authorization.revoked_at,
            permissions: authorization.permissions.clone(),
            refresh_token: authorization.refresh_token().map(str::to_owned),
            access_token: self.token_snapshot(authorization.access_token.as_deref(), now),
            open_codes: Vec::new(),
        }
    }

    fn token_snapshot(&self, value: Option<&str>, now: i64) -> Option<TokenSnapshot> {
        let value = value?;
        let token = self.tokens.get(value)?;
        Some(TokenSnapshot {
            value: value.to_owned(),
            issued_at: token.issued_at,
            expires_at: token.expires_at,
            good: matches!(self.tokens.status(value, now), super::TokenStatus::Good(_)),
        })
    }
}

impl Account {
    fn snapshot(&self) -> AccountSnapshot {
        AccountSnapshot {
            app_id: self.app_id.clone(),
            user_name: self.user_name.clone(),
            kind: self.kind,
            nick_name: self.nick_name.clone(),
            principal_name: self.principal_name.clone(),
        }
    }
}
