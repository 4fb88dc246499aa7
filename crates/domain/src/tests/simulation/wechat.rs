//! `WeChat`'s side for one authorizer: what is true, what it pushed, what it answers.

use mandate_schema::{CodeDigest, CreateTime, Secret};
use mandate_wechat::callback::Callback;

use crate::{
    AccessToken, AuthorizerInfo,
    tests::samples::{authorized, digest, unauthorized_at, updateauthorized},
};

/// How `WeChat` behaves where its documentation is silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manners {
    /// Whether codes of earlier confirmations can still be redeemed.
    pub(super) old_codes_work: bool,
    /// Whether the authorizer has any API permission; without one there are no tokens.
    pub(super) has_tokens: bool,
    /// Whether each refresh replaces the refresh token, so that the one before it is dead.
    pub(super) rotates: bool,
    /// How far its clock is ahead of ours, in seconds.
    pub(super) ahead: i64,
}

/// What is wrong with the time of a push.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stamp {
    Right,
    Missing,
    /// It is ahead by so many seconds.
    Ahead(i64),
}

/// What the authorizer grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authorization {
    /// Counts authorizations; an update keeps it.
    pub(super) number: u32,
    pub(super) permissions: Vec<i64>,
    /// Another one with each authorization.
    pub(super) refresh_token: Option<String>,
    /// The refresh token is named only after one code of this authorization was redeemed.
    pub(super) redeemed: bool,
}

#[derive(Debug)]
struct Code {
    text: String,
    given_at: i64,
    spent: bool,
}

/// The truth.
#[derive(Debug)]
pub(super) struct WeChat {
    pub(super) manners: Manners,
    /// The true time; our clock shows it.
    pub(super) now: i64,
    current: Option<Authorization>,
    /// What was true from when on.
    past: Vec<(i64, Option<Authorization>)>,
    codes: Vec<Code>,
    authorizations: u32,
    /// Every callback, in its own order.
    pub(super) pushed: Vec<Callback>,
    /// When the acts that they tell of happened.
    pub(super) acts: Vec<i64>,
}

/// The answer to a refresh.
#[derive(Clone, Debug)]
pub(super) enum Refreshed {
    /// The refresh token from now on.
    Token(Secret),
    /// 61023.
    Dead,
    /// 61003.
    Gone,
}

/// A code is redeemed within an hour or never.
const CODE_LIFE: i64 = 3_600;
/// A day in 2026.
const BEGINNING: i64 = 1_767_225_600;

impl WeChat {
    pub(super) fn new(manners: Manners) -> Self {
        Self {
            manners,
            now: BEGINNING,
            current: None,
            past: vec![(0, None)],
            codes: Vec::new(),
            authorizations: 0,
            pushed: Vec::new(),
            acts: Vec::new(),
        }
    }

    /// What the authorizer grants now; `None` if it does not authorize the component.
    pub(super) fn truth(&self) -> Option<&Authorization> {
        self.current.as_ref()
    }

    /// The merchant confirms, for the first time or again.
    pub(super) fn authorize(&mut self, permissions: Vec<i64>, stamp: Stamp) {
        let code = format!("code {}", self.codes.len());
        self.codes.push(Code { text: code.clone(), given_at: self.now, spent: false });
        let time = self.now + self.manners.ahead;
        let push = if let Some(current) = &mut self.current {
            current.permissions = permissions;
            updateauthorized(time, &code)
        } else {
            self.authorizations += 1;
            let number = self.authorizations;
            let refresh_token = self.manners.has_tokens.then(|| format!("token {number}"));
            self.current = Some(Authorization { number, permissions, refresh_token, redeemed: false });
            authorized(time, &code)
        };
        self.push(push, stamp);
    }

    /// The merchant revokes, if there is anything to revoke.
    pub(super) fn revoke(&mut self, stamp: Stamp) {
        if self.current.take().is_some() {
            self.push(unauthorized_at(self.now + self.manners.ahead), stamp);
        }
    }

    fn push(&mut self, mut callback: Callback, stamp: Stamp) {
        let time = CreateTime(self.now + self.manners.ahead);
        callback.create_time = match stamp {
            Stamp::Right => Some(time),
            Stamp::Missing => None,
            Stamp::Ahead(seconds) => Some(CreateTime(time.0 + seconds)),
        };
        self.pushed.push(callback);
        self.acts.push(self.now);
        self.remember();
    }

