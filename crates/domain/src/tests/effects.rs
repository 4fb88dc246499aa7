//! What happens to an authorizer: its events, and the tasks and tokens that go with them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use mandate_schema::{
    CreateTime, CredentialsIssued, CredentialsRecovered, CredentialsRejected, CredentialsRotated, Erased,
    Event, Field, Granted, GrantedVia, PermissionsChanged, Profile, RecoverySource, RedemptionFailed,
    Revoked, RevokedVia, Secret,
};

use super::samples::{
    CODE_LIFE, access_token, code_of, code_refused, component, digest, merchant, second, token_refused,
};
use crate::{AccessToken, Because, NewEvent, Redeem, Refusal, Task};

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

/// Granted by a callback without a code.
pub(super) fn granted_without_code(time: i64) -> Effect {
    event(Event::Granted(Granted { code_digest: None, code_expires_at: None, ..fact(time, "") }))
}

/// Updated by a callback without a code.
pub(super) fn updated_without_code(time: i64) -> Effect {
    event(Event::Updated(Granted { code_digest: None, code_expires_at: None, ..fact(time, "") }))
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

/// Updated without a code: the list says so.
pub(super) fn reconciled_update(time: i64) -> Effect {
    let create_time = Some(CreateTime(time));
    event(Event::Updated(Granted { create_time, ..timeless(GrantedVia::Reconciled, None) }))
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

/// Credentials for a code of an authorizer that has no API permission.
pub(super) fn issued_without_token(generation: u64, code: &str) -> Effect {
    event(issued_event(generation, code))
}

fn issued_event(generation: u64, code: &str) -> Event {
    Event::CredentialsIssued(CredentialsIssued { generation, code_digest: digest(code) })
}

pub(super) fn rotated(generation: u64, token: &str) -> Effect {
    with_token(Event::CredentialsRotated(CredentialsRotated { generation }), token)
}

/// Credentials of which the answer to `api_get_authorizer_info` named the refresh token.
pub(super) fn recovered(generation: u64, token: &str) -> Effect {
    recovered_from(RecoverySource::Info, generation, token)
}

pub(super) fn recovered_from(source: RecoverySource, generation: u64, token: &str) -> Effect {
    with_token(recovered_event(source, generation), token)
}

/// An authorizer without any API permission is authorized without a refresh token.
pub(super) fn recovered_without_token(generation: u64) -> Effect {
    event(recovered_event(RecoverySource::Info, generation))
}

fn recovered_event(source: RecoverySource, generation: u64) -> Event {
    Event::CredentialsRecovered(CredentialsRecovered { generation, source })
}

/// No refresh token works any more, with what [`token_refused`] says.
pub(super) fn credentials_rejected() -> Effect {
    rejected_by(&token_refused())
}

/// The same with this refusal.
pub(super) fn rejected_by(refusal: &Refusal) -> Effect {
    let Refusal { errcode, errmsg, rid } = refusal.clone();
    event(Event::CredentialsRejected(CredentialsRejected { errcode, errmsg, rid }))
}

/// `WeChat` names permission sets and no refresh token, and no code was redeemed.
pub(super) fn withheld() -> Effect {
    let errmsg = "WeChat names no refresh token, because no authorization code was redeemed; the authorizer must \
                  confirm again";
    rejected_by(&Refusal { errcode: 0, errmsg: errmsg.to_owned(), rid: None })
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

/// A code is to be redeemed that came another way, its authorizer known or not.
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

pub(super) fn inspect(because: Because) -> Effect {
    Effect::Queue(Task::inspect(because))
}

/// The order of facts is unclear, or an answer came too late.
pub(super) fn inspect_in_doubt() -> Effect {
    inspect(Because::Doubt)
}

/// `WeChat` has named this refresh token, which is not ours.
pub(super) fn inspect_named(token: &str) -> Effect {
    inspect(Because::Named { refresh_token: Secret::new(token) })
}

/// A code was redeemed.
pub(super) fn inspect_redeemed() -> Effect {
    inspect(Because::Redeemed)
}

/// A revocation may be older than what is recorded.
pub(super) fn inspect_unclear_revocation() -> Effect {
    inspect(Because::UnclearRevocation)
}

/// The code is refused, with what [`code_refused`] says.
pub(super) fn inspect_refused(code: &str) -> Effect {
    inspect(Because::RedemptionRefused { digest: digest(code), refusal: code_refused() })
}

pub(super) fn keep_access_token() -> Effect {
    Effect::Keep(access_token())
}

/// When event number `version` of a history is recorded, unless time passed. `WeChat`'s own times of most tests are within five
/// minutes of it, so that what is recorded has just happened.
pub(super) fn recorded_at(version: u64) -> Timestamp {
    second(300 + i64::try_from(version).expect("few events"))
}
