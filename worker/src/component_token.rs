//! The component's own access token: one holder, one refresh at a time, in this process by a lock, over all processes by
//! a lease in the token table.
//!
//! A failure is shared like a token: whoever waits for the refresh that failed gets the failure, and so does whoever asks
//! before the time for another try has come. Otherwise a thousand waiting tasks would burn the quota of the one API on
//! which everything rests.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use mandate_domain::{Component, Ticket};
use mandate_schema::{ComponentId, SealedText, Secret, StreamName};
use mandate_storage::{Lease, Storage, StorageError};
use mandate_wechat::{
    api::{Api, ComponentTokenRequest, Refusal},
    errors::{self, Repair, Retry},
};
use tokio::time::Instant;

use crate::{
    api::{ApiClient, CallError},
    fold::{self, ReadError},
    record::{access_token_place, expiry},
    tasks::wait_after,
    vault::Vault,
};

/// A token with less life than this is not given out.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// What a refresh may need beside its two calls. With calls of 5 seconds the lease is 15 seconds.
const BESIDE_CALLS: Duration = Duration::from_secs(5);
/// How often a waiting process looks whether another one has refreshed.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// A token is not replaced twice within this time: that the second one is refused too has another cause.
const REPLACED_ONCE_IN: Duration = Duration::from_secs(30);
/// `WeChat` accepts a ticket for 12 hours.
const TICKET_LIFE: SignedDuration = SignedDuration::from_hours(12);

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
    /// `WeChat` has pushed no ticket for 12 hours, or refuses the ones we have: the next one comes within 10 minutes.
    #[error("there is no ticket that WeChat accepts{}; it pushes one every 10 minutes", told(.0.as_ref()))]
    NoTicket(Option<Refusal>),
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

fn told(refusal: Option<&Refusal>) -> String {
    refusal.map(|refusal| format!(" ({refusal})")).unwrap_or_default()
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
    /// How long one refresh may hold the lease.
    lease: SignedDuration,
    /// One refresh at a time in this process.
    flights: Mutex<HashMap<ComponentId, Arc<tokio::sync::Mutex<Flight>>>>,
}

/// What the last refresh of a component's token came to.
#[derive(Default)]
struct Flight {
    /// When a token was last thrown away because it was refused.
    replaced_at: Option<Instant>,
    failure: Option<Failed>,
}

/// A failure that holds for a while.
struct Failed {
    /// The ticket that was tried; a newer one is worth another try if it was refused.
    ticket: Option<Ticket>,
    error: FailedCall,
    not_before: Instant,
}

/// What is remembered of a failed refresh.
#[derive(Clone)]
enum FailedCall {
    NoTicket(Option<Refusal>),
    Call(CallError),
}

impl From<FailedCall> for TokenError {
    fn from(failed: FailedCall) -> Self {
        match failed {
            FailedCall::NoTicket(refusal) => Self::NoTicket(refusal),
            FailedCall::Call(error) => Self::Call(error),
        }
    }
}

