//! `authorized` and `updateauthorized` without a code: facts that only an inspection can follow up.

use mandate_schema::GrantedVia;

use super::{
    effects::{
        confirmed_revocation, credentials_rejected, granted_at, granted_by, granted_without_code,
        inspect_in_doubt, inspect_unclear_revocation, issued, revoked_at, updated_at, updated_without_code,
    },
    given::given,
    samples::{grants_without_code, unauthorized_at},
};
use crate::Status;

#[test]
fn the_first_grant_is_granted_without_a_code_and_inspected() {
    for grant in grants_without_code(100) {
        given([]).when(grant).then([granted_without_code(100), inspect_in_doubt()]).is(Status::Pending);
    }
}

#[test]
fn a_newer_grant_of_a_held_authorizer_is_an_update_and_inspected() {
    let held = given([granted_at(100), issued(1, "code", "token")]);
    for world in [given([granted_at(100)]), held.clone(), held.and([credentials_rejected()])] {
        for grant in grants_without_code(200) {
            let status = world.state().status;
            world.clone().when(grant).then([updated_without_code(200), inspect_in_doubt()]).is(status);
        }
    }
}

#[test]
fn a_newer_grant_of_a_revoked_authorizer_is_granted_anew_and_inspected() {
    for grant in grants_without_code(300) {
        given([granted_at(100), revoked_at(200)])
            .when(grant)
            .then([granted_without_code(300), inspect_in_doubt()])
            .is(Status::Pending);
    }
}

#[test]
fn an_unclear_grant_is_only_inspected() {
    let same_second = [given([granted_at(200)]), given([revoked_at(200)]), given([updated_at(200)])];
    let after_timeless =
        [given([granted_by(GrantedVia::Redirect, "code")]), given([granted_at(100), confirmed_revocation()])];
    for world in same_second.into_iter().chain(after_timeless) {
        for grant in grants_without_code(200) {
            world.clone().when(grant).then([inspect_in_doubt()]).is(world.state().status);
        }
    }
    for grant in grants_without_code(1_000_000) {
        given([]).when(grant).then([inspect_in_doubt()]);
    }
}

#[test]
fn an_older_grant_changes_nothing() {
    let held = given([granted_at(200), issued(1, "code", "token")]);
    for world in [held, given([granted_at(200)]), given([granted_at(100), revoked_at(200)])] {
        for grant in grants_without_code(199) {
            world.clone().when(grant).then([]).is(world.state().status);
        }
    }
}

#[test]
fn a_repeated_grant_is_inspected_and_not_recorded_again() {
    let [grant, _] = grants_without_code(100);
    given([])
        .when(grant.clone())
        .then([granted_without_code(100), inspect_in_doubt()])
        .when(grant)
        .then([inspect_in_doubt()]);
}

#[test]
fn it_is_a_fact_like_any_other() {
    let [grant, _] = grants_without_code(300);
    given([granted_at(100), revoked_at(200)])
        .when(grant)
        .then([granted_without_code(300), inspect_in_doubt()])
        .when(unauthorized_at(250))
        .then([])
        .when(unauthorized_at(300))
        .then([inspect_unclear_revocation()])
        .when(unauthorized_at(301))
        .then([revoked_at(301)]);
}
