//! Answers to `api_query_auth` that come too late, or to a code that is not the newest.

use mandate_schema::{GrantedVia, Secret};

use super::{
    effects::{
        confirmed_grant, confirmed_revocation, credentials_rejected, granted, inspect_in_doubt,
        inspect_named, inspect_redeemed, issued, issued_without_token, permissions_changed, profile_recorded,
        recovered, redeem, redemption_failed, revoked_at, rotated, updated, updated_by, updated_without_code,
    },
    given::{given, redeemed, redeemed_with_permissions, redeemed_with_token},
    samples::{HOUR, authorized, bare_answer, profile},
};
use crate::{Redeemed, Status};

#[test]
fn an_answer_overtaken_by_any_other_fact_replaces_nothing_and_its_token_is_tried() {
    let facts = [
        revoked_at(200),
        confirmed_revocation(),
        updated(200, "other"),
        granted(200, "other"),
        confirmed_grant(),
    ];
    for fact in facts {
        given([granted(100, "code")])
            .meanwhile([fact.clone()])
            .when(redeemed_with_token("code", "token"))
            .then([inspect_named("token")]);
        given([granted(100, "code")])
            .meanwhile([fact])
            .when(redeemed_with_permissions("code", &[1]))
            .then([inspect_in_doubt()]);
    }
}

#[test]
fn one_foreign_fact_among_grants_of_the_code_overtakes_it() {
    given([])
        .meanwhile([granted(100, "code"), updated(200, "other")])
        .when(redeemed_with_token("code", "token"))
        .then([inspect_named("token")]);
}

#[test]
fn a_grant_of_the_same_code_does_not_overtake_its_answer() {
    given([revoked_at(50)])
        .meanwhile([granted(100, "code")])
        .when(redeemed_with_token("code", "token"))
        .then([issued(2, "code", "token"), inspect_redeemed()])
        .is(Status::Authorized);
}

#[test]
fn facts_from_before_the_call_do_not_overtake_its_answer() {
    given([granted(100, "a"), revoked_at(200), granted(300, "code")])
        .meanwhile([])
        .when(redeemed_with_token("code", "token"))
        .then([issued(3, "code", "token"), inspect_redeemed()]);
}

#[test]
fn what_is_neither_fact_nor_credentials_does_not_overtake_a_redemption() {
    let neither_facts_nor_credentials = [
        credentials_rejected(),
        redemption_failed("other"),
        permissions_changed(&[7], &[7], &[]),
        profile_recorded(profile("shop")),
    ];
    for event in neither_facts_nor_credentials {
        given([granted(100, "code")])
            .meanwhile([event])
            .when(redeemed_with_token("code", "token"))
            .then([issued(1, "code", "token"), inspect_redeemed()]);
    }
}

#[test]
fn credentials_since_the_call_are_never_replaced_by_its_answer() {
    for credentials in [
        issued(1, "other", "newer token"),
        issued_without_token(1, "other"),
        rotated(1, "newer token"),
        recovered(1, "newer token"),
    ] {
        given([granted(100, "code")])
            .meanwhile([credentials.clone()])
            .when(redeemed_with_token("code", "token"))
            .then([inspect_named("token")])
            .is(Status::Authorized);
        given([granted(100, "code")])
            .meanwhile([credentials])
            .when(redeemed_with_permissions("code", &[1]))
            .then([inspect_in_doubt()])
            .is(Status::Authorized);
    }
    let first = given([granted(100, "first"), issued(1, "first", "token")]);
    let world = first.meanwhile([rotated(1, "newer token")]);
    let bare = bare_answer("code", GrantedVia::Redirect);
    world
        .clone()
        .when(redeemed(bare.clone()))
        .then([updated_by(GrantedVia::Redirect, "code"), inspect_in_doubt()]);
    world
        .when(redeemed(Redeemed { refresh_token: Some(Secret::new("late")), ..bare }))
        .then([updated_by(GrantedVia::Redirect, "code"), inspect_named("late")]);
}

