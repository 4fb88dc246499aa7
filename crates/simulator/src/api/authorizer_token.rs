//! `api_authorizer_token`: a refresh token for a new access token.

use serde_json::json;

use super::{ApiError, Call, Outcome, errors, query_auth::issue_account_token};
use crate::{
    state::{OVERLAP, SecretKind, TOKEN_LIFE},
    switches::Rotation,
};

pub(super) fn run(call: &mut Call) -> Result<Outcome, ApiError> {
    let authorizer = call.authorizer()?;
    let now = call.now;
    let presented = call.body.required("authorizer_refresh_token", errors::INVALID_REFRESH_TOKEN);
    let authorization = call.authorization(&authorizer)?;
    let presented = presented?.to_owned();
    if !authorization.accepts(&presented, now) {
        return Err(ApiError::new(errors::INVALID_REFRESH_TOKEN));
    }
    let access_token = issue_account_token(call, &authorizer);
    let rotation = call.state.switches.refresh_token_on_refresh;
    let old_until = match rotation {
        Rotation::Same => None,
        Rotation::Overlap => Some(now + OVERLAP),
        Rotation::AtOnce => Some(now),
    };
    if let Some(old_until) = old_until {
        let fresh = call.state.mint(SecretKind::RefreshToken);
        if let Some(authorization) = call.platform_mut().authorizations.get_mut(&authorizer) {
            authorization.rotate(fresh, old_until, now);
        }
    }
    let current = call.authorization(&authorizer)?.refresh_token().map(str::to_owned);
    Ok(json!({
        "authorizer_access_token": access_token,
        "expires_in": TOKEN_LIFE,
        "authorizer_refresh_token": current,
    })
    .into())
}
