//! What an inspection means.

use jiff::Timestamp;
use mandate_schema::{
    CredentialsRecovered, CredentialsRejected, Event, Field, GrantedVia, Profile, RecoverySource,
    RedemptionFailed, Revoked, RevokedVia,
};
use mandate_wechat::api::Refusal;

use super::{AuthorizerInfo, Info, Inspection, Trial};
use crate::{
    Authorizer, Because, Decision, Since, Status, Task,
    redemption::{permissions_changed, timeless_grant},
};

/// What follows from an inspection.
#[derive(Clone, Debug, PartialEq)]
pub enum Inspected {
    /// This, and the task is done.
    Done(Decision),
    /// This, and the same task asks again then: the answer may be older than what it contradicts.
    Again {
        /// What follows until then.
        decision: Decision,
        /// When to ask again.
        at: Timestamp,
    },
    /// An answer that was needed is refused or cannot be read.
    Incomplete,
    /// A code of an authorizer of which nothing is recorded was refused, and it does not authorize us.
    Unknown(Refusal),
}

impl Inspected {
    fn again(at: Timestamp) -> Self {
        Self::Again { decision: Decision::nothing(), at }
    }
}

/// Decides what an inspection found.
pub fn decide_inspected(state: Option<&Authorizer>, since: &Since, found: &Inspection) -> Inspected {
    if !since.is_settled() {
        return match &found.trial {
            Trial::Worked(credentials) => {
                Inspected::Done(Decision::task(Task::inspect_late(Some(credentials.refresh_token.clone()))))
            }
            Trial::None | Trial::Refused(_) => Inspected::again(found.asked_at),
        };
    }
    let info = match &found.info {
        Info::Said(info) => info,
        Info::Unknown => &AuthorizerInfo::default(),
        Info::Gone => return decide_gone(state, found),
        Info::NotAsked => return Inspected::Incomplete,
    };
    if let Some(at) = found.ask_again_at() {
        return Inspected::again(at);
    }
    if !found.is_unreadable() && found.waits_for_redemption() {
        return Inspected::Done(Decision::nothing());
    }
    if !matches!(found.trial, Trial::Worked(_)) && found.lacks_an_answer(state) {
        return Inspected::Incomplete;
    }
    Draft::new(state, found).fill(since, info)
}

impl Inspection {
    /// Whether the info arrived and cannot be read.
    fn is_unreadable(&self) -> bool {
        self.info == Info::Unknown && self.is_incomplete
    }

    /// Whether what was found does not suffice to judge the authorizer.
    fn lacks_an_answer(&self, state: Option<&Authorizer>) -> bool {
        // Whether it needs no token any more can only be seen from the info.
        let is_judged =
            state.is_some_and(Authorizer::is_held) && self.is_in_doubt() && !self.needs_no_token();
        self.is_incomplete || (self.info == Info::Unknown && !is_judged)
    }
}

/// 61003: the authorizer does not authorize us. That counts at once, but an answer that may be older than the newest grant is
/// asked for again.
fn decide_gone(state: Option<&Authorizer>, found: &Inspection) -> Inspected {
    let mut decision = Decision::nothing();
    let because = &found.because;
    match (because, state) {
        (Because::RedemptionRefused { refusal, .. }, None) => return Inspected::Unknown(refusal.clone()),
        (Because::RedemptionRefused { digest, .. }, Some(state)) => {
            // A newer code decides about itself, and a failure is recorded once.
            if !state.has_newer_code(*digest) && !state.has_failed(*digest) {
                decision = decision.with_event(failure(because, None));
            }
        }
        (
            Because::Redeemed
            | Because::Doubt
            | Because::UnclearRevocation
            | Because::RefreshRefused { .. }
            | Because::Named { .. },
            _,
        ) => {}
    }
    if state.is_some_and(Authorizer::is_held) {
        let revoked = Revoked { create_time: None, via: RevokedVia::Confirmed };
        decision = decision.with_event(Event::Revoked(revoked));
        if let Some(at) = found.stale_until(state) {
            return Inspected::Again { decision, at };
        }
    }
    Inspected::Done(decision)
}

/// The decision about an authorizer that still authorizes us, as it is made.
struct Draft<'a> {
    state: Option<&'a Authorizer>,
    found: &'a Inspection,
    decision: Decision,
    generation: u64,
    /// When to look again.
    again: Option<Timestamp>,
}

impl<'a> Draft<'a> {
    fn new(state: Option<&'a Authorizer>, found: &'a Inspection) -> Self {
        let generation = state.map_or(0, |state| state.generation);
        Self { state, found, decision: Decision::nothing(), generation, again: None }
    }

