//! Faults of the API: what goes wrong with the next calls.

use std::time::Duration;

use mandate_schema::{AuthorizerId, ComponentId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, Api, ApiError, Request, errors};
use crate::{
    error::OrderError,
    orders::FaultSpec,
    state::{Mint, Scope, State},
    time::Span,
};

/// What goes wrong. The value that a kind takes is in parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Not processed; answered with this `errcode` (number).
    Errcode,
    /// Processed at once; the answer comes late (duration).
    Latency,
    /// Processed late, and answered then (duration).
    LatencyBefore,
    /// Never processed; the connection is closed (optional duration: after that time).
    DropBefore,
    /// Processed; then the connection is closed without an answer (optional duration: after that time).
    DropAnswer,
    /// Not processed; answered with a 5xx status (optional number: the status, default 502).
    #[serde(rename = "http_5xx")]
    Http5xx,
    /// Not processed; answered 200 with an HTML page.
    Html,
    /// Processed; half of the JSON arrives.
    Truncated,
    /// Processed; the answer lacks fields (optional name or list of names: default all).
    MissingFields,
    /// The quota is spent: 45009, until it is cleared or the count is down.
    Quota,
    /// The caller's address is not on the list: 61004.
    Ip,
    /// At once: all access tokens are bad (40001). With an authorizer, only that account's.
    InvalidateTokens,
    /// At once: all refresh tokens get a successor and are bad (61023).
    RotateRefreshTokens,
    /// At once: all tickets are expired (61005).
    ExpireTickets,
    /// At once: changes switches (object of names and values).
    Switch,
}

/// What a fault does to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FaultEffect {
    Errcode(i64),
    Latency(Duration),
    LatencyBefore(Duration),
    DropBefore(Duration),
    DropAnswer(Duration),
    Status(u16),
    Html,
    Truncated,
    MissingFields(Vec<String>),
    Quota,
    Ip,
}

impl FaultEffect {
    /// How long the call waits before anything else.
    pub(crate) fn wait_before(&self) -> Duration {
        match self {
            Self::LatencyBefore(wait) | Self::DropBefore(wait) => *wait,
            _ => Duration::ZERO,
        }
    }

    /// How long the answer waits.
    pub(crate) fn wait_after(&self) -> Duration {
        match self {
            Self::Latency(wait) | Self::DropAnswer(wait) => *wait,
            _ => Duration::ZERO,
        }
    }

    /// The answer of a call that is not even looked at.
    pub(super) fn unprocessed(&self) -> Option<Answer> {
        const HTML: &str = "text/html; charset=utf-8";
        match self {
            Self::DropBefore(_) => Some(Answer::Dropped),
            Self::Status(status) => {
                let body = "<html><body><h1>Bad Gateway</h1></body></html>".to_owned();
                Some(Answer::Page { status: *status, content_type: HTML, body })
            }
            Self::Html => {
                let body = "<html><head><title>WeChat</title></head><body>系统繁忙</body></html>".to_owned();
                Some(Answer::Page { status: 200, content_type: HTML, body })
            }
            _ => None,
        }
    }

    /// The error of a call that is refused for no reason of its own.
    pub(super) fn refusal(&self, request: &Request) -> Option<ApiError> {
        match self {
            Self::Errcode(code) => Some(ApiError::new(*code)),
            Self::Quota => Some(ApiError::new(errors::QUOTA)),
            Self::Ip => Some(ApiError::calling_ip(request.peer)),
            _ => None,
        }
    }
}

/// A fault that waits for calls.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    kind: FaultKind,
    effect: FaultEffect,
    /// `None`: any.
    api: Option<Api>,
    scope: Scope,
    left: u32,
    probability: Option<f64>,
}

/// A fault that waits, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FaultRecord {
    /// The API, or `*`.
    pub api: &'static str,
    /// What goes wrong.
    pub kind: FaultKind,
    /// How many calls it still happens to.
    pub left: u32,
    /// Only calls of this platform.
    pub component: Option<ComponentId>,
    /// Only calls about this account.
    pub authorizer: Option<AuthorizerId>,
}

/// The faults that wait, in the order they were added.
#[derive(Default)]
pub(crate) struct Faults(Vec<Fault>);

/// Faults that may wait at once.
const FAULTS_MAX: usize = 1000;

impl Faults {
    /// Takes the first fault that is meant for this call.
    pub(crate) fn take(&mut self, request: &Request, mint: &mut Mint) -> Option<FaultEffect> {
        let api = Api::parse(request.api_name());
        let subject = request.subject();
        let meant = |fault: &Fault| {
            let scope = &fault.scope;
            (fault.api.is_none() || fault.api == api)
                && scope.component.as_ref().is_none_or(|only| subject.component.as_deref() == Some(only.as_str()))
                && scope.authorizer.as_ref().is_none_or(|only| subject.authorizer.as_deref() == Some(only.as_str()))
        };
        let mut happens = |fault: &Fault| fault.probability.is_none_or(|probability| mint.chance(probability));
        let place = self.0.iter().position(|fault| meant(fault) && happens(fault))?;
        let fault = &mut self.0[place];
        let effect = fault.effect.clone();
        fault.left -= 1;
        if fault.left == 0 {
            self.0.remove(place);
        }
        Some(effect)
    }

    /// All that wait.
    pub(crate) fn list(&self) -> Vec<FaultRecord> {
        let record = |fault: &Fault| FaultRecord {
            api: fault.api.map_or("*", Api::name),
            kind: fault.kind,
            left: fault.left,
            component: fault.scope.component.clone(),
            authorizer: fault.scope.authorizer.clone(),
        };
        self.0.iter().map(record).collect()
    }

