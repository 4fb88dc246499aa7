//! What `WeChat`'s answers to our calls mean.
//!
//! A call takes time, and the stream may gain facts meanwhile. An answer counts only if it gained none since the call
//! started, other than a grant with the same code; else it is dropped and a confirm task asks for the truth.

use mandate_schema::{
    CodeDigest, CredentialsIssued, CredentialsRecovered, CredentialsRejected, CredentialsRotated, Event,
    Field, Granted, GrantedVia, PermissionsChanged, Profile, RecoverySource, RedemptionFailed, Revoked,
    RevokedVia, SealedAt, Secret,
};

use mandate_wechat::api::Refusal;

use crate::{AccessToken, Authorizer, Decision, Fact, FactKind, Status, Task, callback::granted_or_updated};

/// What the stream gained since the call started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// Its new facts.
    pub facts: Vec<Fact>,
    /// Whether it gained a refresh token.
    pub credentials: bool,
}

impl Since {
    /// Collects from the stream's events above the log head that the task noted.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut since = Self::default();
        for event in events {
            since.facts.extend(Fact::of(event));
            since.credentials |= matches!(
                event,
                Event::CredentialsIssued(_) | Event::CredentialsRotated(_) | Event::CredentialsRecovered(_)
            );
        }
        since
    }

    fn overtakes_redemption(&self, digest: CodeDigest) -> bool {
        self.facts.iter().any(|fact| fact.kind != FactKind::Grant || fact.digest != Some(digest))
    }

    fn overtakes_info(&self) -> bool {
        self.credentials || !self.facts.is_empty()
    }
}

/// The answer to `api_query_auth`.
#[derive(Clone, Debug, PartialEq)]
pub struct Redeemed {
    /// The code that was redeemed.
    pub digest: CodeDigest,
    /// How we got the code.
    pub via: GrantedVia,
    /// The tag of the consent link that the code came through.
    pub tag: Option<String>,
    /// Absent for an account without any API permission.
    pub refresh_token: Option<Secret>,
    /// Absent for an account without any API permission.
    pub access_token: Option<AccessToken>,
    /// Permission sets granted, ascending; `None` if the answer did not say.
    pub permissions: Option<Vec<i64>>,
}

/// The answer to `api_get_authorizer_info`, with a refresh token from there or from the list.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountInfo {
    /// The account's profile; `None` if the answer left it out.
    pub profile: Option<Profile>,
    /// Permission sets granted, ascending; `None` if the answer did not say.
    pub permissions: Option<Vec<i64>>,
    /// The refresh token, if `WeChat` told one.
    pub refresh_token: Option<(Secret, RecoverySource)>,
    /// Whether that token is the one we hold already.
    pub token_is_ours: bool,
}

/// Why `api_get_authorizer_info` told nothing of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InfoRefusal {
    /// 61003: the account does not authorize us.
    Gone,
    /// Neither the info nor the list holds a refresh token, or both were refused.
    NoToken,
}

/// A code was redeemed.
pub fn decide_redeemed(state: Option<&Authorizer>, since: &Since, answer: Redeemed) -> Decision {
    // The answer to an older code must not replace what a newer one brought meanwhile.
    let outdated = since.credentials && state.is_some_and(|state| has_newer_code(state, answer.digest));
    if outdated || since.overtakes_redemption(answer.digest) {
        return Decision::task(Task::Confirm);
    }
    let mut decision = Decision::nothing();
    let mut generation = state.map_or(0, |state| state.generation);
    // A code that works after a revocation grants anew, even if an earlier grant carried it: without that, credentials
    // would make a revoked account authorized.
    if !state.is_some_and(|state| state.is_held() && state.has_grant(answer.digest)) {
        decision = decision.with_event(granted_or_updated(
            state,
            timeless_grant(answer.via, Some(answer.digest), answer.tag),
        ));
        generation += 1;
    }
    let issued = Event::CredentialsIssued(CredentialsIssued { generation, code_digest: answer.digest });
    decision = decision.with_sealed(issued, Field::RefreshToken, answer.refresh_token);
    decision = decision.with_permissions(state, answer.permissions);
    decision.access_token = answer.access_token;
    decision.with_task(Task::Profile)
}

/// A code was refused for good. Recovery comes before anything is recorded.
pub fn decide_redemption_refused(digest: CodeDigest, refusal: Refusal) -> Decision {
    Decision::task(Task::Recover { digest, refusal })
}

/// `api_get_authorizer_info` for the profile alone.
pub fn decide_profile(state: Option<&Authorizer>, since: &Since, profile: Option<Profile>) -> Decision {
    if !since.facts.is_empty() {
        return Decision::task(Task::Confirm);
    }
    match state {
        Some(held) if held.is_held() => Decision::nothing().with_profile(state, profile),
        Some(_) | None => Decision::nothing(), // revoked before the call: its profile is none of our business
    }
}

/// `WeChat` says that the account authorizes us: its answer is believed.
pub fn decide_confirmed(state: Option<&Authorizer>, since: &Since, info: AccountInfo) -> Decision {
    if since.overtakes_info() {
        return Decision::task(Task::Confirm);
    }
    let held = state.is_some_and(Authorizer::is_held);
    let mut decision = Decision::nothing();
    let mut generation = state.map_or(0, |state| state.generation);
    if !held {
        decision = decision.with_event(Event::Granted(timeless_grant(GrantedVia::Confirmed, None, None)));
        generation += 1;
    }
    let without_credentials = !state.is_some_and(|state| state.status == Status::Authorized);
    if let Some((token, source)) = info.refresh_token
        && (without_credentials || !info.token_is_ours)
    {
        let recovered = Event::CredentialsRecovered(CredentialsRecovered { generation, source });
        decision = decision.with_sealed(recovered, Field::RefreshToken, Some(token));
    }
    decision.with_permissions(state, info.permissions).with_profile(state, info.profile)
}

