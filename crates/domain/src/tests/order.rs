//! Which of two facts is newer: `WeChat`'s time decides, and what has no time is unclear for a while.

use mandate_schema::GrantedVia;
use mandate_wechat::callback::Callback;

use super::{
    effects::{
        Effect, confirmed_grant, confirmed_revocation, credentials_rejected, granted, granted_at, granted_by,
        inspect_in_doubt, inspect_unclear_revocation, issued, redeem, redeem_code_of, redemption_failed,
        revoked_at, updated, updated_at, updated_by,
    },
    given::{World, given},
    samples::{
        HOUR, authorized, authorized_at, authorized_without_time, second, unauthorized_at,
        unauthorized_without_time, updateauthorized_at,
    },
};
use crate::Status;

const EITHER: [fn(i64) -> Callback; 2] = [authorized_at, updateauthorized_at];

/// Every grant that has no time of `WeChat`'s.
fn timeless_grants() -> [Effect; 4] {
    [
        granted_by(GrantedVia::Redirect, "redirect"),
        granted_by(GrantedVia::Notice, "notice"),
        granted_by(GrantedVia::ReleaseCheck, "release"),
        confirmed_grant(),
    ]
}

// A fact without a time is recorded at second 302: callbacks up to second 602 are unclear.

#[test]
fn a_late_older_grant_gives_no_old_time_to_a_fact_without_one() {
    for timeless in timeless_grants() {
        let world = given([revoked_at(500), timeless]);
        let known = (world.state().known_to, world.state().unsure_until);
        let world = world.when(authorized_at(100)).then([redeem_code_of(100)]);
        assert_eq!((world.state().known_to, world.state().unsure_until), known);
        // Between the two.
        world.when(unauthorized_at(600)).then([inspect_unclear_revocation()]);
    }
}

#[test]
fn a_revocation_between_an_old_grant_and_a_fact_without_a_time_does_not_win() {
    for timeless in timeless_grants() {
        given([timeless])
            .when(authorized_at(100))
            .then([updated_at(100), redeem_code_of(100), inspect_in_doubt()])
            .when(unauthorized_at(200))
            .then([inspect_unclear_revocation()])
            .is(Status::Pending);
    }
    given([granted_at(100), updated_by(GrantedVia::Redirect, "redirect"), issued(2, "redirect", "token")])
        .when(unauthorized_at(300))
        .then([inspect_unclear_revocation()])
        .is(Status::Authorized);
}

#[test]
fn a_grant_older_than_a_known_one_stays_old_after_a_confirmed_revocation() {
    for grant in EITHER {
        let world = given([granted_at(300), confirmed_revocation()]);
        world.clone().when(grant(299)).then([redeem_code_of(299)]).is(Status::Revoked);
        world.clone().after(HOUR).when(grant(100)).then([redeem_code_of(100)]).is(Status::Revoked);
        world.when(grant(301)).then([granted_at(301), redeem_code_of(301), inspect_in_doubt()]);
    }
}

#[test]
fn callbacks_after_the_unsure_time_are_newer_again() {
    let unsure = [
        given([revoked_at(500), granted_by(GrantedVia::Redirect, "redirect")]),
        given([revoked_at(500), confirmed_grant()]),
        given([granted_at(500), confirmed_revocation()]),
    ];
    for world in unsure.map(|world| world.after(400)) {
        for time in [501, 550, 602] {
            world.clone().when(unauthorized_at(time)).then([inspect_unclear_revocation()]);
        }
        for time in [603, 1000] {
            world.clone().when(unauthorized_at(time)).then([revoked_at(time)]).is(Status::Revoked);
        }
    }
    let world = given([granted_at(500), confirmed_revocation()]).after(400);
    let unclear = [granted_at(602), redeem_code_of(602), inspect_in_doubt()];
    world.clone().when(authorized_at(602)).then(unclear);
    world.when(authorized_at(603)).then([granted_at(603), redeem_code_of(603)]).is(Status::Pending);
}

#[test]
fn a_callback_that_is_ahead_of_our_clock_may_be_of_a_clock_that_is() {
    let world = given([confirmed_grant()]);
    for (seconds, time) in [(0, 602), (200, 602), (200, 800), (299, 602), (299, 900)] {
        let world = world.clone().after(seconds);
        world.clone().when(unauthorized_at(time)).then([inspect_unclear_revocation()]);
    }
    for (seconds, time) in [(300, 602), (300, 900), (900, 602)] {
        world.clone().after(seconds).when(unauthorized_at(time)).then([revoked_at(time)]);
    }
}

#[test]
fn the_last_fact_without_a_time_counts() {
    let world = given([confirmed_grant()]).after(200).and([confirmed_revocation()]).after(400);
    world.clone().when(unauthorized_at(802)).then([inspect_unclear_revocation()]);
    world.when(unauthorized_at(803)).then([revoked_at(803)]);
}

#[test]
fn a_fact_with_a_time_does_not_end_the_unsure_time() {
    given([confirmed_revocation()])
        .when(authorized_at(500))
        .then([granted_at(500), redeem_code_of(500), inspect_in_doubt()])
        .when(unauthorized_at(550))
        .then([inspect_unclear_revocation()])
        .when(unauthorized_at(499))
        .then([]);
}

// An older code.

