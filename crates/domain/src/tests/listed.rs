//! What the list says, beside what the log says.

use mandate_schema::{CreateTime, RecoverySource, Secret};

use super::{
    effects::{
        Effect, confirmed_revocation, credentials_rejected, granted, inspect_in_doubt, issued,
        issued_without_token, reconciled_grant, recovered_from, revoked_at,
    },
    given::{World, effects, given},
};
use crate::{Compared, Listed, Status, decide_listed};

fn listed(time: Option<i64>, token: Option<&str>, token_is_ours: bool) -> Listed {
    Listed { auth_time: time.map(CreateTime), refresh_token: token.map(Secret::new), token_is_ours }
}

#[track_caller]
fn compares<const N: usize>(world: &World, listed: Listed, expected: (Compared, [Effect; N])) {
    let (decision, compared) = decide_listed(world.seen(), listed);
    assert_eq!((compared, effects(&decision)), (expected.0, Vec::from(expected.1)), "{:?}", world.history());
}

fn recovered(generation: u64) -> Effect {
    recovered_from(RecoverySource::List, generation, "token")
}

#[test]
fn an_authorizer_that_we_never_heard_of_is_granted_with_its_token() {
    let world = World::default();
    let expected = [reconciled_grant(200), recovered(1)];
    compares(&world, listed(Some(200), Some("token"), false), (Compared::Granted, expected));
    compares(
        &world,
        listed(Some(200), None, false),
        (Compared::WithoutToken, [reconciled_grant(200), inspect_in_doubt()]),
    );
    compares(&world, listed(None, Some("token"), false), (Compared::ToConfirm, [inspect_in_doubt()]));
}

#[test]
fn a_revocation_stays_unless_the_list_is_newer() {
    let world = given([granted(100, "code"), issued(1, "code", "first"), revoked_at(200)]);
    for (time, known) in [(Some(199), true), (Some(200), true), (None, true), (Some(201), false)] {
        let listed = listed(time, Some("token"), false);
        if known {
            compares(&world, listed, (Compared::ToConfirm, [inspect_in_doubt()]));
        } else {
            let expected = [reconciled_grant(201), recovered(3)];
            compares(&world, listed, (Compared::Granted, expected));
        }
    }
    let confirmed = given([granted(100, "code"), confirmed_revocation()]);
    compares(
        &confirmed,
        listed(Some(100), Some("token"), false),
        (Compared::ToConfirm, [inspect_in_doubt()]),
    );
}

#[test]
fn a_held_authorizer_gets_the_token_of_the_list_and_never_loses_its_own() {
    let world = given([granted(100, "code"), issued(1, "code", "first")]);
    compares(&world, listed(Some(100), Some("token"), false), (Compared::Recovered, [recovered(1)]));
    compares(&world, listed(Some(100), Some("first"), true), (Compared::Unchanged, []));
    compares(&world, listed(Some(100), None, false), (Compared::Unchanged, []));
    let without = given([granted(100, "code"), issued_without_token(1, "code")]);
    compares(&without, listed(Some(100), None, false), (Compared::Unchanged, []));
    compares(&without, listed(Some(100), Some("token"), false), (Compared::Recovered, [recovered(1)]));
}

#[test]
fn a_lost_authorizer_is_found_again_or_named() {
    let pending = given([granted(100, "code")]);
    compares(&pending, listed(Some(100), Some("token"), false), (Compared::Recovered, [recovered(1)]));
    compares(&pending, listed(Some(100), None, false), (Compared::WithoutToken, [inspect_in_doubt()]));
    let broken = given([granted(100, "code"), issued(1, "code", "token"), credentials_rejected()]);
    assert_eq!(broken.state().status, Status::Broken);
    compares(&broken, listed(Some(100), Some("token"), true), (Compared::Recovered, [recovered(1)]));
    compares(&broken, listed(Some(100), None, false), (Compared::WithoutToken, [inspect_in_doubt()]));
}
