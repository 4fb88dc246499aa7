//! Circuit breakers: an API of a component that only fails is left alone for a while, whoever wants to call it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use mandate_runtime::jitter::full_jitter;
use mandate_schema::ComponentId;
use mandate_wechat::{
    api::Api,
    errors::{self, Retry},
};

use crate::wechat::{error::CallError, retry::wait_after};

/// Calls in a row without an answer, or answered "busy", before the API is left alone.
const FAILURES: u32 = 5;
/// First and longest pause after that. When it is over, calls are made again; the next failure begins the next pause.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

/// Our address is not registered, our secret or appid is wrong: until the operator acts, every call is refused.
const FOR_EVERYBODY: [i64; 6] = [40013, 40125, 40164, 45035, 61004, 61011];

/// The breakers of one process.
#[derive(Default)]
pub(crate) struct Breakers(Mutex<HashMap<(ComponentId, Api), Breaker>>);

#[derive(Default)]
struct Breaker {
    failures: u32,
    paused: Option<Pause>,
}

/// Why an API is left alone, and until when.
#[derive(Clone, Debug)]
pub(crate) struct Pause {
    pub(crate) until: Timestamp,
    pub(crate) why: CallError,
}

impl Breakers {
    /// The pause that an API is in.
    pub(crate) fn paused(&self, component: &ComponentId, api: Api, now: Timestamp) -> Option<Pause> {
        let breakers = self.breakers();
        let pause = breakers.get(&(component.clone(), api))?.paused.as_ref()?;
        (pause.until > now).then(|| pause.clone())
    }

    /// Learns from a call that was made. Answers the pause that it begins.
    pub(crate) fn note<T>(
        &self,
        component: &ComponentId,
        api: Api,
        result: &Result<T, CallError>,
        now: Timestamp,
    ) -> Option<Pause> {
        let mut breakers = self.breakers();
        let breaker = breakers.entry((component.clone(), api)).or_default();
        let Err(error) = result else {
            *breaker = Breaker::default();
            return None;
        };
        let wait = breaker.wait_after(api, error, now)?;
        let until = now + SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        breaker.paused = Some(Pause { until, why: error.clone() });
        breaker.paused.clone()
    }

    fn breakers(&self) -> MutexGuard<'_, HashMap<(ComponentId, Api), Breaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Breaker {
    /// How long to pause after a failure; `None`: not at all.
    fn wait_after(&mut self, api: Api, error: &CallError, now: Timestamp) -> Option<Duration> {
        let refusal = match error {
            CallError::Refused(refusal) => refusal,
            CallError::NotSent(_) | CallError::AnswerLost(_) => return self.another(),
            // An answer to this one call, whatever it says; it shows neither that the others fail nor that they succeed.
            CallError::Unreadable(_) | CallError::Paused { .. } => return None,
        };
        match errors::classify(api, refusal.errcode) {
            Retry::Later if errors::min_wait(refusal.errcode).is_zero() => self.another(),
            Retry::Later | Retry::NextDay => Some(wait_after(api, refusal, now)),
            Retry::Never if FOR_EVERYBODY.contains(&refusal.errcode) => Some(wait_after(api, refusal, now)),
            // Answered, and about this one call.
            Retry::Never | Retry::OnceAfter(_) => {
                self.failures = 0;
                None
            }
        }
    }

    fn another(&mut self) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        let too_many = self.failures.checked_sub(FAILURES)?;
        let [first, longest] = PAUSES;
        Some(first + full_jitter(first, longest, too_many.min(16)))
    }
}

#[cfg(test)]
mod tests {
    use mandate_wechat::api::Refusal;

    use super::*;

    fn component() -> ComponentId {
        "wx1f2e3d4c5b6a7988".parse().unwrap()
    }

    fn refused(errcode: i64) -> Result<(), CallError> {
        Err(CallError::Refused(Refusal { errcode, errmsg: "no".into(), rid: None }))
    }

    fn lost() -> Result<(), CallError> {
        Err(CallError::AnswerLost("HTTP status 502".into()))
    }

    fn unreadable() -> Result<(), CallError> {
        Err(CallError::Unreadable("the answer has no authorization_info".into()))
    }

    /// The pause after one call, in seconds.
    fn pause(breakers: &Breakers, result: &Result<(), CallError>) -> Option<i64> {
        let now: Timestamp = "2026-11-22T04:00:00Z".parse().unwrap();
        let pause = breakers.note(&component(), Api::QueryAuth, result, now)?;
        let paused = |api, at| breakers.paused(&component(), api, at).is_some();
        assert!(paused(Api::QueryAuth, now) && !paused(Api::QueryAuth, pause.until));
        assert!(!paused(Api::ComponentToken, now), "each API has its own");
        Some(pause.until.duration_since(now).as_secs())
    }

    #[test]
    fn an_api_that_only_fails_is_left_alone_for_longer_and_longer() {
        let breakers = Breakers::default();
        for _ in 1..FAILURES {
            assert_eq!(pause(&breakers, &lost()), None);
        }
        for _ in 0..40 {
            assert!((1..=31).contains(&pause(&breakers, &refused(-1)).unwrap()));
        }
        assert_eq!(pause(&breakers, &Ok(())), None);
        assert_eq!(pause(&breakers, &lost()), None, "one answer, and it counts anew");
    }

    #[test]
    fn unreadable_answers_about_one_account_neither_begin_nor_put_off_a_pause() {
        let breakers = Breakers::default();
        for _ in 0..50 {
            assert_eq!(pause(&breakers, &unreadable()), None);
        }
        for _ in 1..FAILURES {
            assert_eq!(pause(&breakers, &lost()), None);
            assert_eq!(pause(&breakers, &unreadable()), None);
        }
        assert!(pause(&breakers, &lost()).is_some(), "pages and silence still count");
    }

    #[test]
    fn one_refusal_about_quota_rate_address_or_secret_is_enough() {
        let at_least = |errcode, seconds| {
            let pause = pause(&Breakers::default(), &refused(errcode)).unwrap();
            assert!(pause >= seconds, "{errcode}: {pause}");
        };
        at_least(45009, 12 * 3_600);
        at_least(45011, 60);
        at_least(61004, 600);
        at_least(40125, 600);
    }

    #[test]
    fn refusals_about_one_account_or_code_pause_nothing() {
        let breakers = Breakers::default();
        for errcode in [61003, 61009, 61010, 61023, 40001, 42001, 99_999].repeat(10) {
            assert_eq!(pause(&breakers, &refused(errcode)), None, "{errcode}");
        }
    }
}
