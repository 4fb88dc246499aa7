//! `WeChat`'s side for one account: what is true, what it pushed, what it answers.

use mandate_schema::{RecoverySource, Secret};
use mandate_wechat::callback::Callback;

use crate::{
    AccessToken,
    tests::samples::{authorized, digest, unauthorized_at, updateauthorized},
};

/// How `WeChat` behaves where its documentation is silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manners {
    /// Whether codes of earlier confirmations can still be redeemed.
    pub(super) old_codes_work: bool,
    /// Whether the account has any API permission; without one there are no tokens.
    pub(super) has_tokens: bool,
    /// Whether each refresh replaces the refresh token, so that the one before it is dead.
    pub(super) rotates: bool,
}

/// What the account grants now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authorization {
    pub(super) permissions: Vec<i64>,
    /// It changes with each new authorization; an update keeps it.
    pub(super) refresh_token: Option<String>,
    /// The refresh token is told only after one code of this authorization was redeemed.
    redeemed: bool,
}

#[derive(Debug)]
struct Code {
    text: String,
    spent: bool,
}

/// The truth.
#[derive(Debug)]
pub(super) struct WeChat {
    manners: Manners,
    now: i64,
    current: Option<Authorization>,
    codes: Vec<Code>,
    authorizations: u32,
    /// Every callback, in its own order.
    pub(super) pushed: Vec<Callback>,
}

/// What an answer tells of the account.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) permissions: Vec<i64>,
    pub(super) refresh_token: Option<Secret>,
}

/// The answer to a refresh.
#[derive(Clone, Debug)]
pub(super) enum Refreshed {
    Token(Secret),
    /// 61023.
    Dead,
    /// 61003.
    Gone,
}

impl WeChat {
    pub(super) fn new(manners: Manners) -> Self {
        Self { manners, now: 100, current: None, codes: Vec::new(), authorizations: 0, pushed: Vec::new() }
    }

    /// A second goes by. Without it, the next acts fall into the same second.
    pub(super) fn tick(&mut self) {
        self.now += 1;
    }

    /// What the account grants now; `None` if it does not authorize the component.
    pub(super) fn truth(&self) -> Option<&Authorization> {
        self.current.as_ref()
    }

    /// The merchant confirms, for the first time or again.
    pub(super) fn authorize(&mut self, permissions: Vec<i64>) {
        let code = format!("code {}", self.codes.len());
        self.codes.push(Code { text: code.clone(), spent: false });
        let push = if let Some(current) = &mut self.current {
            current.permissions = permissions;
            updateauthorized(self.now, &code)
        } else {
            self.authorizations += 1;
            let token = format!("token {}", self.authorizations);
            let refresh_token = self.manners.has_tokens.then_some(token);
            self.current = Some(Authorization { permissions, refresh_token, redeemed: false });
            authorized(self.now, &code)
        };
        self.pushed.push(push);
    }

    /// The merchant revokes, if there is anything to revoke.
    pub(super) fn revoke(&mut self) {
        if self.current.take().is_some() {
            self.pushed.push(unauthorized_at(self.now));
        }
    }

    /// The code that the merchant's browser brings back.
    pub(super) fn newest_code(&self) -> Option<Secret> {
        self.codes.last().map(|code| Secret::new(code.text.as_str()))
    }

    /// `api_query_auth`. A code works once.
    pub(super) fn redeem(&mut self, code: &Secret) -> Option<Told> {
        let current = self.current.as_mut()?;
        let newest = self.codes.len() - 1;
        let (at, code) = self.codes.iter_mut().enumerate().find(|(_, known)| known.text == code.expose())?;
        if code.spent || (at != newest && !self.manners.old_codes_work) {
            return None;
        }
        code.spent = true;
        current.redeemed = true;
        Some(current.told())
    }

    /// `api_authorizer_token`: the refresh token from now on.
    pub(super) fn refresh(&mut self, token: &str) -> Refreshed {
        let Some(current) = self.current.as_mut() else { return Refreshed::Gone };
        if current.refresh_token.as_deref() != Some(token) {
            return Refreshed::Dead;
        }
        if self.manners.rotates {
            current.refresh_token = Some(format!("{token} and on"));
        }
        Refreshed::Token(Secret::new(current.refresh_token.as_deref().unwrap_or_default()))
    }

    /// `api_get_authorizer_info`; `None` is 61003.
    pub(super) fn info(&self) -> Option<Told> {
        self.current.as_ref().map(Authorization::told)
    }
}

impl Authorization {
    fn told(&self) -> Told {
        let refresh_token = self.refresh_token.as_ref().filter(|_| self.redeemed);
        Told {
            permissions: self.permissions.clone(),
            refresh_token: refresh_token.map(|token| Secret::new(token.as_str())),
        }
    }
}

impl Told {
    /// The answer to `api_query_auth`.
    pub(super) fn redeemed(self, code: &Secret, via: mandate_schema::GrantedVia) -> crate::Redeemed {
        let access_token = |_: &Secret| AccessToken { token: Secret::new("access"), expires_in: 7200 };
        crate::Redeemed {
            digest: digest(code.expose()),
            via,
            tag: None,
            access_token: self.refresh_token.as_ref().map(access_token),
            refresh_token: self.refresh_token,
            permissions: Some(self.permissions),
        }
    }

    /// The answer to `api_get_authorizer_info`, beside the refresh token that we hold.
    pub(super) fn info(self, ours: Option<&str>) -> crate::AccountInfo {
        crate::AccountInfo {
            profile: None,
            permissions: Some(self.permissions),
            token_is_ours: self.refresh_token.as_ref().map(Secret::expose) == ours,
            refresh_token: self.refresh_token.map(|token| (token, RecoverySource::Info)),
        }
    }
}
