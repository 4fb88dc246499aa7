//! What an inspection finds out about credentials: working ones, none at all, or none that `WeChat` would ever name.

use mandate_schema::{RecoverySource, Secret};

use super::{
    effects::{
        Effect, confirmed_grant, credentials_rejected, erased, granted, inspect_in_doubt, issued,
        issued_without_token, keep_access_token, permissions_changed, profile_recorded, recovered,
        recovered_from, recovered_without_token, redemption_failed, rejected_by, revoked_at, updated,
        withheld,
    },
    given::{World, given},
    inspected::{Script, authorized, broken, inspected, pending, revoked},
    samples::{
        HOUR, code_refused, digest, info_granting, info_with_token, profile, silent_info, token_refused,
    },
};
use crate::{AuthorizerInfo, Because, Refusal, Status};

/// A refresh was refused an hour ago.
fn refresh_refused() -> Script {
    inspected(Because::RefreshRefused { refusal: token_refused() }).queued_ago(HOUR)
}

// A refresh token that works.

#[test]
fn a_token_that_works_makes_authorized() {
    let script = || inspected(Because::Doubt).info(info_with_token("named")).works("named");
    pending().when(script()).then([recovered(1, "named"), keep_access_token()]).is(Status::Authorized);
    broken().when(script()).then([recovered(1, "named"), keep_access_token()]).is(Status::Authorized);
    revoked()
        .when(script())
        .then([confirmed_grant(), recovered(3, "named"), keep_access_token()])
        .is(Status::Authorized);
    given([])
        .when(script())
        .then([confirmed_grant(), recovered(1, "named"), keep_access_token()])
        .is(Status::Authorized);
}

#[test]
fn a_token_that_works_at_once_is_not_asked_about_again() {
    given([granted(100, "code"), issued(1, "code", "token")])
        .when(inspected(Because::Doubt).info(info_with_token("named")).works("named"))
        .then([recovered(1, "named"), keep_access_token()]);
}

#[test]
fn a_broken_authorizer_whose_own_token_works_after_all_is_recovered_from_it() {
    broken()
        .when(inspected(Because::Doubt).info(silent_info()).works("token"))
        .then([recovered_from(RecoverySource::Held, 1, "token"), keep_access_token()])
        .is(Status::Authorized);
}

#[test]
fn a_token_that_we_hold_and_that_works_is_no_event_while_authorized() {
    authorized()
        .when(refresh_refused().info(silent_info()).not_listed().works("token"))
        .then([keep_access_token()]);
    authorized()
        .when(inspected(Because::Doubt).info(info_with_token("stale")).refused("stale").works("token"))
        .then([keep_access_token()]);
}

#[test]
fn the_token_that_a_trial_brings_is_kept_instead_of_the_one_that_was_tried() {
    let world = authorized()
        .when(refresh_refused().info(silent_info()).not_listed().rotates("token", "next"))
        .then([recovered_from(RecoverySource::Held, 1, "next"), keep_access_token()]);
    assert_eq!(world.refresh_token().as_deref(), Some("next"));
    broken()
        .when(inspected(Because::Doubt).info(info_with_token("named")).rotates("named", "next"))
        .then([recovered(1, "next"), keep_access_token()]);
}

#[test]
fn a_redemption_without_its_token_is_filled_from_the_info() {
    given([granted(100, "code"), issued_without_token(1, "code")])
        .when(inspected(Because::Redeemed).info(info_with_token("named")).works("named"))
        .then([recovered(1, "named"), keep_access_token()])
        .when(inspected(Because::Redeemed).info(info_with_token("named")))
        .then([]);
}

// Refused by number.

#[test]
fn a_refused_refresh_breaks_with_its_own_refusal() {
    for errcode in [61023, 40097, 61014] {
        let refusal = Refusal { errcode, ..token_refused() };
        let refused = || inspected(Because::RefreshRefused { refusal: refusal.clone() }).queued_ago(HOUR);
        authorized()
            .when(refused().info(info_with_token("token")).refused("token").not_listed())
            .then([rejected_by(&refusal)])
            .is(Status::Broken);
        authorized()
            .when(refused().info(info_with_token("a")).refused("a").listed("b").refused("b").refused("token"))
            .then([rejected_by(&refusal)])
            .is(Status::Broken);
    }
}

#[test]
fn a_trial_for_another_reason_breaks_with_the_last_refusal() {
    pending()
        .when(inspected(Because::Doubt).info(info_with_token("named")).refused("named").not_listed())
        .then([credentials_rejected()])
        .is(Status::Broken);
    let listed = Because::Named { refresh_token: Secret::new("named") };
    authorized()
        .when(inspected(listed).info(silent_info()).refused("named").refused("token").not_listed())
        .then([credentials_rejected()])
        .is(Status::Broken);
}