    fn fill(mut self, since: &Since, info: &AuthorizerInfo) -> Inspected {
        if !self.state.is_some_and(Authorizer::is_held) {
            let granted = Event::Granted(timeless_grant(GrantedVia::Confirmed, None, None));
            self.decision.push(granted, None);
            self.generation += 1;
        }
        let failure = self.credentials();
        self.permissions(since, info.permissions.as_ref());
        self.profile(since, info.profile.as_ref());
        if let Some(failure) = failure {
            self.decision.push(failure, None);
        }
        // Credentials are recorded at once; what the info would have said is asked for again.
        if self.found.is_unreadable() {
            self.decision.tasks.push(Task::inspect(Because::Doubt));
        }
        match self.again {
            Some(at) => Inspected::Again { decision: self.decision, at },
            None => Inspected::Done(self.decision),
        }
    }

    /// Records what the trial of the refresh tokens found. Answers the failure that is recorded last, if there are none left.
    fn credentials(&mut self) -> Option<Event> {
        let is_authorized = self.state.is_some_and(|state| state.status == Status::Authorized);
        match &self.found.trial {
            Trial::Worked(credentials) => {
                if !is_authorized || self.found.held.as_ref() != Some(&credentials.refresh_token) {
                    let recovered = self.recovered(credentials.source);
                    let token = (Field::RefreshToken, credentials.refresh_token.clone());
                    self.decision.push(recovered, Some(token));
                }
                self.decision.access_token = Some(credentials.access_token.clone());
                None
            }
            Trial::Refused(refusal) if self.found.is_in_doubt() => self.broken(Some(refusal)),
            Trial::None if self.found.is_in_doubt() => {
                if self.found.needs_no_token() {
                    let recovered = self.recovered(RecoverySource::Info);
                    self.decision.push(recovered, None);
                    self.look_again();
                    None
                } else {
                    self.broken(None)
                }
            }
            Trial::Refused(_) | Trial::None => None,
        }
    }

    fn recovered(&self, source: RecoverySource) -> Event {
        Event::CredentialsRecovered(CredentialsRecovered { generation: self.generation, source })
    }

    /// No credentials are left. The authorizer has to confirm again, unless a later answer names a token after all.
    fn broken(&mut self, refusal: Option<&Refusal>) -> Option<Event> {
        self.look_again();
        let code = self.found.because.refused_code();
        let is_recorded = self.state.is_some_and(|state| {
            state.status == Status::Broken && code.is_none_or(|code| state.has_failed(code))
        });
        (!is_recorded).then(|| failure(&self.found.because, refusal))
    }

    fn permissions(&mut self, since: &Since, permissions: Option<&Vec<i64>>) {
        let changed =
            permissions.and_then(|permissions| permissions_changed(self.state, permissions.clone()));
        let is_redeemed = self.state.is_some_and(Authorizer::has_redeemed_newest);
        // What a redemption says of itself is newer than an answer that may be some minutes old. Without one, an answer that
        // repeats what is recorded may be older than the newest fact.
        if changed.is_some() || !is_redeemed {
            self.look_again();
        }
        let Some(changed) = changed else { return };
        if since.permissions {
            self.again = Some(self.found.asked_at);
        } else if self.again.is_none() || !is_redeemed {
            self.decision.push(changed, None);
        }
    }

    fn profile(&mut self, since: &Since, profile: Option<&Profile>) {
        let before = self.state.and_then(|state| state.profile.as_ref());
        let Some(profile) = profile.filter(|profile| Some(*profile) != before) else { return };
        if since.profile {
            self.again = Some(self.found.asked_at);
        } else {
            self.decision.push(Event::ProfileRecorded(Some(profile.clone())), None);
        }
    }

    fn look_again(&mut self) {
        self.again = self.found.stale_until(self.state);
    }
}

/// Why no credentials are left: the refusal that began it, else the last one.
fn failure(because: &Because, last: Option<&Refusal>) -> Event {
    let withheld = || Refusal { errcode: 0, errmsg: WITHHELD.to_owned(), rid: None };
    let Refusal { errcode, errmsg, rid } = because.refusal().or(last).cloned().unwrap_or_else(withheld);
    match because.refused_code() {
        Some(code_digest) => Event::RedemptionFailed(RedemptionFailed { code_digest, errcode, errmsg, rid }),
        None => Event::CredentialsRejected(CredentialsRejected { errcode, errmsg, rid }),
    }
}

/// `WeChat` names permission sets and no refresh token: the code was never redeemed, and has expired.
const WITHHELD: &str = "WeChat names no refresh token, because no authorization code was redeemed; the authorizer must confirm again";
