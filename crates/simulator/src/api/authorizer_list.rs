//! `api_get_authorizer_list`: all who authorize the platform now, in pages.

use mandate_schema::AuthorizerId;
use serde_json::{Value, json};

use super::{ApiError, Call, Outcome, errors};
use crate::{
    state::Authorization,
    switches::{ListOrder, ListPages, ListTotal, ListedToken},
};

/// Entries of a page at most.
const COUNT_MAX: i64 = 500;
/// Entries of a page that is shorter than asked for.
const COUNT_SHORT: usize = 100;
/// Places by which a shifting list moves between two pages.
const SHIFT: usize = 3;

pub(super) fn run(call: &mut Call) -> Result<Outcome, ApiError> {
    let out_of_range = ApiError::new(errors::OUT_OF_RANGE);
    let offset = call.body.number("offset")?.ok_or(out_of_range.clone())?;
    let count = call.body.number("count")?.filter(|count| (1..=COUNT_MAX).contains(count));
    let count = usize::try_from(count.ok_or(out_of_range.clone())?).map_err(|_| out_of_range.clone())?;
    let offset = usize::try_from(offset).map_err(|_| out_of_range)?;
    let switches = &call.state.switches;
    let (token, total) = (switches.refresh_token_in_list, switches.list_total);
    let count = match switches.list_pages {
        ListPages::Full => count,
        ListPages::Short => count.min(COUNT_SHORT),
    };
    let moves = match switches.list_order {
        ListOrder::Stable => 0,
        ListOrder::Shifting => SHIFT,
    };
    let platform = call.platform_mut();
    let page = platform.listed.page(offset, count, moves);
    let page: Vec<Value> = page
        .iter()
        .map(|authorizer| entry(authorizer, &platform.authorizations[authorizer], token))
        .collect();
    Ok(json!({ "total_count": total.of(platform.listed.len()), "list": page }).into())
}

fn entry(authorizer: &AuthorizerId, authorization: &Authorization, token: ListedToken) -> Value {
    let mut entry = json!({ "authorizer_appid": authorizer, "auth_time": authorization.auth_time });
    if let Some(token) = listed_token(authorization, token) {
        entry["refresh_token"] = json!(token);
    }
    entry
}

impl ListTotal {
    fn of(self, length: usize) -> usize {
        match self {
            Self::Right => length,
            Self::TooSmall => length / 2,
            Self::TooLarge => length * 2 + COUNT_SHORT,
            Self::Zero => 0,
        }
    }
}

/// The token as it is listed: empty while no code of the authorization was redeemed.
fn listed_token(authorization: &Authorization, switch: ListedToken) -> Option<&str> {
    match switch {
        ListedToken::Present => Some(authorization.refresh_token().unwrap_or("")),
        ListedToken::Empty => Some(""),
        ListedToken::Absent => None,
    }
}
