//! What happens to an account: its events, and the tasks and tokens that go with them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use mandate_schema::{
    CreateTime, CredentialsIssued, CredentialsRecovered, CredentialsRejected, CredentialsRotated, Erased,
    Event, Field, Granted, GrantedVia, PermissionsChanged, Profile, RecoverySource, RedemptionFailed,
    Revoked, RevokedVia, Secret,
};

use super::samples::{CODE_LIFE, access_token, code_of, code_refused, component, digest, merchant};
use crate::{AccessToken, NewEvent, Redeem, Task};

/// One part of a history or of a decision. Both are written in the same words.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    /// An event.
    Event(NewEvent),
    /// A task.
    Queue(Task),
    /// An access token.
    Keep(AccessToken),
}

fn event(event: Event) -> Effect {
    Effect::Event(NewEvent { event, secrets: Vec::new(), about: BTreeSet::new() })
}

fn with_token(event: Event, token: &str) -> Effect {
    Effect::Event(NewEvent {
        event,
        secrets: vec![(Field::RefreshToken, Secret::new(token))],
        about: BTreeSet::new(),
    })
}

fn fact(time: i64, code: &str) -> Granted {
    Granted {
        create_time: Some(CreateTime(time)),
        code_digest: Some(digest(code)),
        code_expires_at: Some(CreateTime(time + CODE_LIFE)),
        via: GrantedVia::Callback,
        tag: None,
    }
}

fn timeless(via: GrantedVia, code: Option<&str>) -> Granted {
    Granted { create_time: None, code_digest: code.map(digest), code_expires_at: None, via, tag: None }
}

pub(super) fn granted(time: i64, code: &str) -> Effect {
    event(Event::Granted(fact(time, code)))
}

pub(super) fn granted_at(time: i64) -> Effect {
    granted(time, &code_of(time))
}

pub(super) fn updated(time: i64, code: &str) -> Effect {
    event(Event::Updated(fact(time, code)))
}

pub(super) fn updated_at(time: i64) -> Effect {
    updated(time, &code_of(time))
}

/// Granted without a time of `WeChat`'s: by a code.
pub(super) fn granted_by(via: GrantedVia, code: &str) -> Effect {
    event(Event::Granted(timeless(via, Some(code))))
}

/// Updated without a time of `WeChat`'s: by a code.
pub(super) fn updated_by(via: GrantedVia, code: &str) -> Effect {
    event(Event::Updated(timeless(via, Some(code))))
}

/// Granted without time or code: an answer of `WeChat`'s says so.
pub(super) fn confirmed_grant() -> Effect {
    event(Event::Granted(timeless(GrantedVia::Confirmed, None)))
}

/// Granted without a code: the list says so.
pub(super) fn reconciled_grant(time: i64) -> Effect {
    let create_time = Some(CreateTime(time));
    event(Event::Granted(Granted { create_time, ..timeless(GrantedVia::Reconciled, None) }))
}

pub(super) fn revoked_at(time: i64) -> Effect {
    let create_time = Some(CreateTime(time));
    event(Event::Revoked(Revoked { create_time, via: RevokedVia::Callback }))
}

/// Revoked without a time: an answer of `WeChat`'s says so.
pub(super) fn confirmed_revocation() -> Effect {
    event(Event::Revoked(Revoked { create_time: None, via: RevokedVia::Confirmed }))
}

/// Credentials for a code, with a refresh token.
pub(super) fn issued(generation: u64, code: &str, token: &str) -> Effect {
    with_token(issued_event(generation, code), token)
}

/// Credentials for a code of an account that has no API permission.
pub(super) fn issued_without_token(generation: u64, code: &str) -> Effect {
    event(issued_event(generation, code))
}

fn issued_event(generation: u64, code: &str) -> Event {
    Event::CredentialsIssued(CredentialsIssued { generation, code_digest: digest(code) })
}

pub(super) fn rotated(generation: u64, token: &str) -> Effect {
    with_token(Event::CredentialsRotated(CredentialsRotated { generation }), token)
}

pub(super) fn recovered(generation: u64, token: &str) -> Effect {
    recovered_from(RecoverySource::Info, generation, token)
}

pub(super) fn recovered_from(source: RecoverySource, generation: u64, token: &str) -> Effect {
    with_token(Event::CredentialsRecovered(CredentialsRecovered { generation, source }), token)
}

pub(super) fn credentials_rejected() -> Effect {
    let refusal = code_refused();
    event(Event::CredentialsRejected(CredentialsRejected {
        errcode: 61023,
        errmsg: refusal.errmsg,
        rid: refusal.rid,
    }))
}

/// The event after which a code's redemption is given up, with what [`code_refused`] says.
pub(super) fn redemption_failed(code: &str) -> Effect {
    let refusal = code_refused();
    event(Event::RedemptionFailed(RedemptionFailed {
        code_digest: digest(code),
        errcode: refusal.errcode,
        errmsg: refusal.errmsg,
        rid: refusal.rid,
    }))
}

pub(super) fn permissions_changed(permissions: &[i64], gained: &[i64], lost: &[i64]) -> Effect {
    event(Event::PermissionsChanged(PermissionsChanged {
        permissions: permissions.to_vec(),
        gained: gained.to_vec(),
        lost: lost.to_vec(),
    }))
}

pub(super) fn profile_recorded(profile: impl Into<Option<Profile>>) -> Effect {
    event(Event::ProfileRecorded(profile.into()))
}

pub(super) fn erased() -> Effect {
    event(Event::Erased(Erased { by: "operator".to_owned(), reason: "request".to_owned() }))
}

/// The code of a callback is to be redeemed.
pub(super) fn redeem(code: &str) -> Effect {
    redeem_via(GrantedVia::Callback, Some(merchant()), code)
}

/// A code is to be redeemed that came another way, its account known or not.
pub(super) fn redeem_via(
    via: GrantedVia,
    authorizer: Option<mandate_schema::AuthorizerId>,
    code: &str,
) -> Effect {
    Effect::Queue(Task::Redeem(Redeem {
        component: component(),
        authorizer,
        code: Secret::new(code),
        via,
        tag: None,
    }))
}

/// The code that a grant callback of this time carries is to be redeemed.
pub(super) fn redeem_code_of(time: i64) -> Effect {
    redeem(&code_of(time))
}

pub(super) fn confirm() -> Effect {
    Effect::Queue(Task::Confirm)
}

pub(super) fn look_up_profile() -> Effect {
    Effect::Queue(Task::Profile)
}

pub(super) fn recover(code: &str) -> Effect {
    Effect::Queue(Task::Recover { digest: digest(code), refusal: code_refused() })
}

pub(super) fn keep_access_token() -> Effect {
    Effect::Keep(access_token())
}

/// When event number `version` of a history is recorded: long after `WeChat`'s own times, one second apart.
pub(super) fn recorded_at(version: u64) -> Timestamp {
    let seconds = 1_000_000 + i64::try_from(version).unwrap();
    super::samples::second(seconds)
}
