//! An answer never replaces what was recorded since its call began.

use mandate_schema::{GrantedVia, Secret};

use super::{
    effects::{
        Effect, confirmed_grant, confirmed_revocation, credentials_rejected, erased, granted, granted_by,
        inspect_named, issued, issued_without_token, keep_access_token, permissions_changed,
        profile_recorded, recovered, redemption_failed, revoked_at, rotated, updated_at, updated_by,
    },
    given::{World, given},
    inspected::{authorized, broken, inspected, pending},
    samples::{
        code_refused, digest, info_granting, info_of, info_with_token, profile, silent_info, token_refused,
    },
};
use crate::{AuthorizerInfo, Because, Status};

/// No answer counts on authorizers on which none would be without effect. The refresh token that works is not lost; without one
/// it is asked again at once.
#[track_caller]
fn overtakes(event: &Effect) {
    for world in [pending(), broken()] {
        let world = world.meanwhile([event.clone()]);
        let found = || inspected(Because::Doubt).info(info_with_token("named"));
        unchanged(&world, |world| world.when(found().works("named")).then([inspect_named("named")]));
        unchanged(&world, |world| world.when(found().rotates("named", "next")).then([inspect_named("next")]));
        unchanged(&world, |world| world.when(inspected(Because::Doubt).gone()).then_again_in(0, []));
    }
    let hopeless = inspected(Because::Doubt).info(silent_info());
    let world = pending().meanwhile([event.clone()]);
    unchanged(&world, |world| world.when(hopeless.clone().not_listed()).then_again_in(0, []));
    let world = broken().meanwhile([event.clone()]);
    unchanged(&world, |world| world.when(hopeless.refused("token").not_listed()).then_again_in(0, []));
    let world = authorized().meanwhile([event.clone()]);
    let changed = AuthorizerInfo { profile: Some(profile("shop")), ..info_granting(&[1]) };
    let script = || inspected(Because::Redeemed).info(changed.clone());
    unchanged(&world, |world| world.when(script()).then_again_in(0, []));
    let named = AuthorizerInfo { refresh_token: Some(Secret::new("named")), ..changed.clone() };
    let script = inspected(Because::Redeemed).info(named).works("named");
    unchanged(&world, |world| world.when(script).then([inspect_named("named")]));
}

#[track_caller]
fn unchanged(world: &World, then: impl FnOnce(World) -> World) {
    assert_eq!(then(world.clone()).state(), world.state());
}

#[test]
fn a_fact_since_the_call_overtakes_the_answer() {
    for fact in [
        updated_at(200),
        revoked_at(200),
        granted_by(GrantedVia::Redirect, "redirect"),
        updated_by(GrantedVia::Redirect, "redirect"),
        confirmed_grant(),
        confirmed_revocation(),
    ] {
        overtakes(&fact);
    }
}

#[test]
fn credentials_since_the_call_overtake_the_answer() {
    for credentials in [
        issued(1, "code", "newer token"),
        issued_without_token(1, "code"),
        rotated(1, "newer token"),
        recovered(1, "newer token"),
    ] {
        overtakes(&credentials);
    }
}

#[test]
fn what_overtook_the_answer_is_there_when_it_is_asked_again() {
    let world = pending()
        .meanwhile([recovered(1, "newer")])
        .when(inspected(Because::Doubt).info(info_with_token("older")).works("older"))
        .then([inspect_named("older")]);
    let late = || inspected(Because::Named { refresh_token: Secret::new("older") });
    world
        .clone()
        .when(late().info(info_with_token("newer")).works("newer"))
        .then([keep_access_token()])
        .when(late().info(silent_info()).refused("older").works("newer"))
        .then([keep_access_token()]);
    world.when(late().info(silent_info()).works("older")).leads_to_token("older");
    pending()
        .meanwhile([revoked_at(200)])
        .when(inspected(Because::Doubt).gone())
        .then_again_in(0, [])
        .when(inspected(Because::Doubt).gone())
        .then([]);
}

