//! Refreshes: a refresh token that changed is an event.

use mandate_schema::Secret;

use super::{
    effects::{granted, inspect_named, issued, keep_access_token, recovered, revoked_at, rotated, updated},
    given::{Answer, World, given},
};

/// An authorizer in good standing, with refresh token "first".
fn authorized() -> World {
    given([granted(100, "code"), issued(1, "code", "first")])
}

/// The answer to a refresh that was made with the token that is held now.
fn refreshed(world: &World, token: &str) -> Answer {
    Answer::Refreshed(world.state().refresh_token.clone().expect("a token"), Secret::new(token))
}

#[test]
fn another_refresh_token_is_an_event_and_replaces_the_first() {
    let world = authorized();
    let answer = refreshed(&world, "second");
    let world = world.when(answer).then([rotated(1, "second"), keep_access_token()]);
    assert_eq!(world.refresh_token().as_deref(), Some("second"));
}

#[test]
fn a_refresh_that_others_overtook_replaces_nothing_and_its_token_is_tried() {
    for third in [recovered(1, "third"), rotated(1, "third"), issued(1, "next", "third")] {
        let world = authorized();
        let answer = refreshed(&world, "second");
        let world = world.and([third]).when(answer).then([inspect_named("second")]);
        assert_eq!(world.refresh_token().as_deref(), Some("third"));
    }
    let world = authorized();
    let answer = refreshed(&world, "second");
    world.and([updated(200, "again")]).when(answer).then([rotated(2, "second"), keep_access_token()]);
}

#[test]
fn a_refresh_of_an_authorizer_that_has_revoked_meanwhile_is_nothing() {
    let world = authorized();
    let answer = refreshed(&world, "second");
    let world = world.and([revoked_at(200)]).when(answer).then([]);
    assert_eq!(world.refresh_token(), None);
}
