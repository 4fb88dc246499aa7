//! Recover tasks: a refused code is recorded as a failure only once nothing else helps.

use super::{
    effects::{
        confirm, confirmed_grant, confirmed_revocation, credentials_rejected, granted, issued,
        issued_without_token, permissions_changed, recover, recovered, redemption_failed, revoked_at,
        rotated, updated,
    },
    given::{Answer, given, redemption_refused, unrecoverable},
    samples::{code_refused, info_with_token},
};
use crate::{InfoRefusal, Status};

fn hopeless(reason: InfoRefusal) -> Answer {
    unrecoverable("code", code_refused(), reason)
}

#[test]
fn a_refused_code_whose_account_has_a_token_after_all_is_recovered() {
    given([granted(100, "code")])
        .when(redemption_refused("code", code_refused()))
        .then([recover("code")])
        .is(Status::Pending)
        .when(Answer::Confirmed(info_with_token("token")))
        .then([recovered(1, "token")])
        .is(Status::Authorized);
}

#[test]
fn a_refused_code_without_any_token_breaks_a_held_account() {
    given([granted(100, "code")])
        .when(hopeless(InfoRefusal::NoToken))
        .then([redemption_failed("code")])
        .is(Status::Broken);
}

#[test]
fn a_refused_code_of_an_account_that_is_gone_fails_and_revokes() {
    given([granted(100, "code")])
        .when(hopeless(InfoRefusal::Gone))
        .then([redemption_failed("code"), confirmed_revocation()])
        .is(Status::Revoked);
}

#[test]
fn a_refused_code_older_than_a_revocation_fails_and_leaves_it_revoked() {
    for reason in [InfoRefusal::Gone, InfoRefusal::NoToken] {
        given([revoked_at(200)]).when(hopeless(reason)).then([redemption_failed("code")]).is(Status::Revoked);
    }
}

#[test]
fn a_broken_account_that_is_gone_is_revoked() {
    given([granted(100, "code"), redemption_failed("earlier")])
        .when(hopeless(InfoRefusal::Gone))
        .then([redemption_failed("code"), confirmed_revocation()])
        .is(Status::Revoked);
}

#[test]
fn a_refused_code_does_not_break_an_account_that_confirmed_with_a_newer_one() {
    given([granted(100, "code"), updated(200, "newer")])
        .when(hopeless(InfoRefusal::NoToken))
        .then([])
        .is(Status::Pending);
    given([granted(100, "code"), updated(200, "newer"), issued_without_token(2, "newer")])
        .when(hopeless(InfoRefusal::NoToken))
        .then([])
        .is(Status::Authorized);
}

#[test]
fn an_account_that_is_gone_is_revoked_whichever_code_told_it() {
    given([granted(100, "code"), updated(200, "newer")])
        .when(hopeless(InfoRefusal::Gone))
        .then([confirmed_revocation()])
        .is(Status::Revoked);
}

#[test]
fn a_confirmed_grant_brings_no_newer_code() {
    given([revoked_at(200), confirmed_grant()])
        .when(hopeless(InfoRefusal::NoToken))
        .then([redemption_failed("code")])
        .is(Status::Broken);
}

#[test]
fn a_fact_since_the_call_overtakes_the_failure() {
    for reason in [InfoRefusal::Gone, InfoRefusal::NoToken] {
        for fact in [revoked_at(200), updated(200, "other"), confirmed_grant(), updated(200, "code")] {
            given([granted(100, "code")]).meanwhile([fact]).when(hopeless(reason)).then([confirm()]);
        }
    }
}

#[test]
fn credentials_since_the_call_overtake_the_failure() {
    for reason in [InfoRefusal::Gone, InfoRefusal::NoToken] {
        for credentials in [issued(1, "other", "token"), rotated(1, "token"), recovered(1, "token")] {
            given([granted(100, "code")])
                .meanwhile([credentials])
                .when(hopeless(reason))
                .then([confirm()])
                .is(Status::Authorized);
        }
    }
}

#[test]
fn other_events_since_the_call_do_not_overtake_the_failure() {
    for event in [permissions_changed(&[1], &[1], &[]), credentials_rejected()] {
        given([granted(100, "code")])
            .meanwhile([event])
            .when(hopeless(InfoRefusal::NoToken))
            .then([redemption_failed("code")]);
    }
}
