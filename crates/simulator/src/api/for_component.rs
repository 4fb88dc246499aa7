//! Calls that a platform makes for itself or for an account, with its own token: logins, web OAuth, templates, fast
//! registration, options.

use std::ops::RangeInclusive;

use mandate_schema::{AuthorizerId, ComponentId};
use serde_json::json;

use super::{Api, ApiError, Fields, Outcome, Request, errors, known_component};
use crate::state::{Authorization, Owner, State, TokenStatus};

/// The options of an account, and their values.
const OPTIONS: [(&str, RangeInclusive<u8>); 3] =
    [("location_report", 0..=2), ("voice_recognize", 0..=1), ("customer_service", 0..=1)];

/// Answers such a call; `None`: it is another one.
pub(super) fn run(
    state: &mut State,
    now: i64,
    api: Api,
    request: &Request,
) -> Option<Result<Outcome, ApiError>> {
    Some(match api {
        Api::JsCodeToSession => login(state, now, request, "js_code"),
        Api::UserToken => login(state, now, request, "code"),
        Api::RenewUserToken => login(state, now, request, "refresh_token"),
        Api::TemplateList | Api::TemplateDrafts => templates(state, now, api, request),
        Api::FastRegister => fast_register(state, now, request),
        Api::GetOption | Api::SetOption | Api::GetOptionNow | Api::SetOptionNow => {
            option(state, now, api, request)
        }
        Api::ComponentToken
        | Api::CreatePreAuthCode
        | Api::QueryAuth
        | Api::AuthorizerToken
        | Api::AuthorizerInfo
        | Api::AuthorizerList
        | Api::StartPushTicket
        | Api::ClearQuota
        | Api::ClearQuotaV2
        | Api::CustomSend => return None,
    })
}

/// A login of an account's user, named by what it brings. Platform and account are in the query, and the token must be too, under
/// its own name.
fn login(state: &mut State, now: i64, request: &Request, brings: &str) -> Result<Outcome, ApiError> {
    let of_query = |name: &str, missing| request.parameter(name).ok_or(ApiError::new(missing));
    let named = of_query("component_appid", errors::COMPONENT_APPID_MISSING)?;
    let token = of_query("component_access_token", errors::COMPONENT_TOKEN_MISSING)?;
    let component = owner(state, now, token)?;
    if component.as_str() != named {
        return Err(ApiError::new(errors::INVALID_APPID));
    }
    held(state, &component, of_query("appid", errors::APPID_MISSING)?)?;
    of_query(brings, errors::CODE_MISSING)?;
    let openid = format!("o{}", state.mint.hex(27));
    Ok(match brings {
        "js_code" => json!({ "openid": openid, "session_key": state.mint.hex(24) }),
        _ => json!({
            "access_token": state.mint.hex(64), "refresh_token": state.mint.hex(64), "expires_in": 7200,
            "openid": openid, "scope": "snsapi_base",
        }),
    }
    .into())
}

fn templates(state: &State, now: i64, api: Api, request: &Request) -> Result<Outcome, ApiError> {
    owner(state, now, request.parameter("access_token").ok_or(ApiError::new(errors::TOKEN_MISSING))?)?;
    let list = if api == Api::TemplateList { "template_list" } else { "draft_list" };
    let none: [(); 0] = [];
    Ok(json!({ list: none }).into())
}

fn fast_register(state: &State, now: i64, request: &Request) -> Result<Outcome, ApiError> {
    owner(state, now, request.token().ok_or(ApiError::new(errors::TOKEN_MISSING))?)?;
    Fields::parse(&request.body)?;
    match request.parameter("action") {
        Some("create" | "search") => Ok(json!({}).into()),
        _ => Err(ApiError::new(errors::BAD_PARAMETERS)),
    }
}

fn option(state: &mut State, now: i64, api: Api, request: &Request) -> Result<Outcome, ApiError> {
    let body = Fields::parse(&request.body)?;
    let component = known_component(state, &body)?;
    if owner(state, now, request.token().ok_or(ApiError::new(errors::TOKEN_MISSING))?)? != component {
        return Err(ApiError::new(errors::INVALID_APPID));
    }
    let app_id = body.required("authorizer_appid", errors::APPID_MISSING)?;
    let authorization = held(state, &component, app_id)?;
    let name = body.text("option_name")?.unwrap_or_default();
    let known = OPTIONS.into_iter().find(|(known, _)| *known == name);
    let (_, values) = known.ok_or(ApiError::new(errors::INVALID_OPTION))?;
    if matches!(api, Api::GetOption | Api::GetOptionNow) {
        let value = authorization.options.get(name).map_or("0", String::as_str);
        return Ok(json!({ "authorizer_appid": app_id, "option_name": name, "option_value": value }).into());
    }
    let value = body.text("option_value")?.unwrap_or_default();
    if !value.parse().is_ok_and(|number| values.contains(&number)) {
        return Err(ApiError::new(errors::INVALID_OPTION_VALUE));
    }
    authorization.options.insert(name.to_owned(), value.to_owned());
    Ok(json!({}).into())
}

/// The platform whose token it is.
fn owner(state: &State, now: i64, token: &str) -> Result<ComponentId, ApiError> {
    match state.tokens.status(token, now) {
        TokenStatus::Good(Owner::Component(owner)) => Ok(owner),
        TokenStatus::Good(Owner::Account(..)) => Err(ApiError::new(errors::COMPONENT_TOKEN_REQUIRED)),
        TokenStatus::Expired => Err(ApiError::new(errors::TOKEN_EXPIRED)),
        TokenStatus::Invalid => Err(ApiError::new(errors::INVALID_CREDENTIAL)),
    }
}

/// What an account grants the platform now.
fn held<'a>(
    state: &'a mut State,
    component: &ComponentId,
    app_id: &str,
) -> Result<&'a mut Authorization, ApiError> {
    let not_authorized = || ApiError::new(errors::NOT_AUTHORIZED);
    let authorizer = AuthorizerId::parse(app_id).map_err(|_| not_authorized())?;
    let platform = state.components.get_mut(component).ok_or_else(not_authorized)?;
    let authorization = platform.authorizations.get_mut(&authorizer);
    authorization.filter(|authorization| authorization.holds()).ok_or_else(not_authorized)
}
