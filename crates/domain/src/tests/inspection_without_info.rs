//! `api_get_authorizer_info` is refused: the refresh tokens are tried all the same. Its answer cannot be read: the same, but nobody
//! is judged.

use mandate_schema::{RecoverySource, Secret};

use super::{
    effects::{
        Effect, confirmed_grant, credentials_rejected, granted, inspect, issued, issued_without_token,
        keep_access_token, recovered_from, redemption_failed, rejected_by, revoked_at, updated, withheld,
    },
    given::given,
    inspected::{
        Script, authorized, broken, for_every_reason, for_every_reason_without_a_token, inspected, pending,
        revoked,
    },
    samples::{HOUR, code_refused, digest, token_refused},
};
use crate::{Because, Status};

fn doubt() -> Script {
    inspected(Because::Doubt)
}

fn named() -> Script {
    inspected(Because::Named { refresh_token: Secret::new("named") })
}

fn refresh_refused() -> Script {
    inspected(Because::RefreshRefused { refusal: token_refused() }).queued_ago(HOUR)
}

fn code_was_refused() -> Script {
    let because = Because::RedemptionRefused { digest: digest("code"), refusal: code_refused() };
    inspected(because).queued_ago(HOUR)
}

type Silence = fn(Script) -> Script;

/// Both ways in which the info says nothing.
const SILENT: [Silence; 2] = [Script::refused_info, Script::unreadable_info];

// A refresh token that works is recorded at once. An info that cannot be read is asked for again: it may name permissions.

const FOUND: [(Silence, &[Because]); 2] =
    [(Script::refused_info, &[]), (Script::unreadable_info, &[Because::Doubt])];

fn found(events: impl IntoIterator<Item = Effect>, again: &[Because]) -> Vec<Effect> {
    let inspections = again.iter().cloned().map(inspect);
    events.into_iter().chain(inspections).chain([keep_access_token()]).collect()
}

#[test]
fn the_tokens_are_tried_all_the_same() {
    for (silent, again) in FOUND {
        broken()
            .when(silent(doubt()).works("token"))
            .then(found([recovered_from(RecoverySource::Held, 1, "token")], again));
        broken()
            .when(silent(named()).refused("named").refused("token").listed("listed").works("listed"))
            .then(found([recovered_from(RecoverySource::List, 1, "listed")], again));
        pending()
            .when(silent(code_was_refused()).listed("listed").works("listed"))
            .then(found([recovered_from(RecoverySource::List, 1, "listed")], again));
        authorized().when(silent(refresh_refused()).not_listed().works("token")).then(found([], again));
        authorized()
            .when(silent(named()).works("named"))
            .then(found([recovered_from(RecoverySource::List, 1, "named")], again));
    }
}

#[test]
fn whoever_has_a_token_that_works_authorizes_us() {
    for (silent, again) in FOUND {
        for (world, generation) in [(given([]), 1), (revoked(), 3)] {
            let recovery = recovered_from(RecoverySource::List, generation, "named");
            world
                .when(silent(named()).works("named"))
                .then(found([confirmed_grant(), recovery], again))
                .is(Status::Authorized);
        }
    }
}

// No token works.

#[test]
fn an_authorizer_in_doubt_is_judged_if_the_info_is_refused() {
    authorized()
        .when(refresh_refused().refused_info().not_listed().refused("token"))
        .then([rejected_by(&token_refused())])
        .is(Status::Broken);
    authorized()
        .when(named().refused_info().refused("named").refused("token").not_listed())
        .then([credentials_rejected()])
        .is(Status::Broken);
    pending()
        .when(code_was_refused().refused_info().not_listed())
        .then([redemption_failed("code")])
        .is(Status::Broken);
    pending()
        .when(named().refused_info().refused("named").not_listed())
        .then([credentials_rejected()])
        .is(Status::Broken);
    pending().when(doubt().refused_info().not_listed()).then([withheld()]).is(Status::Broken);
    broken().when(doubt().refused_info().refused("token").not_listed()).then([]).is(Status::Broken);
}

#[test]
fn it_is_judged_again_while_the_tokens_may_be_older_than_the_grant() {
    given([granted(100, "code")])
        .when(doubt().refused_info().not_listed())
        .then_again_in(299, [withheld()])
        .after(298)
        .when(doubt().refused_info().not_listed())
        .then([]);
}