#[test]
fn permissions_since_the_call_are_never_replaced_by_its_answer() {
    let world = given([granted(100, "code")])
        .meanwhile([permissions_changed(&[7], &[7], &[])])
        .when(redeemed_with_permissions("code", &[1, 2]))
        .then([issued_without_token(1, "code"), inspect_redeemed()]);
    assert_eq!(world.state().permissions, [7]);
}

// A newer code's credentials are held.

#[test]
fn an_older_code_never_replaces_what_a_newer_one_brought_whenever_it_was_asked_for() {
    let newer = given([granted(100, "old"), updated(200, "new"), issued(2, "new", "new token")]);
    let without_token = given([granted(100, "old"), updated(200, "new"), issued_without_token(2, "new")]);
    for world in [newer, without_token] {
        let before = world.refresh_token();
        let world = world.after(HOUR);
        let world = world.when(redeemed_with_token("old", "old token")).then([inspect_named("old token")]);
        let world = world.when(redeemed_with_permissions("old", &[1])).then([inspect_in_doubt()]);
        assert_eq!((world.refresh_token(), &world.state().permissions[..]), (before, &[][..]));
    }
    given([granted(100, "old")])
        .meanwhile([updated(200, "new"), issued(2, "new", "new token")])
        .when(redeemed_with_token("old", "old token"))
        .then([inspect_named("old token")]);
}

#[test]
fn an_older_code_that_was_only_tried_never_replaces_what_a_newer_one_brought() {
    given([granted(200, "new")])
        .when(authorized(100, "old"))
        .then([redeem("old")])
        .and([issued(1, "new", "new token")])
        .when(redeemed_with_token("old", "old token"))
        .then([inspect_named("old token")]);
}

#[test]
fn an_older_code_helps_as_long_as_a_newer_one_brought_nothing() {
    given([granted(100, "old"), updated(200, "new")])
        .when(redeemed_with_token("old", "token"))
        .then([issued(2, "old", "token"), inspect_redeemed()])
        .is(Status::Authorized)
        .when(redeemed_with_token("new", "new token"))
        .then([issued(2, "new", "new token"), inspect_redeemed()]);
    given([granted(100, "old"), updated(200, "new"), redemption_failed("new")])
        .when(redeemed_with_token("old", "token"))
        .then([issued(2, "old", "token"), inspect_redeemed()])
        .is(Status::Authorized);
}

#[test]
fn an_older_code_never_replaces_what_a_newer_one_brought_whatever_came_after_it() {
    let reissued = [granted(100, "a"), updated(200, "b"), issued(2, "b", "token of b")];
    for later in [updated(300, "c"), updated_by(GrantedVia::Redirect, "c"), updated_without_code(300)] {
        given(reissued.clone())
            .and([later])
            .when(redeemed_with_token("a", "token of a"))
            .then([inspect_named("token of a")]);
    }
}

#[test]
fn a_code_that_the_browser_brought_is_new_although_another_ones_credentials_are_held() {
    for via in [GrantedVia::Redirect, GrantedVia::Notice, GrantedVia::ReleaseCheck] {
        let answer = Redeemed { refresh_token: Some(Secret::new("new token")), ..bare_answer("new", via) };
        let world = given([granted(100, "code"), issued(1, "code", "token")])
            .after(HOUR)
            .when(redeemed(answer))
            .then([updated_by(via, "new"), issued(2, "new", "new token"), inspect_redeemed()]);
        assert_eq!(world.refresh_token().as_deref(), Some("new token"));
    }
}

#[test]
fn an_older_code_helps_once_the_credentials_of_a_newer_one_are_rejected() {
    given([granted(200, "new"), issued(1, "new", "token"), credentials_rejected()])
        .when(authorized(100, "old"))
        .then([redeem("old")])
        .when(redeemed_with_token("old", "older token"))
        .then([updated_by(GrantedVia::Callback, "old"), issued(2, "old", "older token"), inspect_redeemed()])
        .is(Status::Authorized);
    given([granted(100, "old"), updated(200, "new"), issued(2, "new", "token"), credentials_rejected()])
        .when(redeemed_with_token("old", "older token"))
        .then([issued(2, "old", "older token"), inspect_redeemed()])
        .is(Status::Authorized);
}
