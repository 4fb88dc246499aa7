//! Refreshes, and what becomes of a refresh token that is refused.

use mandate_schema::{RecoverySource, Secret};

use super::{
    effects::{
        Effect, confirm, confirmed_revocation, credentials_rejected, granted, issued, recovered, revoked_at,
        rotated, updated,
    },
    given::{Answer, World, given},
    samples::{access_token, code_refused},
};
use crate::{InfoRefusal, Refusal, Renewed, Status};

/// An account in good standing, with refresh token "first".
fn authorized() -> World {
    given([granted(100, "code"), issued(1, "code", "first")])
}

/// The answer to a refresh that was made with the token that is held now.
fn refreshed(world: &World, token: &str) -> Answer {
    Answer::Refreshed(world.state().refresh_token.clone().expect("a token"), Secret::new(token))
}

fn renewed(token: &str, is_ours: bool) -> Answer {
    Answer::Renewed(Renewed {
        refresh_token: Secret::new(token),
        source: RecoverySource::Info,
        is_ours,
        access_token: access_token(),
    })
}

fn rejected(reason: InfoRefusal) -> Answer {
    Answer::Rejected(Refusal { errcode: 61023, ..code_refused() }, reason)
}

fn keep() -> Effect {
    Effect::Keep(access_token())
}

#[test]
fn another_refresh_token_is_an_event_and_replaces_the_first() {
    let world = authorized();
    let answer = refreshed(&world, "second");
    let world = world.when(answer).then([rotated(1, "second"), keep()]);
    assert_eq!(world.refresh_token().as_deref(), Some("second"));
}

#[test]
fn a_refresh_that_others_overtook_is_dropped_and_the_truth_asked_for() {
    let world = authorized();
    let answer = refreshed(&world, "second");
    let world = world.and([recovered(1, "third")]).when(answer).then([confirm()]);
    assert_eq!(world.refresh_token().as_deref(), Some("third"));
    let world = authorized();
    let answer = refreshed(&world, "second");
    world.and([updated(200, "again")]).when(answer).then([rotated(2, "second"), keep()]);
}

#[test]
fn a_refresh_of_an_account_that_has_revoked_meanwhile_is_nothing() {
    let world = authorized();
    let answer = refreshed(&world, "second");
    let world = world.and([revoked_at(200)]).when(answer).then([]);
    assert_eq!(world.refresh_token(), None);
}

#[test]
fn a_refused_refresh_token_is_replaced_by_the_one_that_wechat_tells() {
    let world = authorized().when(renewed("second", false)).then([recovered(1, "second"), keep()]);
    assert_eq!(world.refresh_token().as_deref(), Some("second"));
    authorized().when(renewed("first", true)).then([keep()]);
}

#[test]
fn a_broken_account_whose_token_works_after_all_is_authorized_again() {
    authorized()
        .and([credentials_rejected()])
        .is(Status::Broken)
        .when(renewed("first", true))
        .then([recovered(1, "first"), keep()])
        .is(Status::Authorized);
}

#[test]
fn only_when_nothing_else_helps_is_the_refusal_recorded() {
    authorized().when(rejected(InfoRefusal::NoToken)).then([credentials_rejected()]).is(Status::Broken);
    authorized().when(rejected(InfoRefusal::Gone)).then([confirmed_revocation()]).is(Status::Revoked);
}

#[test]
fn what_came_meanwhile_counts_more() {
    for answer in [renewed("second", false), rejected(InfoRefusal::NoToken), rejected(InfoRefusal::Gone)] {
        authorized().meanwhile([updated(200, "again")]).when(answer.clone()).then([confirm()]);
        authorized().meanwhile([recovered(1, "third")]).when(answer.clone()).then([confirm()]);
        authorized().and([revoked_at(200)]).when(answer).then([]).is(Status::Revoked);
    }
}
