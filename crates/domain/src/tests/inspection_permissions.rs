//! Permission sets are recorded when they differ; what a redemption said of itself is not replaced by an answer that may be older.

use mandate_schema::{GrantedVia, RecoverySource, Secret};

use super::{
    effects::{
        granted, granted_at, issued, issued_without_token, keep_access_token, permissions_changed, recovered,
        recovered_from, revoked_at, updated, updated_at, updated_by, updated_without_code,
    },
    given::{World, given},
    inspected::{Script, authorized, broken, inspected},
    samples::{HOUR, code_of, code_refused, digest, info_granting, info_with_token, silent_info},
};
use crate::{AuthorizerInfo, Because, Status};

/// The info names these sets, and the refresh token that is held.
fn granting(permissions: &[i64]) -> Script {
    inspected(Because::Doubt).info(granting_with("token", permissions))
}

fn granting_with(token: &str, permissions: &[i64]) -> AuthorizerInfo {
    AuthorizerInfo { permissions: Some(permissions.to_vec()), ..info_with_token(token) }
}

/// An authorizer in good standing for an hour that grants sets 1 and 2.
fn granting_two() -> World {
    authorized().and([permissions_changed(&[1, 2], &[1, 2], &[])])
}

#[test]
fn permissions_that_come_and_go_are_told_apart() {
    granting_two().when(granting(&[2, 3])).then([permissions_changed(&[2, 3], &[3], &[1])]);
    granting_two().when(granting(&[1, 2, 17])).then([permissions_changed(&[1, 2, 17], &[17], &[])]);
    granting_two().when(granting(&[])).then([permissions_changed(&[], &[], &[1, 2])]);
}

#[test]
fn permissions_that_stay_the_same_are_not_recorded_again() {
    granting_two().when(granting(&[1, 2])).then([]);
    authorized().when(granting(&[])).then([]);
}

#[test]
fn an_answer_that_is_silent_about_permissions_takes_none_away() {
    let world = granting_two().when(inspected(Because::Doubt).info(info_with_token("token"))).then([]);
    assert_eq!(world.state().permissions, [1, 2]);
}

#[test]
fn a_broken_authorizer_has_permissions_too() {
    broken().when(granting(&[1]).refused("token").not_listed()).then([permissions_changed(&[1], &[1], &[])]);
}

// Within five minutes of the newest fact, which is recorded at second 301.

#[test]
fn what_a_redemption_said_is_not_replaced_before_the_answers_are_new_enough() {
    for credentials in [issued(1, "code", "token"), issued_without_token(1, "code")] {
        let world = given([granted(100, "code"), credentials, permissions_changed(&[1, 2], &[1, 2], &[])]);
        let redeemed = |sets: &[i64]| inspected(Because::Redeemed).info(info_granting(sets));
        let world = world.when(redeemed(&[1])).then_again_in(297, []);
        assert_eq!(world.state().permissions, [1, 2]);
        let world = world.after(296).when(redeemed(&[1])).then_again_in(1, []).after(1);
        world.clone().when(redeemed(&[1, 2])).then([]);
        world.when(redeemed(&[1])).then([permissions_changed(&[1], &[], &[2])]);
    }
}

#[test]
fn after_a_redemption_the_same_permissions_need_no_second_look() {
    given([granted(100, "code"), issued(1, "code", "token"), permissions_changed(&[1], &[1], &[])])
        .when(granting(&[1]))
        .then([]);
}

#[test]
fn without_a_redemption_they_are_recorded_and_asked_for_again() {
    given([granted(100, "code"), recovered(1, "token")])
        .when(granting(&[1]))
        .then_again_in(298, [permissions_changed(&[1], &[1], &[])])
        .after(297)
        .when(granting(&[1]))
        .then([]);
}

#[test]
fn the_same_permissions_may_be_older_than_a_grant_that_was_not_redeemed() {
    let two =
        || given([granted(100, "code"), issued(1, "code", "token"), permissions_changed(&[1], &[1], &[])]);
    let just_now = HOUR + 300;
    for update in
        [updated_at(just_now), updated_without_code(just_now), updated_by(GrantedVia::Redirect, "next")]
    {
        let world = two().after(HOUR).and([update]);
        let world = world.when(granting(&[1])).then_again_in(299, []).after(299);
        world.clone().when(granting(&[1])).then([]);
        world.when(granting(&[1, 2])).then([permissions_changed(&[1, 2], &[2], &[])]);
    }
    let refused = Because::RedemptionRefused { digest: digest("next"), refusal: code_refused() };
    let script = inspected(refused).queued_ago(1).info(granting_with("token", &[1]));
    two().and([updated(200, "next")]).after(HOUR).when(script).then_again_in(299, []);
}

#[test]
fn an_answer_that_is_silent_about_permissions_may_be_older_than_a_grant_that_was_not_redeemed_too() {
    let script = || inspected(Because::Redeemed).info(silent_info());
    for (world, seconds) in [
        (given([granted(100, "code"), recovered(1, "token")]), 298),
        (authorized().and([updated_at(HOUR + 300)]), 299),
        (authorized().and([updated_by(GrantedVia::Redirect, "next")]), 299),
    ] {
        world.when(script()).then_again_in(seconds, []).after(seconds).when(script()).then([]);
    }
}

#[test]
fn a_token_that_works_is_believed_at_once_and_the_permissions_are_asked_for_again() {
    let named = Because::Named { refresh_token: Secret::new("named") };
    let works = [
        (inspected(Because::Doubt).info(info_with_token("named")), recovered(1, "named")),
        (inspected(named).refused_info(), recovered_from(RecoverySource::List, 1, "named")),
    ];
    for (script, recovery) in works {
        given([granted(100, "code")])
            .when(script.works("named"))
            .then_again_in(299, [recovery, keep_access_token()])
            .is(Status::Authorized)
            .after(298)
            .when(inspected(Because::Doubt).info(granting_with("named", &[1])))
            .then([permissions_changed(&[1], &[1], &[])]);
    }
}

#[test]
fn the_redemption_of_an_earlier_grant_does_not_count() {
    let reconfirmed = given([granted(100, "code"), issued(1, "code", "token"), updated_at(200)]);
    reconfirmed.when(granting(&[1])).then_again_in(299, [permissions_changed(&[1], &[1], &[])]);
    let code = code_of(300);
    let again = given([granted(100, "code"), issued(1, "code", "token"), revoked_at(200), granted_at(300)]);
    let script = inspected(Because::Doubt).info(granting_with("next token", &[1]));
    again.and([issued(3, &code, "next token")]).when(script).then_again_in(298, []);
}
