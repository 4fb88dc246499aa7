//! Answers to `api_query_auth`: what they bring, and when they come too late.

use mandate_schema::{GrantedVia, Secret};

use super::{
    effects::{
        confirm, confirmed_grant, confirmed_revocation, credentials_rejected, granted, granted_by, issued,
        issued_without_token, keep_access_token, look_up_profile, permissions_changed, profile_recorded,
        recover, recovered, redeem, redemption_failed, revoked_at, rotated, updated,
    },
    given::{Answer, given, redeemed, redemption_refused},
    samples::{access_token, authorized, bare_answer, code_refused, profile},
};
use crate::{Redeemed, Status};

fn bare(code: &str) -> Answer {
    redeemed(bare_answer(code, GrantedVia::Callback))
}

fn with_token(code: &str, token: &str) -> Answer {
    let answer = bare_answer(code, GrantedVia::Callback);
    redeemed(Redeemed { refresh_token: Some(Secret::new(token)), ..answer })
}

fn with_permissions(code: &str, permissions: &[i64]) -> Answer {
    let answer = bare_answer(code, GrantedVia::Callback);
    redeemed(Redeemed { permissions: Some(permissions.to_vec()), ..answer })
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
            look_up_profile(),
            keep_access_token(),
        ])
        .is(Status::Authorized);
    assert_eq!(world.refresh_token().as_deref(), Some("refresh token"));
}

#[test]
fn an_account_without_api_permission_is_authorized_without_tokens() {
    let world = given([granted(100, "code")])
        .when(bare("code"))
        .then([issued_without_token(1, "code"), look_up_profile()])
        .is(Status::Authorized);
    assert_eq!(world.refresh_token(), None);
}

#[test]
fn an_answer_without_a_refresh_token_leaves_the_one_we_have() {
    let world = given([granted(100, "old"), issued(1, "old", "token"), updated(200, "new")])
        .when(bare("new"))
        .then([issued_without_token(2, "new"), look_up_profile()]);
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
    .then([issued_without_token(4, "c"), look_up_profile()]);
}

#[test]
fn a_broken_account_is_healed_by_a_code() {
    given([granted(100, "old"), redemption_failed("old"), updated(200, "new")])
        .is(Status::Broken)
        .when(with_token("new", "token"))
        .then([issued(2, "new", "token"), look_up_profile()])
        .is(Status::Authorized);
}

// Permissions.

#[test]
fn permissions_that_come_and_go_are_told_apart() {
    given([granted(100, "code"), permissions_changed(&[1, 2, 3], &[1, 2, 3], &[])])
        .when(with_permissions("code", &[2, 3, 4, 5]))
        .then([
            issued_without_token(1, "code"),
            permissions_changed(&[2, 3, 4, 5], &[4, 5], &[1]),
            look_up_profile(),
        ]);
}

#[test]
fn permissions_that_are_all_lost_are_recorded() {
    given([granted(100, "code"), permissions_changed(&[1, 2], &[1, 2], &[])])
        .when(with_permissions("code", &[]))
        .then([issued_without_token(1, "code"), permissions_changed(&[], &[], &[1, 2]), look_up_profile()]);
}

#[test]
fn permissions_that_stay_the_same_are_not_recorded_again() {
    given([granted(100, "code"), permissions_changed(&[1, 2], &[1, 2], &[])])
        .when(with_permissions("code", &[1, 2]))
        .then([issued_without_token(1, "code"), look_up_profile()]);
}

#[test]
fn an_answer_that_is_silent_about_permissions_takes_none_away() {
    let world = given([granted(100, "code"), permissions_changed(&[1, 2], &[1, 2], &[])])
        .when(bare("code"))
        .then([issued_without_token(1, "code"), look_up_profile()]);
    assert_eq!(world.state().permissions, [1, 2]);
}

#[test]
fn a_first_answer_without_any_permission_changes_none() {
    given([granted(100, "code")])
        .when(with_permissions("code", &[]))
        .then([issued_without_token(1, "code"), look_up_profile()]);
}

// Older than a revocation: only the code can tell.

#[test]
fn a_code_older_than_a_revocation_grants_without_a_time_if_it_is_redeemed() {
    given([revoked_at(200)])
        .when(authorized(100, "code"))
        .then([redeem("code")])
        .when(with_token("code", "token"))
        .then([granted_by(GrantedVia::Callback, "code"), issued(2, "code", "token"), look_up_profile()])
        .is(Status::Authorized);
}

#[test]
fn a_code_that_is_redeemed_after_its_account_revoked_grants_again() {
    given([granted(100, "code"), revoked_at(200)])
        .when(with_token("code", "token"))
        .then([granted_by(GrantedVia::Callback, "code"), issued(3, "code", "token"), look_up_profile()])
        .is(Status::Authorized);
}

#[test]
fn a_code_older_than_a_revocation_that_is_refused_is_looked_after() {
    given([revoked_at(200)])
        .when(redemption_refused("code", code_refused()))
        .then([recover("code")])
        .is(Status::Revoked);
}

// Too late.

#[test]
fn an_answer_overtaken_by_any_other_fact_is_dropped_and_asked_about() {
    let facts = [
        revoked_at(200),
        confirmed_revocation(),
        updated(200, "other"),
        granted(200, "other"),
        confirmed_grant(),
    ];
    for fact in facts {
        given([granted(100, "code")]).meanwhile([fact]).when(with_token("code", "token")).then([confirm()]);
    }
}

#[test]
fn one_foreign_fact_among_grants_of_the_code_overtakes_it() {
    given([])
        .meanwhile([granted(100, "code"), updated(200, "other")])
        .when(with_token("code", "token"))
        .then([confirm()]);
}

#[test]
fn a_grant_of_the_same_code_does_not_overtake_its_answer() {
    given([revoked_at(50)])
        .meanwhile([granted(100, "code")])
        .when(with_token("code", "token"))
        .then([issued(2, "code", "token"), look_up_profile()])
        .is(Status::Authorized);
}

#[test]
fn facts_from_before_the_call_do_not_overtake_its_answer() {
    given([granted(100, "a"), revoked_at(200), granted(300, "code")])
        .meanwhile([])
        .when(with_token("code", "token"))
        .then([issued(3, "code", "token"), look_up_profile()]);
}

#[test]
fn what_is_no_fact_does_not_overtake_a_redemption() {
    let no_facts = [
        issued(1, "other", "a token"),
        rotated(1, "a token"),
        recovered(1, "a token"),
        credentials_rejected(),
        redemption_failed("other"),
        permissions_changed(&[7], &[7], &[]),
        profile_recorded(profile("shop")),
    ];
    for no_fact in no_facts {
        given([granted(100, "code")])
            .meanwhile([no_fact])
            .when(with_token("code", "token"))
            .then([issued(1, "code", "token"), look_up_profile()]);
    }
}
