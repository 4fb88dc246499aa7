//! "Still authorized" after a revocation may be older than it: only the last of several answers is believed. 61003 counts at
//! once.

use mandate_schema::{GrantedVia, Secret};

use super::{
    effects::{
        confirmed_grant, confirmed_revocation, credentials_rejected, granted, granted_at, granted_by,
        inspect_unclear_revocation, issued, keep_access_token, recovered, revoked_at, updated_at,
    },
    given::{World, given},
    inspected::{Script, authorized, broken, for_every_reason, inspected, pending},
    samples::{HOUR, info_granting, info_of, info_with_token, silent_info, unauthorized_at},
};
use crate::{Because, Status};

/// Seconds since a revocation, and when the answer of then is asked for again.
const ASKED_AGAIN: [(i64, i64); 8] =
    [(1, 10), (9, 10), (10, 60), (11, 60), (59, 60), (60, 300), (61, 300), (299, 300)];

/// It revoked a second ago.
fn just_revoked() -> World {
    given([granted(100, "code"), issued(1, "code", "token"), revoked_at(200)]).is(Status::Revoked)
}

fn doubt() -> Script {
    inspected(Because::Doubt)
}

fn unclear() -> Script {
    inspected(Because::UnclearRevocation)
}

// After a revocation that was recorded.

#[test]
fn still_authorized_is_put_off_until_five_minutes_after_the_revocation() {
    for (seconds, again) in ASKED_AGAIN {
        for info in [silent_info(), info_with_token("token"), info_granting(&[1]), info_of("shop")] {
            just_revoked()
                .after(seconds - 1)
                .when(doubt().info(info))
                .then_again_in(again - seconds, [])
                .is(Status::Revoked);
        }
    }
}

#[test]
fn still_authorized_is_believed_after_five_minutes() {
    for seconds in [300, 301, HOUR] {
        just_revoked()
            .after(seconds - 1)
            .when(doubt().info(info_with_token("token")).works("token"))
            .then([confirmed_grant(), recovered(3, "token"), keep_access_token()])
            .is(Status::Authorized);
    }
}

#[test]
fn it_is_put_off_whatever_the_reason_of_the_inspection() {
    for script in for_every_reason() {
        just_revoked().when(script.info(info_with_token("token"))).then_again_in(9, []);
    }
}

#[test]
fn an_answer_that_cannot_be_read_is_put_off_like_any_other() {
    just_revoked().when(doubt().unreadable_info()).then_again_in(9, []);
}

#[test]
fn only_the_last_answer_counts() {
    let stale = || doubt().info(info_with_token("token"));
    let world = just_revoked().when(stale()).then_again_in(9, []);
    let world = world.after(9).when(stale()).then_again_in(50, []);
    let world = world.after(50).when(stale()).then_again_in(240, []).after(240);
    world.clone().when(doubt().gone()).then([]).is(Status::Revoked);
    world.when(stale().works("token")).leads_to_token("token");
}

#[test]
fn a_confirmed_revocation_is_one_too() {
    for world in [authorized(), pending(), broken()] {
        let world = world.when(doubt().gone()).then([confirmed_revocation()]);
        let world = world.when(doubt().info(info_with_token("token"))).then_again_in(9, []);
        world.after(299).when(doubt().info(info_with_token("token")).works("token")).leads_to_token("token");
    }
}

#[test]
fn a_revocation_of_an_authorizer_never_seen_is_one_too() {
    given([revoked_at(100)]).when(doubt().info(info_with_token("token"))).then_again_in(9, []);
}

// What ends it.

#[test]
fn that_it_is_gone_counts_at_once() {
    just_revoked().when(doubt().gone()).then([]).is(Status::Revoked);
    for world in [authorized(), pending(), broken()] {
        world.when(unclear().gone()).then([confirmed_revocation()]).is(Status::Revoked);
    }
}

