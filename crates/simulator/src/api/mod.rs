//! The component API as a pure state machine: a request and a time in, an answer out.
//!
//! Order of checks: method, body, JSON, `component_appid`, then (where the API wants one) the component token, then
//! the API's own parameters.

mod authorizer_info;
mod authorizer_list;
mod authorizer_token;
mod component_token;
mod create_preauthcode;
mod custom_send;
mod errors;
mod faults;
mod fields;
mod for_component;
mod names;
mod query_auth;
mod quota;
mod reply;
mod request;
mod start_push_ticket;
#[cfg(test)]
mod tests;

use mandate_schema::{AuthorizerId, ComponentId};
use serde_json::Value;

pub(crate) use custom_send::{check_account_token, uploaded};
pub(crate) use errors::ApiError;
pub(crate) use faults::{FaultEffect, Faults};
pub use faults::{FaultKind, FaultRecord};
pub(crate) use fields::Fields;
pub(crate) use names::Api;
pub(crate) use reply::{Answer, Reply, failure};
pub(crate) use request::{Request, Subject};

use faults::{Spoil, Step};

use crate::{
    state::{Authorization, CallRecord, Component, Owner, State, TokenStatus},
    switches::CallingIp,
    time::Now,
};

/// What happens outside of the state because of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The platform's next ticket is pushed.
    PushTicket(ComponentId),
}

/// What a call of the API yields, before faults and rendering.
pub(crate) struct Outcome {
    pub(crate) value: Value,
    pub(crate) effect: Option<Effect>,
}

impl From<Value> for Outcome {
    fn from(value: Value) -> Self {
        Self { value, effect: None }
    }
}

/// Answers a call; `fault` is the one that was taken for it. The call is recorded.
pub(crate) fn handle(state: &mut State, now: Now, request: &Request, fault: Option<&FaultEffect>) -> Reply {
    let (reply, errcode, processed) = match fault.map(|fault| &fault.step) {
        Some(Step::Replace(answer)) => (Reply { answer: answer.clone(), effect: None }, None, false),
        Some(Step::Refuse(refusal)) => {
            let error = refusal.error(request);
            (failure(state, &error), Some(error.code), false)
        }
        Some(Step::Spoil(spoil)) => process(state, now, request, Some(spoil)),
        Some(Step::Nothing) | None => process(state, now, request, None),
    };
    let Subject { component, authorizer, offset } = custom_send::subject(state, request, now.seconds());
    let api = request.api_name().to_owned();
    let at = now.timestamp();
    state.calls.add(CallRecord { api, component, authorizer, offset, errcode, processed, at });
    reply
}

fn process(
    state: &mut State,
    now: Now,
    request: &Request,
    spoil: Option<&Spoil>,
) -> (Reply, Option<i64>, bool) {
    let (reply, errcode) = match run(state, now, request) {
        Err(error) => (failure(state, &error), error.code),
        Ok(outcome) => (reply::success(state, outcome), 0),
    };
    // A spoiled answer is no number that the caller has seen, but it is what happened.
    (reply.spoiled(spoil), Some(errcode), errcode == 0)
}

/// One call under way: its checked parts.
pub(crate) struct Call<'a> {
    pub(crate) state: &'a mut State,
    /// The clock, in seconds.
    pub(crate) now: i64,
    pub(crate) component: ComponentId,
    pub(crate) body: Fields,
}

impl Call<'_> {
    /// The platform that calls.
    fn platform(&self) -> &Component {
        self.state.components.get(&self.component).expect("checked before the call began")
    }

    /// The platform that calls, to change it.
    fn platform_mut(&mut self) -> &mut Component {
        self.state.components.get_mut(&self.component).expect("checked before the call began")
    }

    /// `authorizer_appid` of the body. A text that is no appid cannot have authorized anybody.
    fn authorizer(&self) -> Result<AuthorizerId, ApiError> {
        let text = self.body.required("authorizer_appid", errors::APPID_MISSING)?;
        AuthorizerId::parse(text).map_err(|_| ApiError::new(errors::NOT_AUTHORIZED))
    }

    /// What an account grants the platform now.
    fn authorization(&self, authorizer: &AuthorizerId) -> Result<&Authorization, ApiError> {
        self.platform().held(authorizer).ok_or(ApiError::new(errors::NOT_AUTHORIZED))
    }
}

