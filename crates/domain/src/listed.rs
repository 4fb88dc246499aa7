//! What `WeChat`'s list of authorizers means, beside what the log says.
//!
//! A comparison notes the log head before it reads a page. It is decided here for authorizers without a fact or a credential
//! above that head; the others have moved on, and wait for the next comparison. Profiles are looked up later: tokens come first.
//!
//! | list says | not held | held |
//! | --- | --- | --- |
//! | `auth_time` newer than all we know | granted, with the list's token, which a task tries if it had revoked | updated, and a task asks |
//! | no such time | a task asks | unchanged if it works and the list names no other token, else a task asks |

use jiff::Timestamp;
use mandate_schema::{
    CreateTime, CredentialsRecovered, Event, Field, Granted, GrantedVia, RecoverySource, Secret,
};

use crate::{Authorizer, Because, Decision, Status, Task, order::Age};

/// An authorizer as the list names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// When it authorized the component last, in `WeChat`'s time; `None` if the list does not say.
    pub auth_time: Option<CreateTime>,
    /// Its refresh token; `None` if the list holds none.
    pub refresh_token: Option<Secret>,
    /// Whether that is the one we hold already.
    pub token_is_ours: bool,
}

/// What a comparison comes to for one authorizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compared {
    /// We knew.
    Unchanged,
    /// It authorizes us and we did not know.
    Granted,
    /// It has confirmed again and we did not know: a task asks about it.
    Updated,
    /// The list names a refresh token that we do not hold: a task tries it.
    OtherToken,
    /// List and log contradict each other: a task asks about the authorizer, and its answer is believed.
    ToConfirm,
    /// Neither we nor the list hold a refresh token that works. A task looks for one a last time; only the merchant can help then.
    WithoutToken,
}

/// Compares an authorizer that the list names; `now` is when the outcome is recorded.
pub fn decide_listed(state: Option<&Authorizer>, listed: Listed, now: Timestamp) -> (Decision, Compared) {
    let known = state.map(Authorizer::known).unwrap_or_default();
    let newer = listed.auth_time.filter(|time| Age::of(Some(*time), known, now) == Age::Newer);
    match (state.filter(|state| state.is_held()), newer) {
        (None, Some(time)) => decide_granted(state, listed, time),
        (None, None) => ask(Compared::ToConfirm, Because::Doubt),
        (Some(_), Some(time)) => {
            let updated = Decision::event(Event::Updated(reconciled(time)));
            (updated.with_task(Task::inspect(Because::Doubt)), Compared::Updated)
        }
        (Some(held), None) => decide_held(held, &listed),
    }
}

/// The token of an authorizer that we never heard of cannot be one that was refused to us, so it is held at once. That of one that
/// has revoked is tried first.
fn decide_granted(state: Option<&Authorizer>, listed: Listed, time: CreateTime) -> (Decision, Compared) {
    let decision = Decision::event(Event::Granted(reconciled(time)));
    let Some(token) = listed.refresh_token else {
        return (decision.with_task(Task::inspect(Because::Doubt)), Compared::WithoutToken);
    };
    if state.is_some() {
        let named = Task::inspect(Because::Named { refresh_token: token });
        return (decision.with_task(named), Compared::Granted);
    }
    let recovered = CredentialsRecovered { generation: 1, source: RecoverySource::List };
    let decision =
        decision.with_sealed(Event::CredentialsRecovered(recovered), Field::RefreshToken, Some(token));
    (decision, Compared::Granted)
}

/// Never an empty or an older token over a real one: another token is only a candidate, which a task tries.
fn decide_held(held: &Authorizer, listed: &Listed) -> (Decision, Compared) {
    let works = held.status == Status::Authorized;
    match (&listed.refresh_token, &held.refresh_token) {
        (Some(_), _) if listed.token_is_ours && works => (Decision::nothing(), Compared::Unchanged),
        (Some(_), _) if listed.token_is_ours => ask(Compared::ToConfirm, Because::Doubt),
        (Some(token), _) => ask(Compared::OtherToken, Because::Named { refresh_token: token.clone() }),
        (None, Some(_)) if works => (Decision::nothing(), Compared::Unchanged),
        // It works without a token if it has no permission set with an API, which may have changed.
        (None, None) if works => ask(Compared::ToConfirm, Because::Doubt),
        (None, _) => ask(Compared::WithoutToken, Because::Doubt),
    }
}

fn ask(compared: Compared, because: Because) -> (Decision, Compared) {
    (Decision::task(Task::inspect(because)), compared)
}

fn reconciled(time: CreateTime) -> Granted {
    Granted {
        create_time: Some(time),
        code_digest: None,
        code_expires_at: None,
        via: GrantedVia::Reconciled,
        tag: None,
    }
}
