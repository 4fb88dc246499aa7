//! What a state keeps about order: `WeChat`'s times, what hides them, and which authorization its credentials are of.

use mandate_schema::{CreateTime, GrantedVia};

use super::{
    effects::{
        Effect, confirmed_grant, confirmed_revocation, credentials_rejected, erased, granted, granted_at,
        granted_by, granted_without_code, issued, issued_without_token, permissions_changed,
        profile_recorded, reconciled_grant, recorded_at, recovered, recovered_without_token,
        redemption_failed, revoked_at, rotated, updated, updated_at, updated_by, updated_without_code,
    },
    given::{World, given},
    samples::{HOUR, digest, profile, second},
};
use crate::{Authorizer, Redemption, order::Age};

/// Events that are no facts.
fn no_facts() -> [Effect; 9] {
    [
        issued(1, "code", "token"),
        rotated(1, "token"),
        recovered(1, "token"),
        recovered_without_token(1),
        credentials_rejected(),
        redemption_failed("code"),
        permissions_changed(&[1], &[1], &[]),
        profile_recorded(profile("shop")),
        erased(),
    ]
}

/// Far in the future, by an hour, in milliseconds, and just too far for the second event.
const FUTURE: [i64; 4] = [32_503_680_000, 301 + HOUR, 301_000, 603];

// The greatest of `WeChat`'s times.

fn known_to(world: &World) -> Option<i64> {
    world.state().known_to.map(|time| time.0)
}

#[test]
fn the_greatest_time_of_a_fact_is_known() {
    let facts: [(Effect, i64); 6] = [
        (granted_at(100), 100),
        (updated_at(300), 300),
        (revoked_at(200), 300),
        (granted_without_code(400), 400),
        (updated_without_code(350), 400),
        (reconciled_grant(500), 500),
    ];
    let mut world = World::default();
    for (fact, known) in facts {
        world = world.and([fact]);
        assert_eq!(known_to(&world), Some(known), "after {:?}", world.history());
    }
}

#[test]
fn a_fact_without_a_time_teaches_none_and_forgets_none() {
    for timeless in [confirmed_grant(), confirmed_revocation(), granted_by(GrantedVia::Redirect, "code")] {
        assert_eq!(known_to(&given([timeless.clone()])), None);
        assert_eq!(known_to(&given([granted_at(300), timeless])), Some(300));
    }
}

#[test]
fn a_time_in_the_future_is_not_known() {
    for time in FUTURE {
        for fact in [updated_at(time), revoked_at(time), updated_without_code(time)] {
            assert_eq!(known_to(&given([granted_at(300), fact])), Some(300), "{time}");
        }
    }
    assert_eq!(known_to(&given([granted_at(300), updated_at(602)])), Some(602));
}

#[test]
fn only_facts_teach_times() {
    for event in no_facts() {
        let world = given([granted_at(100), event]);
        let state = world.state();
        let kept = (known_to(&world), state.unsure_until, state.provisional_until, state.happened_by);
        assert_eq!(kept, (Some(100), None, None, Some(recorded_at(1))), "after {:?}", world.history());
    }
}

#[test]
fn our_time_stands_in_for_one_in_the_future() {
    for time in FUTURE {
        let world = given([granted_at(time), revoked_at(time)]);
        assert_eq!(world.state().authorized_at, Some(recorded_at(1)));
        assert_eq!(world.state().revoked_at, Some(recorded_at(2)));
    }
}

#[test]
fn newer_than_known_is_what_a_callback_would_be_newer_by() {
    let is_newer = |world: &World, time| {
        Age::of(Some(CreateTime(time)), world.seen().map(Authorizer::known).unwrap_or_default(), world.now())
            == Age::Newer
    };
    let known = given([granted_at(300)]);
    assert_eq!([299, 300, 301, 1000].map(|time| is_newer(&known, time)), [false, false, true, false]);
    let unsure = given([granted_at(300), confirmed_revocation()]).after(HOUR);
    assert_eq!([301, 602, 603].map(|time| is_newer(&unsure, time)), [false, false, true]);
}

// Until when a fact without a time may hide newer callbacks.

#[test]
fn a_fact_without_a_usable_time_makes_unsure_for_five_minutes() {
    let timeless =
        [confirmed_grant(), confirmed_revocation(), granted_by(GrantedVia::Notice, "code")].into_iter();
    for fact in timeless.chain(FUTURE.map(granted_at)).chain(FUTURE.map(revoked_at)) {
        assert_eq!(given([fact]).state().unsure_until, Some(second(601)));
    }
    assert_eq!(given([granted_at(100), updated_at(200), revoked_at(300)]).state().unsure_until, None);
}

