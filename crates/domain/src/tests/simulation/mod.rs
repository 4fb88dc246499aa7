//! A merchant, `WeChat` and the service act in any order: in the end we know what is true.
//!
//! Callbacks are late, of the same second, without a time or with one in the future. Calls overlap with them and with each
//! other, answers are lost or unreadable, and what info says may be four minutes old. Clocks are up to six minutes
//! apart. Once everything has arrived and no task waits, the state must be `WeChat`'s, and nothing heals it afterwards.

mod service;
mod truths;
mod wechat;

use proptest::{prelude::*, sample::Index};

use self::{
    service::Service,
    wechat::{Manners, Stamp, WeChat},
};
use crate::{Status, order::TOLERANCE};

/// One thing that happens. An index picks one of what is there.
#[derive(Clone, Debug)]
enum Step {
    /// So many seconds go by.
    Wait(i64),
    Authorize(Vec<i64>, Stamp),
    Revoke(Stamp),
    /// A callback arrives.
    Deliver(Index),
    /// A task calls `WeChat`.
    Start(Index),
    /// An answer arrives. What it says of the authorizer is so many seconds old.
    Finish(Index, i64),
    /// An answer never arrives.
    Lose(Index),
    /// An answer cannot be read.
    Spoil(Index),
    /// Somebody wants an access token.
    Refresh,
    /// The merchant's browser comes back with the newest code.
    Redirect,
    /// A callback is decided again.
    Repeat(Index),
}

/// Seconds, minutes, and hours beyond every window.
fn pauses() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0_i64..3, 3 => 5_i64..90, 3 => 60_i64..600, 1 => 3_000_i64..10_000]
}

fn stamps() -> impl Strategy<Value = Stamp> {
    prop_oneof![
        12 => Just(Stamp::Right),
        1 => Just(Stamp::Missing),
        1 => prop_oneof![Just(30 * DAY), Just(365 * DAY)].prop_map(Stamp::Ahead),
    ]
}

const DAY: i64 = 86_400;

/// How old an answer may be, in seconds.
fn ages() -> impl Strategy<Value = i64> {
    prop_oneof![2 => Just(0), 1 => 0_i64..=240]
}

fn steps() -> BoxedStrategy<Step> {
    let index = any::<Index>;
    let permissions = prop::collection::btree_set(1_i64..5, 0..4);
    prop_oneof![
        5 => pauses().prop_map(Step::Wait),
        3 => (permissions, stamps()).prop_map(|(ids, stamp)| Step::Authorize(ids.into_iter().collect(), stamp)),
        2 => stamps().prop_map(Step::Revoke),
        5 => index().prop_map(Step::Deliver),
        5 => index().prop_map(Step::Start),
        8 => (index(), ages()).prop_map(|(at, age)| Step::Finish(at, age)),
        1 => index().prop_map(Step::Lose),
        1 => index().prop_map(Step::Spoil),
        2 => Just(Step::Refresh),
        1 => Just(Step::Redirect),
        1 => index().prop_map(Step::Repeat),
    ]
    .boxed()
}

/// How the rest arrives.
type Rest = Vec<(Index, i64, i64)>;

/// What happens, and how the rest arrives.
fn story() -> impl Strategy<Value = (Manners, Vec<Step>, Rest)> {
    let manners = (any::<bool>(), prop::bool::weighted(0.8), any::<bool>(), -360_i64..=360).prop_map(
        |(old_codes_work, has_tokens, rotates, ahead)| Manners { old_codes_work, has_tokens, rotates, ahead },
    );
    let rest = (any::<Index>(), pauses(), ages());
    (manners, prop::collection::vec(steps(), 1..60), prop::collection::vec(rest, 1..12))
}

/// `WeChat` and the service, and which callbacks the service has decided.
#[derive(Debug)]
struct Play {
    wechat: WeChat,
    service: Service,
    decided: Vec<bool>,
}

impl Play {
    fn new(manners: Manners) -> Self {
        Self { wechat: WeChat::new(manners), service: Service::default(), decided: Vec::new() }
    }

