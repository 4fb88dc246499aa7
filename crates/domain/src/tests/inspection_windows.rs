//! Until when an answer may be older than the facts: five minutes after all of them had happened, by our clock.

use mandate_schema::GrantedVia;

use super::{
    effects::{
        Effect, confirmed_grant, confirmed_revocation, granted, granted_at, granted_by, granted_without_code,
        issued, permissions_changed, reconciled_grant, redemption_failed, revoked_at, updated, updated_at,
        updated_by, updated_without_code, withheld,
    },
    given::{World, given},
    inspected::{authorized, inspected},
    samples::{HOUR, info_granting, info_with_token, second, silent_info},
};
use crate::Because;

/// Far in the future, and in milliseconds.
const FUTURE: [i64; 2] = [32_503_680_000, 301_000_000];

/// Every fact with a time of `WeChat`'s.
const TIMED: [fn(i64) -> Effect; 6] =
    [granted_at, updated_at, revoked_at, granted_without_code, updated_without_code, reconciled_grant];

/// Every fact without a usable time.
fn timeless() -> impl Iterator<Item = Effect> {
    let without = [
        confirmed_grant(),
        confirmed_revocation(),
        granted_by(GrantedVia::Redirect, "redirect"),
        updated_by(GrantedVia::Notice, "notice"),
    ];
    let in_the_future = TIMED.into_iter().flat_map(|fact| FUTURE.map(fact));
    without.into_iter().chain(in_the_future)
}

fn happened_by(world: &World) -> Option<i64> {
    world.state().happened_by.map(jiff::Timestamp::as_second)
}

// By when all facts had happened. The first event is recorded at second 301.

#[test]
fn a_fact_had_happened_when_it_was_recorded_or_five_minutes_after_its_time() {
    let samples = [
        (100, 0, 301),
        (300, 0, 301),
        (601, 0, 301), // WeChat's clock is ahead
        (100, 98, 399),
        (100, 99, 400),
        (100, 100, 400),
        (100, HOUR, 400),
        (1, 0, 301),
        (0, 0, 300),
        (HOUR, HOUR, HOUR + 300),
        (HOUR, HOUR - 2, HOUR + 299),
    ];
    for (time, passed, by) in samples {
        for fact in TIMED {
            let world = World::default().after(passed).and([fact(time)]);
            assert_eq!(happened_by(&world), Some(by), "{time}, recorded {passed} s later");
        }
    }
}

#[test]
fn a_fact_without_a_usable_time_had_happened_when_it_was_recorded() {
    for fact in timeless() {
        assert_eq!(happened_by(&given([fact.clone()])), Some(301), "{fact:?}");
        assert_eq!(happened_by(&World::default().after(HOUR).and([fact])), Some(301 + HOUR));
    }
}

#[test]
fn an_older_fact_that_is_recorded_later_changes_nothing() {
    for newer in timeless().chain([updated_at(HOUR + 1), revoked_at(HOUR + 300)]) {
        let world = World::default().after(HOUR).and([newer]);
        for older in TIMED {
            let world = world.clone().and([older(100)]);
            assert_eq!(happened_by(&world), Some(301 + HOUR), "after {:?}", world.history());
            assert_eq!(happened_by(&world.after(HOUR).and([older(200)])), Some(301 + HOUR));
        }
    }
}

#[test]
fn a_newer_fact_is_what_all_have_happened_by() {
    let world = given([granted_at(100), updated_at(200)]);
    assert_eq!(happened_by(&world), Some(302));
    let world = world.after(HOUR).and([updated_at(300)]);
    assert_eq!(happened_by(&world), Some(600));
    assert_eq!(happened_by(&world.clone().and([revoked_at(HOUR)])), Some(HOUR + 300));
    assert_eq!(happened_by(&world.and([confirmed_revocation()])), Some(HOUR + 304));
}

#[test]
fn it_never_goes_back_when_our_clock_does() {
    let mut world = given([confirmed_grant()]);
    let Effect::Event(new) = confirmed_revocation() else { unreachable!("an event") };
    world.record_at(&new, second(200));
    assert_eq!(happened_by(&world), Some(301));
}

#[test]
fn without_a_fact_nothing_has_happened() {
    assert_eq!(happened_by(&given([redemption_failed("code"), issued(0, "code", "token")])), None);
}

// What follows for answers. That an authorizer is gone is asked again while it may be older than the facts.

#[track_caller]
fn may_be_older_for(world: World, seconds: i64) {
    let gone = || inspected(Because::Doubt).gone();
    world.clone().when(gone()).then_again_in(seconds, [confirmed_revocation()]);
    world.clone().after(seconds - 1).when(gone()).then_again_in(1, [confirmed_revocation()]);
    world.after(seconds).when(gone()).then([confirmed_revocation()]);
}

#[test]
fn a_callback_that_was_recorded_long_after_it_happened_makes_no_answer_stale() {
    let late = [granted(100, "late"), granted_without_code(200), reconciled_grant(300)];
    for late in late {
        let world = World::default().after(HOUR).and([late]);
        world.clone().when(inspected(Because::Doubt).gone()).then([confirmed_revocation()]);
        world.when(inspected(Because::Doubt).info(silent_info()).not_listed()).then([withheld()]);
    }
    for late in [updated(200, "late"), updated_without_code(300)] {
        let world = authorized().and([late]);
        world.clone().when(inspected(Because::Doubt).gone()).then([confirmed_revocation()]);
        world.clone().when(inspected(Because::Doubt).info(info_with_token("token"))).then([]);
        world.when(inspected(Because::Redeemed).info(info_granting(&[1]))).then([permissions_changed(
            &[1],
            &[1],
            &[],
        )]);
    }
}

#[test]
fn a_callback_that_was_late_by_minutes_makes_answers_stale_for_the_rest() {
    for (late_by, seconds) in [(0, 299), (200, 299), (299, 299), (300, 299), (301, 298), (500, 99), (598, 1)]
    {
        let time = 301 + HOUR - late_by;
        may_be_older_for(World::default().after(HOUR).and([granted_at(time)]), seconds);
        let world = given([granted_at(100)]).after(HOUR - 1).and([updated_at(time)]);
        may_be_older_for(world, seconds);
    }
    for late_by in [599, 600, HOUR] {
        let world = World::default().after(HOUR).and([granted_at(301 + HOUR - late_by)]);
        world.when(inspected(Because::Doubt).gone()).then([confirmed_revocation()]);
    }
}

#[test]
fn a_fact_without_a_time_makes_answers_stale_from_its_recording() {
    let grants = [confirmed_grant(), granted_by(GrantedVia::Redirect, "code"), granted_at(FUTURE[0])];
    for fact in grants {
        may_be_older_for(given([fact.clone()]), 299);
        may_be_older_for(World::default().after(HOUR).and([fact.clone()]), 299);
        may_be_older_for(authorized().and([fact]), 299);
    }
}

#[test]
fn an_older_fact_that_is_recorded_later_does_not_shorten_that() {
    for newer in [updated_at(HOUR + 300), confirmed_grant(), updated_by(GrantedVia::Redirect, "next")] {
        for older in [updated_at(100), updated_without_code(HOUR - 200), reconciled_grant(200)] {
            may_be_older_for(authorized().and([newer.clone(), older]), 298);
        }
    }
}
