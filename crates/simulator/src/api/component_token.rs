//! `api_component_token`: a ticket and the app secret for the platform's own token.

use mandate_schema::Secret;
use serde_json::json;

use super::{ApiError, Call, Outcome, errors};
use crate::{
    state::{Owner, SecretKind, TOKEN_LIFE, TicketStatus},
    switches::WrongSecret,
};

pub(super) fn run(call: &mut Call) -> Result<Outcome, ApiError> {
    check_secret(call, "component_appsecret")?;
    let ticket = call.body.required("component_verify_ticket", errors::TICKET_MISSING)?;
    match call.platform().ticket_status(ticket, call.now) {
        TicketStatus::Good => {}
        TicketStatus::Expired => return Err(ApiError::new(errors::TICKET_EXPIRED)),
        TicketStatus::Unknown => return Err(ApiError::new(errors::INVALID_TICKET)),
    }
    let token = call.state.mint(SecretKind::ComponentAccessToken);
    let old = call.platform_mut().access_token.replace(token.clone());
    if let Some(old) = old {
        call.state.tokens.replace(&old, call.state.switches.access_token_overlap, call.now);
    }
    call.state.tokens.issue(token.clone(), Owner::Component(call.component.clone()), call.now);
    Ok(json!({ "component_access_token": token, "expires_in": TOKEN_LIFE }).into())
}

/// Refuses a call whose body does not hold the platform's app secret.
pub(super) fn check_secret(call: &Call, name: &str) -> Result<(), ApiError> {
    let presented = Secret::new(call.body.required(name, errors::SECRET_MISSING)?);
    if presented == call.platform().app_secret {
        return Ok(());
    }
    Err(ApiError::new(match call.state.switches.wrong_secret {
        WrongSecret::AppSecret => errors::INVALID_APPSECRET,
        WrongSecret::Credential => errors::INVALID_CREDENTIAL,
    }))
}
