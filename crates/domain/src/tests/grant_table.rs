//! `authorized` and `updateauthorized`: one cell of the table after the other.

use mandate_schema::GrantedVia;
use mandate_wechat::callback::Callback;

use super::{
    effects::{
        Effect, confirmed_grant, confirmed_revocation, credentials_rejected, granted, granted_at, granted_by,
        inspect_in_doubt, issued, permissions_changed, redeem, redeem_code_of, redemption_failed, revoked_at,
        rotated, updated, updated_at,
    },
    given::given,
    samples::{
        authorized, authorized_at, callback, code_of, unauthorized_at, updateauthorized, updateauthorized_at,
    },
};
use crate::Status;

/// Both `InfoType`s. Our state decides what they mean, so each cell holds for either.
const EITHER: [fn(i64) -> Callback; 2] = [authorized_at, updateauthorized_at];

// Newer than the newest fact, or the first.

#[test]
fn the_first_grant_of_an_authorizer_is_granted_and_its_code_redeemed() {
    for grant in EITHER {
        given([]).when(grant(100)).then([granted_at(100), redeem_code_of(100)]).is(Status::Pending);
    }
}

#[test]
fn a_newer_grant_of_a_pending_authorizer_is_an_update() {
    for grant in EITHER {
        given([granted_at(100)])
            .when(grant(200))
            .then([updated_at(200), redeem_code_of(200)])
            .is(Status::Pending);
    }
}

#[test]
fn a_newer_grant_of_an_authorized_authorizer_is_an_update() {
    for grant in EITHER {
        given([granted_at(100), issued(1, &code_of(100), "token")])
            .when(grant(200))
            .then([updated_at(200), redeem_code_of(200)])
            .is(Status::Authorized);
    }
}

#[test]
fn a_newer_grant_of_a_broken_authorizer_is_an_update() {
    for grant in EITHER {
        given([granted_at(100), redemption_failed(&code_of(100))])
            .when(grant(200))
            .then([updated_at(200), redeem_code_of(200)])
            .is(Status::Broken);
    }
}

#[test]
fn a_newer_grant_of_a_revoked_authorizer_is_granted_anew() {
    for grant in EITHER {
        given([granted_at(100), revoked_at(200)])
            .when(grant(300))
            .then([granted_at(300), redeem_code_of(300)])
            .is(Status::Pending);
    }
}

#[test]
fn a_grant_newer_than_the_revocation_of_an_unseen_authorizer_is_granted() {
    for grant in EITHER {
        given([revoked_at(100)])
            .when(grant(200))
            .then([granted_at(200), redeem_code_of(200)])
            .is(Status::Pending);
    }
}

// In the same second.

#[test]
fn a_grant_in_the_second_of_another_is_an_update_to_be_confirmed() {
    for same_second in [authorized(100, "other"), updateauthorized(100, "other")] {
        given([granted_at(100)])
            .when(same_second)
            .then([updated(100, "other"), redeem("other"), inspect_in_doubt()])
            .is(Status::Pending);
    }
}

#[test]
fn a_grant_in_the_second_of_a_revocation_is_granted_and_to_be_confirmed() {
    for grant in EITHER {
        given([revoked_at(100)])
            .when(grant(100))
            .then([granted_at(100), redeem_code_of(100), inspect_in_doubt()])
            .is(Status::Pending);
    }
}

// The newest fact has no time.

#[test]
fn a_grant_after_one_without_a_time_is_an_update_to_be_confirmed() {
    for timeless in [granted_by(GrantedVia::Redirect, "redirect"), confirmed_grant()] {
        for grant in EITHER {
            given([timeless.clone()])
                .when(grant(100))
                .then([updated_at(100), redeem_code_of(100), inspect_in_doubt()])
                .is(Status::Pending);
        }
    }
}

#[test]
fn a_grant_after_a_revocation_without_a_time_is_granted_and_to_be_confirmed() {
    for grant in EITHER {
        given([granted_at(100), confirmed_revocation()])
            .when(grant(200))
            .then([granted_at(200), redeem_code_of(200), inspect_in_doubt()])
            .is(Status::Pending);
    }
}

#[test]
fn a_grant_older_than_a_known_one_stays_old_once_the_newest_fact_has_no_time() {
    for timeless in [confirmed_revocation(), confirmed_grant(), granted_by(GrantedVia::Redirect, "redirect")]
    {
        for time in [100, 200, 499] {
            given([granted_at(500), timeless.clone()]).when(authorized_at(time)).then([redeem_code_of(time)]);
        }
    }
}

// Older than a fact.

#[test]
fn a_grant_older_than_a_revocation_is_only_tried() {
    for grant in EITHER {
        given([revoked_at(200)]).when(grant(100)).then([redeem_code_of(100)]).is(Status::Revoked);
    }
}

#[test]
fn a_grant_older_than_another_is_dropped_once_there_are_credentials() {
    for grant in EITHER {
        given([granted_at(200), issued(1, &code_of(200), "token")])
            .when(grant(100))
            .then([])
            .is(Status::Authorized);
    }
}

