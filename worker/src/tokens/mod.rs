//! Access tokens: one holder of each, one refresh at a time, in this process by a lock, over all processes by a lease in the
//! token table whose fence no late answer gets past.
//!
//! A failure is shared like a token, by everybody who waits and by every process: whoever asks before the time for another
//! try has come gets the failure. Otherwise a thousand waiting callers would burn the quota of the APIs on which
//! everything rests.

mod ahead;
mod authorizer;
mod call;
mod component;
mod failed;
mod rows;
mod ticket_watch;

use std::{collections::HashMap, sync::Arc, time::Duration};

use mandate_schema::{ComponentId, Secret};
use mandate_storage::StorageError;
use mandate_wechat::errors::{Repair, Retry};

#[cfg(test)]
pub(crate) use ahead::UnderWay;
pub use call::Uncalled;
use component::ComponentTokens;
pub use failed::{Failed, What};
pub(crate) use rows::TokenRows;
pub(crate) use ticket_watch::TicketWatch;

pub use crate::log::access_token::HeldToken;
use crate::{
    log::{Log, fold::ReadError},
    wechat::{client::ApiClient, error::CallError},
};

/// The access tokens of components and of their authorizers, and calls under them.
pub struct Tokens {
    pub(crate) log: Arc<Log>,
    pub(crate) api: ApiClient,
    pub(crate) rows: Arc<TokenRows>,
    of_components: ComponentTokens,
    /// The components that are served.
    pub(crate) components: Arc<[ComponentId]>,
}

impl Tokens {
    /// The tokens of these components, fetched with these secrets.
    pub(crate) fn new(
        log: Arc<Log>,
        api: ApiClient,
        rows: Arc<TokenRows>,
        components: Arc<[ComponentId]>,
        secrets: HashMap<ComponentId, Secret>,
    ) -> Self {
        let of_components = ComponentTokens::new(log.clone(), api.clone(), secrets, rows.clone());
        Self { log, api, rows, of_components, components }
    }
}

/// Why there is no access token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The component is not configured, or the account has never authorized it.
    #[error("this account has never authorized this component")]
    Unknown,
    /// The account has revoked its authorization.
    #[error("the account has revoked its authorization; only the merchant can authorize anew")]
    Revoked,
    /// Neither redemption nor recovery brought credentials.
    #[error(
        "the account's credentials are lost and could not be recovered; only the merchant can authorize anew"
    )]
    Broken,
    /// The account has authorized us, but no permission set with an API.
    #[error("the account has authorized no permission set that has an API, so WeChat gives no token for it")]
    NoApiPermission,
    /// Its credentials were erased on request.
    #[error(
        "the authorizer was erased, and its credentials with it; it must confirm its authorization again"
    )]
    Erased,
    /// The account has authorized us; its code is being redeemed.
    #[error("the account has just authorized, and its code is being redeemed")]
    Pending,
    /// The component's secret is not configured.
    #[error("no app_secret is configured for component {0}")]
    NoSecret(ComponentId),
    /// The last refresh failed, and the next one is not due yet.
    #[error(transparent)]
    Failed(Failed),
    /// The call was not made: its API is left alone for a while.
    #[error(transparent)]
    Paused(CallError),
    /// The store is away, or what it holds cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Another process holds the lease and does not finish.
    #[error("another process is refreshing the token and does not finish")]
    Busy,
}

impl From<StorageError> for TokenError {
    fn from(error: StorageError) -> Self {
        Self::Read(error.into())
    }
}

/// Whether a call was refused for its component token, so that it may be made once more with another.
pub(crate) fn wants_new_component_token<R: mandate_wechat::api::Request>(error: &CallError) -> bool {
    let CallError::Refused(refusal) = error else { return false };
    mandate_wechat::errors::classify(R::API, refusal.errcode)
        == Retry::OnceAfter(Repair::RefreshComponentToken)
}

/// What a refresh may need beside its two calls. With calls of 5 seconds the lease is 15 seconds.
const BESIDE_CALLS: Duration = Duration::from_secs(5);
