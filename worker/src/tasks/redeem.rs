//! Redeeming a code. A second call is made only after an attempt whose outcome is unknown or may change.

use jiff::Timestamp;
use mandate_domain::{
    AccessToken, Decision, Redeem, Redeemed, Refusal, decide_redeemed, decide_redemption_refused,
};
use mandate_schema::{AuthorizerId, GrantedVia, StreamName};
use mandate_storage::{Claimed, Storage};
use mandate_wechat::api::{AuthorizationInfo, QueryAuthReply, QueryAuthRequest};

use super::{
    Failure,
    run::{Answer, End, TaskRunner},
};

impl<S: Storage> TaskRunner<S> {
    pub(super) async fn redeem(&self, claimed: &Claimed, redeem: &Redeem) -> End {
        let called_at = Timestamp::now();
        let request =
            QueryAuthRequest { component_appid: &redeem.component, authorization_code: &redeem.code };
        let reply = self.call(&request, claimed.attempt).await;
        self.settle_redemption(claimed, redeem, called_at, reply).await
    }

    /// Stores what the answer of `api_query_auth` means.
    pub(crate) async fn settle_redemption(
        &self,
        claimed: &Claimed,
        redeem: &Redeem,
        called_at: Timestamp,
        reply: Result<QueryAuthReply, Failure>,
    ) -> End {
        let digest = redeem.digest();
        match reply {
            Ok(reply) => {
                let info = reply.authorization_info;
                if info.refresh_token_is_damaged && redeem.authorizer.is_some() {
                    // The code is spent, so the next attempt is refused, and the token is looked for elsewhere.
                    return Failure::damaged_token("redemption", claimed.attempt).into_end("unreadable");
                }
                let Some(account) = account_of(redeem, &info) else {
                    return End::dead(
                        "answer_without_account",
                        "WeChat redeemed the code but named no account",
                    );
                };
                let stream = StreamName::Authorizer(redeem.component.clone(), account);
                let answer = redeemed(redeem, info);
                let decide = move |answer: &Answer<'_>, redeemed: Redeemed| {
                    decide_redeemed(answer.snapshot.state.authorizer(), &answer.since, redeemed).into()
                };
                self.finish(claimed, &stream, called_at, |seen| decide(seen, answer.clone())).await
            }
            Err(Failure::Refused(refusal)) => {
                let Some(account) = &redeem.authorizer else {
                    if redeem.via == GrantedVia::Redirect {
                        return self.note_refused(claimed, redeem, called_at, &refusal).await;
                    }
                    return End::dead("redemption_refused", refusal.to_string());
                };
                let stream = StreamName::Authorizer(redeem.component.clone(), account.clone());
                let decide = |_: &Answer<'_>| decide_redemption_refused(digest, refusal.clone()).into();
                self.finish(claimed, &stream, called_at, decide).await
            }
            Err(failure) => failure.into_end("unreadable"),
        }
    }

    /// Anybody can bring a code to a consent page, so a refused one is no dead letter. If it was an account's, its callback
    /// will find the code spent, and ask.
    async fn note_refused(
        &self,
        claimed: &Claimed,
        redeem: &Redeem,
        called_at: Timestamp,
        refusal: &Refusal,
    ) -> End {
        tracing::warn!(component = %redeem.component, code = %redeem.digest(), %refusal, "WeChat refuses a code that a browser brought");
        let stream = StreamName::Component(redeem.component.clone());
        self.finish(claimed, &stream, called_at, |_| Decision::nothing().into()).await
    }
}

/// The account that the answer names; `WeChat` is believed over the callback.
fn account_of(redeem: &Redeem, info: &AuthorizationInfo) -> Option<AuthorizerId> {
    let named = info.authorizer_appid.clone();
    if let (Some(named), Some(expected)) = (&named, &redeem.authorizer)
        && named != expected
    {
        tracing::error!(component = %redeem.component, %named, %expected, "a code of {expected} was redeemed for {named}");
    }
    named.or_else(|| redeem.authorizer.clone())
}

fn redeemed(redeem: &Redeem, info: AuthorizationInfo) -> Redeemed {
    let access_token =
        info.access_token.zip(info.expires_in).map(|(token, expires_in)| AccessToken { token, expires_in });
    Redeemed {
        digest: redeem.digest(),
        via: redeem.via,
        tag: redeem.tag.clone(),
        refresh_token: info.refresh_token,
        access_token,
        permissions: info.permissions,
    }
}