impl<S: Storage> ComponentTokens<S> {
    /// A holder for the components with these secrets.
    pub fn new(
        storage: S,
        vault: Arc<Vault<S>>,
        api: ApiClient,
        secrets: HashMap<ComponentId, Secret>,
    ) -> Self {
        let lease = SignedDuration::try_from(api.timeout() * 2 + BESIDE_CALLS).unwrap_or(SignedDuration::MAX);
        Self { storage, vault, api, secrets, lease, flights: Mutex::default() }
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
        let mut flight = flight.lock().await;
        let patience = Timestamp::now() + self.lease;
        loop {
            if let Some(token) = self.stored(&stream).await? {
                return Ok(token);
            }
            let now = Timestamp::now();
            if let Some(lease) = self.storage.lease_token(&stream, now, now + self.lease).await? {
                return self.refresh(component, &stream, lease, &mut flight).await;
            }
            if now > patience {
                return Err(TokenError::Busy);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Forgets a token that `WeChat` no longer accepts, unless another one has replaced it already, or one was replaced
    /// just now.
    ///
    /// # Errors
    ///
    /// [`TokenError::Read`].
    pub async fn invalidate(
        &self,
        component: &ComponentId,
        stale: &ComponentToken,
    ) -> Result<(), TokenError> {
        let flight = self.flight(component);
        let mut flight = flight.lock().await;
        if flight.replaced_at.is_none_or(|at| at.elapsed() > REPLACED_ONCE_IN) {
            let stream = StreamName::Component(component.clone());
            if self.storage.empty_token(&stream, &stale.sealed).await? {
                flight.replaced_at = Some(Instant::now());
            }
        }
        Ok(())
    }

    fn flight(&self, component: &ComponentId) -> Arc<tokio::sync::Mutex<Flight>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.entry(component.clone()).or_default().clone()
    }

    async fn stored(&self, stream: &StreamName) -> Result<Option<ComponentToken>, TokenError> {
        let Some(row) = self.storage.token(stream).await? else { return Ok(None) };
        let Some((sealed, expires_at)) = row.access else { return Ok(None) };
        if expires_at < Timestamp::now() + MARGIN {
            return Ok(None);
        }
        let place = access_token_place(stream, row.generation);
        let token = self.vault.open(place, &sealed).await.map_err(ReadError::from)?;
        Ok(token.map(|token| ComponentToken { token, sealed }))
    }

    /// Fetches a token under the lease, unless the last failure still holds.
    async fn refresh(
        &self,
        component: &ComponentId,
        stream: &StreamName,
        lease: Lease,
        flight: &mut Flight,
    ) -> Result<ComponentToken, TokenError> {
        let fetched = self.fetch(component, stream, &lease, flight).await;
        match fetched {
            Ok((token, expires_at)) => {
                // Refused only if the lease ran out and another process has refreshed: that one's token is the newest.
                let stored =
                    self.storage.store_token(stream, &lease, token.sealed.clone(), expires_at).await?;
                flight.failure = None;
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
        flight: &mut Flight,
    ) -> Result<(ComponentToken, Timestamp), TokenError> {
        let secret = self.secrets.get(component).ok_or_else(|| TokenError::NoSecret(component.clone()))?;
        let snapshot = fold::load(&self.storage, &self.vault, stream).await?;
        let tickets = usable_tickets(snapshot.state.component(), Timestamp::now());
        let newest = tickets.first().map(|ticket| (*ticket).clone());
        if let Some(failed) = flight.failure.as_ref().filter(|failed| failed.holds(newest.as_ref())) {
            return Err(failed.error.clone().into());
        }
        let called_at = Timestamp::now();
        match self.ask(component, stream, secret, &tickets).await? {
            Ok((token, expires_in)) => {
                let key = self
                    .vault
                    .key(stream, 1)
                    .await
                    .map_err(ReadError::from)?
                    .ok_or(TokenError::NoTicket(None))?;
                let place = access_token_place(stream, lease.row.generation);
                let sealed = self.vault.seal(&key, place, &token);
                Ok((ComponentToken { token, sealed }, expiry(called_at, expires_in)))
            }
            Err(error) => {
                let not_before = Instant::now() + error.wait();
                flight.failure = Some(Failed { ticket: newest, error: error.clone(), not_before });
                Err(error.into())
            }
        }
    }

    /// Asks with the newest ticket; if that is refused, once with the one before it, which `WeChat` accepts for a while.
    async fn ask(
        &self,
        component: &ComponentId,
        stream: &StreamName,
        secret: &Secret,
        tickets: &[&Ticket],
    ) -> Result<Result<(Secret, u64), FailedCall>, TokenError> {
        let mut refused = None;
        for ticket in tickets {
            let opened = self.vault.open_at(stream, &ticket.ticket).await.map_err(ReadError::from)?;
            let Some(ticket) = opened else { continue };
            let request = ComponentTokenRequest {
                component_appid: component,
                component_appsecret: secret,
                component_verify_ticket: &ticket,
            };
            match self.api.call(&request, None).await {
                Ok(reply) => return Ok(Ok((reply.component_access_token, reply.expires_in))),
                Err(CallError::Refused(refusal)) if is_about_the_ticket(&refusal) => refused = Some(refusal),
                Err(error) => return Ok(Err(FailedCall::Call(error))),
            }
        }
        Ok(Err(FailedCall::NoTicket(refused)))
    }
}

/// The current ticket and the one before it, as far as they have not expired.
fn usable_tickets(state: Option<&Component>, now: Timestamp) -> Vec<&Ticket> {
    let tickets = state.into_iter().flat_map(|state| [&state.ticket, &state.previous_ticket]);
    tickets.flatten().filter(|ticket| now.duration_since(ticket.received_at) < TICKET_LIFE).collect()
}

fn is_about_the_ticket(refusal: &Refusal) -> bool {
    errors::classify(Api::ComponentToken, refusal.errcode) == Retry::OnceAfter(Repair::NewestTicket)
}

impl Failed {
    /// Whether another try would fail in the same way.
    fn holds(&self, newest: Option<&Ticket>) -> bool {
        let outdated = matches!(self.error, FailedCall::NoTicket(_)) && self.ticket.as_ref() != newest;
        !outdated && Instant::now() < self.not_before
    }
}

impl FailedCall {
    /// How long to leave the API alone.
    fn wait(&self) -> Duration {
        match self {
            Self::NoTicket(_) => Duration::from_mins(10),
            Self::Call(CallError::Refused(refusal)) => wait_after(Api::ComponentToken, refusal),
            Self::Call(CallError::NotSent(_) | CallError::AnswerLost(_)) => Duration::from_secs(1),
        }
    }
}
