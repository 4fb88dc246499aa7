//! What the answers to `api_query_auth` and `api_authorizer_token` mean.

use mandate_schema::{
    CodeDigest, CredentialsIssued, CredentialsRotated, Event, Field, Granted, GrantedVia, PermissionsChanged,
    SealedAt, Secret,
};
use mandate_wechat::api::Refusal;

use crate::{AccessToken, Authorizer, Because, Decision, Since, Status, Task, callback::granted_or_updated};

/// The answer to `api_query_auth`.
#[derive(Clone, Debug, PartialEq)]
pub struct Redeemed {
    /// The code that was redeemed.
    pub digest: CodeDigest,
    /// How we got the code.
    pub via: GrantedVia,
    /// The tag of the consent link that the code came through.
    pub tag: Option<String>,
    /// Absent for an authorizer without any API permission.
    pub refresh_token: Option<Secret>,
    /// Absent for an authorizer without any API permission.
    pub access_token: Option<AccessToken>,
    /// Permission sets granted, ascending; `None` if the answer did not say.
    pub permissions: Option<Vec<i64>>,
}

/// A code was redeemed.
pub fn decide_redeemed(state: Option<&Authorizer>, since: &Since, answer: Redeemed) -> Decision {
    // What a newer code brought is never replaced by what an older one brings, whenever it was asked for.
    if state.is_some_and(|state| is_outdated(state, &answer)) || since.has_other_fact(answer.digest) {
        return Decision::task(Task::inspect_late(answer.refresh_token));
    }
    let mut decision = Decision::nothing();
    let mut generation = state.map_or(0, |state| state.generation);
    // A code that works after a revocation grants again, even if an earlier grant carried it: without that, credentials
    // would make a revoked authorizer authorized.
    if !state.is_some_and(|state| state.is_held() && state.has_grant(answer.digest)) {
        decision = decision.with_event(granted_or_updated(
            state,
            timeless_grant(answer.via, Some(answer.digest), answer.tag),
        ));
        generation += 1;
    }
    if since.credentials {
        return decision.with_task(Task::inspect_late(answer.refresh_token));
    }
    let issued = Event::CredentialsIssued(CredentialsIssued { generation, code_digest: answer.digest });
    decision = decision.with_sealed(issued, Field::RefreshToken, answer.refresh_token);
    let permissions = answer.permissions.filter(|_| !since.permissions);
    if let Some(changed) = permissions.and_then(|permissions| permissions_changed(state, permissions)) {
        decision = decision.with_event(changed);
    }
    decision.access_token = answer.access_token;
    decision.with_task(Task::inspect(Because::Redeemed))
}

/// Whether what we hold works and comes from a newer code. A code of a callback that no grant carries was older than the newest
/// fact; one that came another way is new.
fn is_outdated(state: &Authorizer, answer: &Redeemed) -> bool {
    if state.status != Status::Authorized {
        return false;
    }
    if state.has_grant(answer.digest) {
        return state.holds_later_code(answer.digest);
    }
    answer.via == GrantedVia::Callback && state.redemption.is_some()
}

/// A code was refused for good. Nothing is recorded before other credentials were looked for.
pub fn decide_redemption_refused(digest: CodeDigest, refusal: Refusal) -> Decision {
    Decision::task(Task::inspect(Because::RedemptionRefused { digest, refusal }))
}

/// A refresh brought another refresh token than the one that it was made with.
///
/// The stream may have got a third one meanwhile, with a grant or from the list. Which of them is good only `WeChat` knows.
pub fn decide_refreshed(
    state: Option<&Authorizer>,
    used: &SealedAt,
    refresh_token: Secret,
    access_token: AccessToken,
) -> Decision {
    let Some(held) = state.filter(|state| state.is_held()) else { return Decision::nothing() };
    if held.refresh_token.as_ref() != Some(used) {
        return Decision::task(Task::inspect_late(Some(refresh_token)));
    }
    let rotated = Event::CredentialsRotated(CredentialsRotated { generation: held.generation });
    let mut decision = Decision::nothing().with_sealed(rotated, Field::RefreshToken, Some(refresh_token));
    decision.access_token = Some(access_token);
    decision
}

pub(crate) fn timeless_grant(
    via: GrantedVia,
    code_digest: Option<CodeDigest>,
    tag: Option<String>,
) -> Granted {
    Granted { create_time: None, code_digest, code_expires_at: None, via, tag }
}

/// The event that says that other permission sets are granted than before, if they are.
pub(crate) fn permissions_changed(state: Option<&Authorizer>, permissions: Vec<i64>) -> Option<Event> {
    let before = state.map_or(&[][..], |state| &state.permissions);
    let missing_in = |there: &[i64], from: &[i64]| -> Vec<i64> {
        from.iter().copied().filter(|id| !there.contains(id)).collect()
    };
    let (gained, lost) = (missing_in(before, &permissions), missing_in(&permissions, before));
    (before != permissions).then_some(Event::PermissionsChanged(PermissionsChanged {
        permissions,
        gained,
        lost,
    }))
}
