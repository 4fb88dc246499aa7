//! Answers, and what faults make of them.

use serde_json::{Value, json};

use super::{ApiError, Effect, Outcome, faults::Spoil};
use crate::{state::State, switches::OkErrcode};

/// What goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// HTTP 200 with JSON, for success and failure alike.
    Json(Value),
    /// Something else.
    Page { status: u16, content_type: &'static str, body: Vec<u8> },
    /// The connection is closed without an answer.
    Dropped,
}

/// An answer, and what else happens.
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    pub(crate) effect: Option<Effect>,
}

/// How often `errcode: 0` is there when that varies.
const SOMETIMES: f64 = 0.5;

/// The answer to a call that took effect.
pub(super) fn success(state: &mut State, outcome: Outcome) -> Reply {
    let mut value = outcome.value;
    let with_errcode = match state.switches.errcode_on_success {
        OkErrcode::Sometimes => state.mint.chance(SOMETIMES),
        OkErrcode::Always => true,
        OkErrcode::Never => false,
    };
    if let Value::Object(fields) = &mut value
        // An answer that says nothing else always says so.
        && (with_errcode || fields.is_empty())
    {
        fields.insert("errcode".into(), json!(0));
        fields.insert("errmsg".into(), json!("ok"));
    }
    Reply { answer: Answer::Json(value), effect: outcome.effect }
}

/// The answer to a call that was refused, with a request id.
pub(crate) fn failure(state: &mut State, error: &ApiError) -> Reply {
    let rid = format!("{}-{}-{}", state.mint.hex(8), state.mint.hex(8), state.mint.hex(8));
    let value = json!({ "errcode": error.code, "errmsg": format!("{} rid: {rid}", error.message) });
    Reply { answer: Answer::Json(value), effect: None }
}

impl Reply {
    /// The reply as a fault leaves it.
    pub(super) fn spoiled(self, spoil: Option<&Spoil>) -> Self {
        let answer = match (spoil, self.answer) {
            (Some(Spoil::Drop), _) => Answer::Dropped,
            (Some(Spoil::Truncate), Answer::Json(value)) => truncated(&value),
            (Some(Spoil::Without(names)), Answer::Json(value)) => Answer::Json(without(value, names)),
            (Some(Spoil::Dirty(dirt)), Answer::Json(value)) => raw(dirt.body(value)),
            (Some(Spoil::EmptyList), Answer::Json(value)) => Answer::Json(with_list(value, Vec::clear)),
            (Some(Spoil::Entry(entry)), Answer::Json(value)) => Answer::Json(with_list(value, |entries| {
                let middle = entries.len() / 2;
                if let Some(place) = entries.get_mut(middle) {
                    place.clone_from(entry);
                }
            })),
            (
                Some(
                    Spoil::Truncate
                    | Spoil::Without(_)
                    | Spoil::Dirty(_)
                    | Spoil::EmptyList
                    | Spoil::Entry(_),
                )
                | None,
                answer,
            ) => answer,
        };
        Self { answer, ..self }
    }
}

fn truncated(value: &Value) -> Answer {
    let text = value.to_string();
    let half = (text.len() / 2..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    raw(text[..half].into())
}

/// An answer that need not be JSON, though it says so.
fn raw(body: Vec<u8>) -> Answer {
    Answer::Page { status: 200, content_type: "application/json; encoding=utf-8", body }
}

/// An answer whose `list`, if it has one, was changed.
fn with_list(mut value: Value, change: impl FnOnce(&mut Vec<Value>)) -> Value {
    if let Some(entries) = value.get_mut("list").and_then(Value::as_array_mut) {
        change(entries);
    }
    value
}

/// An answer without some fields, wherever they stand; none named: without any.
fn without(mut value: Value, names: &[String]) -> Value {
    if names.is_empty() {
        return json!({});
    }
    strip(&mut value, names);
    value
}

fn strip(value: &mut Value, names: &[String]) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !names.contains(name));
            fields.values_mut().for_each(|inner| strip(inner, names));
        }
        Value::Array(values) => values.iter_mut().for_each(|inner| strip(inner, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