    fn remember(&mut self) {
        self.past.push((self.now, self.current.clone()));
    }

    /// Whether it has authorized the component at any time from then on.
    pub(super) fn was_authorized_after(&self, then: i64) -> bool {
        self.current.is_some() || self.past.iter().any(|(from, was)| *from >= then && was.is_some())
    }

    /// Whether it has not authorized the component at any time from then on.
    pub(super) fn was_gone_after(&self, then: i64) -> bool {
        self.current.is_none() || self.past.iter().any(|(from, was)| *from >= then && was.is_none())
    }

    /// When it did not authorize the component last.
    pub(super) fn last_gone(&self) -> i64 {
        let last = self.past.iter().rev().find(|(_, was)| was.is_none()).map(|(from, _)| *from);
        if self.current.is_none() { self.now } else { last.unwrap_or_default() }
    }

    /// When the merchant confirmed and got this code.
    pub(super) fn confirmed_at(&self, code: CodeDigest) -> i64 {
        let code = self.codes.iter().find(|known| digest(&known.text) == code);
        code.expect("a code of ours").given_at
    }

    /// The code that the merchant's browser brings back.
    pub(super) fn newest_code(&self) -> Option<Secret> {
        self.codes.last().map(|code| Secret::new(code.text.as_str()))
    }

    /// `api_query_auth`. A code works once.
    pub(super) fn redeem(&mut self, code: &Secret) -> Option<Authorization> {
        let current = self.current.as_mut()?;
        let newest = self.codes.len() - 1;
        let (at, code) = self.codes.iter_mut().enumerate().find(|(_, known)| known.text == code.expose())?;
        let expired = self.now > code.given_at + CODE_LIFE;
        if code.spent || expired || (at != newest && !self.manners.old_codes_work) {
            return None;
        }
        code.spent = true;
        current.redeemed = true;
        let told = current.clone();
        self.remember();
        Some(told)
    }

    /// `api_authorizer_token`.
    pub(super) fn refresh(&mut self, token: &str) -> Refreshed {
        let Some(current) = self.current.as_mut() else { return Refreshed::Gone };
        if current.refresh_token.as_deref() != Some(token) {
            return Refreshed::Dead;
        }
        if self.manners.rotates {
            current.refresh_token = Some(format!("{token} and on"));
        }
        let next = Refreshed::Token(Secret::new(current.refresh_token.as_deref().unwrap_or_default()));
        self.remember();
        next
    }

    /// `api_get_authorizer_info`: what was true up to four minutes ago, unless it did not authorize us then. `None` is 61003.
    pub(super) fn info(&self, seconds_old: i64) -> Option<AuthorizerInfo> {
        self.then(seconds_old).map(|authorization| AuthorizerInfo {
            profile: None,
            permissions: Some(authorization.permissions.clone()),
            refresh_token: authorization.named_token(),
        })
    }

    /// The refresh token in the entry of `api_get_authorizer_list`.
    pub(super) fn listed(&self, seconds_old: i64) -> Option<Secret> {
        self.then(seconds_old).and_then(Authorization::named_token)
    }

    fn then(&self, seconds_old: i64) -> Option<&Authorization> {
        let then = self.now - seconds_old;
        let was = self.past.iter().rev().find(|(from, _)| *from <= then);
        was.and_then(|(_, was)| was.as_ref()).or(self.current.as_ref())
    }
}

impl Authorization {
    fn named_token(&self) -> Option<Secret> {
        self.refresh_token.as_ref().filter(|_| self.redeemed).map(|token| Secret::new(token.as_str()))
    }

    /// The answer to `api_query_auth`.
    pub(super) fn redeemed(self, code: &Secret, via: mandate_schema::GrantedVia) -> crate::Redeemed {
        let access_token = |_: &String| AccessToken { token: Secret::new("access"), expires_in: 7200 };
        crate::Redeemed {
            digest: digest(code.expose()),
            via,
            tag: None,
            access_token: self.refresh_token.as_ref().map(access_token),
            refresh_token: self.refresh_token.map(Secret::new),
            permissions: Some(self.permissions),
        }
    }
}
