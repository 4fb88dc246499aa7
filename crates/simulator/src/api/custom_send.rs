//! `custom/send`: a message of an account to one of its users. The one call here that is made for an account, with its token.

use mandate_schema::{AuthorizerId, ComponentId};
use serde_json::{Value, json};

use super::{ApiError, Fields, Outcome, Request, Subject, errors};
use crate::{
    state::{Owner, SentMessage, State, TokenStatus},
    time::Now,
};

pub(super) fn run(state: &mut State, now: Now, request: &Request) -> Result<Outcome, ApiError> {
    let (component, authorizer) = check_account_token(state, now.seconds(), request)?;
    let body = Fields::parse(&request.body)?;
    let to_user = body.required("touser", errors::OPENID_INVALID)?.to_owned();
    let msg_type = body.required("msgtype", errors::OPENID_INVALID)?.to_owned();
    let content = body.inner_text("text", "content").unwrap_or_default().to_owned();
    let at = now.timestamp();
    state.sent.add(SentMessage { component, authorizer, to_user, msg_type, content, at });
    Ok(json!({}).into())
}

/// The account whose token it is.
pub(crate) fn check_account_token(
    state: &State,
    now: i64,
    request: &Request,
) -> Result<(ComponentId, AuthorizerId), ApiError> {
    let token = request.token().ok_or(ApiError::new(errors::TOKEN_MISSING))?;
    match state.tokens.status(token, now) {
        TokenStatus::Good(Owner::Account(component, authorizer)) => Ok((component, authorizer)),
        TokenStatus::Good(Owner::Component(_)) => Err(ApiError::new(errors::ACCOUNT_TOKEN_REQUIRED)),
        TokenStatus::Expired => Err(ApiError::new(errors::TOKEN_EXPIRED)),
        TokenStatus::Invalid => Err(ApiError::new(errors::INVALID_CREDENTIAL)),
    }
}

/// Whom a call is about: its body says so, or its token.
pub(super) fn subject(state: &State, request: &Request, now: i64) -> Subject {
    let said = request.subject();
    if said.component.is_some() {
        return said;
    }
    match request.token().map(|token| state.tokens.status(token, now)) {
        Some(TokenStatus::Good(Owner::Account(component, authorizer))) => {
            let (component, authorizer) = (component.to_string(), authorizer.to_string());
            Subject { component: Some(component), authorizer: Some(authorizer), ..said }
        }
        _ => said,
    }
}

/// The answer to an upload.
pub(crate) fn uploaded(size: u64) -> Value {
    json!({ "type": "image", "media_id": "uploaded", "size": size })
}
