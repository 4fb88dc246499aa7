//! Erasing the secrets and personal data of an account.

use mandate_schema::{Erased, Event};

use crate::{Authorizer, Decision, Status};

/// An account whose authorization has not been revoked is not erased by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its status is {}, not revoked", .0.as_str())]
pub struct StillHeld(pub Status);

/// Decides that an account is erased. The log keeps that it was here, and forgets what it said.
///
/// # Errors
///
/// [`StillHeld`], unless forced.
pub fn decide_erasure(state: &Authorizer, erased: Erased, force: bool) -> Result<Decision, StillHeld> {
    if state.is_held() && !force {
        return Err(StillHeld(state.status));
    }
    Ok(Decision::event(Event::Erased(erased)))
}
