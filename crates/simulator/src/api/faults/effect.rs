//! What faults do to calls.

use std::time::Duration;

use serde_json::Value;

use super::{
    super::{Answer, ApiError, Request, errors},
    dirt::Dirt,
};

/// What a fault does to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FaultEffect {
    /// How long the call waits before anything else.
    pub(crate) wait_before: Duration,
    /// How long the answer waits.
    pub(crate) wait_after: Duration,
    pub(in crate::api) step: Step,
}

/// What happens in place of the usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) enum Step {
    /// Nothing: the call is only slow.
    Nothing,
    /// Not processed, and refused for no reason of its own.
    Refuse(Refusal),
    /// Not processed: something else is answered.
    Replace(Answer),
    /// Processed, but the answer suffers.
    Spoil(Spoil),
}

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Refusal {
    Errcode(i64),
    CallingIp,
}

/// What becomes of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) enum Spoil {
    /// It is never sent.
    Drop,
    /// Its second half is missing.
    Truncate,
    /// Fields of these names are missing; none named: all.
    Without(Vec<String>),
    /// It is not as it should be.
    Dirty(Dirt),
    /// Its list is empty.
    EmptyList,
    /// Something else stands in the middle of its list.
    Entry(Value),
}

const HTML: &str = "text/html; charset=utf-8";

impl FaultEffect {
    pub(super) fn now(step: Step) -> Self {
        Self { wait_before: Duration::ZERO, wait_after: Duration::ZERO, step }
    }

    pub(super) fn dirty(dirt: Dirt) -> Self {
        Self::now(Step::Spoil(Spoil::Dirty(dirt)))
    }

    pub(super) fn refuse(code: i64) -> Self {
        Self::now(Step::Refuse(Refusal::Errcode(code)))
    }

    pub(super) fn status(status: u16) -> Self {
        let body = "<html><body><h1>Bad Gateway</h1></body></html>".into();
        Self::now(Step::Replace(Answer::Page { status, content_type: HTML, body }))
    }

    pub(super) fn html() -> Self {
        let body = "<html><head><title>WeChat</title></head><body>系统繁忙</body></html>".into();
        Self::now(Step::Replace(Answer::Page { status: 200, content_type: HTML, body }))
    }

    pub(super) fn quota() -> Self {
        Self::refuse(errors::QUOTA)
    }
}

impl Refusal {
    /// The error that a call gets.
    pub(in crate::api) fn error(self, request: &Request) -> ApiError {
        match self {
            Self::Errcode(code) => ApiError::new(code),
            Self::CallingIp => ApiError::calling_ip(request.peer),
        }
    }
}
