//! `api_get_authorizer_list`: all who authorize the platform now, in pages.

use serde_json::{Value, json};

use super::{ApiError, Call, Outcome, errors};
use crate::{state::Authorization, switches::ListedToken};

/// Entries of a page at most.
const COUNT_MAX: i64 = 500;

pub(super) fn run(call: &mut Call) -> Result<Outcome, ApiError> {
    let out_of_range = ApiError::new(errors::OUT_OF_RANGE);
    let offset = call.body.number("offset")?.ok_or(out_of_range.clone())?;
    let count = call.body.number("count")?.filter(|count| (1..=COUNT_MAX).contains(count));
    let count = usize::try_from(count.ok_or(out_of_range.clone())?).map_err(|_| out_of_range.clone())?;
    let offset = usize::try_from(offset).map_err(|_| out_of_range)?;
    let switch = call.state.switches.refresh_token_in_list;
    let authorizations = &call.platform().authorizations;
    let held = || authorizations.iter().filter(|(_, authorization)| authorization.holds());
    let page: Vec<Value> = held()
        .skip(offset)
        .take(count)
        .map(|(authorizer, authorization)| {
            let mut entry = json!({ "authorizer_appid": authorizer, "auth_time": authorization.auth_time });
            if let Some(token) = listed_token(authorization, switch) {
                entry["refresh_token"] = json!(token);
            }
            entry
        })
        .collect();
    Ok(json!({ "total_count": held().count(), "list": page }).into())
}

/// The token as it is listed: empty while no code of the authorization was redeemed.
fn listed_token(authorization: &Authorization, switch: ListedToken) -> Option<&str> {
    match switch {
        ListedToken::Present => Some(authorization.refresh_token().unwrap_or("")),
        ListedToken::Empty => Some(""),
        ListedToken::Absent => None,
    }
}