/// 61003: `WeChat` says that the account does not authorize us, and its answer is believed.
pub fn decide_gone(state: Option<&Authorizer>, since: &Since) -> Decision {
    if since.overtakes_info() {
        return Decision::task(Task::Confirm);
    }
    if state.is_some_and(Authorizer::is_held) {
        Decision::event(confirmed_revocation())
    } else {
        Decision::nothing()
    }
}

/// Recovery failed too: only now the refused code is recorded as a failure.
///
/// A held account that has confirmed with a newer code since is not broken by an older one: the newer code decides.
pub fn decide_unrecoverable(
    state: Option<&Authorizer>,
    since: &Since,
    digest: CodeDigest,
    refusal: Refusal,
    reason: InfoRefusal,
) -> Decision {
    if since.overtakes_info() {
        return Decision::task(Task::Confirm);
    }
    let mut decision = Decision::nothing();
    if !state.is_some_and(|state| has_newer_code(state, digest)) {
        decision = decision.with_event(Event::RedemptionFailed(RedemptionFailed {
            code_digest: digest,
            errcode: refusal.errcode,
            errmsg: refusal.errmsg,
            rid: refusal.rid,
        }));
    }
    match reason {
        InfoRefusal::Gone if state.is_some_and(Authorizer::is_held) => {
            decision.with_event(confirmed_revocation())
        }
        InfoRefusal::Gone | InfoRefusal::NoToken => decision,
    }
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
        return Decision::task(Task::Confirm);
    }
    let rotated = Event::CredentialsRotated(CredentialsRotated { generation: held.generation });
    let mut decision = Decision::nothing().with_sealed(rotated, Field::RefreshToken, Some(refresh_token));
    decision.access_token = Some(access_token);
    decision
}

/// A refresh token that was found in place of a refused one, and works.
#[derive(Clone, Debug, PartialEq)]
pub struct Renewed {
    /// The refresh token.
    pub refresh_token: Secret,
    /// Where it was found.
    pub source: RecoverySource,
    /// Whether it is the one we hold already.
    pub is_ours: bool,
    /// The access token that it brought.
    pub access_token: AccessToken,
}

/// A working refresh token was found in place of a refused one.
pub fn decide_renewed(state: Option<&Authorizer>, since: &Since, renewed: Renewed) -> Decision {
    if since.overtakes_info() {
        return Decision::task(Task::Confirm);
    }
    let Some(held) = state.filter(|state| state.is_held()) else { return Decision::nothing() };
    let mut decision = Decision::nothing();
    if !renewed.is_ours || held.status != Status::Authorized {
        let recovered = CredentialsRecovered { generation: held.generation, source: renewed.source };
        let token = Some(renewed.refresh_token);
        decision = decision.with_sealed(Event::CredentialsRecovered(recovered), Field::RefreshToken, token);
    }
    decision.access_token = Some(renewed.access_token);
    decision
}

/// No working refresh token was found in place of a refused one: only now the refusal is recorded as a failure.
pub fn decide_rejected(
    state: Option<&Authorizer>,
    since: &Since,
    refusal: Refusal,
    reason: InfoRefusal,
) -> Decision {
    if since.overtakes_info() {
        return Decision::task(Task::Confirm);
    }
    if !state.is_some_and(Authorizer::is_held) {
        return Decision::nothing();
    }
    match reason {
        InfoRefusal::Gone => Decision::event(confirmed_revocation()),
        InfoRefusal::NoToken => Decision::event(Event::CredentialsRejected(CredentialsRejected {
            errcode: refusal.errcode,
            errmsg: refusal.errmsg,
            rid: refusal.rid,
        })),
    }
}

/// Whether the newest fact is a grant with another code than this one.
fn has_newer_code(state: &Authorizer, digest: CodeDigest) -> bool {
    let newest = state.newest_fact.as_ref().and_then(|fact| fact.digest);
    newest.is_some_and(|newest| newest != digest)
}

fn timeless_grant(via: GrantedVia, code_digest: Option<CodeDigest>, tag: Option<String>) -> Granted {
    Granted { create_time: None, code_digest, code_expires_at: None, via, tag }
}

fn confirmed_revocation() -> Event {
    Event::Revoked(Revoked { create_time: None, via: RevokedVia::Confirmed })
}

impl Decision {
    /// Records permission sets if they are others than before.
    fn with_permissions(self, state: Option<&Authorizer>, permissions: Option<Vec<i64>>) -> Self {
        let Some(permissions) = permissions else {
            return self;
        };
        let before = state.map_or(&[][..], |state| &state.permissions);
        if before == permissions {
            return self;
        }
        let missing_in = |there: &[i64], from: &[i64]| -> Vec<i64> {
            from.iter().copied().filter(|id| !there.contains(id)).collect()
        };
        let (gained, lost) = (missing_in(before, &permissions), missing_in(&permissions, before));
        self.with_event(Event::PermissionsChanged(PermissionsChanged { permissions, gained, lost }))
    }

    /// Records the profile if it is another than before.
    fn with_profile(self, state: Option<&Authorizer>, profile: Option<Profile>) -> Self {
        let Some(profile) = profile else { return self };
        if state.and_then(|state| state.profile.as_ref()) == Some(&profile) {
            return self;
        }
        self.with_event(Event::ProfileRecorded(Some(profile)))
    }
}