#[test]
fn an_older_but_only_code_is_redeemed() {
    let held = [granted_at(300), issued(1, "other", "token")];
    let worlds = [
        given([granted_at(300)]).is(Status::Pending),
        given([granted_at(300), redemption_failed("other")]).is(Status::Broken),
        given(held.clone()).and([credentials_rejected()]).is(Status::Broken),
        given(held.clone()).and([revoked_at(400)]).is(Status::Revoked),
        given(held.clone()).and([confirmed_revocation()]).is(Status::Revoked),
        given([revoked_at(300)]).is(Status::Revoked),
    ];
    for world in worlds {
        for grant in EITHER {
            world.clone().when(grant(200)).then([redeem_code_of(200)]).is(world.state().status);
        }
    }
    for grant in EITHER {
        given(held.clone()).when(grant(200)).then([]).is(Status::Authorized);
    }
}

// A `CreateTime` in the future. The first event is recorded at second 301, so second 601 is the latest that can be meant; of
// the second event it is second 602.

/// Far in the future, by an hour, in milliseconds, and just too far.
const FUTURE: [i64; 4] = [32_503_680_000, 301 + HOUR, 301_000, 603];

#[test]
fn a_grant_in_the_future_is_unclear_and_has_no_time() {
    for time in FUTURE {
        let world = given([]).when(authorized(time, "code")).then([
            granted(time, "code"),
            redeem("code"),
            inspect_in_doubt(),
        ]);
        assert_eq!(world.state().known_to, None, "{time}");
        assert_eq!(world.state().unsure_until, Some(second(601)), "{time}");
    }
}

#[test]
fn five_minutes_ahead_is_a_time() {
    for time in [601, 600, 301] {
        let world = given([]).when(authorized(time, "code")).then([granted(time, "code"), redeem("code")]);
        assert_eq!(world.state().known_to.map(|known| known.0), Some(time));
        assert_eq!(world.state().unsure_until, None);
        given([]).when(unauthorized_at(time)).then([revoked_at(time)]);
    }
}

#[test]
fn one_time_in_the_future_makes_nothing_later_late() {
    for time in FUTURE {
        let world = given([granted(time, "code"), issued(1, "code", "token")]);
        world.clone().when(unauthorized_at(500)).then([inspect_unclear_revocation()]);
        let world = world.after(HOUR);
        world.clone().when(unauthorized_at(1000)).then([revoked_at(1000)]).is(Status::Revoked);
        world.when(authorized(1000, "next")).then([updated(1000, "next"), redeem("next")]);
    }
}

#[test]
fn a_revocation_in_the_future_is_unclear() {
    for time in FUTURE {
        given([]).when(unauthorized_at(time)).then([inspect_unclear_revocation()]);
        given([granted_at(100)]).when(unauthorized_at(time)).then([inspect_unclear_revocation()]);
    }
}

#[test]
fn more_than_five_minutes_ahead_is_no_time_and_becomes_one_as_time_passes() {
    given([]).when(unauthorized_at(601)).then([revoked_at(601)]);
    given([]).when(unauthorized_at(602)).then([inspect_unclear_revocation()]);
    given([]).after(1).when(unauthorized_at(602)).then([revoked_at(602)]);
    let world = given([granted_at(100)]);
    world.clone().when(unauthorized_at(700)).then([inspect_unclear_revocation()]);
    world.after(100).when(unauthorized_at(700)).then([revoked_at(700)]);
}

#[test]
fn a_recorded_revocation_in_the_future_hides_no_grant() {
    for time in FUTURE {
        let world = given([granted_at(100), revoked_at(time)]);
        let unclear = [granted_at(300), redeem_code_of(300), inspect_in_doubt()];
        world.clone().when(authorized_at(300)).then(unclear);
        world
            .after(HOUR)
            .when(authorized_at(1000))
            .then([granted_at(1000), redeem_code_of(1000)])
            .is(Status::Pending);
    }
}

// No `CreateTime`.

fn without_time(event: Effect) -> Effect {
    let Effect::Event(mut new) = event else { unreachable!("an event") };
    match &mut new.event {
        mandate_schema::Event::Granted(fact) | mandate_schema::Event::Updated(fact) => {
            (fact.create_time, fact.code_expires_at) = (None, None);
        }
        other => unreachable!("no grant: {other:?}"),
    }
    Effect::Event(new)
}

#[test]
fn a_grant_without_a_time_is_recorded_and_inspected() {
    let push = || authorized_without_time("code");
    let grant = without_time(granted(1, "code"));
    let update = without_time(updated(1, "code"));
    let worlds: [(World, &Effect); 4] = [
        (given([]), &grant),
        (given([granted_at(100), revoked_at(400)]), &grant),
        (given([granted_at(100)]), &update),
        (given([granted_at(100), issued(1, "other", "token")]), &update),
    ];
    for (world, fact) in worlds {
        let known_to = world.seen().and_then(|state| state.known_to);
        let world = world.when(push()).then([fact.clone(), redeem("code"), inspect_in_doubt()]);
        assert_eq!(world.state().known_to, known_to);
        world.when(push()).then([]); // the same code again
    }
}

#[test]
fn a_revocation_without_a_time_is_inspected() {
    for world in [given([]), given([granted_at(100)]), given([granted_at(100), revoked_at(200)])] {
        world.when(unauthorized_without_time()).then([inspect_unclear_revocation()]);
    }
}