#[test]
fn a_grant_older_than_another_is_tried_as_long_as_there_are_no_credentials() {
    let pending = given([granted_at(200)]).is(Status::Pending);
    let refused = given([granted_at(200), redemption_failed(&code_of(200))]).is(Status::Broken);
    let rejected = given([granted_at(200), issued(1, &code_of(200), "token"), credentials_rejected()]);
    let revoked = given([granted_at(200), issued(1, &code_of(200), "token"), revoked_at(300)]);
    for world in [pending, refused, rejected.is(Status::Broken), revoked.is(Status::Revoked)] {
        for grant in EITHER {
            world.clone().when(grant(100)).then([redeem_code_of(100)]).is(world.state().status);
        }
    }
}

#[test]
fn the_greatest_known_time_is_compared_with() {
    given([granted_at(100), revoked_at(300), granted_at(400), issued(3, &code_of(400), "token")])
        .when(authorized_at(350))
        .then([]);
    given([granted_at(100), updated_at(200), revoked_at(300)])
        .when(authorized_at(150))
        .then([redeem_code_of(150)]);
}

#[test]
fn only_facts_are_compared_with() {
    let no_facts = [
        issued(1, &code_of(100), "token"),
        rotated(1, "other token"),
        permissions_changed(&[1], &[1], &[]),
        credentials_rejected(),
    ];
    for no_fact in no_facts {
        given([granted_at(100), no_fact])
            .when(authorized_at(200))
            .then([updated_at(200), redeem_code_of(200)]);
    }
}

// A code that a grant of the stream carries already.

#[test]
fn a_code_that_was_granted_already_changes_nothing_whatever_its_time() {
    for time in [99, 100, 101] {
        for again in [authorized(time, "code"), updateauthorized(time, "code")] {
            given([granted(100, "code")]).when(again).then([]);
        }
    }
}

#[test]
fn a_code_that_was_granted_long_ago_changes_nothing() {
    let history = [granted(100, "code"), revoked_at(200), granted_at(300), updated_at(400)];
    given(history.clone()).when(authorized(100, "code")).then([]);
    given(history).when(authorized(500, "code")).then([]);
}

#[test]
fn a_code_of_an_update_counts_as_granted() {
    given([granted_at(100), updated(200, "code")]).when(updateauthorized(300, "code")).then([]);
}

#[test]
fn a_granted_code_does_not_come_back_after_a_revocation() {
    for time in [100, 200, 300] {
        given([granted(100, "code"), revoked_at(200)])
            .when(authorized(time, "code"))
            .then([])
            .is(Status::Revoked);
    }
}

#[test]
fn a_code_that_came_by_another_way_first_changes_nothing() {
    given([granted_by(GrantedVia::Redirect, "code"), issued(1, "code", "token")])
        .when(authorized(100, "code"))
        .then([])
        .is(Status::Authorized);
}

#[test]
fn a_code_that_was_only_tried_is_not_a_granted_one() {
    given([revoked_at(200), redemption_failed("code")])
        .when(authorized(300, "code"))
        .then([granted(300, "code"), redeem("code")]);
}

// A code whose redemption, which the merchant's browser began, has ended without a grant.

#[test]
fn a_spent_code_is_not_redeemed_again_and_its_authorizer_is_inspected() {
    for grant in EITHER {
        let newer = given([granted_at(100)]).with_spent_code();
        newer.when(grant(200)).then([updated_at(200), inspect_in_doubt()]);
        let unclear = given([revoked_at(200)]).with_spent_code();
        unclear.when(grant(200)).then([granted_at(200), inspect_in_doubt()]);
        given([revoked_at(200)]).with_spent_code().when(grant(100)).then([inspect_in_doubt()]);
        given([granted_at(200), issued(1, &code_of(200), "token")])
            .with_spent_code()
            .when(grant(100))
            .then([]);
    }
}

// What the events carry.

#[test]
fn a_grant_that_does_not_say_when_its_code_expires_is_a_grant() {
    let fields =
        "<AuthorizerAppid>wxa0b1c2d3e4f50617</AuthorizerAppid><AuthorizationCode>c</AuthorizationCode>";
    let Effect::Event(mut expected) = granted(100, "c") else { unreachable!("an event") };
    let mandate_schema::Event::Granted(fact) = &mut expected.event else { unreachable!("granted") };
    fact.code_expires_at = None;
    given([]).when(callback(100, "authorized", fields)).then([Effect::Event(expected), redeem("c")]);
}

#[test]
fn a_merchant_may_come_and_go() {
    given([])
        .when(authorized_at(100))
        .then([granted_at(100), redeem_code_of(100)])
        .when(unauthorized_at(200))
        .then([revoked_at(200)])
        .when(updateauthorized_at(300))
        .then([granted_at(300), redeem_code_of(300)])
        .when(authorized_at(400))
        .then([updated_at(400), redeem_code_of(400)])
        .is(Status::Pending);
}