    /// Lets everything happen, then lets the rest arrive.
    fn act(&mut self, steps: Vec<Step>, rest: &Rest) {
        for step in steps {
            self.take(step);
            self.decided.resize(self.wechat.pushed.len(), false);
        }
        self.settle(rest);
        // Nobody hears of a refresh whose answer is lost, until somebody asks for a token again.
        self.service.refresh(&mut self.wechat);
        self.settle(rest);
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Wait(seconds) => self.wait(seconds),
            Step::Authorize(permissions, stamp) => self.wechat.authorize(permissions, stamp),
            Step::Revoke(stamp) => self.wechat.revoke(stamp),
            Step::Deliver(index) => self.deliver(index),
            Step::Start(index) => self.service.start(&mut self.wechat, index.index(ANY)),
            Step::Finish(index, age) => self.service.finish(&mut self.wechat, index.index(ANY), age),
            Step::Lose(index) => self.service.lose(index.index(ANY)),
            Step::Spoil(index) => self.service.spoil(index.index(ANY)),
            Step::Refresh => self.service.refresh(&mut self.wechat),
            Step::Redirect => {
                if let Some(code) = self.wechat.newest_code() {
                    self.service.receive_code(code, self.wechat.now);
                }
            }
            Step::Repeat(index) => {
                let mut decided = self.which(true);
                decided.retain(|at| !self.is_too_late(*at, self.wechat.now));
                if !decided.is_empty() {
                    self.service.receive(&self.wechat, *index.get(&decided));
                }
            }
        }
    }

    /// Lets time go by, but no callback comes when it is [too late](Self::is_too_late).
    fn wait(&mut self, seconds: i64) {
        let then = self.wechat.now + seconds;
        for at in self.which(false) {
            if self.is_too_late(at, then) {
                self.decide(at);
            }
        }
        self.wechat.now = then;
    }

    /// Whether a callback is later than the rules' tolerance, and of a clock that is further ahead than that: no rule can place
    /// it beside a fact without a time.
    fn is_too_late(&self, at: usize, now: i64) -> bool {
        let tolerance = TOLERANCE.as_secs();
        self.wechat.manners.ahead > tolerance && self.wechat.acts[at] + tolerance < now
    }

    fn decide(&mut self, at: usize) {
        self.decided[at] = true;
        self.service.receive(&self.wechat, at);
    }

    fn which(&self, decided: bool) -> Vec<usize> {
        (0..self.decided.len()).filter(|at| self.decided[*at] == decided).collect()
    }

    /// Lets a callback arrive that has not been decided.
    fn deliver(&mut self, index: Index) {
        let missing = self.which(false);
        if !missing.is_empty() {
            self.decide(*index.get(&missing));
        }
    }

    /// Lets everything arrive, and every task run until none waits.
    fn settle(&mut self, rest: &Rest) {
        let mut rest = rest.iter().copied().cycle();
        let mut next = || rest.next().expect("endless");
        while self.decided.contains(&false) {
            let (index, pause, _) = next();
            self.wait(pause);
            self.deliver(index);
        }
        for _ in 0..2_000 {
            if self.service.is_idle() {
                return;
            }
            let (index, _, age) = next();
            self.wechat.now = self.wechat.now.max(self.service.next_due().unwrap_or_default());
            self.service.start(&mut self.wechat, index.index(ANY));
            self.service.finish(&mut self.wechat, index.index(ANY), age);
        }
        panic!("the tasks never come to an end: {:?}", self.service);
    }

    /// The state is `WeChat`'s.
    fn agrees(&self) -> Result<(), TestCaseError> {
        let (service, history) = (&self.service, self.service.history());
        let status = service.seen().map_or(Status::Revoked, |state| state.status);
        let Some(truth) = self.wechat.truth() else {
            prop_assert_eq!(status, Status::Revoked, "after {:?}", history);
            return Ok(());
        };
        let token = truth.refresh_token.clone().filter(|_| truth.redeemed);
        match token {
            Some(token) => {
                prop_assert_eq!(status, Status::Authorized, "after {:?}", history);
                prop_assert_eq!(service.refresh_token(), Some(token), "after {:?}", history);
            }
            // Of an old code nobody knows which authorization it brought nothing for.
            None if service.redeemed.contains(&truth.number) && !self.wechat.manners.old_codes_work => {
                prop_assert_eq!(status, Status::Authorized, "after {:?}", history);
            }
            // WeChat names no token. Nobody can see whether there is one, or whether one is needed.
            None if truth.refresh_token.is_none() || truth.permissions.is_empty() => {
                prop_assert!(
                    matches!(status, Status::Authorized | Status::Broken),
                    "{:?} after {:?}",
                    status,
                    history
                );
            }
            None => prop_assert_eq!(status, Status::Broken, "after {:?}", history),
        }
        let permissions = service.seen().map(|state| &state.permissions);
        prop_assert_eq!(permissions, Some(&truth.permissions), "after {:?}", history);
        Ok(())
    }
}

/// More than ever wait; what is picked wraps around.
const ANY: usize = 1_000;

/// Done in a few seconds. `tests/soak rules` tells a hundred thousand stories.
fn config() -> ProptestConfig {
    let cases =
        std::env::var("MANDATE_TEST_STORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_024);
    ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn in_the_end_we_know_what_is_true((manners, steps, rest) in story()) {
        let mut play = Play::new(manners);
        play.act(steps, &rest);
        play.agrees()?;
    }
}
