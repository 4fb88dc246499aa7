//! Where an authorizer stands after each event, wherever it stood before.

use Status::{Authorized, Broken, Pending, Revoked};
use mandate_schema::{Erased, Event};

use super::{
    effects::{
        Effect, confirmed_grant, confirmed_revocation, credentials_rejected, erased, granted_at, issued,
        issued_without_token, permissions_changed, profile_recorded, recovered, redemption_failed,
        revoked_at, rotated, updated_at,
    },
    given::{World, given},
    samples::{code_of, profile},
};
use crate::{Decision, Status, StillHeld, decide_erasure};

/// An authorizer that stands there.
fn authorizer(status: Status) -> World {
    let code = code_of(100);
    match status {
        Pending => given([granted_at(100)]),
        Authorized => given([granted_at(100), issued(1, &code, "token")]),
        Revoked => given([granted_at(100), issued(1, &code, "token"), revoked_at(200)]),
        Broken => given([granted_at(100), issued(1, &code, "token"), credentials_rejected()]),
    }
    .is(status)
}

/// The event leads from each status to the one beside it.
#[track_caller]
fn leads(event: &Effect, transitions: [(Status, Status); 4]) {
    assert_eq!(transitions.map(|(from, _)| from), Status::ALL, "each status once");
    for (from, to) in transitions {
        authorizer(from).and([event.clone()]).is(to);
    }
}

const NO_CHANGE: [(Status, Status); 4] =
    [(Authorized, Authorized), (Revoked, Revoked), (Pending, Pending), (Broken, Broken)];

#[test]
fn a_grant_makes_pending() {
    let to_pending = [(Authorized, Pending), (Revoked, Pending), (Pending, Pending), (Broken, Pending)];
    leads(&granted_at(300), to_pending);
    leads(&confirmed_grant(), to_pending);
}

#[test]
fn an_update_keeps_the_status() {
    leads(&updated_at(300), NO_CHANGE);
}

#[test]
fn a_revocation_makes_revoked() {
    let to_revoked = [(Authorized, Revoked), (Revoked, Revoked), (Pending, Revoked), (Broken, Revoked)];
    leads(&revoked_at(300), to_revoked);
    leads(&confirmed_revocation(), to_revoked);
}

#[test]
fn credentials_make_authorized() {
    let to_authorized =
        [(Authorized, Authorized), (Revoked, Authorized), (Pending, Authorized), (Broken, Authorized)];
    leads(&issued(1, "code", "token"), to_authorized);
    leads(&issued_without_token(1, "code"), to_authorized);
    leads(&rotated(1, "token"), to_authorized);
    leads(&recovered(1, "token"), to_authorized);
}

#[test]
fn a_failure_breaks_a_held_authorizer_and_leaves_a_revoked_one_revoked() {
    let broken = [(Authorized, Broken), (Revoked, Revoked), (Pending, Broken), (Broken, Broken)];
    leads(&redemption_failed("code"), broken);
    leads(&credentials_rejected(), broken);
}

#[test]
fn all_other_events_keep_the_status() {
    leads(&permissions_changed(&[1], &[1], &[]), NO_CHANGE);
    leads(&profile_recorded(profile("shop")), NO_CHANGE);
    leads(&profile_recorded(None), NO_CHANGE);
    leads(&erased(), NO_CHANGE);
}

#[test]
fn an_authorizer_is_erased_once_it_has_revoked_or_if_that_is_insisted_on() {
    let request = Erased { by: "operator".to_owned(), reason: "request".to_owned() };
    for status in Status::ALL {
        let authorizer = authorizer(status);
        let decide = |force| decide_erasure(authorizer.state(), request.clone(), force);
        let erases = Ok(Decision::event(Event::Erased(request.clone())));
        assert_eq!(decide(true), erases);
        assert_eq!(decide(false), if status == Revoked { erases } else { Err(StillHeld(status)) });
    }
}

#[test]
fn an_authorizer_whose_first_event_is_no_grant_does_not_authorize_us() {
    for first in [revoked_at(100), redemption_failed("code"), credentials_rejected(), erased()] {
        assert!(!given([first]).is(Revoked).state().is_held());
    }
}

#[test]
fn held_is_all_but_revoked() {
    let held = Status::ALL.map(|status| (status, authorizer(status).state().is_held()));
    assert_eq!(held, [(Authorized, true), (Revoked, false), (Pending, true), (Broken, true)]);
}

#[test]
fn a_status_is_stored_as_it_is_named() {
    let names = Status::ALL.map(Status::as_str);
    assert_eq!(names, ["authorized", "revoked", "pending", "broken"]);
    for status in Status::ALL {
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
}
