//! Clearing quotas, by token or by secret: at most ten times a month for each account.

use serde_json::json;

use super::{ApiError, Call, Outcome, component_token::check_secret, errors};

const CLEARS_PER_MONTH: u32 = 10;

/// `clear_quota`: with the component token.
pub(super) fn clear(call: &mut Call) -> Result<Outcome, ApiError> {
    let app_id = call.component.to_string();
    clear_for(call, app_id)
}

/// `clear_quota/v2`: with the app secret, for the platform or for one of its accounts.
pub(super) fn clear_with_secret(call: &mut Call) -> Result<Outcome, ApiError> {
    check_secret(call, "appsecret")?;
    let app_id = match call.body.text("appid")? {
        None => call.component.to_string(),
        Some(text) if text == call.component.as_str() => text.to_owned(),
        Some(text) => {
            let id = text.parse().map_err(|_| ApiError::new(errors::INVALID_APPID))?;
            call.authorization(&id)?;
            text.to_owned()
        }
    };
    clear_for(call, app_id)
}

fn clear_for(call: &mut Call, app_id: String) -> Result<Outcome, ApiError> {
    let month = month(call.now);
    let component = call.component.clone();
    let platform = call.platform_mut();
    platform.quota_clears.retain(|(_, of), _| *of == month);
    let clears = platform.quota_clears.entry((app_id, month)).or_default();
    if *clears >= CLEARS_PER_MONTH {
        return Err(ApiError::new(errors::CLEARS_USED_UP));
    }
    *clears += 1;
    call.state.faults.clear_quota(&component);
    Ok(json!({}).into())
}

/// Months since year 0, in UTC.
fn month(now: i64) -> i64 {
    let date = jiff::Timestamp::from_second(now).unwrap_or(jiff::Timestamp::MAX);
    let date = date.to_zoned(jiff::tz::TimeZone::UTC);
    i64::from(date.year()) * 12 + i64::from(date.month())
}
