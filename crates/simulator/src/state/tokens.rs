//! Access tokens of both kinds, and whether one that is presented is good.

use std::collections::HashMap;

use mandate_schema::{AuthorizerId, ComponentId};

use super::{OVERLAP, TOKEN_LIFE};
use crate::switches::Overlap;

/// Beyond this many, tokens that ended more than a day ago are forgotten (they then count as unknown).
const REMEMBERED: usize = 200_000;
const DAY: i64 = 86_400;

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The platform's own.
    Component(ComponentId),
    /// One to act as an account, for a platform.
    Account(ComponentId, AuthorizerId),
}

/// One token.
pub(crate) struct AccessToken {
    owner: Owner,
    /// When it was issued, Unix seconds.
    pub(crate) issued_at: i64,
    /// The end it was issued with, Unix seconds.
    pub(crate) expires_at: i64,
    /// Its end since a newer one took its place or it was made invalid.
    retired_at: Option<i64>,
}

/// What `WeChat` thinks of a presented token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenStatus {
    /// Never issued, or replaced, or made invalid.
    Invalid,
    /// Past its own end.
    Expired,
    /// Good.
    Good(Owner),
}

/// All tokens by value.
#[derive(Default)]
pub(crate) struct AccessTokens(HashMap<String, AccessToken>);

impl AccessTokens {
    /// Enters a fresh value.
    pub(crate) fn issue(&mut self, value: String, owner: Owner, now: i64) {
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, token| token.expires_at > now - DAY);
        }
        let token = AccessToken { owner, issued_at: now, expires_at: now + TOKEN_LIFE, retired_at: None };
        self.0.insert(value, token);
    }

    /// Ends a token that a newer one replaces, as late as the switch says. Never later than it would have ended.
    pub(crate) fn replace(&mut self, value: &str, overlap: Overlap, now: i64) {
        match overlap {
            Overlap::FiveMinutes => self.retire(value, now + OVERLAP),
            Overlap::None => self.retire(value, now),
            Overlap::Full => {}
        }
    }

    /// Ends a token at a time.
    pub(crate) fn retire(&mut self, value: &str, at: i64) {
        if let Some(token) = self.0.get_mut(value) {
            token.retired_at = Some(token.retired_at.map_or(at, |earlier| earlier.min(at)));
        }
    }

    /// What it thinks of a presented token.
    pub(crate) fn status(&self, value: &str, now: i64) -> TokenStatus {
        match self.0.get(value) {
            None => TokenStatus::Invalid,
            Some(token) if now >= token.expires_at => TokenStatus::Expired,
            Some(token) if token.retired_at.is_some_and(|at| now >= at) => TokenStatus::Invalid,
            Some(token) => TokenStatus::Good(token.owner.clone()),
        }
    }

    /// A token by its value.
    pub(crate) fn get(&self, value: &str) -> Option<&AccessToken> {
        self.0.get(value)
    }

    /// Ends every token whose owner is chosen.
    pub(crate) fn retire_all(&mut self, now: i64, chosen: impl Fn(&Owner) -> bool) {
        for token in self.0.values_mut().filter(|token| chosen(&token.owner)) {
            token.retired_at = Some(token.retired_at.map_or(now, |earlier| earlier.min(now)));
        }
    }
}