#[test]
fn permissions_since_the_call_are_not_replaced() {
    let newer = permissions_changed(&[1, 2], &[1, 2], &[]);
    let world = authorized()
        .meanwhile([newer.clone()])
        .when(inspected(Because::Redeemed).info(info_granting(&[3])))
        .then_again_in(0, []);
    assert_eq!(world.state().permissions, [1, 2]);
    authorized().meanwhile([newer]).when(inspected(Because::Redeemed).info(info_granting(&[1, 2]))).then([]);
}

#[test]
fn a_profile_since_the_call_is_not_replaced() {
    let newer = profile_recorded(profile("newer"));
    let world = authorized()
        .meanwhile([newer.clone()])
        .when(inspected(Because::Redeemed).info(info_of("older")))
        .then_again_in(0, []);
    assert_eq!(world.state().profile, Some(profile("newer")));
    authorized().meanwhile([newer]).when(inspected(Because::Redeemed).info(info_of("newer"))).then([]);
}

#[test]
fn permissions_or_a_profile_since_the_call_replace_nothing_but_themselves() {
    let info = AuthorizerInfo { profile: Some(profile("shop")), ..info_granting(&[3]) };
    authorized()
        .meanwhile([permissions_changed(&[1], &[1], &[])])
        .when(inspected(Because::Redeemed).info(info.clone()))
        .then_again_in(0, [profile_recorded(profile("shop"))]);
    authorized()
        .meanwhile([profile_recorded(profile("newer"))])
        .when(inspected(Because::Redeemed).info(info))
        .then_again_in(0, [permissions_changed(&[3], &[3], &[])]);
}

#[test]
fn what_is_neither_fact_nor_credentials_overtakes_no_answer() {
    for event in [
        permissions_changed(&[7], &[7], &[]),
        profile_recorded(profile("shop")),
        credentials_rejected(),
        redemption_failed("code"),
        erased(),
    ] {
        let world = pending().meanwhile([event]);
        world.clone().when(inspected(Because::Doubt).gone()).then([confirmed_revocation()]);
        world
            .when(inspected(Because::Doubt).info(info_with_token("named")).works("named"))
            .leads_to_token("named");
    }
}

#[test]
fn what_was_recorded_before_the_call_overtakes_nothing() {
    authorized()
        .and([permissions_changed(&[1], &[1], &[]), profile_recorded(profile("shop")), rotated(1, "next")])
        .meanwhile([])
        .when(inspected(Because::Redeemed).info(silent_info()))
        .then([]);
}

// An answer may be as old as the newest fact, which is recorded at second 301.

#[test]
fn that_it_is_gone_counts_at_once_and_is_asked_again_if_it_may_be_older_than_the_newest_grant() {
    let just_granted = given([granted(100, "code"), issued(1, "code", "token")]);
    for because in [Because::Redeemed, Because::Doubt] {
        let gone = just_granted.clone().when(inspected(because.clone()).gone());
        let world = gone.then_again_in(298, [confirmed_revocation()]).is(Status::Revoked).after(298);
        world.clone().when(inspected(because.clone()).gone()).then([]).is(Status::Revoked);
        // "Still authorized" is put off until five minutes after that revocation.
        let script = inspected(because).info(info_with_token("token"));
        let world = world.when(script.clone()).then_again_in(1, []).after(1);
        world.when(script.works("token")).leads_to_token("token");
    }
    just_granted.after(298).when(inspected(Because::Redeemed).gone()).then([confirmed_revocation()]);
}

#[test]
fn that_it_is_gone_is_asked_again_if_it_may_be_older_than_the_refused_code() {
    let because = Because::RedemptionRefused { digest: digest("code"), refusal: code_refused() };
    pending()
        .when(inspected(because).queued_ago(1).gone())
        .then_again_in(299, [redemption_failed("code"), confirmed_revocation()]);
}

#[test]
fn that_it_is_gone_is_asked_again_if_it_may_be_older_than_the_refused_refresh() {
    let gone =
        |seconds| inspected(Because::RefreshRefused { refusal: token_refused() }).queued_ago(seconds).gone();
    for (seconds, again) in [(0, 300), (1, 299), (299, 1)] {
        authorized().when(gone(seconds)).then_again_in(again, [confirmed_revocation()]);
    }
    authorized().when(gone(300)).then([confirmed_revocation()]);
}
