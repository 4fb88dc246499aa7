//! Confirm tasks: `api_get_authorizer_info` is believed, unless something came in between.

use mandate_schema::{RecoverySource, Secret};

use super::{
    effects::{
        Effect, confirm, confirmed_grant, confirmed_revocation, credentials_rejected, granted, granted_at,
        issued, issued_without_token, permissions_changed, profile_recorded, recovered, recovered_from,
        redemption_failed, revoked_at, rotated, updated_at,
    },
    given::{Answer, given},
    samples::{code_of, info_with_our_token, info_with_token, profile, silent_info},
};
use crate::{AccountInfo, Status};

fn authorized_world() -> super::given::World {
    given([granted(100, "code"), issued(1, "code", "token")]).is(Status::Authorized)
}

// The account authorizes us.

#[test]
fn an_authorized_account_that_is_confirmed_stays_as_it_is() {
    authorized_world().when(Answer::Confirmed(info_with_our_token("token"))).then([]).is(Status::Authorized);
    authorized_world().when(Answer::Confirmed(silent_info())).then([]).is(Status::Authorized);
}

#[test]
fn a_confirmed_account_never_seen_is_granted_without_a_time() {
    given([])
        .when(Answer::Confirmed(info_with_token("token")))
        .then([confirmed_grant(), recovered(1, "token")])
        .is(Status::Authorized);
}

#[test]
fn a_confirmed_account_that_was_revoked_is_granted_without_a_time() {
    given([granted_at(100), revoked_at(200)])
        .when(Answer::Confirmed(info_with_token("token")))
        .then([confirmed_grant(), recovered(3, "token")])
        .is(Status::Authorized);
}

#[test]
fn a_confirmed_account_without_a_token_waits_for_one() {
    given([revoked_at(100)])
        .when(Answer::Confirmed(silent_info()))
        .then([confirmed_grant()])
        .is(Status::Pending);
}

#[test]
fn a_confirmed_account_that_waits_for_its_code_takes_the_token_it_is_told() {
    given([granted_at(100)])
        .when(Answer::Confirmed(info_with_token("token")))
        .then([recovered(1, "token")])
        .is(Status::Authorized);
}

#[test]
fn a_confirmed_account_that_is_broken_is_healed_even_by_the_token_it_has() {
    let broken = given([granted(100, "code"), issued(1, "code", "token"), credentials_rejected()]);
    broken
        .is(Status::Broken)
        .when(Answer::Confirmed(info_with_our_token("token")))
        .then([recovered(1, "token")])
        .is(Status::Authorized);
}

#[test]
fn another_refresh_token_than_ours_is_recovered() {
    let world = authorized_world()
        .when(Answer::Confirmed(info_with_token("newer token")))
        .then([recovered(1, "newer token")])
        .is(Status::Authorized);
    assert_eq!(world.refresh_token().as_deref(), Some("newer token"));
}

#[test]
fn a_token_of_an_account_that_had_none_is_recovered() {
    given([granted(100, "code"), issued_without_token(1, "code")])
        .when(Answer::Confirmed(info_with_token("token")))
        .then([recovered(1, "token")]);
}

#[test]
fn the_list_is_named_as_the_source_if_it_told_the_token() {
    let info = AccountInfo { refresh_token: Some((Secret::new("t"), RecoverySource::List)), ..silent_info() };
    given([granted_at(100)]).when(Answer::Confirmed(info)).then([recovered_from(
        RecoverySource::List,
        1,
        "t",
    )]);
}

#[test]
fn an_answer_without_a_token_takes_none_away() {
    let world = authorized_world().when(Answer::Confirmed(silent_info())).then([]);
    assert_eq!(world.refresh_token().as_deref(), Some("token"));
}

#[test]
fn permissions_and_profile_come_with_the_confirmation_if_they_changed() {
    let info = AccountInfo {
        permissions: Some(vec![1, 3]),
        profile: Some(profile("renamed")),
        ..info_with_our_token("token")
    };
    authorized_world()
        .and([permissions_changed(&[1, 2], &[1, 2], &[]), profile_recorded(profile("shop"))])
        .when(Answer::Confirmed(info.clone()))
        .then([permissions_changed(&[1, 3], &[3], &[2]), profile_recorded(profile("renamed"))])
        .when(Answer::Confirmed(info))
        .then([]);
}

// 61003: it does not.

#[test]
fn a_held_account_that_is_gone_is_revoked_without_a_time() {
    let pending = given([granted(100, "code")]);
    let broken = given([granted(100, "code"), redemption_failed("code")]);
    for world in [pending, authorized_world(), broken] {
        world.when(Answer::Gone).then([confirmed_revocation()]).is(Status::Revoked);
    }
}

#[test]
fn a_revoked_account_that_is_gone_stays_as_it_is() {
    given([granted_at(100), revoked_at(200)]).when(Answer::Gone).then([]).is(Status::Revoked);
}

#[test]
fn an_account_never_seen_that_is_gone_leaves_no_trace() {
    assert_eq!(given([]).when(Answer::Gone).then([]).seen(), None);
}

#[test]
fn a_lost_revocation_is_believed_once_and_its_late_callback_asks_again() {
    authorized_world()
        .when(Answer::Gone)
        .then([confirmed_revocation()])
        .when(super::samples::unauthorized_at(200))
        .then([confirm()])
        .when(Answer::Gone)
        .then([])
        .is(Status::Revoked);
}

// Too late.

/// Both answers of a confirm task, on an account on which neither would be without effect.
#[track_caller]
fn overtaken_by(event: &Effect) {
    for answer in [Answer::Confirmed(info_with_token("told token")), Answer::Gone] {
        given([granted_at(100)]).meanwhile([event.clone()]).when(answer).then([confirm()]);
    }
}

#[test]
fn a_fact_since_the_call_overtakes_the_answer() {
    for fact in [updated_at(200), revoked_at(200), confirmed_grant(), confirmed_revocation()] {
        overtaken_by(&fact);
    }
}

#[test]
fn credentials_since_the_call_overtake_the_answer() {
    let code = code_of(100);
    for credentials in [
        issued(1, &code, "newer token"),
        issued_without_token(1, &code),
        rotated(1, "newer token"),
        recovered(1, "newer token"),
    ] {
        overtaken_by(&credentials);
    }
}

#[test]
fn what_is_neither_fact_nor_credentials_overtakes_no_answer() {
    for event in [
        permissions_changed(&[7], &[7], &[]),
        profile_recorded(profile("shop")),
        credentials_rejected(),
        redemption_failed(&code_of(100)),
    ] {
        let world = given([granted_at(100)]).meanwhile([event]);
        world.clone().when(Answer::Gone).then([confirmed_revocation()]);
        world.when(Answer::Confirmed(info_with_token("token"))).then([recovered(1, "token")]);
    }
}
