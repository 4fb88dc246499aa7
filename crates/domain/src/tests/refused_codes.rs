//! A refused code is recorded as a failure only once nothing else helps.

use super::{
    effects::{
        confirmed_grant, confirmed_revocation, credentials_rejected, granted, inspect_refused, issued,
        issued_without_token, keep_access_token, permissions_changed, recovered, recovered_without_token,
        redeem, redemption_failed, revoked_at, rotated, updated,
    },
    given::{given, redemption_refused},
    inspected::{Script, authorized, inspected, pending},
    samples::{HOUR, code_refused, digest, info_granting, info_with_token, silent_info, updateauthorized},
};
use crate::{Because, Status};

/// The inspection of the authorizer whose code was refused an hour ago.
fn refused() -> Script {
    let because = Because::RedemptionRefused { digest: digest("code"), refusal: code_refused() };
    inspected(because).queued_ago(HOUR)
}

/// It finds no token.
fn hopeless() -> Script {
    refused().info(silent_info()).not_listed()
}

#[test]
fn a_refused_code_whose_authorizer_has_a_token_after_all_is_recovered() {
    pending()
        .when(redemption_refused("code", code_refused()))
        .then([inspect_refused("code")])
        .is(Status::Pending)
        .when(refused().info(info_with_token("token")).works("token"))
        .then([recovered(1, "token"), keep_access_token()])
        .is(Status::Authorized);
}

#[test]
fn a_refused_code_of_an_authorizer_without_api_permission_is_recovered_without_a_token() {
    pending()
        .when(refused().info(info_granting(&[])).not_listed())
        .then([recovered_without_token(1)])
        .is(Status::Authorized);
}

#[test]
fn a_refused_code_without_any_token_breaks_a_held_authorizer() {
    pending().when(hopeless()).then([redemption_failed("code")]).is(Status::Broken);
    pending()
        .when(refused().info(info_with_token("named")).refused("named").not_listed())
        .then([redemption_failed("code")])
        .is(Status::Broken);
}

#[test]
fn a_refused_code_breaks_nobody_whose_credentials_work() {
    authorized().when(refused().info(info_with_token("token"))).then([]).is(Status::Authorized);
    // No token is named, so ours is tried.
    authorized()
        .when(refused().info(silent_info()).works("token"))
        .then([keep_access_token()])
        .is(Status::Authorized);
}

#[test]
fn a_refused_code_breaks_an_authorizer_whose_token_is_refused_too() {
    authorized()
        .when(refused().info(silent_info()).refused("token").not_listed())
        .then([redemption_failed("code")])
        .is(Status::Broken);
}

#[test]
fn a_refused_code_of_an_authorizer_that_is_gone_fails_and_revokes() {
    pending()
        .when(refused().gone())
        .then([redemption_failed("code"), confirmed_revocation()])
        .is(Status::Revoked);
}

#[test]
fn a_refused_code_older_than_a_revocation_fails_and_leaves_it_revoked() {
    let world = given([revoked_at(200)]).after(HOUR);
    world.when(refused().gone()).then([redemption_failed("code")]).is(Status::Revoked);
}

#[test]
fn a_refused_code_of_a_revoked_authorizer_that_authorizes_us_all_the_same_breaks_it() {
    let world = given([revoked_at(200)]).after(HOUR);
    world.when(hopeless()).then([confirmed_grant(), redemption_failed("code")]).is(Status::Broken);
}

#[test]
fn a_refused_code_of_an_authorizer_never_seen_is_nobodys_unless_it_authorizes_us() {
    given([]).when(refused().gone()).then_unknown(code_refused());
    given([]).when(hopeless()).then([confirmed_grant(), redemption_failed("code")]).is(Status::Broken);
    given([]).when(refused().info(info_with_token("token")).works("token")).then([
        confirmed_grant(),
        recovered(1, "token"),
        keep_access_token(),
    ]);
}

#[test]
fn a_broken_authorizer_that_is_gone_is_revoked() {
    pending()
        .and([redemption_failed("earlier")])
        .when(refused().gone())
        .then([redemption_failed("code"), confirmed_revocation()])
        .is(Status::Revoked);
}

#[test]
fn each_code_of_a_broken_authorizer_fails_once() {
    let world = pending().and([redemption_failed("earlier")]);
    let world = world.when(hopeless()).then([redemption_failed("code")]);
    world.clone().when(hopeless()).then([]).is(Status::Broken);
    world.when(refused().gone()).then([confirmed_revocation()]).is(Status::Revoked);
}

#[test]
fn a_refused_code_does_not_break_an_authorizer_that_confirmed_with_a_newer_one() {
    let script = refused().info(silent_info());
    given([granted(100, "code"), updated(200, "newer")])
        .after(HOUR)
        .when(script.clone().while_a_code_waits())
        .then([])
        .is(Status::Pending);
    given([granted(100, "code"), updated(200, "newer"), issued_without_token(2, "newer")])
        .after(HOUR)
        .when(script)
        .then([])
        .is(Status::Authorized);
    given([granted(100, "code"), updated(200, "newer"), issued(2, "newer", "token")])
        .after(HOUR)
        .when(refused().info(info_with_token("token")))
        .then([])
        .is(Status::Authorized);
}

#[test]
fn an_authorizer_that_is_gone_is_revoked_whichever_code_told_it() {
    given([granted(100, "code"), updated(200, "newer")])
        .after(HOUR)
        .when(refused().gone())
        .then([confirmed_revocation()])
        .is(Status::Revoked);
}

#[test]
fn a_confirmed_grant_brings_no_newer_code() {
    given([revoked_at(200), confirmed_grant()])
        .after(HOUR)
        .when(hopeless())
        .then([redemption_failed("code")])
        .is(Status::Broken);
}

// The answers may be as old as the refusal.

#[test]
fn it_is_asked_again_until_five_minutes_after_the_refusal_and_fails_once() {
    let refused_ago = |seconds| refused().queued_ago(seconds).info(silent_info()).not_listed();
    for (seconds, again) in [(0, 300), (1, 299), (299, 1)] {
        pending()
            .when(refused_ago(seconds))
            .then_again_in(again, [redemption_failed("code")])
            .is(Status::Broken)
            .when(refused_ago(300))
            .then([]);
    }
    pending().when(refused_ago(300)).then([redemption_failed("code")]);
    pending()
        .when(refused_ago(0))
        .then_again_in(300, [redemption_failed("code")])
        .after(300)
        .when(refused().queued_ago(300).info(info_with_token("token")).works("token"))
        .leads_to_token("token");
}

#[test]
fn a_newer_code_may_still_help_after_the_failure() {
    pending()
        .when(hopeless())
        .then([redemption_failed("code")])
        .when(updateauthorized(300, "newer"))
        .then([updated(300, "newer"), redeem("newer")])
        .and([issued(2, "newer", "token")])
        .is(Status::Authorized);
}

// Too late.

#[test]
fn facts_and_credentials_since_the_call_overtake_the_failure() {
    for script in [hopeless(), refused().gone()] {
        for event in [
            revoked_at(200),
            updated(200, "other"),
            confirmed_grant(),
            updated(200, "code"),
            issued(1, "other", "token"),
            rotated(1, "token"),
            recovered(1, "token"),
        ] {
            pending().meanwhile([event]).when(script.clone()).then_again_in(0, []);
        }
    }
}

#[test]
fn other_events_since_the_call_do_not_overtake_the_failure() {
    for event in [permissions_changed(&[1], &[1], &[]), credentials_rejected()] {
        pending().meanwhile([event]).when(hopeless()).then([redemption_failed("code")]);
    }
}
