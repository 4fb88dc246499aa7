//! The component's own access token, from its secret and a ticket.

use std::{collections::HashMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use mandate_domain::{Component, Ticket};
use mandate_schema::{ComponentId, Secret, StreamName};
use mandate_storage::Lease;
use mandate_wechat::{
    api::{Api, ComponentTokenRequest, Refusal},
    errors::{self, Repair, Retry},
};

use super::{
    Failed, HeldToken, TokenError, TokenRows, What,
    rows::{Refreshed, Refusing, Source},
};
use crate::{
    log::{Log, fold::ReadError},
    wechat::{client::ApiClient, error::CallError},
};

/// `WeChat` accepts a ticket for 12 hours.
const TICKET_LIFE: SignedDuration = SignedDuration::from_hours(12);
/// The key that a component's stream seals with; the others are its notices'.
const COMPONENT_KEY: u32 = 1;

/// Holder of all components' tokens.
pub(crate) struct ComponentTokens {
    log: Arc<Log>,
    api: ApiClient,
    secrets: HashMap<ComponentId, Secret>,
    rows: Arc<TokenRows>,
}

impl ComponentTokens {
    /// A holder for the components with these secrets.
    pub(crate) fn new(
        log: Arc<Log>,
        api: ApiClient,
        secrets: HashMap<ComponentId, Secret>,
        rows: Arc<TokenRows>,
    ) -> Self {
        Self { log, api, secrets, rows }
    }

    /// The component's secret, if it is configured.
    pub(crate) fn secret(&self, component: &ComponentId) -> Option<&Secret> {
        self.secrets.get(component)
    }

    /// A token with at least a minute to live, fetched if need be.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub(crate) async fn get(&self, component: &ComponentId) -> Result<HeldToken, TokenError> {
        let source = self.source(component)?;
        self.rows.get(&source.stream, &source).await
    }

    /// Fetches another token if the one that is held expires before `expiring`.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub(super) async fn renew(&self, component: &ComponentId, expiring: Timestamp) -> Result<(), TokenError> {
        let source = self.source(component)?;
        self.rows.renew(&source.stream, &source, expiring).await
    }

    /// Forgets a token that `WeChat` no longer accepts, unless another one has replaced it already, or one was replaced
    /// just now.
    ///
    /// # Errors
    ///
    /// [`TokenError::Read`].
    pub(crate) async fn invalidate(
        &self,
        component: &ComponentId,
        stale: &HeldToken,
    ) -> Result<(), TokenError> {
        self.rows.invalidate(&StreamName::Component(component.clone()), stale).await
    }

    fn source<'a>(&'a self, component: &'a ComponentId) -> Result<Fetch<'a>, TokenError> {
        let secret = self.secrets.get(component).ok_or_else(|| TokenError::NoSecret(component.clone()))?;
        Ok(Fetch { tokens: self, component, stream: StreamName::Component(component.clone()), secret })
    }
}

/// A fetch of one component's token.
struct Fetch<'a> {
    tokens: &'a ComponentTokens,
    component: &'a ComponentId,
    stream: StreamName,
    secret: &'a Secret,
}

impl Fetch<'_> {
    /// The current ticket and the one before it, as far as they have not expired.
    async fn tickets(&self) -> Result<Vec<Ticket>, ReadError> {
        let snapshot = self.tokens.log.read(&self.stream).await?;
        Ok(usable_tickets(snapshot.state.component(), Timestamp::now()).into_iter().cloned().collect())
    }
}

impl Source for Fetch<'_> {
    const API: Api = Api::ComponentToken;

    /// Another ticket is worth another try.
    async fn has_mended(&self, failed: &Failed) -> Result<bool, TokenError> {
        let What::NoTicket { newest: tried, .. } = failed.what else { return Ok(false) };
        let newest = newest(&self.tickets().await?);
        Ok(newest.is_some() && newest != tried)
    }

    async fn prepare(&self) -> Result<(), TokenError> {
        Ok(())
    }

    /// Asks with the newest ticket; if that is refused, once with the one before it, which `WeChat` accepts for a while.
    async fn refresh(&self, _: &Lease) -> Result<Refreshed, Refusing> {
        let mut refused = None;
        let tickets = self.tickets().await?;
        let newest = newest(&tickets);
        for ticket in tickets {
            let opened =
                self.tokens.log.vault.open_at(&self.stream, &ticket.ticket).await.map_err(ReadError::from)?;
            let Some(ticket) = opened else { continue };
            let request = ComponentTokenRequest {
                component_appid: self.component,
                component_appsecret: self.secret,
                component_verify_ticket: &ticket,
            };
            let called_at = Timestamp::now();
            match self.tokens.api.call(&request, None).await {
                Ok(reply) => {
                    return Ok(Refreshed::Token {
                        token: reply.component_access_token,
                        called_at,
                        expires_in: reply.expires_in,
                        key: COMPONENT_KEY,
                    });
                }
                Err(CallError::Refused(refusal)) if is_about_the_ticket(&refusal) => refused = Some(refusal),
                Err(error) => return Err(Refusing::of_call(error)),
            }
        }
        Err(Refusing::Failed(What::NoTicket { refusal: refused, newest }))
    }
}

/// When the newest ticket was recorded, in milliseconds: it tells one push from the next, also of the same ticket.
fn newest(tickets: &[Ticket]) -> Option<u64> {
    tickets.first().and_then(|ticket| u64::try_from(ticket.received_at.as_millisecond()).ok())
}

fn usable_tickets(state: Option<&Component>, now: Timestamp) -> Vec<&Ticket> {
    let tickets = state.into_iter().flat_map(|state| [&state.ticket, &state.previous_ticket]);
    tickets.flatten().filter(|ticket| now.duration_since(ticket.received_at) < TICKET_LIFE).collect()
}

fn is_about_the_ticket(refusal: &Refusal) -> bool {
    errors::classify(Api::ComponentToken, refusal.errcode) == Retry::OnceAfter(Repair::NewestTicket)
}
