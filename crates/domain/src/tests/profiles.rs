//! Profiles are recorded when they change, for authorizers that authorize us.

use mandate_schema::Secret;

use super::{
    effects::{
        confirmed_revocation, erased, granted_at, issued, keep_access_token, profile_recorded, recovered,
        revoked_at, updated_at,
    },
    given::given,
    inspected::{Script, authorized, broken, inspected},
    samples::{HOUR, code_of, info_of, profile, silent_info},
};
use crate::{AuthorizerInfo, Because};

/// The inspection after a redemption: its answer has the profile and nothing else.
fn answer(nick_name: &str) -> Script {
    inspected(Because::Redeemed).info(info_of(nick_name))
}

#[test]
fn the_first_profile_is_recorded() {
    let world = authorized().when(answer("shop")).then([profile_recorded(profile("shop"))]);
    assert_eq!(world.state().profile, Some(profile("shop")));
}

#[test]
fn a_profile_is_recorded_at_once_after_a_redemption() {
    given([granted_at(100), issued(1, &code_of(100), "token")])
        .when(answer("shop"))
        .then([profile_recorded(profile("shop"))]);
}

#[test]
fn a_profile_that_did_not_change_is_not_recorded_again() {
    authorized().and([profile_recorded(profile("shop"))]).when(answer("shop")).then([]);
}

#[test]
fn a_profile_that_changed_is_recorded() {
    authorized()
        .and([profile_recorded(profile("shop"))])
        .when(answer("renamed"))
        .then([profile_recorded(profile("renamed"))]);
}

#[test]
fn an_answer_without_a_profile_takes_none_away() {
    let script = inspected(Because::Redeemed).info(silent_info());
    let world = authorized().and([profile_recorded(profile("shop"))]).when(script).then([]);
    assert_eq!(world.state().profile, Some(profile("shop")));
}

#[test]
fn a_broken_authorizer_has_a_profile_too() {
    let script = inspected(Because::Doubt).info(info_of("shop")).refused("token").not_listed();
    broken().when(script).then([profile_recorded(profile("shop"))]);
}

#[test]
fn credentials_and_profile_come_with_one_answer() {
    let info = AuthorizerInfo { refresh_token: Some(Secret::new("named")), ..info_of("shop") };
    broken().when(inspected(Because::Doubt).info(info).works("named")).then([
        recovered(1, "named"),
        profile_recorded(profile("shop")),
        keep_access_token(),
    ]);
}

#[test]
fn nothing_is_kept_of_an_authorizer_that_does_not_authorize_us() {
    given([]).when(inspected(Because::Redeemed).gone()).then([]);
    given([granted_at(100), revoked_at(200)]).when(inspected(Because::Redeemed).gone()).then([]);
}

#[test]
fn a_profile_overtaken_by_a_fact_or_by_credentials_is_dropped_and_asked_for_again() {
    let code = code_of(100);
    for event in [updated_at(200), revoked_at(200), confirmed_revocation(), issued(1, &code, "other token")] {
        authorized().meanwhile([event]).when(answer("shop")).then_again_in(0, []);
    }
}

#[test]
fn a_profile_overtaken_by_another_is_dropped_and_asked_for_again() {
    let world = authorized().meanwhile([profile_recorded(profile("renamed"))]);
    let world = world.when(answer("shop")).then_again_in(0, []);
    assert_eq!(world.state().profile, Some(profile("renamed")));
    world.when(answer("renamed")).then([]);
}

#[test]
fn an_erased_profile_is_recorded_again_once_the_authorizer_authorizes_us_again() {
    given([granted_at(100), profile_recorded(profile("shop")), revoked_at(200), erased(), granted_at(300)])
        .and([issued(3, &code_of(300), "token")])
        .after(HOUR)
        .when(answer("shop"))
        .then([profile_recorded(profile("shop"))]);
}
