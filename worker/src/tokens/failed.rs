//! A refresh that failed, as every process may know it.

use std::{fmt, time::Duration};

use jiff::{SignedDuration, Timestamp};
use mandate_runtime::jitter::full_jitter;
use mandate_storage::{TokenFailure, TokenRow};
use mandate_wechat::api::{Api, Refusal};
use serde::{Deserialize, Serialize};

use crate::wechat::{error::CallError, retry::wait_after};

/// First and longest wait after a call without an answer.
const BACKOFF: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(15)];
/// How long a task may take that looks for another refresh token, before somebody tries the old one again.
const RECOVERY: Duration = Duration::from_mins(1);

/// A refresh that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What failed.
    pub what: What,
    /// When.
    pub at: Timestamp,
    /// When the next one may be tried.
    pub not_before: Timestamp,
    /// Failures in a row.
    pub failures: u32,
}

/// What failed in a refresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// `WeChat` has pushed no ticket for 12 hours, or refuses the ones we have: the next one comes within 10 minutes.
    NoTicket {
        /// What it said to the ones we have.
        refusal: Option<Refusal>,
        /// Version of the event that brought the newest of them. Times would not do: a ticket may be on its way into the log.
        newest: Option<u64>,
    },
    /// `WeChat` refused.
    Refused {
        /// What it said.
        refusal: Refusal,
    },
    /// The request did not reach `WeChat`.
    NotSent {
        /// Why.
        detail: String,
    },
    /// No answer that can be read came back.
    AnswerLost {
        /// Why.
        detail: String,
    },
    /// A task looks whether there is another refresh token, or whether the account still authorizes us.
    Recovering {
        /// What `WeChat` said to the one we hold.
        refusal: Refusal,
    },
}

/// The stored form.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(flatten)]
    what: What,
    at: Timestamp,
}

impl What {
    /// Sorts a failed call. `None`: the call was not made.
    pub(super) fn of_call(error: CallError) -> Result<Self, CallError> {
        match error {
            CallError::Refused(refusal) => Ok(Self::Refused { refusal }),
            CallError::NotSent(detail) => Ok(Self::NotSent { detail }),
            CallError::AnswerLost(detail) | CallError::Unreadable(detail) => Ok(Self::AnswerLost { detail }),
            paused @ CallError::Paused { .. } => Err(paused),
        }
    }

    /// How long to leave `api` alone; `failures` counts those before this one.
    fn wait(&self, api: Api, failures: u32, now: Timestamp) -> Duration {
        let [first, longest] = BACKOFF;
        match self {
            Self::NoTicket { .. } => Duration::from_mins(10),
            Self::Refused { refusal } => {
                wait_after(api, refusal, now) + full_jitter(first, longest, failures.min(16))
            }
            Self::NotSent { .. } | Self::AnswerLost { .. } => {
                first + full_jitter(first, longest, failures.min(16))
            }
            Self::Recovering { .. } => RECOVERY * 2_u32.pow(failures.min(5)),
        }
    }
}

impl Failed {
    /// The failure of a refresh through `api` just now, after the one before it.
    pub(crate) fn now(what: What, api: Api, before: Option<&TokenFailure>, now: Timestamp) -> Self {
        let failures = before.map_or(0, |failure| failure.failures);
        let wait = SignedDuration::try_from(what.wait(api, failures, now)).unwrap_or(SignedDuration::MAX);
        let not_before = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        Self { what, at: now, not_before, failures: failures.saturating_add(1) }
    }

    /// The failure that a row tells of, while it holds. One that this program cannot read holds all the same.
    pub(super) fn of_row(row: &TokenRow, now: Timestamp) -> Option<Self> {
        let TokenFailure { failures, not_before, reason } = row.failure.clone()?;
        if not_before <= now {
            return None;
        }
        let Stored { what, at } = serde_json::from_str(&reason).unwrap_or(Stored {
            what: What::AnswerLost { detail: "as a newer program has noted".to_owned() },
            at: now,
        });
        Some(Self { what, at, not_before, failures })
    }

    pub(super) fn to_stored(&self) -> TokenFailure {
        let stored = Stored { what: self.what.clone(), at: self.at };
        TokenFailure {
            failures: self.failures,
            not_before: self.not_before,
            reason: serde_json::to_string(&stored).expect("plain data"),
        }
    }

    /// `WeChat`'s refusal, if it said no.
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.what {
            What::NoTicket { refusal, .. } => refusal.as_ref(),
            What::Refused { refusal } | What::Recovering { refusal } => Some(refusal),
            What::NotSent { .. } | What::AnswerLost { .. } => None,
        }
    }
}

impl std::error::Error for Failed {}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::NoTicket { refusal, .. } => {
                f.write_str("there is no ticket that WeChat accepts")?;
                if let Some(refusal) = refusal {
                    write!(f, " ({refusal})")?;
                }
                f.write_str("; it pushes one every 10 minutes")
            }
            What::Refused { refusal } => write!(f, "{refusal}"),
            What::NotSent { detail } => write!(f, "WeChat's API was not reached: {detail}"),
            What::AnswerLost { detail } => write!(f, "the answer of WeChat's API was lost: {detail}"),
            What::Recovering { refusal } => {
                write!(f, "the refresh token was refused ({refusal}); another one is looked for")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(errcode: i64) -> Refusal {
        Refusal { errcode, errmsg: "no".into(), rid: Some("6172-61".into()) }
    }

    #[test]
    fn every_failure_survives_its_stored_form() {
        let now = Timestamp::UNIX_EPOCH;
        for what in [
            What::NoTicket { refusal: None, newest: None },
            What::NoTicket { refusal: Some(refusal(61006)), newest: Some(7) },
            What::Refused { refusal: refusal(45009) },
            What::NotSent { detail: "refused".into() },
            What::AnswerLost { detail: "HTTP status 502".into() },
            What::Recovering { refusal: refusal(61023) },
        ] {
            let failed = Failed::now(what, Api::AuthorizerToken, None, now);
            let row = TokenRow { access: None, generation: 1, failure: Some(failed.to_stored()) };
            assert_eq!(Failed::of_row(&row, now), Some(failed.clone()));
            assert_eq!(Failed::of_row(&row, failed.not_before), None, "it holds no longer");
        }
    }

    #[test]
    fn waits_grow_with_failures_in_a_row_and_stay_short() {
        let lost = || What::AnswerLost { detail: String::new() };
        let mut before = None;
        for failures in 1..40 {
            let failed = Failed::now(lost(), Api::AuthorizerToken, before.as_ref(), Timestamp::UNIX_EPOCH);
            assert_eq!(failed.failures, failures);
            let wait = failed.not_before.duration_since(Timestamp::UNIX_EPOCH);
            assert!(wait >= SignedDuration::from_secs(1) && wait <= SignedDuration::from_secs(16), "{wait}");
            before = Some(failed.to_stored());
        }
    }
}
