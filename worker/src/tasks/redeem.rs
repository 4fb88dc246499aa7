//! Redeeming a code. A second call is made only after an attempt whose outcome is unknown or may change.

use jiff::Timestamp;
use mandate_domain::{
    AccessToken, Decision, Redeem, Redeemed, Refusal, decide_redeemed, decide_redemption_refused,
};
use mandate_schema::{AuthorizerId, Event, GrantedVia, StreamName};
use mandate_storage::{Claimed, Ending, NewTask};
use mandate_wechat::api::{AuthorizationInfo, QueryAuthReply, QueryAuthRequest};

use super::{
    Failure,
    outcome::{Answer, End, Finding, GiveUp, Outcome},
    run::TaskRunner,
};

impl TaskRunner {
    pub(super) async fn redeem(&self, claimed: &Claimed, redeem: &Redeem) -> End {
        let called_at = Timestamp::now();
        let request =
            QueryAuthRequest { component_appid: &redeem.component, authorization_code: &redeem.code };
        let reply = self.in_time(claimed, self.call(&request, claimed.tries)).await;
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
        let answer = match reply {
            Ok(reply) if reply.authorization_info.refresh_token_is_damaged && redeem.authorizer.is_some() => {
                // The code is spent, so the next attempt is refused, and the token is looked for elsewhere.
                return Failure::damaged_token("redemption", claimed.tries).into_end("unreadable");
            }
            Ok(reply) => Ok(reply.authorization_info),
            Err(Failure::Refused(refusal)) => Err(refusal),
            Err(failure) => return failure.into_end("unreadable"),
        };
        let find = |task: &NewTask| {
            // The callback or the browser may have told more about the code while it was redeemed.
            let redeem = Redeem {
                authorizer: task.authorizer.clone(),
                tag: redeem.tag.clone().or_else(|| task.tag.clone()),
                ..redeem.clone()
            };
            match &answer {
                Ok(info) => found(redeem, info),
                Err(refusal) => refused(&redeem, refusal),
            }
        };
        self.conclude(claimed, called_at, find).await
    }
}

fn found(redeem: Redeem, info: &AuthorizationInfo) -> Result<Finding<'static>, GiveUp> {
    let Some(authorizer) = authorizer_of(&redeem, info) else {
        let detail = "WeChat redeemed the code but named no authorizer".to_owned();
        return Err(GiveUp { reason: "answer_without_authorizer", detail });
    };
    let stream = StreamName::Authorizer(redeem.component.clone(), authorizer);
    let (answer, is_damaged) = (redeemed(redeem, info.clone()), info.refresh_token_is_damaged);
    let decide = move |seen: &Answer<'_>| {
        let decision = decide_redeemed(seen.state.authorizer(), seen.since, answer.clone());
        Outcome::done(Ending::Success, if is_damaged { without_credentials(decision) } else { decision })
    };
    Ok(Finding { stream, decide: Box::new(decide) })
}

/// The refresh token arrived damaged, which is not to say that there is none: the authorizer has granted, and the inspection looks
/// for its token.
fn without_credentials(mut decision: Decision) -> Decision {
    decision.events.retain(|new| !matches!(new.event, Event::CredentialsIssued(_)));
    decision.access_token = None;
    decision
}

/// Anybody can bring a code to a consent page, so one that is refused there is no dead letter. If it was an authorizer's, its callback
/// will find the code spent, and ask.
fn refused(redeem: &Redeem, refusal: &Refusal) -> Result<Finding<'static>, GiveUp> {
    let component = redeem.component.clone();
    let (stream, decision) = match &redeem.authorizer {
        Some(authorizer) => (
            StreamName::Authorizer(component, authorizer.clone()),
            decide_redemption_refused(redeem.digest(), refusal.clone()),
        ),
        None if redeem.via == GrantedVia::Redirect => {
            tracing::warn!(%component, code = %redeem.digest(), %refusal, "WeChat refuses a code that a browser brought");
            (StreamName::Component(component), Decision::nothing())
        }
        None => return Err(GiveUp { reason: "redemption_refused", detail: refusal.to_string() }),
    };
    let decide = move |_: &Answer<'_>| Outcome::done(Ending::Refusal, decision.clone());
    Ok(Finding { stream, decide: Box::new(decide) })
}

/// The authorizer that the answer names; `WeChat` is believed over the callback.
fn authorizer_of(redeem: &Redeem, info: &AuthorizationInfo) -> Option<AuthorizerId> {
    let named = info.authorizer_appid.clone();
    if let (Some(named), Some(expected)) = (&named, &redeem.authorizer)
        && named != expected
    {
        tracing::error!(component = %redeem.component, %named, %expected, "a code of {expected} was redeemed for {named}");
    }
    named.or_else(|| redeem.authorizer.clone())
}

fn redeemed(redeem: Redeem, info: AuthorizationInfo) -> Redeemed {
    let access_token =
        info.access_token.zip(info.expires_in).map(|(token, expires_in)| AccessToken { token, expires_in });
    Redeemed {
        digest: redeem.digest(),
        via: redeem.via,
        tag: redeem.tag,
        refresh_token: info.refresh_token,
        access_token,
        permissions: info.permissions,
    }
}
