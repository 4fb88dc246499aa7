//! What must be true of a single event when it is recorded, whatever heals it later.

use jiff::Timestamp;
use mandate_schema::{CodeDigest, Event, Field, GrantedVia, RevokedVia};
use mandate_wechat::callback::{Callback, Info};

use super::wechat::WeChat;
use crate::{Authorizer, Decision, NewEvent, Since, Task, order::Age};

/// When what is recorded happened, by the true time.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The newest grant.
    grant: i64,
    /// The newest revocation.
    revocation: i64,
    /// The code that brought what is held.
    redeemed: Option<CodeDigest>,
}

impl Known {
    /// A confirmed fact must be newer than the recorded one that it contradicts. `acted_at` is when a callback's act happened.
    pub(super) fn check(
        &mut self,
        new: &NewEvent,
        state: Option<&Authorizer>,
        wechat: &WeChat,
        acted_at: Option<i64>,
    ) {
        match &new.event {
            Event::Granted(grant) if grant.via == GrantedVia::Confirmed => {
                assert!(
                    wechat.was_authorized_after(self.revocation),
                    "granted by an answer that is older than the revocation"
                );
            }
            Event::Granted(grant) | Event::Updated(grant) => {
                let confirmed_at = grant.code_digest.map(|code| wechat.confirmed_at(code));
                self.grant = self.grant.max(acted_at.or(confirmed_at).unwrap_or_default());
            }
            Event::Revoked(revoked) if revoked.via == RevokedVia::Confirmed => {
                assert!(
                    wechat.was_gone_after(self.grant),
                    "revoked by an answer that is older than the grant"
                );
                self.revocation = self.revocation.max(wechat.last_gone());
            }
            Event::Revoked(_) => {
                let acted_at = acted_at.unwrap_or_default();
                assert!(acted_at >= self.grant, "revoked by a callback that is older than the grant");
                self.revocation = self.revocation.max(acted_at);
            }
            Event::CredentialsIssued(issued) => {
                let place = |code| state?.grant_digests.iter().position(|known| *known == code);
                let (brought, held) = (place(issued.code_digest), self.redeemed.and_then(place));
                assert!(
                    brought.is_none() || brought >= held,
                    "an older code replaces what a newer one brought"
                );
                self.redeemed = Some(issued.code_digest);
            }
            Event::CredentialsRejected(_) | Event::RedemptionFailed(_) => self.redeemed = None,
            _ => {}
        }
        if matches!(new.event, Event::Granted(_)) {
            self.redeemed = None;
        }
    }

    /// What the state remembers of the order only grows, and "still authorized" is provisional until the authorizer was truly
    /// authorized again.
    pub(super) fn check_state(&self, before: Option<&Authorizer>, after: &Authorizer, wechat: &WeChat) {
        let Some(before) = before else { return };
        assert!(after.known_to >= before.known_to, "a time was forgotten");
        assert!(after.unsure_until >= before.unsure_until, "an unsure time was cut short");
        let has_ended = before.provisional_until.is_some() && after.provisional_until.is_none();
        assert!(
            !has_ended || wechat.was_authorized_after(self.revocation),
            "it is not provisional any more, but nobody confirmed again"
        );
    }
}

/// An answer replaces nothing that was recorded after its call began.
pub(super) fn check_stale(since: &Since, decision: &Decision) {
    for NewEvent { event, .. } in &decision.events {
        match event {
            Event::PermissionsChanged(_) => assert!(!since.permissions, "permissions of an older answer"),
            Event::CredentialsIssued(_) | Event::CredentialsRecovered(_) => {
                assert!(!since.credentials, "credentials of an older answer");
            }
            _ => {}
        }
    }
}

/// A callback whose place is unclear is inspected, unless it repeats a code.
pub(super) fn check_unclear(
    state: Option<&Authorizer>,
    callback: &Callback,
    decision: &Decision,
    now: Timestamp,
) {
    let is_known = match &callback.info {
        Info::Authorized(grant) | Info::UpdateAuthorized(grant) => {
            let code = grant.code.as_ref().map(CodeDigest::of);
            state.zip(code).is_some_and(|(state, code)| state.has_grant(code))
        }
        _ => false,
    };
    let is_inspected = decision.tasks.iter().any(|task| matches!(task, Task::Inspect { .. }));
    assert!(
        is_known
            || is_inspected
            || Age::of(callback.create_time, state.map(Authorizer::known).unwrap_or_default(), now)
                != Age::Unclear,
        "nobody looks into an unclear callback"
    );
}

/// The refresh token that an event brings must not be older than the one that is held.
pub(super) fn check_token(new: &NewEvent, held: Option<&str>) {
    let brought = new.secrets.iter().find(|(field, _)| *field == Field::RefreshToken);
    if let (Some((_, brought)), Some(held)) = (brought, held) {
        assert!(
            age(brought.expose()) >= age(held),
            "{:?} replaces {held:?} in {}",
            brought.expose(),
            new.event.name()
        );
    }
}

/// `token 2 and on and on` is of the second authorization, refreshed twice.
fn age(token: &str) -> (u32, usize) {
    let number = token.split(' ').nth(1).and_then(|number| number.parse().ok()).expect("a token of ours");
    (number, token.matches(" and on").count())
}
