//! `api_query_auth`: an authorization code for the account's tokens. The only call that yields a first refresh token.

use mandate_schema::AuthorizerId;
use serde_json::{Value, json};

use super::{ApiError, Call, Outcome, errors};
use crate::{
    state::{Owner, SecretKind, TOKEN_LIFE},
    switches::{Presence, SecondRedeem},
};

pub(super) fn run(call: &mut Call) -> Result<Outcome, ApiError> {
    let code = call.body.required("authorization_code", errors::CODE_MISSING)?.to_owned();
    let (authorizer, renews) = redeem(call, &code)?;
    let access_token = issue_account_token(call, &authorizer);
    let refresh_token = refresh_token(call, &authorizer, renews);
    let permissions = call.authorization(&authorizer)?.permissions.clone();
    let mut info = json!({
        "authorizer_appid": authorizer,
        "func_info": func_info(&permissions),
    });
    if call.state.switches.tokens_in_query_auth == Presence::Present {
        info["authorizer_access_token"] = json!(access_token);
        info["expires_in"] = json!(TOKEN_LIFE);
        info["authorizer_refresh_token"] = json!(refresh_token);
    }
    Ok(json!({ "authorization_info": info }).into())
}

/// Spends a code; its account, and whether the refresh token changes with it.
///
/// A pre-auth code and a code of another platform are simply not among this platform's codes.
fn redeem(call: &mut Call, code: &str) -> Result<(AuthorizerId, bool), ApiError> {
    let (now, second) = (call.now, call.state.switches.second_redeem);
    let platform = call.platform_mut();
    let found = platform.codes.get(code).ok_or(ApiError::new(errors::INVALID_CODE))?;
    let authorizer = found.authorizer.clone();
    if found.redeemed {
        return Err(ApiError::new(match second {
            SecondRedeem::Invalid => errors::INVALID_CODE,
            SecondRedeem::Expired => errors::CODE_EXPIRED,
        }));
    }
    if now >= found.expires_at {
        return Err(ApiError::new(errors::CODE_EXPIRED));
    }
    if platform.held(&authorizer).is_none() {
        return Err(ApiError::new(errors::NOT_AUTHORIZED));
    }
    if found.void {
        return Err(ApiError::new(errors::INVALID_CODE));
    }
    let found = platform.codes.get_mut(code).expect("just found");
    found.redeemed = true;
    Ok((authorizer, found.renews_refresh_token))
}

/// A new access token for an account; the old one ends as the switch says.
pub(super) fn issue_account_token(call: &mut Call, authorizer: &AuthorizerId) -> String {
    let token = call.state.mint(SecretKind::AuthorizerAccessToken);
    let authorization = call.platform_mut().authorizations.get_mut(authorizer);
    let old = authorization.and_then(|authorization| authorization.access_token.replace(token.clone()));
    if let Some(old) = old {
        call.state.tokens.replace(&old, call.state.switches.access_token_overlap, call.now);
    }
    let owner = Owner::Account(call.component.clone(), authorizer.clone());
    call.state.tokens.issue(token.clone(), owner, call.now);
    token
}

fn refresh_token(call: &mut Call, authorizer: &AuthorizerId, renews: bool) -> Option<String> {
    let current = call.platform().held(authorizer).and_then(|it| it.refresh_token()).map(str::to_owned);
    if current.is_some() && !renews {
        return current;
    }
    let (fresh, now) = (call.state.mint(SecretKind::RefreshToken), call.now);
    let authorization = call.platform_mut().authorizations.get_mut(authorizer)?;
    authorization.rotate(fresh.clone(), now, now);
    Some(fresh)
}

/// The permission sets; some with the fields that newer answers have.
pub(super) fn func_info(permissions: &[u32]) -> Value {
    let entry = |id: &u32| match id % 3 {
        0 => json!({ "funcscope_category": { "id": id, "type": 1, "name": "权限集", "desc": "示例" } }),
        1 => json!({ "funcscope_category": { "id": id } }),
        _ => json!({
            "funcscope_category": { "id": id },
            "confirm_info": { "need_confirm": 0, "already_confirm": 0, "can_confirm": 0 },
        }),
    };
    permissions.iter().map(entry).collect()
}