fn run(state: &mut State, now: Now, request: &Request) -> Result<Outcome, ApiError> {
    let api = Api::parse(request.api_name()).ok_or(ApiError::new(errors::INVALID_URL))?;
    if !request.is_post && !api.is_get() {
        return Err(ApiError::new(errors::POST_REQUIRED));
    }
    if state.switches.calling_ip == CallingIp::Unregistered {
        return Err(ApiError::calling_ip(request.peer));
    }
    if api == Api::CustomSend {
        return custom_send::run(state, now, request);
    }
    let now = now.seconds();
    if let Some(answered) = for_component::run(state, now, api, request) {
        return answered;
    }
    let body = Fields::parse(&request.body)?;
    let component = known_component(state, &body)?;
    if api.wants_component_token() {
        check_token(state, now, request, &component)?;
    }
    let mut call = Call { state, now, component, body };
    match api {
        Api::ComponentToken => component_token::run(&mut call),
        Api::CreatePreAuthCode => Ok(create_preauthcode::run(&mut call)),
        Api::QueryAuth => query_auth::run(&mut call),
        Api::AuthorizerToken => authorizer_token::run(&mut call),
        Api::AuthorizerInfo => authorizer_info::run(&mut call),
        Api::AuthorizerList => authorizer_list::run(&mut call),
        Api::StartPushTicket => start_push_ticket::run(&mut call),
        Api::ClearQuota => quota::clear(&mut call),
        Api::ClearQuotaV2 => quota::clear_with_secret(&mut call),
        Api::CustomSend
        | Api::JsCodeToSession
        | Api::UserToken
        | Api::RenewUserToken
        | Api::TemplateList
        | Api::TemplateDrafts
        | Api::FastRegister
        | Api::GetOption
        | Api::SetOption
        | Api::GetOptionNow
        | Api::SetOptionNow => unreachable!("it has been dealt with"),
    }
}

fn known_component(state: &State, body: &Fields) -> Result<ComponentId, ApiError> {
    let text = body.text("component_appid")?.ok_or(ApiError::new(errors::COMPONENT_APPID_MISSING))?;
    let wrong_shape = ApiError::new(errors::INVALID_APPID);
    let id = ComponentId::parse(text).map_err(|_| wrong_shape.clone())?;
    if state.components.contains_key(&id) {
        return Ok(id);
    }
    // A text that cannot be an appid of WeChat's is refused as such; another platform's is an invalid component.
    let hex = text
        .strip_prefix("wx")
        .filter(|rest| rest.len() == 16 && rest.bytes().all(|b| b.is_ascii_hexdigit()));
    Err(if hex.is_some() { ApiError::new(errors::INVALID_COMPONENT) } else { wrong_shape })
}

fn check_token(state: &State, now: i64, request: &Request, component: &ComponentId) -> Result<(), ApiError> {
    let token = request.token().ok_or(ApiError::new(errors::TOKEN_MISSING))?;
    match state.tokens.status(token, now) {
        TokenStatus::Good(Owner::Component(owner)) if owner == *component => Ok(()),
        TokenStatus::Good(Owner::Component(_)) => Err(ApiError::new(errors::INVALID_APPID)),
        TokenStatus::Good(Owner::Account(..)) => Err(ApiError::new(errors::COMPONENT_TOKEN_REQUIRED)),
        TokenStatus::Expired => Err(ApiError::new(errors::TOKEN_EXPIRED)),
        TokenStatus::Invalid => Err(ApiError::new(errors::INVALID_CREDENTIAL)),
    }
}
