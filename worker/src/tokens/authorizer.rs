//! An account's access token, from its refresh token.

use jiff::Timestamp;
use mandate_domain::{AccessToken, Authorizer, Because, Decision, Status, Task, decide_refreshed};
use mandate_schema::{AuthorizerId, CommandId, ComponentId, SealedAt, Secret, StreamName};
use mandate_storage::Lease;
use mandate_wechat::{
    api::{Api, AuthorizerTokenReply, AuthorizerTokenRequest, Refusal},
    errors::{self, Repair, Retry},
};
use uuid::Uuid;

use super::{
    Failed, HeldToken, TokenError, Tokens, What,
    rows::{Refreshed, Refusing, Source},
    wants_new_component_token,
};
use crate::{
    log::{Item, Verdict, fold::ReadError, snapshot::Snapshot},
    wechat::NOT_AUTHORIZED,
    wechat::error::CallError,
};

impl Tokens {
    /// The access token of a component, with at least a minute to live.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub async fn component_token(&self, component: &ComponentId) -> Result<HeldToken, TokenError> {
        self.served(component)?;
        self.of_components.get(component).await
    }

    /// The access token of an account, with at least a minute to live.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub async fn authorizer_token(
        &self,
        component: &ComponentId,
        authorizer: &AuthorizerId,
    ) -> Result<HeldToken, TokenError> {
        self.served(component)?;
        let source = self.refresh_of(component, authorizer);
        self.rows.get(&source.stream, &source).await
    }

    /// Replaces a token that `WeChat` has refused, if it is still the current one and none was replaced just now; answers
    /// the current one.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub async fn replace_component_token(
        &self,
        component: &ComponentId,
        refused: &Secret,
    ) -> Result<HeldToken, TokenError> {
        self.served(component)?;
        self.discard(&StreamName::Component(component.clone()), refused).await?;
        self.of_components.get(component).await
    }

    /// As [`Tokens::replace_component_token`], for an account.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub async fn replace_authorizer_token(
        &self,
        component: &ComponentId,
        authorizer: &AuthorizerId,
        refused: &Secret,
    ) -> Result<HeldToken, TokenError> {
        self.served(component)?;
        let source = self.refresh_of(component, authorizer);
        self.discard(&source.stream, refused).await?;
        self.rows.get(&source.stream, &source).await
    }

    /// Refreshes an account's token that is still good but expires before `expiring`.
    pub(super) async fn renew_authorizer_token(
        &self,
        component: &ComponentId,
        authorizer: &AuthorizerId,
        expiring: Timestamp,
    ) -> Result<(), TokenError> {
        let source = self.refresh_of(component, authorizer);
        self.rows.renew(&source.stream, &source, expiring).await
    }

    async fn discard(&self, stream: &StreamName, refused: &Secret) -> Result<(), TokenError> {
        match self.rows.current(stream).await? {
            Some(held) if held.token == *refused => self.rows.invalidate(stream, &held).await,
            Some(_) | None => Ok(()),
        }
    }

    fn served(&self, component: &ComponentId) -> Result<(), TokenError> {
        if self.components.contains(component) { Ok(()) } else { Err(TokenError::Unknown) }
    }

    fn refresh_of<'a>(&'a self, component: &'a ComponentId, authorizer: &'a AuthorizerId) -> Refresh<'a> {
        let stream = StreamName::Authorizer(component.clone(), authorizer.clone());
        Refresh { tokens: self, component, authorizer, stream }
    }
}

/// A refresh of one account's token.
struct Refresh<'a> {
    tokens: &'a Tokens,
    component: &'a ComponentId,
    authorizer: &'a AuthorizerId,
    stream: StreamName,
}

