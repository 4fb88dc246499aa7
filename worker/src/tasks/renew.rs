//! Finding another refresh token in place of one that `WeChat` refuses, and showing that it works.

use jiff::Timestamp;
use mandate_domain::{AccessToken, InfoRefusal, Refusal, Renewed, decide_rejected, decide_renewed};
use mandate_storage::{Claimed, Storage};
use mandate_wechat::{
    api::{Api, AuthorizerTokenRequest},
    errors::{self, Repair, Retry},
};

use super::{
    Failure,
    account::{Account, Lookup, NOT_AUTHORIZED},
    run::{Answer, End, TaskRunner},
};

impl<S: Storage> TaskRunner<S> {
    pub(super) async fn renew(&self, claimed: &Claimed, account: &Account, refusal: &Refusal) -> End {
        let info = match self.account_info(claimed, account, Lookup::Always).await {
            Ok(info) => info,
            Err(failure) => return self.not_renewed(claimed, account, refusal, failure).await,
        };
        let Some((token, source)) = info.refresh_token else {
            return self.reject(claimed, account, refusal, InfoRefusal::NoToken).await;
        };
        let request = AuthorizerTokenRequest {
            component_appid: &account.component,
            authorizer_appid: &account.authorizer,
            authorizer_refresh_token: &token,
        };
        let called_at = Timestamp::now();
        let reply = match self.call(&request, claimed.attempt).await {
            Ok(reply) => reply,
            Err(failure) => return self.not_renewed(claimed, account, refusal, failure).await,
        };
        let refresh_token = reply.refresh_token.unwrap_or_else(|| token.clone());
        let renewed = Renewed {
            is_ours: info.token_is_ours && refresh_token == token,
            refresh_token,
            source,
            access_token: AccessToken { token: reply.access_token, expires_in: reply.expires_in },
        };
        let decide = |seen: &Answer<'_>| {
            decide_renewed(seen.snapshot.state.authorizer(), &seen.since, renewed.clone())
        };
        self.finish(claimed, &account.stream(), called_at, decide).await
    }

    /// What a refusal on the way means: the account is gone, there is no token that works, or nothing yet.
    async fn not_renewed(
        &self,
        claimed: &Claimed,
        account: &Account,
        refusal: &Refusal,
        failure: Failure,
    ) -> End {
        match failure {
            Failure::Refused(now) if now.errcode == NOT_AUTHORIZED => {
                self.reject(claimed, account, refusal, InfoRefusal::Gone).await
            }
            Failure::Refused(now) if is_about_the_refresh_token(&now) => {
                self.reject(claimed, account, refusal, InfoRefusal::NoToken).await
            }
            other => other.into_end("renewal_refused"),
        }
    }

    async fn reject(
        &self,
        claimed: &Claimed,
        account: &Account,
        refusal: &Refusal,
        reason: InfoRefusal,
    ) -> End {
        let decide = |seen: &Answer<'_>| {
            decide_rejected(seen.snapshot.state.authorizer(), &seen.since, refusal.clone(), reason)
        };
        self.finish(claimed, &account.stream(), Timestamp::now(), decide).await
    }
}

fn is_about_the_refresh_token(refusal: &Refusal) -> bool {
    errors::classify(Api::AuthorizerToken, refusal.errcode) == Retry::OnceAfter(Repair::RecoverRefreshToken)
}
