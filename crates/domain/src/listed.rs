//! What `WeChat`'s list of authorizers means, beside what the log says.
//!
//! A comparison notes the log head, then reads the list. It is decided here for accounts without a fact above that head;
//! the others have moved on, and wait for the next comparison. Profiles are looked up later: tokens come first.

use mandate_schema::{
    CreateTime, CredentialsRecovered, Event, Field, Granted, GrantedVia, RecoverySource, Secret,
};

use crate::{Authorizer, Because, Decision, Status, Task};

/// An account as the list names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// When it authorized the component last, in `WeChat`'s time; `None` if the list does not say.
    pub auth_time: Option<CreateTime>,
    /// Its refresh token; `None` if the list holds none.
    pub refresh_token: Option<Secret>,
    /// Whether that is the one we hold already.
    pub token_is_ours: bool,
}

/// What a comparison comes to for one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compared {
    /// We knew.
    Unchanged,
    /// The account authorizes us and we did not know.
    Granted,
    /// We held no refresh token, or another one.
    Recovered,
    /// List and log contradict each other: a task asks about the account, and its answer is believed.
    ToConfirm,
    /// Neither we nor the list hold a refresh token. A task looks for one a last time; only the merchant can help then.
    WithoutToken,
}

/// Compares an account that the list names.
pub fn decide_listed(state: Option<&Authorizer>, listed: Listed) -> (Decision, Compared) {
    match state.filter(|state| state.is_held()) {
        Some(held) => decide_held(held, listed),
        None => decide_not_held(state, listed),
    }
}

fn decide_not_held(state: Option<&Authorizer>, listed: Listed) -> (Decision, Compared) {
    let revoked_at = state.and_then(|state| state.revoked_at);
    let Some(time) = listed.auth_time.filter(|time| revoked_at.is_none_or(|at| time.0 > at.as_second()))
    else {
        return (Decision::task(Task::inspect(Because::Doubt)), Compared::ToConfirm);
    };
    let granted = Event::Granted(Granted {
        create_time: Some(time),
        code_digest: None,
        code_expires_at: None,
        via: GrantedVia::Reconciled,
        tag: None,
    });
    let decision = Decision::event(granted);
    let generation = state.map_or(0, |state| state.generation) + 1;
    match listed.refresh_token {
        Some(token) => (with_recovered(decision, generation, token), Compared::Granted),
        None => (decision.with_task(Task::inspect(Because::Doubt)), Compared::WithoutToken),
    }
}

fn decide_held(held: &Authorizer, listed: Listed) -> (Decision, Compared) {
    let works = held.status == Status::Authorized;
    match listed.refresh_token {
        Some(_) if works && listed.token_is_ours => (Decision::nothing(), Compared::Unchanged),
        Some(token) => (with_recovered(Decision::nothing(), held.generation, token), Compared::Recovered),
        // Never an empty value over a real one. Without any, the account has no permission set with an API.
        None if works => (Decision::nothing(), Compared::Unchanged),
        None => (Decision::task(Task::inspect(Because::Doubt)), Compared::WithoutToken),
    }
}

fn with_recovered(decision: Decision, generation: u64, token: Secret) -> Decision {
    let recovered = CredentialsRecovered { generation, source: RecoverySource::List };
    decision.with_sealed(Event::CredentialsRecovered(recovered), Field::RefreshToken, Some(token))
}