#[test]
fn it_is_judged_again_while_the_tokens_may_be_older_than_the_refused_refresh() {
    let hopeless =
        |seconds| refresh_refused().queued_ago(seconds).refused_info().not_listed().refused("token");
    authorized()
        .when(hopeless(1))
        .then_again_in(299, [credentials_rejected()])
        .is(Status::Broken)
        .after(299)
        .when(hopeless(300))
        .then([]);
}

#[test]
fn nobody_is_judged_if_the_info_cannot_be_read() {
    authorized()
        .when(refresh_refused().unreadable_info().not_listed().refused("token"))
        .then_incomplete()
        .is(Status::Authorized);
    authorized()
        .when(named().unreadable_info().refused("named").refused("token").not_listed())
        .then_incomplete()
        .is(Status::Authorized);
    pending().when(code_was_refused().unreadable_info().not_listed()).then_incomplete().is(Status::Pending);
    pending().when(named().unreadable_info().refused("named").not_listed()).then_incomplete();
    broken().when(doubt().unreadable_info().refused("token").not_listed()).then_incomplete();
}

#[test]
fn nobody_is_judged_by_a_token_or_a_list_that_cannot_be_read() {
    authorized().when(refresh_refused().refused_info().not_listed().unreadable("token")).then_incomplete();
    authorized().when(refresh_refused().refused_info().unreadable_list().refused("token")).then_incomplete();
    pending().when(doubt().refused_info().unreadable_list()).then_incomplete().is(Status::Pending);
}

#[test]
fn without_doubt_nothing_more_is_asked_and_the_answer_is_missing() {
    for silent in SILENT {
        let [redeemed, doubt, unclear, code_refused, _, named] = for_every_reason();
        for script in [redeemed, doubt, unclear, code_refused, named] {
            authorized().when(silent(script)).then_incomplete().is(Status::Authorized);
        }
    }
}

#[test]
fn nobody_is_granted_or_broken_who_does_not_authorize_us_as_far_as_we_know() {
    for silent in SILENT {
        for world in [given([]), revoked()] {
            world.clone().when(silent(doubt()).not_listed()).then_incomplete();
            world.clone().when(silent(code_was_refused()).not_listed()).then_incomplete();
            world.when(silent(named()).refused("named").not_listed()).then_incomplete();
        }
        revoked().when(silent(doubt()).not_listed()).then_incomplete().is(Status::Revoked);
    }
}

#[test]
fn nobody_is_broken_who_needs_no_token() {
    let redeemed = given([granted(100, "code"), issued_without_token(1, "code")]).after(HOUR);
    for silent in SILENT {
        for because in [Because::Redeemed, Because::Doubt] {
            redeemed.clone().when(silent(inspected(because))).then_incomplete().is(Status::Authorized);
        }
        redeemed.clone().when(silent(code_was_refused())).then_incomplete().is(Status::Authorized);
        redeemed.clone().when(silent(named()).works("named")).leads_to_token("named");
        let refused = redeemed.clone().and([updated(200, "next"), redemption_failed("next")]).after(HOUR);
        refused.when(silent(doubt()).not_listed()).then_incomplete().is(Status::Broken);
    }
}

// What comes before all tokens.

#[test]
fn a_recent_revocation_or_a_code_that_waits_comes_first() {
    for silent in SILENT {
        for script in for_every_reason() {
            let revoked = given([granted(100, "code"), issued(1, "code", "token"), revoked_at(200)]);
            revoked.when(silent(script.clone())).then_again_in(9, []);
        }
    }
    for script in for_every_reason_without_a_token() {
        // What a redemption brings says all; but an answer that cannot be read may have said that the authorizer is gone.
        pending().when(script.clone().while_a_code_waits().refused_info()).then([]).is(Status::Pending);
        pending().when(script.while_a_code_waits().unreadable_info()).then_incomplete();
    }
}

#[test]
fn a_fact_since_the_call_is_asked_about_again() {
    for silent in SILENT {
        let world = broken().meanwhile([updated(200, "next")]);
        world.when(silent(doubt()).refused("token").not_listed()).then_again_in(0, []);
    }
}
