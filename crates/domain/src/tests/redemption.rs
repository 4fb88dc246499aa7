//! Answers to `api_query_auth`: what they bring.

use mandate_schema::{GrantedVia, Secret};

use super::{
    effects::{
        granted, granted_by, inspect_redeemed, inspect_refused, issued, issued_without_token,
        keep_access_token, permissions_changed, redeem, redemption_failed, revoked_at, updated,
    },
    given::{Answer, given, redeemed, redeemed_with_permissions, redeemed_with_token, redemption_refused},
    samples::{access_token, authorized, bare_answer, code_refused},
};
use crate::{Redeemed, Status};

fn bare(code: &str) -> Answer {
    redeemed(bare_answer(code, GrantedVia::Callback))
}

// What an answer brings.

#[test]
fn a_redeemed_code_brings_all_that_the_answer_holds() {
    let answer = Redeemed {
        refresh_token: Some(Secret::new("refresh token")),
        access_token: Some(access_token()),
        permissions: Some(vec![1, 17]),
        ..bare_answer("code", GrantedVia::Callback)
    };
    let world = given([granted(100, "code")])
        .when(redeemed(answer))
        .then([
            issued(1, "code", "refresh token"),
            permissions_changed(&[1, 17], &[1, 17], &[]),
            inspect_redeemed(),
            keep_access_token(),
        ])
        .is(Status::Authorized);
    assert_eq!(world.refresh_token().as_deref(), Some("refresh token"));
}

#[test]
fn an_authorizer_without_api_permission_is_authorized_without_tokens() {
    let world = given([granted(100, "code")])
        .when(bare("code"))
        .then([issued_without_token(1, "code"), inspect_redeemed()])
        .is(Status::Authorized);
    assert_eq!(world.refresh_token(), None);
}

#[test]
fn an_answer_without_a_refresh_token_leaves_the_one_we_have() {
    let world = given([granted(100, "old"), issued(1, "old", "token"), updated(200, "new")])
        .when(bare("new"))
        .then([issued_without_token(2, "new"), inspect_redeemed()]);
    assert_eq!(world.refresh_token().as_deref(), Some("token"));
}

#[test]
fn credentials_carry_the_number_of_facts() {
    given([
        granted(100, "a"),
        issued(1, "a", "token"),
        updated(200, "b"),
        revoked_at(300),
        granted(400, "c"),
    ])
    .when(bare("c"))
    .then([issued_without_token(4, "c"), inspect_redeemed()]);
}

#[test]
fn a_broken_authorizer_is_healed_by_a_code() {
    given([granted(100, "old"), redemption_failed("old"), updated(200, "new")])
        .is(Status::Broken)
        .when(redeemed_with_token("new", "token"))
        .then([issued(2, "new", "token"), inspect_redeemed()])
        .is(Status::Authorized);
}

// Permissions.

#[test]
fn permissions_that_come_and_go_are_told_apart() {
    given([granted(100, "code"), permissions_changed(&[1, 2, 3], &[1, 2, 3], &[])])
        .when(redeemed_with_permissions("code", &[2, 3, 4, 5]))
        .then([
            issued_without_token(1, "code"),
            permissions_changed(&[2, 3, 4, 5], &[4, 5], &[1]),
            inspect_redeemed(),
        ]);
}

#[test]
fn permissions_that_are_all_lost_are_recorded() {
    given([granted(100, "code"), permissions_changed(&[1, 2], &[1, 2], &[])])
        .when(redeemed_with_permissions("code", &[]))
        .then([issued_without_token(1, "code"), permissions_changed(&[], &[], &[1, 2]), inspect_redeemed()]);
}

#[test]
fn permissions_that_stay_the_same_are_not_recorded_again() {
    given([granted(100, "code"), permissions_changed(&[1, 2], &[1, 2], &[])])
        .when(redeemed_with_permissions("code", &[1, 2]))
        .then([issued_without_token(1, "code"), inspect_redeemed()]);
}

#[test]
fn an_answer_that_is_silent_about_permissions_takes_none_away() {
    let world = given([granted(100, "code"), permissions_changed(&[1, 2], &[1, 2], &[])])
        .when(bare("code"))
        .then([issued_without_token(1, "code"), inspect_redeemed()]);
    assert_eq!(world.state().permissions, [1, 2]);
}

#[test]
fn a_first_answer_without_any_permission_changes_none() {
    given([granted(100, "code")])
        .when(redeemed_with_permissions("code", &[]))
        .then([issued_without_token(1, "code"), inspect_redeemed()]);
}

// Older than a revocation: only the code can tell.

#[test]
fn a_code_older_than_a_revocation_grants_without_a_time_if_it_is_redeemed() {
    given([revoked_at(200)])
        .when(authorized(100, "code"))
        .then([redeem("code")])
        .when(redeemed_with_token("code", "token"))
        .then([granted_by(GrantedVia::Callback, "code"), issued(2, "code", "token"), inspect_redeemed()])
        .is(Status::Authorized);
}

#[test]
fn a_code_that_is_redeemed_after_its_authorizer_revoked_grants_again() {
    given([granted(100, "code"), revoked_at(200)])
        .when(redeemed_with_token("code", "token"))
        .then([granted_by(GrantedVia::Callback, "code"), issued(3, "code", "token"), inspect_redeemed()])
        .is(Status::Authorized);
}

#[test]
fn a_code_older_than_a_revocation_that_is_refused_is_looked_after() {
    given([revoked_at(200)])
        .when(redemption_refused("code", code_refused()))
        .then([inspect_refused("code")])
        .is(Status::Revoked);
}
