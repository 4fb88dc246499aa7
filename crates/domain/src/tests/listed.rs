//! What the list says, beside what the log says.

use mandate_schema::{CreateTime, GrantedVia, RecoverySource, Secret};

use super::{
    effects::{
        Effect, confirmed_grant, confirmed_revocation, credentials_rejected, granted, granted_by,
        inspect_in_doubt, inspect_named, issued, issued_without_token, reconciled_grant, reconciled_update,
        recorded_at, recovered_from, revoked_at, updated,
    },
    given::{World, effects, given},
    samples::second,
};
use crate::{Compared, Listed, Status, decide_listed};

/// When the outcome is recorded: long after the histories of these tests.
const NOW: i64 = 2_000_000;

fn listed(time: Option<i64>, token: Option<&str>, token_is_ours: bool) -> Listed {
    Listed { auth_time: time.map(CreateTime), refresh_token: token.map(Secret::new), token_is_ours }
}

/// The list names the first token of these histories, or another one, or none.
fn with_ours(time: i64) -> Listed {
    listed(Some(time), Some("first"), true)
}

fn with_another(time: i64) -> Listed {
    listed(Some(time), Some("token"), false)
}

fn without(time: i64) -> Listed {
    listed(Some(time), None, false)
}

#[track_caller]
fn compares<const N: usize>(world: &World, listed: Listed, expected: (Compared, [Effect; N])) {
    let said = format!("{listed:?} after {:?}", world.history());
    let (decision, compared) = decide_listed(world.seen(), listed, second(NOW));
    assert_eq!((compared, effects(&decision)), (expected.0, Vec::from(expected.1)), "{said}");
}

#[track_caller]
fn unchanged(world: &World, listed: Listed) {
    compares(world, listed, (Compared::Unchanged, []));
}

#[track_caller]
fn asks(world: &World, listed: Listed, compared: Compared) {
    let asks = match &listed.refresh_token {
        Some(token) if compared == Compared::OtherToken => inspect_named(token.expose()),
        Some(_) | None => inspect_in_doubt(),
    };
    compares(world, listed, (compared, [asks]));
}

fn recovered(generation: u64) -> Effect {
    recovered_from(RecoverySource::List, generation, "token")
}

#[test]
fn an_authorizer_that_we_never_heard_of_is_granted_with_its_token() {
    let world = World::default();
    for time in [1, 200, NOW, NOW + 300] {
        compares(&world, with_another(time), (Compared::Granted, [reconciled_grant(time), recovered(1)]));
        compares(
            &world,
            without(time),
            (Compared::WithoutToken, [reconciled_grant(time), inspect_in_doubt()]),
        );
    }
}

#[test]
fn a_time_that_is_missing_or_ahead_of_our_clock_is_no_time() {
    let authorized = given([granted(100, "code"), issued(1, "code", "first")]);
    for time in [None, Some(NOW + 301), Some(NOW * 1_000), Some(i64::MAX)] {
        asks(&World::default(), listed(time, Some("token"), false), Compared::ToConfirm);
        asks(&World::default(), listed(time, None, false), Compared::ToConfirm);
        unchanged(&authorized, listed(time, Some("first"), true));
        asks(&authorized, listed(time, Some("token"), false), Compared::OtherToken);
    }
}

#[test]
fn a_revocation_stays_unless_the_list_is_newer() {
    let world = given([granted(100, "code"), issued(1, "code", "first"), revoked_at(200)]);
    for time in [0, 100, 199, 200] {
        asks(&world, with_another(time), Compared::ToConfirm);
        asks(&world, without(time), Compared::ToConfirm);
    }
    asks(&world, listed(None, Some("token"), false), Compared::ToConfirm);
    for time in [201, 5_000, NOW] {
        compares(
            &world,
            with_another(time),
            (Compared::Granted, [reconciled_grant(time), inspect_named("token")]),
        );
        compares(
            &world,
            without(time),
            (Compared::WithoutToken, [reconciled_grant(time), inspect_in_doubt()]),
        );
    }
}

/// A fact without a time may hide newer ones for five minutes after it was recorded.
#[test]
fn a_fact_without_a_time_is_only_overtaken_after_its_window() {
    let revoked = given([granted(100, "code"), confirmed_revocation()]);
    let window = recorded_at(2).as_second() + 300;
    for time in [100, 101, 200, recorded_at(2).as_second(), window] {
        asks(&revoked, with_another(time), Compared::ToConfirm);
    }
    let time = window + 1;
    compares(
        &revoked,
        with_another(time),
        (Compared::Granted, [reconciled_grant(time), inspect_named("token")]),
    );

    for grant in [confirmed_grant(), granted_by(GrantedVia::Redirect, "code")] {
        let held = given([grant, issued(1, "code", "first")]);
        let window = recorded_at(1).as_second() + 300;
        for time in [100, recorded_at(1).as_second(), window] {
            unchanged(&held, with_ours(time));
            asks(&held, with_another(time), Compared::OtherToken);
        }
        let time = window + 1;
        compares(&held, with_ours(time), (Compared::Updated, [reconciled_update(time), inspect_in_doubt()]));
    }
}

/// Whatever we hold: the merchant has confirmed again, and the callback was lost.
#[test]
fn a_newer_time_updates_whom_we_hold_and_a_task_asks() {
    let pending = given([granted(100, "code")]);
    let authorized = given([granted(100, "code"), issued(1, "code", "first")]);
    let updated =
        given([granted(50, "a"), issued(1, "a", "old"), updated(100, "b"), issued(2, "b", "first")]);
    let broken = given([granted(100, "code"), issued(1, "code", "first"), credentials_rejected()]);
    for world in [pending, authorized, updated, broken] {
        for time in [101, 5_000, NOW + 300] {
            for listed in [with_ours(time), with_another(time), without(time)] {
                compares(&world, listed, (Compared::Updated, [reconciled_update(time), inspect_in_doubt()]));
            }
        }
    }
}

#[test]
fn an_authorizer_that_works_keeps_its_token_and_another_one_is_tried() {
    let world = given([granted(100, "code"), issued(1, "code", "first")]);
    for time in [0, 99, 100] {
        unchanged(&world, with_ours(time));
        unchanged(&world, without(time));
        asks(&world, with_another(time), Compared::OtherToken);
    }
    let without_any = given([granted(100, "code"), issued_without_token(1, "code")]);
    asks(&without_any, without(100), Compared::ToConfirm);
    asks(&without_any, with_another(100), Compared::OtherToken);
}

/// A list that still names a token does not prove that it works.
#[test]
fn an_authorizer_that_does_not_work_is_asked_about() {
    let pending = given([granted(100, "code")]);
    asks(&pending, with_another(100), Compared::OtherToken);
    asks(&pending, without(100), Compared::WithoutToken);
    let broken = given([granted(100, "code"), issued(1, "code", "first"), credentials_rejected()]);
    assert_eq!(broken.state().status, Status::Broken);
    asks(&broken, with_ours(100), Compared::ToConfirm);
    asks(&broken, with_another(100), Compared::OtherToken);
    asks(&broken, without(100), Compared::WithoutToken);
}
