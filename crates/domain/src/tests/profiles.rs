//! Profiles are recorded when they change, for accounts that authorize us.

use super::{
    effects::{
        confirm, confirmed_revocation, erased, granted_at, issued, profile_recorded, redemption_failed,
        revoked_at, updated_at,
    },
    given::{Answer, given},
    samples::{code_of, profile},
};

fn answer(nick_name: &str) -> Answer {
    Answer::Profile(Some(profile(nick_name)))
}

#[test]
fn the_first_profile_is_recorded() {
    let world = given([granted_at(100)]).when(answer("shop")).then([profile_recorded(profile("shop"))]);
    assert_eq!(world.state().profile, Some(profile("shop")));
}

#[test]
fn a_profile_that_did_not_change_is_not_recorded_again() {
    given([granted_at(100), profile_recorded(profile("shop"))]).when(answer("shop")).then([]);
}

#[test]
fn a_profile_that_changed_is_recorded() {
    given([granted_at(100), profile_recorded(profile("shop"))])
        .when(answer("renamed"))
        .then([profile_recorded(profile("renamed"))]);
}

#[test]
fn an_answer_without_a_profile_takes_none_away() {
    let world =
        given([granted_at(100), profile_recorded(profile("shop"))]).when(Answer::Profile(None)).then([]);
    assert_eq!(world.state().profile, Some(profile("shop")));
}

#[test]
fn a_broken_account_has_a_profile_too() {
    given([granted_at(100), redemption_failed(&code_of(100))])
        .when(answer("shop"))
        .then([profile_recorded(profile("shop"))]);
}

#[test]
fn the_profile_of_an_account_that_does_not_authorize_us_is_not_kept() {
    given([]).when(answer("shop")).then([]);
    given([granted_at(100), revoked_at(200)]).when(answer("shop")).then([]);
}

#[test]
fn a_profile_overtaken_by_any_fact_is_dropped_and_asked_about() {
    for fact in [updated_at(200), revoked_at(200), confirmed_revocation()] {
        given([granted_at(100)]).meanwhile([fact]).when(answer("shop")).then([confirm()]);
    }
}

#[test]
fn credentials_do_not_overtake_a_profile() {
    given([granted_at(100)])
        .meanwhile([issued(1, &code_of(100), "token")])
        .when(answer("shop"))
        .then([profile_recorded(profile("shop"))]);
}

#[test]
fn an_erased_profile_is_recorded_again_once_the_account_authorizes_us_again() {
    given([granted_at(100), profile_recorded(profile("shop")), revoked_at(200), erased(), granted_at(300)])
        .when(answer("shop"))
        .then([profile_recorded(profile("shop"))]);
}