#[test]
fn a_newer_grant_ends_it() {
    just_revoked()
        .and([granted_at(300)])
        .when(doubt().info(info_with_token("named")).works("named"))
        .then_again_in(299, [recovered(3, "named"), keep_access_token()])
        .is(Status::Authorized);
}

#[test]
fn issued_credentials_end_it() {
    for grant in [granted_by(GrantedVia::Redirect, "next"), granted(200, "next"), granted(300, "next")] {
        just_revoked()
            .and([grant, issued(3, "next", "next token")])
            .when(inspected(Because::Redeemed).info(info_with_token("next token")))
            .then([])
            .is(Status::Authorized);
    }
}

#[test]
fn a_grant_whose_order_is_unclear_does_not_end_it() {
    for grant in [granted_at(200), granted_by(GrantedVia::Redirect, "next"), confirmed_grant()] {
        just_revoked().and([grant]).when(doubt().info(info_with_token("named"))).then_again_in(8, []);
    }
    // Neither does one that is newer than all, while a fact without a time may hide it.
    given([granted_at(100), confirmed_revocation(), granted_at(500)])
        .when(doubt().info(info_with_token("named")))
        .then_again_in(8, []);
}

#[test]
fn what_is_no_grant_does_not_end_it() {
    just_revoked().and([credentials_rejected()]).when(doubt().info(silent_info())).then_again_in(8, []);
}

#[test]
fn another_revocation_begins_it_anew() {
    just_revoked()
        .after(HOUR)
        .and([revoked_at(300)])
        .when(doubt().info(info_with_token("token")))
        .then_again_in(9, []);
}

// After a revocation whose order is unclear: there is no event, so it counts from when it was queued.

#[test]
fn still_authorized_is_put_off_until_five_minutes_after_an_unclear_revocation() {
    for (seconds, again) in ASKED_AGAIN.into_iter().chain([(0, 10)]) {
        for world in [authorized(), pending(), broken()] {
            let status = world.state().status;
            world
                .when(unclear().queued_ago(seconds).info(info_with_token("token")))
                .then_again_in(again - seconds, [])
                .is(status);
        }
    }
}

#[test]
fn after_five_minutes_it_is_still_authorized() {
    for seconds in [300, 301, HOUR] {
        let script = || unclear().queued_ago(seconds).info(info_with_token("token"));
        authorized().when(script()).then([]).is(Status::Authorized);
        broken().when(script().works("token")).leads_to_token("token");
        given([]).when(script().works("token")).leads_to_token("token");
    }
}

#[test]
fn only_an_unclear_revocation_is_counted_from_when_it_was_queued() {
    for because in [Because::Redeemed, Because::Doubt, Because::Named { refresh_token: Secret::new("token") }]
    {
        authorized().when(inspected(because).queued_ago(1).info(info_with_token("token"))).then([]);
    }
}

#[test]
fn of_two_revocations_the_later_counts() {
    just_revoked().after(100).when(unclear().queued_ago(0).info(silent_info())).then_again_in(10, []);
    just_revoked().after(100).when(unclear().queued_ago(100).info(silent_info())).then_again_in(200, []);
    just_revoked().when(unclear().queued_ago(HOUR).info(silent_info())).then_again_in(9, []);
}

// Proven: revoked, then granted again for good from an answer that was stale for seconds.

#[test]
fn a_revocation_is_not_undone_by_an_answer_that_is_stale_for_seconds() {
    let stale = |queued: i64| unclear().queued_ago(queued).info(info_with_token("token"));
    given([granted_at(100), issued(1, "code", "token"), updated_at(200)])
        .after(HOUR)
        .when(unauthorized_at(200))
        .then([inspect_unclear_revocation()])
        .when(stale(0))
        .then_again_in(10, [])
        .after(10)
        .when(unclear().queued_ago(10).gone())
        .then([confirmed_revocation()])
        .when(doubt().info(info_with_token("token")))
        .then_again_in(9, [])
        .after(9)
        .when(doubt().gone())
        .then([])
        .is(Status::Revoked);
}
