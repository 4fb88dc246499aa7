//! A third-party platform: its configuration, its tickets and codes, and who has authorized it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use mandate_schema::{AuthorizerId, ComponentId, Secret};

use super::{Authorization, Listed};
use crate::{
    envelope::{KeyError, Pair},
    settings::SimComponent,
};

/// Beyond this many, codes that ended more than a day ago are forgotten (they are then as wrong as unknown ones).
const CODES_REMEMBERED: usize = 100_000;
const DAY: i64 = 86_400;

/// One platform.
pub(crate) struct Component {
    pub(crate) app_id: ComponentId,
    pub(crate) app_secret: Secret,
    pub(crate) event_url: String,
    pub(crate) message_url: String,
    /// The pair for everybody, unless the account is on the test list.
    pub(crate) pair: Pair,
    /// A changed pair that is in force for the test list only, until the next release.
    pub(crate) test_pair: Option<(Pair, BTreeSet<AuthorizerId>)>,
    /// Newest last.
    pub(crate) tickets: VecDeque<Ticket>,
    /// The newest access token.
    pub(crate) access_token: Option<String>,
    pub(crate) pre_auth_codes: HashMap<String, PreAuthCode>,
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) authorizations: BTreeMap<AuthorizerId, Authorization>,
    /// Whose authorization holds, in order: what the list shows.
    pub(crate) listed: Listed,
    /// Quota clears: the account and the month (as `year * 12 + month`) they count for.
    pub(crate) quota_clears: HashMap<(String, i64), u32>,
}

/// A ticket that was pushed.
pub(crate) struct Ticket {
    pub(crate) value: String,
    pub(crate) issued_at: i64,
    pub(crate) expires_at: i64,
}

/// A pre-auth code.
pub(crate) struct PreAuthCode {
    pub(crate) expires_at: i64,
    pub(crate) used: bool,
}

/// An authorization code.
pub(crate) struct Code {
    pub(crate) authorizer: AuthorizerId,
    pub(crate) expires_at: i64,
    /// It was redeemed.
    pub(crate) redeemed: bool,
    /// The authorization that it belongs to was revoked.
    pub(crate) void: bool,
    /// Redeeming it changes the refresh token.
    pub(crate) renews_refresh_token: bool,
}

impl Component {
    pub(crate) fn new(settings: &SimComponent) -> Result<Self, KeyError> {
        Ok(Self {
            app_id: settings.app_id.clone(),
            app_secret: settings.app_secret.clone(),
            event_url: settings.event_url.clone(),
            message_url: settings.message_url.clone(),
            pair: Pair::parse(&settings.token, &settings.encoding_aes_key)?,
            test_pair: None,
            tickets: VecDeque::new(),
            access_token: None,
            pre_auth_codes: HashMap::new(),
            codes: HashMap::new(),
            authorizations: BTreeMap::new(),
            listed: Listed::default(),
            quota_clears: HashMap::new(),
        })
    }

    /// The pair that a push is sealed with; `authorizer` is the account that it is about.
    pub(crate) fn pair_for(&self, authorizer: Option<&AuthorizerId>) -> &Pair {
        match (&self.test_pair, authorizer) {
            (Some((pair, list)), Some(authorizer)) if list.contains(authorizer) => pair,
            _ => &self.pair,
        }
    }

    /// The authorization of an account, if it holds now.
    pub(crate) fn held(&self, authorizer: &AuthorizerId) -> Option<&Authorization> {
        self.authorizations.get(authorizer).filter(|authorization| authorization.holds())
    }

    /// Remembers a code.
    pub(crate) fn add_code(&mut self, value: String, code: Code, now: i64) {
        if self.codes.len() >= CODES_REMEMBERED {
            self.codes.retain(|_, code| code.expires_at > now - DAY);
        }
        self.codes.insert(value, code);
    }

    /// Remembers a pre-auth code.
    pub(crate) fn add_pre_auth_code(&mut self, value: String, expires_at: i64, now: i64) {
        if self.pre_auth_codes.len() >= CODES_REMEMBERED {
            self.pre_auth_codes.retain(|_, code| code.expires_at > now - DAY);
        }
        self.pre_auth_codes.insert(value, PreAuthCode { expires_at, used: false });
    }
}