    /// Takes all back.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// A platform's quota is full again.
    pub(crate) fn clear_quota(&mut self, component: &ComponentId) {
        self.0.retain(|fault| fault.kind != FaultKind::Quota || !fault.scope.has_component(component));
    }
}

/// What an order of a fault comes to.
enum Ordered {
    Waits(FaultEffect),
    AtOnce,
}

impl State {
    /// Adds a fault, or does at once what its kind says.
    pub(crate) fn apply_fault(&mut self, spec: FaultSpec, now: i64) -> Result<(), OrderError> {
        let api = parse_api(spec.api.as_deref())?;
        if spec.times == 0 || spec.probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
            return Err(OrderError::Invalid("times must be 1 or more, probability 0 to 1".to_owned()));
        }
        let scope = Scope { component: spec.component, authorizer: spec.authorizer };
        scope.check(self)?;
        let effect = match self.order(spec.kind, spec.value.unwrap_or(Value::Null), &scope, now)? {
            Ordered::AtOnce => return Ok(()),
            Ordered::Waits(effect) => effect,
        };
        if self.faults.0.len() == FAULTS_MAX {
            return Err(OrderError::Invalid("too many faults wait; clear them first".to_owned()));
        }
        let (kind, left, probability) = (spec.kind, spec.times, spec.probability);
        self.faults.0.push(Fault { kind, effect, api, scope, left, probability });
        Ok(())
    }

    fn order(&mut self, kind: FaultKind, value: Value, scope: &Scope, now: i64) -> Result<Ordered, OrderError> {
        Ok(Ordered::Waits(match kind {
            FaultKind::Errcode => FaultEffect::Errcode(number(&value, "errcode needs its number as value")?),
            FaultKind::Latency => FaultEffect::Latency(duration(&value)?),
            FaultKind::LatencyBefore => FaultEffect::LatencyBefore(duration(&value)?),
            FaultKind::DropBefore => FaultEffect::DropBefore(optional_duration(&value)?),
            FaultKind::DropAnswer => FaultEffect::DropAnswer(optional_duration(&value)?),
            FaultKind::Http5xx => FaultEffect::Status(status(&value)?),
            FaultKind::Html => FaultEffect::Html,
            FaultKind::Truncated => FaultEffect::Truncated,
            FaultKind::MissingFields => FaultEffect::MissingFields(names(value)?),
            FaultKind::Quota => FaultEffect::Quota,
            FaultKind::Ip => FaultEffect::Ip,
            FaultKind::InvalidateTokens => {
                self.invalidate_tokens(scope, now);
                return Ok(Ordered::AtOnce);
            }
            FaultKind::RotateRefreshTokens => {
                self.rotate_refresh_tokens(scope, now);
                return Ok(Ordered::AtOnce);
            }
            FaultKind::ExpireTickets => {
                self.expire_tickets(scope, now);
                return Ok(Ordered::AtOnce);
            }
            FaultKind::Switch => {
                let Value::Object(changes) = value else {
                    return Err(OrderError::Invalid("switch needs an object as value".to_owned()));
                };
                self.switches = self.switches.with(&changes).map_err(OrderError::Invalid)?;
                return Ok(Ordered::AtOnce);
            }
        }))
    }
}

/// An API by its name, with or without its path; `None`: any.
fn parse_api(name: Option<&str>) -> Result<Option<Api>, OrderError> {
    let Some(name) = name.filter(|name| !matches!(*name, "" | "*")) else { return Ok(None) };
    let short = name.trim_start_matches('/');
    let short = short.strip_prefix("cgi-bin/").unwrap_or(short);
    let short = short.strip_prefix("component/").unwrap_or(short);
    Api::parse(short).map(Some).ok_or_else(|| {
        let known: Vec<&str> = Api::ALL.into_iter().map(Api::name).collect();
        OrderError::Invalid(format!("unknown api {name:?}; known are *, {}", known.join(", ")))
    })
}

fn number(value: &Value, problem: &str) -> Result<i64, OrderError> {
    let text = || value.as_str().and_then(|text| text.trim().parse().ok());
    value.as_i64().or_else(text).ok_or_else(|| OrderError::Invalid(problem.to_owned()))
}

fn duration(value: &Value) -> Result<Duration, OrderError> {
    let span: Span = serde_json::from_value(value.clone()).map_err(|error| OrderError::Invalid(error.to_string()))?;
    Ok(span.0)
}

fn optional_duration(value: &Value) -> Result<Duration, OrderError> {
    if value.is_null() { Ok(Duration::ZERO) } else { duration(value) }
}

fn status(value: &Value) -> Result<u16, OrderError> {
    if value.is_null() {
        return Ok(502);
    }
    let problem = "http_5xx takes a status from 500 to 599 as value";
    let status = u16::try_from(number(value, problem)?).ok().filter(|status| (500..600).contains(status));
    status.ok_or_else(|| OrderError::Invalid(problem.to_owned()))
}

fn names(value: Value) -> Result<Vec<String>, OrderError> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::String(name) => Ok(vec![name]),
        Value::Array(names) => {
            let names = names.into_iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>();
            names.ok_or_else(|| OrderError::Invalid("missing_fields takes names as value".to_owned()))
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            Err(OrderError::Invalid("missing_fields takes a name or a list of names as value".to_owned()))
        }
    }
}
