//! `unauthorized`: one cell of the table after the other.

use mandate_schema::GrantedVia;

use super::{
    effects::{
        confirmed_grant, confirmed_revocation, credentials_rejected, granted_at, granted_by,
        inspect_unclear_revocation, issued, redemption_failed, revoked_at, rotated, updated_at, updated_by,
    },
    given::given,
    samples::{code_of, unauthorized_at},
};
use crate::Status;

// Newer than the newest fact, or the first.

#[test]
fn an_authorizer_never_seen_can_revoke() {
    given([]).when(unauthorized_at(100)).then([revoked_at(100)]).is(Status::Revoked);
}

#[test]
fn a_newer_revocation_ends_whatever_the_authorizer_was() {
    let code = code_of(100);
    let pending = given([granted_at(100)]).is(Status::Pending);
    let authorized = given([granted_at(100), issued(1, &code, "token")]).is(Status::Authorized);
    let updated = given([granted_at(100), issued(1, &code, "token"), updated_at(150)]).is(Status::Authorized);
    let broken = given([granted_at(100), redemption_failed(&code)]).is(Status::Broken);
    for world in [pending, authorized, updated, broken] {
        world.when(unauthorized_at(200)).then([revoked_at(200)]).is(Status::Revoked);
    }
}

#[test]
fn a_newer_revocation_of_a_revoked_authorizer_is_a_fact_of_its_own() {
    given([granted_at(100), revoked_at(200)])
        .when(unauthorized_at(300))
        .then([revoked_at(300)])
        .is(Status::Revoked);
}

// In the same second.

#[test]
fn a_revocation_in_the_second_of_a_grant_is_to_be_confirmed() {
    given([granted_at(100)])
        .when(unauthorized_at(100))
        .then([inspect_unclear_revocation()])
        .is(Status::Pending);
}

#[test]
fn a_revocation_in_the_second_of_an_update_is_to_be_confirmed() {
    given([granted_at(100), updated_at(200)]).when(unauthorized_at(200)).then([inspect_unclear_revocation()]);
}

#[test]
fn a_revocation_in_the_second_of_another_is_to_be_confirmed() {
    given([revoked_at(100)])
        .when(unauthorized_at(100))
        .then([inspect_unclear_revocation()])
        .is(Status::Revoked);
}

// The newest fact has no time.

#[test]
fn a_revocation_after_a_grant_without_a_time_is_to_be_confirmed() {
    for timeless in [granted_by(GrantedVia::Redirect, "code"), confirmed_grant()] {
        given([timeless]).when(unauthorized_at(100)).then([inspect_unclear_revocation()]).is(Status::Pending);
    }
    given([granted_at(100), updated_by(GrantedVia::Notice, "code")])
        .when(unauthorized_at(200))
        .then([inspect_unclear_revocation()]);
}

#[test]
fn a_revocation_after_one_without_a_time_is_to_be_confirmed() {
    given([granted_at(100), confirmed_revocation()])
        .when(unauthorized_at(200))
        .then([inspect_unclear_revocation()])
        .is(Status::Revoked);
}

// Older than the newest fact.

#[test]
fn a_revocation_overtaken_by_a_newer_grant_changes_nothing() {
    given([granted_at(200)]).when(unauthorized_at(100)).then([]).is(Status::Pending);
    given([granted_at(100), issued(1, &code_of(100), "token"), updated_at(300)])
        .when(unauthorized_at(200))
        .then([])
        .is(Status::Authorized);
}

#[test]
fn a_revocation_overtaken_by_a_newer_one_changes_nothing() {
    given([revoked_at(200)]).when(unauthorized_at(100)).then([]).is(Status::Revoked);
}

#[test]
fn a_revocation_is_compared_with_facts_only() {
    for no_fact in [issued(1, &code_of(100), "token"), rotated(1, "token"), credentials_rejected()] {
        given([granted_at(100), no_fact]).when(unauthorized_at(200)).then([revoked_at(200)]);
    }
}