#[test]
fn a_confirmed_authorizer_whose_tokens_are_all_refused_is_broken_and_granted() {
    for world in [given([]), revoked()] {
        let script = inspected(Because::Doubt).info(info_with_token("named")).refused("named").not_listed();
        world.when(script).then([confirmed_grant(), credentials_rejected()]).is(Status::Broken);
    }
}

#[test]
fn a_rejected_token_is_not_recovered_because_it_is_still_named() {
    let listed = Because::Named { refresh_token: Secret::new("token") };
    for because in [Because::Doubt, listed] {
        let script = inspected(because).info(info_with_token("token")).refused("token").listed("token");
        broken().when(script).then([]).is(Status::Broken);
    }
    let script = inspected(Because::Doubt).info(silent_info()).refused("token").listed("token");
    broken().when(script).then([]).is(Status::Broken);
}

#[test]
fn the_rest_of_the_tokens_may_work_where_one_was_refused() {
    let script = inspected(Because::Doubt).info(info_with_token("named")).refused("named").refused("token");
    broken().when(script.listed("listed").works("listed")).leads_to_token("listed");
}

// Unreadable.

#[test]
fn an_authorizer_is_not_broken_by_an_answer_that_cannot_be_read() {
    let refused = refresh_refused;
    authorized().when(refused().info(silent_info()).not_listed().unreadable("token")).then_incomplete();
    authorized().when(refused().info(silent_info()).unreadable_list().refused("token")).then_incomplete();
    authorized().when(refused().unreadable_info().not_listed().refused("token")).then_incomplete();
    let script = refused().info(info_with_token("named")).unreadable("named").not_listed().refused("token");
    authorized().when(script).then_incomplete().is(Status::Authorized);
    pending()
        .when(inspected(Because::Doubt).unreadable_info().not_listed())
        .then_incomplete()
        .is(Status::Pending);
    authorized().when(inspected(Because::Redeemed).unreadable_info()).then_incomplete();
    given([]).when(inspected(Because::Doubt).unreadable_info().not_listed()).then_incomplete();
}

#[test]
fn what_works_counts_although_another_answer_cannot_be_read() {
    let found = |source, token| [recovered_from(source, 1, token), inspect_in_doubt(), keep_access_token()];
    broken()
        .when(inspected(Because::Doubt).unreadable_info().works("token"))
        .then(found(RecoverySource::Held, "token"));
    let script =
        inspected(Because::Doubt).unreadable_info().unreadable("token").listed("listed").works("listed");
    broken().when(script).then(found(RecoverySource::List, "listed"));
}

// No refresh token anywhere.

#[test]
fn without_any_permission_set_it_is_authorized_without_a_token() {
    let script = || inspected(Because::Doubt).info(info_granting(&[])).not_listed();
    let world = pending().when(script()).then([recovered_without_token(1)]).is(Status::Authorized);
    world.when(inspected(Because::Doubt).info(info_granting(&[]))).then([]);
    let world = revoked().when(script()).then([confirmed_grant(), recovered_without_token(3)]);
    assert_eq!(world.is(Status::Authorized).refresh_token(), None);
}

#[test]
fn after_a_redemption_that_brought_no_token_it_is_authorized_without_one() {
    let redeemed = given([granted(100, "code"), issued_without_token(1, "code")]).after(HOUR);
    for info in [silent_info(), info_granting(&[])] {
        redeemed.clone().when(inspected(Because::Doubt).info(info)).then([]);
    }
    let refused = redeemed.and([updated(200, "next"), redemption_failed("next")]).after(HOUR);
    refused
        .is(Status::Broken)
        .when(inspected(Because::Doubt).info(info_granting(&[1])).not_listed())
        .then([recovered_without_token(2), permissions_changed(&[1], &[1], &[])])
        .is(Status::Authorized);
}

#[test]
fn a_redemption_of_an_earlier_authorization_says_nothing_of_this_one() {
    let earlier = [granted(100, "code"), issued_without_token(1, "code")];
    let revoked = given(earlier).and([revoked_at(200), granted(300, "next")]).after(HOUR);
    revoked
        .when(inspected(Because::Doubt).info(info_granting(&[1])).not_listed())
        .then([permissions_changed(&[1], &[1], &[]), withheld()])
        .is(Status::Broken);
}

#[test]
fn with_permission_sets_and_a_code_that_was_never_redeemed_it_is_broken() {
    for sets in [&[1][..], &[1, 17], &[99]] {
        let script = inspected(Because::Doubt).info(info_granting(sets)).not_listed();
        pending()
            .when(script.clone())
            .then([permissions_changed(sets, sets, &[]), withheld()])
            .is(Status::Broken);
        given([]).when(script).then([confirmed_grant(), permissions_changed(sets, sets, &[]), withheld()]);
    }
}

