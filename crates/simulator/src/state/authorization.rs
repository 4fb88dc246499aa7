//! What one merchant has granted one platform.

use std::collections::BTreeMap;

/// One authorization; kept after it was revoked.
#[derive(Clone, Default)]
pub(crate) struct Authorization {
    /// The permission sets that were ticked.
    pub(crate) permissions: Vec<u32>,
    /// `CreateTime` of the last grant or update, Unix seconds.
    pub(crate) auth_time: i64,
    /// The newest `CreateTime` of any change, so that the next one is later.
    pub(crate) last_change: i64,
    /// When it was revoked.
    pub(crate) revoked_at: Option<i64>,
    /// The account's current access token for this platform.
    pub(crate) access_token: Option<String>,
    refresh_tokens: Vec<RefreshToken>,
    /// Options that were set, by name.
    pub(crate) options: BTreeMap<String, String>,
}

#[derive(Clone)]
struct RefreshToken {
    value: String,
    /// `None`: the current one.
    until: Option<i64>,
}

impl Authorization {
    /// Whether it holds now.
    pub(crate) fn holds(&self) -> bool {
        self.revoked_at.is_none()
    }

    /// The current refresh token, once a code was redeemed.
    pub(crate) fn refresh_token(&self) -> Option<&str> {
        let current = self.refresh_tokens.last().filter(|token| token.until.is_none());
        current.map(|token| token.value.as_str())
    }

    /// Whether this refresh token may be used now.
    pub(crate) fn accepts(&self, refresh_token: &str, now: i64) -> bool {
        let alive = |token: &RefreshToken| token.until.is_none_or(|until| now < until);
        self.refresh_tokens.iter().any(|token| token.value == refresh_token && alive(token))
    }

    /// Puts a new refresh token in the place of the current one, which works until `old_until`.
    pub(crate) fn rotate(&mut self, value: String, old_until: i64, now: i64) {
        self.refresh_tokens.retain(|token| token.until.is_none_or(|until| now < until));
        for token in &mut self.refresh_tokens {
            token.until.get_or_insert(old_until);
        }
        self.refresh_tokens.push(RefreshToken { value, until: None });
    }

    /// Everything that was granted is gone.
    pub(crate) fn revoke(&mut self, at: i64) {
        self.revoked_at = Some(at);
        self.refresh_tokens.clear();
        self.access_token = None;
    }
}
