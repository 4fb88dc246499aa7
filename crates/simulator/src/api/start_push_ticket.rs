//! `api_start_push_ticket`: asks for the ticket pushes to go on; one comes at once.

use serde_json::json;

use super::{ApiError, Call, Effect, Outcome, component_token::check_secret};

pub(super) fn run(call: &mut Call) -> Result<Outcome, ApiError> {
    // The name differs from that of api_component_token.
    check_secret(call, "component_secret")?;
    Ok(Outcome { value: json!({}), effect: Some(Effect::PushTicket(call.component.clone())) })
}