#[test]
fn being_unsure_is_only_ever_prolonged() {
    let world = given([confirmed_grant()]).after(100);
    let later = world.clone().and([updated_by(GrantedVia::Redirect, "code")]);
    assert_eq!(later.state().unsure_until, Some(second(702)));
    assert_eq!(world.and([updated_at(300), revoked_at(400)]).state().unsure_until, Some(second(601)));
}

#[test]
fn being_unsure_never_goes_back_when_our_clock_does() {
    let mut world = given([confirmed_grant()]);
    let Effect::Event(new) = confirmed_revocation() else { unreachable!("an event") };
    world.record_at(&new, second(200));
    assert_eq!(world.state().unsure_until, Some(second(601)));
}

// Until when "still authorized" may be older than the last revocation.

fn provisional_until(world: &World) -> Option<i64> {
    world.state().provisional_until.map(jiff::Timestamp::as_second)
}

#[test]
fn a_revocation_makes_answers_provisional_for_five_minutes() {
    for revocation in [revoked_at(200), confirmed_revocation(), revoked_at(FUTURE[0])] {
        let world = given([granted_at(100), revocation]);
        assert_eq!(provisional_until(&world), Some(602));
        assert_eq!(provisional_until(&world.after(100).and([revoked_at(300)])), Some(703));
    }
    assert_eq!(provisional_until(&given([granted_at(100)])), None);
}

#[test]
fn a_grant_that_is_clearly_newer_ends_that() {
    let revoked = given([granted_at(100), revoked_at(200)]);
    for grant in [granted_at(201), granted_without_code(300), reconciled_grant(400)] {
        assert_eq!(provisional_until(&revoked.clone().and([grant])), None);
    }
    for grant in
        [granted_at(200), granted_by(GrantedVia::Redirect, "next"), confirmed_grant(), granted_at(604)]
    {
        let kept = provisional_until(&revoked.clone().and([grant.clone()]));
        assert_eq!(kept, Some(602), "{grant:?}");
    }
}

#[test]
fn issued_credentials_end_that_and_others_do_not() {
    let revoked = given([granted_at(100), revoked_at(200), confirmed_grant()]);
    for issued in [issued(3, "next", "token"), issued_without_token(3, "next")] {
        assert_eq!(provisional_until(&revoked.clone().and([issued])), None);
    }
    for other in [rotated(3, "token"), recovered(3, "token"), recovered_without_token(3), erased()] {
        assert_eq!(provisional_until(&revoked.clone().and([other])), Some(602));
    }
}

// The last redemption of the authorization.

fn redemption(code: &str, generation: u64, with_token: bool) -> Redemption {
    Redemption { digest: digest(code), generation, with_token }
}

#[test]
fn the_last_redemption_is_kept_with_what_it_brought() {
    let world = given([granted(100, "a"), issued(1, "a", "token")]);
    assert_eq!(world.state().redemption, Some(redemption("a", 1, true)));
    let world = world.and([updated(200, "b")]);
    assert_eq!(world.state().redemption, Some(redemption("a", 1, true)));
    let world = world.and([issued_without_token(2, "b")]);
    assert_eq!(world.state().redemption, Some(redemption("b", 2, false)));
    for event in [recovered(2, "other"), rotated(2, "other"), credentials_rejected(), erased()] {
        assert_eq!(world.clone().and([event]).state().redemption, Some(redemption("b", 2, false)));
    }
}

#[test]
fn a_redemption_ends_with_its_authorization() {
    let world = given([granted(100, "a"), issued_without_token(1, "a")]);
    for ending in [revoked_at(200), confirmed_revocation(), granted_at(300), confirmed_grant()] {
        assert_eq!(world.clone().and([ending]).state().redemption, None);
    }
}

#[test]
fn each_code_that_failed_is_kept_once() {
    let world = given([granted(100, "a"), redemption_failed("a"), redemption_failed("b")]);
    let world = world.and([updated_at(200), redemption_failed("a"), credentials_rejected()]);
    assert_eq!(world.state().failed_digests, [digest("a"), digest("b")]);
}

// Whether it was erased since.

#[test]
fn it_is_erased_until_a_fact_or_credentials_come() {
    let world = given([granted_at(100), issued(1, "code", "token"), erased()]);
    assert!(world.state().is_erased);
    let tells = [
        updated_at(200),
        revoked_at(200),
        confirmed_revocation(),
        issued(1, "code", "token"),
        rotated(1, "token"),
        recovered(1, "token"),
    ];
    for event in tells {
        assert!(!world.clone().and([event.clone()]).state().is_erased, "{event:?}");
        assert!(world.clone().and([event, erased()]).state().is_erased);
    }
    for event in [credentials_rejected(), redemption_failed("code"), profile_recorded(None), erased()] {
        assert!(world.clone().and([event.clone()]).state().is_erased, "{event:?}");
    }
}