impl Source for Refresh<'_> {
    const API: Api = Api::AuthorizerToken;

    async fn has_mended(&self, _: &Failed) -> Result<bool, TokenError> {
        Ok(false) // whatever mends it changes the row
    }

    /// The component's token is had before the lease of the account's is taken: fetching it may take as long again.
    async fn prepare(&self) -> Result<(), TokenError> {
        refresh_token(&self.load().await?)?;
        self.tokens.of_components.get(self.component).await?;
        Ok(())
    }

    async fn refresh(&self, _: &Lease) -> Result<Refreshed, Refusing> {
        let snapshot = self.load().await?;
        let held = refresh_token(&snapshot)?.clone();
        let opened = self.tokens.log.vault.open_at(&self.stream, &held).await.map_err(ReadError::from)?;
        let ours = opened.ok_or(TokenError::Broken)?;
        let component_token = self.tokens.of_components.get(self.component).await?;
        let request = AuthorizerTokenRequest {
            component_appid: self.component,
            authorizer_appid: self.authorizer,
            authorizer_refresh_token: &ours,
        };
        let called_at = Timestamp::now();
        let reply = match self.tokens.api.call(&request, Some(&component_token.token)).await {
            Ok(reply) => reply,
            Err(error) if wants_new_component_token::<AuthorizerTokenRequest<'_>>(&error) => {
                self.tokens.of_components.invalidate(self.component, &component_token).await?;
                return Err(match What::of_call(error) {
                    Ok(what) => Refusing::Again(what),
                    Err(paused) => Refusing::NotTried(TokenError::Paused(paused)),
                });
            }
            Err(CallError::Refused(refusal)) => return Err(self.refused(refusal, called_at).await?),
            Err(error) => return Err(Refusing::of_call(error)),
        };
        match &reply.refresh_token {
            Some(theirs) if *theirs != ours => {
                self.rotated(&held, reply, called_at).await?;
                Ok(Refreshed::Stored)
            }
            Some(_) | None => Ok(Refreshed::Token {
                token: reply.access_token,
                called_at,
                expires_in: reply.expires_in,
                key: snapshot.last_key,
            }),
        }
    }
}

impl Refresh<'_> {
    async fn load(&self) -> Result<Snapshot, ReadError> {
        self.tokens.log.read(&self.stream).await
    }

    /// Another refresh token came: an event, and the access token with it in the same append.
    async fn rotated(
        &self,
        used: &SealedAt,
        reply: AuthorizerTokenReply,
        called_at: Timestamp,
    ) -> Result<(), TokenError> {
        mandate_runtime::failpoint::reached("refresh.answered");
        let access = AccessToken { token: reply.access_token, expires_in: reply.expires_in };
        let rotated = reply.refresh_token.zip(Some(access));
        self.append(called_at, |state| match &rotated {
            Some((token, access)) => decide_refreshed(state, used, token.clone(), access.clone()),
            None => Decision::nothing(),
        })
        .await
    }

    /// What to do about a refusal: some are about the refresh token or the account, and a task looks into those.
    async fn refused(&self, refusal: Refusal, called_at: Timestamp) -> Result<Refusing, TokenError> {
        let because = match errors::classify(Api::AuthorizerToken, refusal.errcode) {
            Retry::OnceAfter(Repair::RecoverRefreshToken) => {
                Because::RefreshRefused { refusal: refusal.clone() }
            }
            _ if refusal.errcode == NOT_AUTHORIZED => Because::UnclearRevocation,
            _ => return Ok(Refusing::Failed(What::Refused { refusal })),
        };
        self.append(called_at, |_| Decision::task(Task::inspect(because.clone()))).await?;
        Ok(Refusing::Failed(What::Recovering { refusal }))
    }

    /// Appends what is decided on the newest state.
    async fn append(
        &self,
        called_at: Timestamp,
        decide: impl Fn(Option<&Authorizer>) -> Decision + Send + Sync,
    ) -> Result<(), TokenError> {
        let item = Item::new(CommandId(Uuid::new_v4()), self.stream.clone(), |seen| {
            Verdict::append(decide(seen.state.authorizer()))
        });
        self.tokens.log.decide_surely(Item { called_at: Some(called_at), ..item }).await?;
        Ok(())
    }
}

/// The refresh token of an authorizer in good standing.
fn refresh_token(snapshot: &Snapshot) -> Result<&SealedAt, TokenError> {
    let authorizer = snapshot.state.authorizer().ok_or(TokenError::Unknown)?;
    if authorizer.is_erased {
        return Err(TokenError::Erased);
    }
    match authorizer.status {
        Status::Revoked => Err(TokenError::Revoked),
        Status::Broken => Err(TokenError::Broken),
        Status::Pending => Err(TokenError::Pending),
        Status::Authorized => authorizer.refresh_token.as_ref().ok_or(TokenError::NoApiPermission),
    }
}