#[test]
fn that_no_credentials_are_left_is_recorded_last() {
    let info = AuthorizerInfo { profile: Some(profile("shop")), ..info_granting(&[1]) };
    let code = Because::RedemptionRefused { digest: digest("code"), refusal: code_refused() };
    let found = || [permissions_changed(&[1], &[1], &[]), profile_recorded(profile("shop"))];
    for (script, failure) in [
        (inspected(Because::Doubt), withheld()),
        (inspected(code).queued_ago(HOUR), redemption_failed("code")),
        (refresh_refused(), credentials_rejected()),
    ] {
        let script = script.info(info.clone()).not_listed();
        let [permissions, profile] = found();
        pending().when(script.clone()).then([permissions, profile, failure.clone()]).is(Status::Broken);
        let [permissions, profile] = found();
        given([]).when(script).then([confirmed_grant(), permissions, profile, failure]).is(Status::Broken);
    }
}

#[test]
fn nobody_stays_pending_once_no_redemption_waits() {
    let answers = [
        (silent_info(), Status::Broken),
        (info_granting(&[]), Status::Authorized),
        (info_granting(&[1]), Status::Broken),
    ];
    for (info, status) in answers {
        let script = inspected(Because::Doubt).info(info).not_listed();
        for world in [pending(), given([granted(100, "code")]), revoked(), given([])] {
            world.when(script.clone()).leads_to(status);
        }
    }
}

#[test]
fn an_erased_authorizer_is_not_one_without_api_permission() {
    let world = authorized().and([erased()]);
    let script = inspected(Because::Doubt).info(info_granting(&[1])).not_listed();
    world.clone().when(script).then([permissions_changed(&[1], &[1], &[]), withheld()]).is(Status::Broken);
    world
        .when(inspected(Because::Doubt).info(info_with_token("token")).works("token"))
        .leads_to_token("token");
}

// No refresh token anywhere, and the answers may be older than the newest fact: it is recorded at second 301.

/// Nothing names a token a second after the grant; 299 seconds later the info does.
fn named_late(world: World, info: AuthorizerInfo, first: Effect) {
    world
        .when(inspected(Because::Doubt).info(info).not_listed())
        .then_again_in(299, [first])
        .after(299)
        .when(inspected(Because::Doubt).info(info_with_token("named")).works("named"))
        .leads_to_token("named");
}

#[test]
fn it_is_asked_again_while_the_answers_may_be_older_than_the_grant() {
    named_late(given([granted(100, "code")]), silent_info(), withheld());
    named_late(given([granted(100, "code")]), info_granting(&[]), recovered_without_token(1));
    let script = inspected(Because::Doubt).info(info_with_token("stale")).refused("stale").not_listed();
    given([granted(100, "code")])
        .when(script)
        .then_again_in(299, [credentials_rejected()])
        .after(298)
        .when(inspected(Because::Doubt).info(silent_info()).not_listed())
        .then([]);
}

#[test]
fn it_is_asked_again_although_the_newest_grant_was_redeemed() {
    let redeemed = given([granted(100, "code"), issued(1, "code", "token")]);
    for script in [
        refresh_refused().info(silent_info()).not_listed().refused("token"),
        refresh_refused().info(info_granting(&[])).not_listed().refused("token"),
        refresh_refused().info(info_with_token("token")).refused("token").not_listed(),
    ] {
        redeemed
            .clone()
            .when(script.clone())
            .then_again_in(298, [credentials_rejected()])
            .after(297)
            .when(script)
            .then([]);
    }
    let without_token = given([granted(100, "code"), issued_without_token(1, "code")]);
    for info in [silent_info(), info_granting(&[])] {
        without_token
            .clone()
            .and([redemption_failed("other")])
            .when(inspected(Because::Doubt).info(info).not_listed())
            .then_again_in(297, [recovered_without_token(1)])
            .is(Status::Authorized);
    }
}

#[test]
fn it_is_asked_again_until_five_minutes_after_a_refresh_was_refused() {
    let refused_ago = |seconds| refresh_refused().queued_ago(seconds);
    let hopeless = |seconds| refused_ago(seconds).info(silent_info()).not_listed().refused("token");
    for (seconds, again) in [(0, 300), (1, 299), (299, 1)] {
        authorized()
            .when(hopeless(seconds))
            .then_again_in(again, [credentials_rejected()])
            .is(Status::Broken)
            .after(again)
            .when(hopeless(seconds + again))
            .then([]);
    }
    for seconds in [300, 301, HOUR] {
        authorized().when(hopeless(seconds)).then([credentials_rejected()]).is(Status::Broken);
    }
    authorized()
        .when(hopeless(0))
        .then_again_in(300, [credentials_rejected()])
        .after(300)
        .when(refused_ago(300).info(silent_info()).listed("next").works("next"))
        .leads_to_token("next");
}

#[test]
fn an_update_since_makes_the_answers_stale_again() {
    given([granted(100, "code"), issued(1, "code", "token"), credentials_rejected()])
        .after(HOUR)
        .and([updated(HOUR + 300, "next")])
        .when(inspected(Because::Doubt).info(silent_info()).refused("token").not_listed())
        .then_again_in(299, []);
}
