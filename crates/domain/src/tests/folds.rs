//! What a state keeps beside the status: facts, times, tokens, permissions, profile.

use mandate_schema::{CreateTime, GrantedVia};

use super::{
    effects::{
        confirmed_revocation, credentials_rejected, erased, granted, granted_at, granted_by, issued,
        issued_without_token, permissions_changed, profile_recorded, recorded_at, recovered,
        redemption_failed, revoked_at, rotated, updated, updated_at,
    },
    given::given,
    samples::{code_of, digest, profile, second},
};
use crate::{Authorizer, Fact, FactKind};

// Facts.

#[test]
fn the_generation_counts_facts_and_nothing_else() {
    let world = given([granted_at(100), updated_at(200), revoked_at(300), confirmed_revocation()]);
    assert_eq!(world.state().generation, 4);
    let world = world.and([
        issued(4, "code", "token"),
        rotated(4, "token"),
        recovered(4, "token"),
        credentials_rejected(),
        redemption_failed("code"),
        permissions_changed(&[1], &[1], &[]),
        profile_recorded(profile("shop")),
        erased(),
    ]);
    assert_eq!(world.state().generation, 4);
    assert_eq!(world.and([granted_at(400)]).state().generation, 5);
}

#[test]
fn the_newest_fact_is_kept_with_its_time_and_code() {
    let grant = |time: i64, code| Fact {
        kind: FactKind::Grant,
        time: Some(CreateTime(time)),
        digest: Some(digest(code)),
    };
    let world = given([granted(100, "a")]);
    assert_eq!(world.state().newest_fact, Some(grant(100, "a")));
    let world = world.and([updated(200, "b"), issued(2, "b", "token")]);
    assert_eq!(world.state().newest_fact, Some(grant(200, "b")));
    let world = world.and([revoked_at(300)]);
    let revocation = Fact { kind: FactKind::Revocation, time: Some(CreateTime(300)), digest: None };
    assert_eq!(world.state().newest_fact, Some(revocation));
    let world = world.and([granted_by(GrantedVia::Redirect, "c")]);
    let timeless = Fact { kind: FactKind::Grant, time: None, digest: Some(digest("c")) };
    assert_eq!(world.state().newest_fact, Some(timeless));
}

#[test]
fn every_granted_code_is_remembered_and_none_twice() {
    let world = given([
        granted(100, "a"),
        updated(200, "b"),
        revoked_at(300),
        granted_by(GrantedVia::Callback, "a"),
        issued(4, "a", "token"),
    ]);
    assert_eq!(world.state().grant_digests, [digest("a"), digest("b")]);
    assert!(world.state().has_grant(digest("b")) && !world.state().has_grant(digest("c")));
}

#[test]
fn wechats_times_are_kept_and_ours_where_it_said_none() {
    let world = given([granted_at(100), revoked_at(200)]);
    assert_eq!(world.state().authorized_at, Some(second(100)));
    assert_eq!(world.state().revoked_at, Some(second(200)));
    let world = world.and([granted_by(GrantedVia::Redirect, "code"), confirmed_revocation()]);
    assert_eq!(world.state().authorized_at, Some(recorded_at(3)));
    assert_eq!(world.state().revoked_at, Some(recorded_at(4)));
}

#[test]
fn an_update_counts_as_the_last_authorization() {
    let world = given([granted_at(100), updated_at(200)]);
    assert_eq!((world.state().authorized_at, world.state().revoked_at), (Some(second(200)), None));
}

#[test]
fn each_event_tells_when_the_authorizer_changed_last() {
    let world = given([granted_at(100)]);
    assert_eq!(world.state().updated_at, recorded_at(1));
    assert_eq!(world.and([profile_recorded(None)]).state().updated_at, recorded_at(2));
}

// The refresh token. `refresh_token` opens it at the place that the state remembers.

#[test]
fn the_newest_refresh_token_is_kept_where_it_opens() {
    let code = code_of(100);
    let world = given([granted_at(100), issued(1, &code, "first")]);
    assert_eq!(world.refresh_token().as_deref(), Some("first"));
    let world = world.and([rotated(1, "second")]);
    assert_eq!(world.refresh_token().as_deref(), Some("second"));
    let world = world.and([recovered(1, "third")]);
    assert_eq!(world.refresh_token().as_deref(), Some("third"));
}

#[test]
fn a_refresh_token_is_never_overwritten_by_nothing() {
    let world = given([granted_at(100), issued(1, &code_of(100), "token"), updated(200, "code")]);
    let world = world.and([issued_without_token(2, "code")]);
    assert_eq!(world.refresh_token().as_deref(), Some("token"));
}

#[test]
fn an_update_or_a_failure_keeps_the_refresh_token() {
    let world = given([granted_at(100), issued(1, &code_of(100), "token")]);
    for event in [updated_at(200), credentials_rejected(), redemption_failed("code")] {
        assert_eq!(world.clone().and([event]).refresh_token().as_deref(), Some("token"));
    }
}

#[test]
fn a_revocation_ends_the_refresh_token_for_good() {
    let world = given([granted_at(100), issued(1, &code_of(100), "token"), revoked_at(200)]);
    assert_eq!(world.refresh_token(), None);
    let world = world.and([granted(300, "code"), issued_without_token(3, "code")]);
    assert_eq!(world.refresh_token(), None);
}

// Permissions, profile, erasure.

#[test]
fn permissions_are_those_of_the_last_change() {
    let world = given([granted_at(100), permissions_changed(&[1, 2], &[1, 2], &[])]);
    assert_eq!(world.state().permissions, [1, 2]);
    assert_eq!(world.and([permissions_changed(&[2, 3], &[3], &[1])]).state().permissions, [2, 3]);
}

#[test]
fn the_profile_is_the_last_one() {
    let world = given([granted_at(100), profile_recorded(profile("shop"))]);
    let world = world.and([profile_recorded(profile("renamed"))]);
    assert_eq!(world.state().profile, Some(profile("renamed")));
}

#[test]
fn a_profile_whose_key_was_destroyed_reads_as_none() {
    let world = given([granted_at(100), profile_recorded(profile("shop")), profile_recorded(None)]);
    assert_eq!(world.state().profile, None);
}

#[test]
fn erasing_empties_profile_and_token_and_keeps_the_history() {
    let before = given([
        granted_at(100),
        issued(1, &code_of(100), "token"),
        permissions_changed(&[1], &[1], &[]),
        profile_recorded(profile("shop")),
    ]);
    let expected = Authorizer {
        profile: None,
        refresh_token: None,
        is_erased: true,
        updated_at: recorded_at(5),
        ..before.state().clone()
    };
    assert_eq!(before.and([erased()]).state(), &expected);
}
