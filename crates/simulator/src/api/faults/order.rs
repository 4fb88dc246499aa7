//! Orders of faults: their values, checked.

use std::time::Duration;

use serde_json::Value;

use super::{
    FaultEffect, FaultKind,
    dirt::Dirt,
    effect::{Refusal, Spoil, Step},
    queue::Fault,
};
use crate::{
    api::{Answer, Api},
    error::OrderError,
    orders::FaultSpec,
    state::{Scope, State},
    time::Span,
};

/// What an order of a fault comes to.
enum Ordered {
    Waits(FaultEffect),
    AtOnce,
}

impl State {
    /// Adds a fault, or does at once what its kind says.
    pub(crate) fn apply_fault(&mut self, spec: FaultSpec, now: i64) -> Result<(), OrderError> {
        let api = parse_api(spec.api.as_deref())?;
        if spec.times == 0 || spec.probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability))
        {
            return Err(OrderError::Invalid("times must be 1 or more, probability 0 to 1".to_owned()));
        }
        let scope = Scope { component: spec.component, authorizer: spec.authorizer };
        scope.check(self)?;
        let effect = match self.order(spec.kind, spec.value.unwrap_or(Value::Null), &scope, now)? {
            Ordered::AtOnce => return Ok(()),
            Ordered::Waits(effect) => effect,
        };
        if self.faults.is_full() {
            return Err(OrderError::Invalid("too many faults wait; clear them first".to_owned()));
        }
        let (kind, left, probability) = (spec.kind, spec.times, spec.probability);
        self.faults.add(Fault { kind, effect, api, scope, left, probability });
        Ok(())
    }

    fn order(
        &mut self,
        kind: FaultKind,
        value: Value,
        scope: &Scope,
        now: i64,
    ) -> Result<Ordered, OrderError> {
        let slow = |wait_before, wait_after, step| FaultEffect { wait_before, wait_after, step };
        let none = Duration::ZERO;
        Ok(Ordered::Waits(match kind {
            FaultKind::Errcode => FaultEffect::refuse(number(&value, "errcode needs its number as value")?),
            FaultKind::Latency => slow(none, duration(&value)?, Step::Nothing),
            FaultKind::LatencyBefore => slow(duration(&value)?, none, Step::Nothing),
            FaultKind::DropBefore => slow(optional_duration(&value)?, none, Step::Replace(Answer::Dropped)),
            FaultKind::DropAnswer => slow(none, optional_duration(&value)?, Step::Spoil(Spoil::Drop)),
            FaultKind::Http5xx => FaultEffect::status(status(&value)?),
            FaultKind::Html => FaultEffect::html(),
            FaultKind::Truncated => FaultEffect::now(Step::Spoil(Spoil::Truncate)),
            FaultKind::MissingFields => FaultEffect::now(Step::Spoil(Spoil::Without(names(value)?))),
            FaultKind::ControlCharacters => FaultEffect::dirty(Dirt::InTexts(b"\x01\0\n\x1f")),
            FaultKind::CutUtf8 => FaultEffect::dirty(Dirt::InTexts(b"\xe4\xbd")),
            FaultKind::LoneSurrogate => FaultEffect::dirty(Dirt::InTexts(b"\\ud83d")),
            FaultKind::ByteOrderMark => FaultEffect::dirty(Dirt::ByteOrderMark),
            FaultKind::NumbersAsText => FaultEffect::dirty(Dirt::NumbersAsText),
            FaultKind::TextsAsNumbers => FaultEffect::dirty(Dirt::TextsAsNumbers),
            FaultKind::NullFields => FaultEffect::dirty(Dirt::Null(names(value)?)),
            FaultKind::Unreadable => FaultEffect::dirty(Dirt::Unreadable),
            FaultKind::EmptyBody => FaultEffect::dirty(Dirt::Empty),
            FaultKind::EmptyPage => FaultEffect::now(Step::Spoil(Spoil::EmptyList)),
            FaultKind::UnreadableEntry => FaultEffect::now(Step::Spoil(Spoil::Entry(value))),
            FaultKind::Quota => FaultEffect::quota(),
            FaultKind::Ip => FaultEffect::now(Step::Refuse(Refusal::CallingIp)),
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
    if let Some(api) = Api::parse(name) {
        return Ok(Some(api));
    }
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
    let span: Span =
        serde_json::from_value(value.clone()).map_err(|error| OrderError::Invalid(error.to_string()))?;
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
            names.ok_or_else(|| OrderError::Invalid("it takes names as value".to_owned()))
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            Err(OrderError::Invalid("it takes a name or a list of names as value".to_owned()))
        }
    }
}
