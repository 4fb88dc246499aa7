//! What `WeChat` knows: platforms, merchants, what they granted each other, and which secrets are good.
//!
//! All of it is pure: time is an argument, random values come from the state's own generator, and nothing here
//! waits or sends.

mod account;
mod authorization;
mod calls;
mod changes;
mod component;
mod crowd;
mod grants;
mod listed;
mod mint;
mod remembered;
mod secrets;
mod sent;
mod snapshot;
mod tickets;
mod tokens;

use std::collections::BTreeMap;

use mandate_schema::{AuthorizerId, ComponentId};

pub use account::AccountKind;
pub(crate) use account::{Account, Wishes};
pub(crate) use authorization::Authorization;
pub use calls::CallRecord;
pub(crate) use calls::Calls;
pub use changes::Act;
pub(crate) use changes::{Change, Changed};
pub(crate) use component::{Code, Component};
pub(crate) use grants::Announcement;
pub(crate) use listed::Listed;
pub(crate) use mint::Mint;
pub use mint::{IssuedSecret, SecretKind};
pub(crate) use secrets::Scope;
pub(crate) use sent::Sent;
pub use sent::SentMessage;
pub use snapshot::{
    AccountSnapshot, AuthorizerSnapshot, ComponentSnapshot, Snapshot, SnapshotFilter, TokenSnapshot,
};
pub(crate) use tickets::TicketStatus;
pub(crate) use tokens::{AccessTokens, Owner, TokenStatus};

use crate::{
    api::Faults,
    error::{Error, OrderError},
    push::Pushes,
    settings::Settings,
    switches::Switches,
};

/// Lifetime of every access token, in seconds.
pub(crate) const TOKEN_LIFE: i64 = 7200;
/// How long a replaced token lives on where the switch grants an overlap, in seconds.
pub(crate) const OVERLAP: i64 = 300;

/// The whole state.
pub(crate) struct State {
    pub(crate) components: BTreeMap<ComponentId, Component>,
    pub(crate) accounts: BTreeMap<AuthorizerId, Account>,
    pub(crate) tokens: AccessTokens,
    pub(crate) switches: Switches,
    pub(crate) faults: Faults,
    pub(crate) calls: Calls,
    pub(crate) sent: Sent,
    pub(crate) pushes: Pushes,
    pub(crate) mint: Mint,
}

impl State {
    /// The state at the start: platforms without tickets, no merchants.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        let mut components = BTreeMap::new();
        for component in &settings.components {
            let made = Component::new(component).map_err(|error| Error::Settings(vec![error.to_string()]))?;
            components.insert(component.app_id.clone(), made);
        }
        Ok(Self {
            components,
            accounts: BTreeMap::new(),
            tokens: AccessTokens::default(),
            switches: settings.switches.clone(),
            faults: Faults::default(),
            calls: Calls::default(),
            sent: Sent::default(),
            pushes: Pushes::default(),
            mint: Mint::new(settings.seed),
        })
    }

    /// The platform of this appid.
    pub(crate) fn component(&self, id: &ComponentId) -> Result<&Component, OrderError> {
        self.components.get(id).ok_or_else(|| OrderError::UnknownComponent(id.clone()))
    }

    /// The platform of this appid, to change it.
    pub(crate) fn component_mut(&mut self, id: &ComponentId) -> Result<&mut Component, OrderError> {
        self.components.get_mut(id).ok_or_else(|| OrderError::UnknownComponent(id.clone()))
    }

    /// The merchant account of this appid.
    pub(crate) fn account(&self, id: &AuthorizerId) -> Result<&Account, OrderError> {
        self.accounts.get(id).ok_or_else(|| OrderError::UnknownAuthorizer(id.clone()))
    }

    /// A fresh secret value of the length that the switch asks for.
    pub(crate) fn mint(&mut self, kind: SecretKind) -> String {
        self.mint.secret(kind, self.switches.value_length)
    }
}
