//! Codes whose authorizer may not be known before the answer: browser redirect, registration notice, release check.

use mandate_schema::{AuthorizerId, Event, GrantedVia};
use mandate_wechat::callback::Callback;

use super::{
    effects::{
        Effect, granted, granted_at, granted_by, inspect_in_doubt, inspect_redeemed, inspect_refused,
        issued_without_token, redeem_via, revoked_at, updated, updated_by,
    },
    given::{effects, given, redeemed, redemption_refused},
    samples::{MERCHANT, bare_answer, callback, code_refused, component, component_stream, merchant},
};
use crate::{Status, decide_component_callback, stream_of};

fn registered(appid: &str, code: &str) -> Callback {
    callback(100, "notify_third_fasteregister", &format!("<status>0</status>{appid}{code}"))
}

/// What follows from a registration beside its notice, which always comes first.
#[track_caller]
fn tasks_of(registration: &Callback) -> Vec<Effect> {
    assert_eq!(stream_of(&component(), registration), component_stream());
    let effects = effects(&decide_component_callback(&component(), None, registration));
    let (notice, tasks) = effects.split_first().expect("a notice");
    let Effect::Event(notice) = notice else { panic!("no event: {notice:?}") };
    assert!(matches!(notice.event, Event::NoticeReceived(_)), "{notice:?}");
    tasks.to_vec()
}

fn redeem_notice(authorizer: Option<AuthorizerId>, code: &str) -> Effect {
    redeem_via(GrantedVia::Notice, authorizer, code)
}

#[test]
fn the_code_of_a_registration_is_redeemed_without_an_event_of_the_authorizer() {
    let registration = registered(&format!("<appid>{MERCHANT}</appid>"), "<auth_code>code</auth_code>");
    assert_eq!(tasks_of(&registration), [redeem_notice(Some(merchant()), "code")]);
}

#[test]
fn the_code_of_a_registration_that_names_no_authorizer_is_redeemed() {
    let registration = registered("", "<auth_code>code</auth_code>");
    assert_eq!(tasks_of(&registration), [redeem_notice(None, "code")]);
}

#[test]
fn a_registration_without_a_code_is_a_notice_and_nothing_more() {
    assert_eq!(tasks_of(&registered(&format!("<appid>{MERCHANT}</appid>"), "")), []);
}

#[test]
fn a_failed_registration_is_a_notice_and_nothing_more() {
    let failed =
        callback(100, "notify_third_fasteregister", "<status>-1</status><msg>open verity failed</msg>");
    assert_eq!(tasks_of(&failed), []);
}

#[test]
fn a_company_code_is_no_authorization_code() {
    let info = "<status>0</status><info><code>91440300</code><code_type>1</code_type></info>";
    for info_type in ["notify_third_fasteregister", "notify_third_fastverifybetaapp"] {
        assert_eq!(tasks_of(&callback(100, info_type, info)), []);
    }
}

/// Every way by which a code comes without a callback of the authorizer.
const OTHER_WAYS: [GrantedVia; 3] = [GrantedVia::Redirect, GrantedVia::Notice, GrantedVia::ReleaseCheck];

#[test]
fn an_answer_that_names_an_authorizer_never_seen_grants_it_without_a_time() {
    for via in OTHER_WAYS {
        given([])
            .when(redeemed(bare_answer("code", via)))
            .then([granted_by(via, "code"), issued_without_token(1, "code"), inspect_redeemed()])
            .is(Status::Authorized);
    }
}

#[test]
fn an_answer_that_names_a_held_authorizer_updates_it_without_a_time() {
    for via in OTHER_WAYS {
        given([granted_at(100)])
            .when(redeemed(bare_answer("code", via)))
            .then([updated_by(via, "code"), issued_without_token(2, "code"), inspect_redeemed()])
            .is(Status::Authorized);
    }
}

#[test]
fn an_answer_that_names_a_revoked_authorizer_grants_it_without_a_time() {
    given([granted_at(100), revoked_at(200)])
        .when(redeemed(bare_answer("code", GrantedVia::Redirect)))
        .then([granted_by(GrantedVia::Redirect, "code"), issued_without_token(3, "code"), inspect_redeemed()])
        .is(Status::Authorized);
}

#[test]
fn an_answer_for_a_code_that_its_callback_brought_too_is_issued_at_once() {
    for grants in [[granted_at(50), updated(100, "code")], [revoked_at(50), granted(100, "code")]] {
        given(grants)
            .when(redeemed(bare_answer("code", GrantedVia::Redirect)))
            .then([issued_without_token(2, "code"), inspect_redeemed()])
            .is(Status::Authorized);
    }
}

#[test]
fn the_callback_of_the_same_code_may_come_while_it_is_redeemed() {
    given([])
        .meanwhile([granted(100, "code")])
        .when(redeemed(bare_answer("code", GrantedVia::Redirect)))
        .then([issued_without_token(1, "code"), inspect_redeemed()])
        .is(Status::Authorized);
}

#[test]
fn another_grant_while_it_is_redeemed_overtakes_it() {
    given([])
        .meanwhile([granted(100, "other")])
        .when(redeemed(bare_answer("code", GrantedVia::Redirect)))
        .then([inspect_in_doubt()])
        .is(Status::Pending);
}

#[test]
fn a_refused_code_is_looked_after_before_anything_is_recorded() {
    given([]).when(redemption_refused("code", code_refused())).then([inspect_refused("code")]);
}
