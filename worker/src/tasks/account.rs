//! Asking `WeChat` about an account: profile, confirm, recover.

use jiff::Timestamp;
use mandate_domain::{
    AccountInfo, Decision, InfoRefusal, Refusal, Task, decide_confirmed, decide_gone, decide_profile,
    decide_unrecoverable,
};
use mandate_schema::{AuthorizerId, CodeDigest, ComponentId, RecoverySource, Secret, StreamName};
use mandate_storage::{Claimed, Storage};
use mandate_wechat::api::{AuthorizerInfoReply, AuthorizerInfoRequest, AuthorizerListRequest};

use super::{
    Failure,
    run::{Answer, End, TaskRunner},
};
use crate::fold;

/// This account does not authorize this component (or no longer).
pub(crate) const NOT_AUTHORIZED: i64 = 61003;
/// Accounts asked for at once, and pages read at most: the largest platforms have about 100,000 accounts.
const PAGE: u64 = AuthorizerListRequest::MAX_COUNT;
const PAGES_MAX: u64 = 1_000;

/// When the list is searched for a refresh token that the info leaves out. It can have a hundred pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    IfNoneHeld,
    Always,
}

/// An account a task is about.
pub(super) struct Account {
    pub(super) component: ComponentId,
    pub(super) authorizer: AuthorizerId,
}

impl Account {
    pub(super) fn stream(&self) -> StreamName {
        StreamName::Authorizer(self.component.clone(), self.authorizer.clone())
    }
}

impl<S: Storage> TaskRunner<S> {
    pub(super) async fn profile(&self, claimed: &Claimed, account: &Account) -> End {
        let (stream, called_at) = (account.stream(), Timestamp::now());
        match self.info(claimed, account).await {
            Ok(info) => {
                let decide = |seen: &Answer<'_>| {
                    decide_profile(seen.snapshot.state.authorizer(), &seen.since, info.profile.clone())
                };
                self.finish(claimed, &stream, called_at, decide).await
            }
            // One call is no proof: the confirm task asks again and is believed.
            Err(Failure::Refused(refusal)) if refusal.errcode == NOT_AUTHORIZED => {
                self.finish(claimed, &stream, called_at, |_| Decision::task(Task::Confirm)).await
            }
            Err(failure) => failure.into_end("profile_refused"),
        }
    }

    pub(super) async fn confirm(&self, claimed: &Claimed, account: &Account) -> End {
        let (stream, called_at) = (account.stream(), Timestamp::now());
        match self.account_info(claimed, account, Lookup::IfNoneHeld).await {
            Ok(info) => {
                let decide = |seen: &Answer<'_>| {
                    decide_confirmed(seen.snapshot.state.authorizer(), &seen.since, info.clone())
                };
                self.finish(claimed, &stream, called_at, decide).await
            }
            Err(Failure::Refused(refusal)) if refusal.errcode == NOT_AUTHORIZED => {
                let decide = |seen: &Answer<'_>| decide_gone(seen.snapshot.state.authorizer(), &seen.since);
                self.finish(claimed, &stream, called_at, decide).await
            }
            Err(failure) => failure.into_end("confirmation_refused"),
        }
    }

    /// Finds the refresh token of an account whose code could not be redeemed.
    pub(super) async fn recover(
        &self,
        claimed: &Claimed,
        account: &Account,
        digest: CodeDigest,
        refusal: &Refusal,
    ) -> End {
        let (stream, called_at) = (account.stream(), Timestamp::now());
        let reason = match self.account_info(claimed, account, Lookup::Always).await {
            Ok(info) if info.refresh_token.is_some() => {
                let decide = |seen: &Answer<'_>| {
                    decide_confirmed(seen.snapshot.state.authorizer(), &seen.since, info.clone())
                };
                return self.finish(claimed, &stream, called_at, decide).await;
            }
            Err(Failure::Refused(refusal)) if refusal.errcode == NOT_AUTHORIZED => InfoRefusal::Gone,
            Ok(_) | Err(Failure::Refused(_)) => InfoRefusal::NoToken,
            Err(failure @ (Failure::Again { .. } | Failure::Unreadable(_))) => {
                return failure.into_end("unreadable_stream");
            }
        };
        match fold::load(&self.core.storage, &self.core.vault, &stream).await {
            // Nothing of this account was ever recorded, so there is no history to add a failure to.
            Ok(snapshot) if snapshot.state.authorizer().is_none() => {
                End::dead("redemption_refused", refusal.to_string())
            }
            Ok(_) => {
                let decide = |seen: &Answer<'_>| {
                    let state = seen.snapshot.state.authorizer();
                    decide_unrecoverable(state, &seen.since, digest, refusal.clone(), reason)
                };
                self.finish(claimed, &stream, called_at, decide).await
            }
            Err(error) => Failure::of_read(&error, claimed.attempt).into_end("unreadable_stream"),
        }
    }

    async fn info(&self, claimed: &Claimed, account: &Account) -> Result<AuthorizerInfoReply, Failure> {
        let request = AuthorizerInfoRequest {
            component_appid: &account.component,
            authorizer_appid: &account.authorizer,
        };
        self.call(&request, claimed.attempt).await
    }

    /// What `WeChat` says about the account, with its refresh token from the info or else from the list.
    pub(super) async fn account_info(
        &self,
        claimed: &Claimed,
        account: &Account,
        lookup: Lookup,
    ) -> Result<AccountInfo, Failure> {
        let ours = self.held_token(account, claimed.attempt).await?;
        let reply = self.info(claimed, account).await?;
        let token = match reply.authorization_info.refresh_token {
            Some(token) => Some((token, RecoverySource::Info)),
            None if lookup == Lookup::Always || ours.is_none() => {
                self.listed_token(claimed, account).await?.map(|token| (token, RecoverySource::List))
            }
            None => None,
        };
        let token_is_ours = token.as_ref().map(|(token, _)| token) == ours.as_ref();
        Ok(AccountInfo {
            profile: reply.profile,
            permissions: reply.authorization_info.permissions,
            refresh_token: token,
            token_is_ours,
        })
    }

    async fn held_token(&self, account: &Account, attempt: u32) -> Result<Option<Secret>, Failure> {
        let stream = account.stream();
        let read = async {
            let snapshot = fold::load(&self.core.storage, &self.core.vault, &stream).await?;
            match snapshot.state.authorizer().and_then(|state| state.refresh_token.as_ref()) {
                Some(sealed) => Ok(self.core.vault.open_at(&stream, sealed).await?),
                None => Ok(None),
            }
        };
        read.await.map_err(|error: fold::ReadError| Failure::of_read(&error, attempt))
    }

    /// Looks the account up in the list. Pages overlap by one account, since the list may shift between them.
    async fn listed_token(&self, claimed: &Claimed, account: &Account) -> Result<Option<Secret>, Failure> {
        for page in 0..PAGES_MAX {
            let offset = page * (PAGE - 1);
            let request = AuthorizerListRequest { component_appid: &account.component, offset, count: PAGE };
            let reply = self.call(&request, claimed.attempt).await?;
            let found = reply.list.into_iter().find(|listed| listed.authorizer_appid == account.authorizer);
            if let Some(listed) = found {
                return Ok(listed.refresh_token);
            }
            if offset + PAGE >= reply.total_count {
                break;
            }
        }
        Ok(None)
    }
}
