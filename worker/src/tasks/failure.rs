//! What a failed call means for its task: try again, or believe the refusal.

use std::time::Duration;

use jiff::Timestamp;
use mandate_runtime::jitter::full_jitter;
use mandate_wechat::{
    api::{Api, Refusal},
    errors::{self, Fault, Repair, Retry},
};

use crate::{
    log::fold::ReadError,
    tokens::{TokenError, What},
    wechat::{
        error::CallError,
        retry::{suspended, wait_after},
    },
};

/// Reason of tasks that wait for a ticket; the next one wakes them.
pub(crate) const NO_TICKET: &str = "no_ticket";
/// Reason of attempts that were not tried, because the process stops.
pub(crate) const STOPPING: &str = "stopping";

const BACKOFF_BASE: Duration = Duration::from_secs(1);
const BACKOFF_CAP: Duration = Duration::from_mins(5);
/// Shortest wait after an attempt that ran out of time, and the longest that is added.
const TOO_SLOW: [Duration; 2] = [Duration::from_secs(5), Duration::from_mins(10)];

/// Why a call to `WeChat` brought no answer to decide on.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// Try again later; the failure says nothing about the account.
    Again {
        /// Not before this has passed.
        after: Duration,
        /// Short name of the reason.
        reason: &'static str,
        /// For the log.
        detail: String,
    },
    /// `WeChat` has answered and processed the call, but what it says about this account cannot be read. Try again later, for
    /// this account alone; somewhere else, as in the list, it may be readable now.
    AnswerUnreadable {
        /// Not before this has passed.
        after: Duration,
        /// For the log.
        detail: String,
    },
    /// `WeChat` refuses, and would again: about this account or this code.
    Refused(Refusal),
    /// Something of our own cannot be read, and could not be later.
    Unreadable(String),
}

impl Failure {
    /// Sorts a failed call by the error table. `attempt` is that of the task, from 1.
    pub(crate) fn of_call(api: Api, error: CallError, attempt: u32) -> Self {
        match error {
            CallError::NotSent(detail) => Self::again(attempt, "not_reached", detail),
            CallError::AnswerLost(detail) => Self::again(attempt, "answer_lost", detail),
            CallError::Unreadable(detail) => Self::AnswerUnreadable { after: backoff(attempt), detail },
            CallError::Refused(refusal) => Self::of_refusal(api, refusal, attempt),
            error @ CallError::Paused { until, .. } => Self::paused(until, error.to_string()),
        }
    }

    /// Sorts the lack of a component token.
    pub(crate) fn of_token(error: TokenError, attempt: u32) -> Self {
        let detail = error.to_string();
        match error {
            TokenError::NoSecret(_) => Self::Again { after: suspended(), reason: "no_secret", detail },
            TokenError::Busy => Self::again(attempt, "token_busy", detail),
            TokenError::Read(error) => Self::of_read(&error, attempt),
            TokenError::Paused(CallError::Paused { until, .. }) => Self::paused(until, detail),
            // About the component, never about the account: whatever it is, the task waits.
            TokenError::Failed(failed) => {
                let reason = match failed.what {
                    What::NoTicket { .. } => NO_TICKET,
                    What::Refused { .. } | What::Recovering { .. } => "component_token",
                    What::NotSent { .. } => "not_reached",
                    What::AnswerLost { .. } => "answer_lost",
                };
                let after = until(failed.not_before) + backoff(attempt);
                Self::Again { after, reason, detail }
            }
            TokenError::Unknown
            | TokenError::Revoked
            | TokenError::Broken
            | TokenError::NoApiPermission
            | TokenError::Erased
            | TokenError::Pending
            | TokenError::Paused(_) => Self::again(attempt, "component_token", detail),
        }
    }

    /// Sorts a read of our own store.
    pub(crate) fn of_read(error: &ReadError, attempt: u32) -> Self {
        if error.may_heal() {
            Self::again(attempt, "store", error.to_string())
        } else {
            Self::Unreadable(error.to_string())
        }
    }

    /// The attempt took longer than it may.
    pub(super) fn too_slow(attempt: u32, limit: Duration) -> Self {
        let [least, most] = TOO_SLOW;
        let after = least + full_jitter(least, most, attempt.min(16));
        let detail = format!("the attempt took longer than {} s", limit.as_secs());
        Self::Again { after, reason: "too_slow", detail }
    }

    /// The process stops: no new call is begun.
    pub(crate) fn stopping() -> Self {
        Self::Again { after: Duration::ZERO, reason: STOPPING, detail: "the process stops".to_owned() }
    }

    /// `WeChat` names a refresh token, but its bytes arrived damaged. `place` is where.
    pub(crate) fn damaged_token(place: &str, attempt: u32) -> Self {
        let detail = format!("the refresh token in WeChat's {place} arrived damaged");
        Self::AnswerUnreadable { after: backoff(attempt), detail }
    }

    fn of_refusal(api: Api, refusal: Refusal, attempt: u32) -> Self {
        match errors::classify(api, refusal.errcode) {
            Retry::OnceAfter(Repair::RecoverRefreshToken) => Self::Refused(refusal),
            Retry::Never if !is_the_operators(&refusal) => Self::Refused(refusal),
            Retry::Later | Retry::NextDay | Retry::OnceAfter(_) | Retry::Never => {
                Self::wait(api, &refusal, attempt)
            }
        }
    }

