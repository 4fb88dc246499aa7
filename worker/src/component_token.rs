//! The component's own access token: one holder, one refresh at a time, in this process by a lock, over all processes by
//! a lease in the token table.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use mandate_schema::{ComponentId, SealedText, Secret, StreamName};
use mandate_storage::{Lease, Storage, StorageError};
use mandate_wechat::api::ComponentTokenRequest;

use crate::{
    api::{ApiClient, CallError},
    fold::{self, ReadError},
    record::{access_token_place, expiry},
    vault::Vault,
};

/// A token with less life than this is not given out.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// How long one refresh may hold the lease: a call takes 5 seconds at most.
const LEASE: SignedDuration = SignedDuration::from_secs(15);
/// How often a waiting process looks whether another one has refreshed.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A component token in use.
#[derive(Clone, Debug)]
pub struct ComponentToken {
    /// The token.
    pub token: Secret,
    /// Its sealed form, which says later whether it is still the stored one.
    sealed: SealedText,
}

/// Why there is no component token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// `WeChat` has not pushed a ticket yet, or refuses the ones we have: the next one comes within 10 minutes.
    #[error("there is no ticket that WeChat accepts; it pushes one every 10 minutes")]
    NoTicket,
    /// The component's secret is not configured.
    #[error("no app_secret is configured for component {0}")]
    NoSecret(ComponentId),
    /// The call failed.
    #[error(transparent)]
    Call(CallError),
    /// The store is away, or the ticket cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Another process holds the lease and does not finish.
    #[error("another process is refreshing the component token")]
    Busy,
}

impl From<StorageError> for TokenError {
    fn from(error: StorageError) -> Self {
        Self::Read(error.into())
    }
}

/// Holder of all components' tokens.
pub struct ComponentTokens<S> {
    storage: S,
    vault: Arc<Vault<S>>,
    api: ApiClient,
    secrets: HashMap<ComponentId, Secret>,
    /// One refresh at a time in this process.
    flights: Mutex<HashMap<ComponentId, Arc<tokio::sync::Mutex<()>>>>,
}

impl<S: Storage> ComponentTokens<S> {
    /// A holder for the components with these secrets.
    pub fn new(
        storage: S,
        vault: Arc<Vault<S>>,
        api: ApiClient,
        secrets: HashMap<ComponentId, Secret>,
    ) -> Self {
        Self { storage, vault, api, secrets, flights: Mutex::default() }
    }

    /// A token with at least a minute to live, fetched if need be.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub async fn get(&self, component: &ComponentId) -> Result<ComponentToken, TokenError> {
        let stream = StreamName::Component(component.clone());
        if let Some(token) = self.stored(&stream).await? {
            return Ok(token);
        }
        let flight = self.flight(component);
        let _turn = flight.lock().await;
        let patience = Timestamp::now() + LEASE;
        loop {
            if let Some(token) = self.stored(&stream).await? {
                return Ok(token);
            }
            let now = Timestamp::now();
            if let Some(lease) = self.storage.lease_token(&stream, now, now + LEASE).await? {
                return self.refresh(component, &stream, lease).await;
            }
            if now > patience {
                return Err(TokenError::Busy);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Forgets a token that `WeChat` no longer accepts, unless another one has replaced it already.
    ///
    /// # Errors
    ///
    /// [`TokenError::Read`].
    pub async fn invalidate(
        &self,
        component: &ComponentId,
        stale: &ComponentToken,
    ) -> Result<(), TokenError> {
        let stream = StreamName::Component(component.clone());
        self.storage.empty_token(&stream, &stale.sealed).await?;
        Ok(())
    }

    fn flight(&self, component: &ComponentId) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.entry(component.clone()).or_default().clone()
    }

    async fn stored(&self, stream: &StreamName) -> Result<Option<ComponentToken>, TokenError> {
        let Some(row) = self.storage.token(stream).await? else {
            return Ok(None);
        };
        let Some((sealed, expires_at)) = row.access else {
            return Ok(None);
        };
        if expires_at < Timestamp::now() + MARGIN {
            return Ok(None);
        }
        let place = access_token_place(stream, row.generation);
        let token = self.vault.open(place, &sealed).await.map_err(ReadError::from)?;
        Ok(token.map(|token| ComponentToken { token, sealed }))
    }

    async fn refresh(
        &self,
        component: &ComponentId,
        stream: &StreamName,
        lease: Lease,
    ) -> Result<ComponentToken, TokenError> {
        let fetched = self.fetch(component, stream, &lease).await;
        match fetched {
            Ok((token, expires_at)) => {
                // Refused only if the lease ran out and another process has refreshed: that one's token is the newest.
                let stored =
                    self.storage.store_token(stream, &lease, token.sealed.clone(), expires_at).await?;
                if stored { Ok(token) } else { self.stored(stream).await?.ok_or(TokenError::Busy) }
            }
            Err(error) => {
                self.storage.release_token(stream, &lease).await?;
                Err(error)
            }
        }
    }

    async fn fetch(
        &self,
        component: &ComponentId,
        stream: &StreamName,
        lease: &Lease,
    ) -> Result<(ComponentToken, Timestamp), TokenError> {
        let secret = self.secrets.get(component).ok_or_else(|| TokenError::NoSecret(component.clone()))?;
        let snapshot = fold::load(&self.storage, &self.vault, stream).await?;
        let ticket = snapshot.state.component().and_then(|state| state.ticket.as_ref());
        let ticket = ticket.ok_or(TokenError::NoTicket)?;
        let opened = self.vault.open_at(stream, &ticket.ticket).await.map_err(ReadError::from)?;
        let ticket = opened.ok_or(TokenError::NoTicket)?;
        let called_at = Timestamp::now();
        let request = ComponentTokenRequest {
            component_appid: component,
            component_appsecret: secret,
            component_verify_ticket: &ticket,
        };
        let reply = self.api.call(&request, None).await.map_err(sort)?;
        let token = reply.component_access_token;
        let key = self.vault.key(stream, 1).await.map_err(ReadError::from)?.ok_or(TokenError::NoTicket)?;
        let place = access_token_place(stream, lease.row.generation);
        let sealed = self.vault.seal(&key, place, &token);
        Ok((ComponentToken { token, sealed }, expiry(called_at, reply.expires_in)))
    }
}

/// Ticket errors wait for the next ticket; all else is the caller's to judge.
fn sort(error: CallError) -> TokenError {
    match &error {
        CallError::Refused(refusal) if matches!(refusal.errcode, 61005 | 61006 | 40091) => {
            TokenError::NoTicket
        }
        CallError::Refused(_) | CallError::NotSent(_) | CallError::AnswerLost(_) => TokenError::Call(error),
    }
}