    /// No account may be lost by this refusal, and no quota burnt.
    fn wait(api: Api, refusal: &Refusal, attempt: u32) -> Self {
        let cure = errors::lookup(refusal.errcode).map_or("", errors::ErrorEntry::cure);
        let address = refusal.client_ip().map(|ip| format!(" (WeChat saw {ip})")).unwrap_or_default();
        let reason = match errors::classify(api, refusal.errcode) {
            Retry::Later => "refused_for_now",
            Retry::NextDay => "quota_spent",
            Retry::OnceAfter(Repair::NewestTicket) => NO_TICKET,
            Retry::OnceAfter(_) | Retry::Never => "suspended",
        };
        let after = wait_after(api, refusal, Timestamp::now()) + backoff(attempt);
        Self::Again { after, reason, detail: format!("{refusal}{address}: {cure}") }
    }

    fn paused(at: Timestamp, detail: String) -> Self {
        let after = until(at) + full_jitter(BACKOFF_BASE, BACKOFF_BASE, 0);
        Self::Again { after, reason: "paused", detail }
    }

    pub(super) fn again(attempt: u32, reason: &'static str, detail: String) -> Self {
        Self::Again { after: backoff(attempt), reason, detail }
    }
}

/// A matter of the component's configuration, standing or quota: nothing about the account.
fn is_the_operators(refusal: &Refusal) -> bool {
    errors::lookup(refusal.errcode).is_some_and(|entry| entry.fault == Fault::Platform)
}

fn until(time: Timestamp) -> Duration {
    Duration::try_from(time.duration_since(Timestamp::now())).unwrap_or_default()
}

fn backoff(attempt: u32) -> Duration {
    // The first repeat follows soon: most lost answers are a matter of a moment.
    full_jitter(BACKOFF_BASE, BACKOFF_CAP, attempt.saturating_sub(1).min(16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        tokens::Failed,
        wechat::retry::{SUSPENDED, until_next_day},
    };

    fn refused(api: Api, errcode: i64) -> Failure {
        let refusal = Refusal { errcode, errmsg: "no".into(), rid: None };
        Failure::of_call(api, CallError::Refused(refusal), 1)
    }

    #[test]
    fn refusals_about_the_code_or_the_account_are_believed() {
        for errcode in [61009, 61010, 61003, 48001, 99_999] {
            let failure = refused(Api::QueryAuth, errcode);
            assert!(matches!(failure, Failure::Refused(_)), "{errcode}: {failure:?}");
        }
    }

    #[test]
    fn an_attempt_that_ran_out_of_time_is_tried_again_later_and_later() {
        let longest = |attempt| {
            let waits = (0..200).map(|_| match Failure::too_slow(attempt, Duration::from_mins(2)) {
                Failure::Again { after, reason: "too_slow", .. } => after,
                failure => panic!("{failure:?}"),
            });
            let waits: Vec<Duration> = waits.collect();
            assert!(waits.iter().all(|wait| *wait >= Duration::from_secs(5)), "{attempt}");
            waits.into_iter().max().unwrap()
        };
        assert!(longest(1) <= Duration::from_secs(15));
        assert!(longest(4) > Duration::from_secs(40));
        assert!(longest(20) > Duration::from_mins(5) && longest(1_000) <= Duration::from_mins(11));
    }

    #[test]
    fn what_the_operator_must_mend_suspends_and_loses_no_account() {
        for (api, errcode) in
            [(Api::QueryAuth, 61004), (Api::ComponentToken, 40125), (Api::ComponentToken, 40001)]
        {
            let refusal = Refusal { errcode, errmsg: "requestIP: 203.0.113.7".into(), rid: None };
            let failure = match api {
                Api::ComponentToken => {
                    let what = What::Refused { refusal };
                    let failed = Failed::now(what, api, None, Timestamp::now());
                    Failure::of_token(TokenError::Failed(failed), 1)
                }
                _ => Failure::of_call(api, CallError::Refused(refusal), 1),
            };
            let Failure::Again { after, .. } = failure else { panic!("{errcode} was believed") };
            assert!(after >= SUSPENDED, "{errcode}: {after:?}");
        }
    }

    #[test]
    fn busy_waits_a_moment_rates_a_minute_and_quotas_until_the_next_day() {
        let after = |errcode| match refused(Api::QueryAuth, errcode) {
            Failure::Again { after, .. } => after,
            Failure::Refused(_) | Failure::AnswerUnreadable { .. } | Failure::Unreadable(_) => {
                panic!("{errcode} was believed")
            }
        };
        assert!(after(-1) <= BACKOFF_BASE);
        assert!(after(45011) >= Duration::from_mins(1));
        let noon_in_china: Timestamp = "2026-11-22T04:00:00Z".parse().unwrap();
        let wait = until_next_day(noon_in_china);
        assert!(
            wait >= Duration::from_hours(12) && wait <= Duration::from_hours(12) + Duration::from_mins(10)
        );
    }
}
