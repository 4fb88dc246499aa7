//! A merchant, `WeChat` and the service act in any order: in the end we know what is true.
//!
//! Callbacks are late and of the same second, calls overlap with them and with each other, answers are lost. Once
//! everything has arrived and no task waits, the state must be `WeChat`'s.

mod service;
mod wechat;

use proptest::{prelude::*, sample::Index};

use self::{
    service::Service,
    wechat::{Manners, WeChat},
};
use super::given::World;
use crate::{Status, Task};

/// One thing that happens. An index picks one of what is there.
#[derive(Clone, Debug)]
enum Step {
    /// The next act of the merchant has a later second.
    Tick,
    Authorize(Vec<i64>),
    Revoke,
    /// A callback arrives.
    Deliver(Index),
    /// A task calls `WeChat`.
    Start(Index),
    /// An answer arrives.
    Finish(Index),
    /// An answer never arrives.
    Lose(Index),
    /// Somebody wants an access token.
    Refresh,
    /// The merchant's browser comes back with the newest code.
    Redirect,
    /// A callback is decided again.
    Repeat(Index),
}

fn ordinary() -> BoxedStrategy<Step> {
    let index = any::<Index>;
    let permissions = prop::collection::btree_set(1_i64..5, 0..4);
    prop_oneof![
        3 => Just(Step::Tick),
        3 => permissions.prop_map(|ids| Step::Authorize(ids.into_iter().collect())),
        2 => Just(Step::Revoke),
        5 => index().prop_map(Step::Deliver),
        5 => index().prop_map(Step::Start),
        4 => index().prop_map(Step::Finish),
    ]
    .boxed()
}

fn with_losses() -> BoxedStrategy<Step> {
    prop_oneof![22 => ordinary(), 1 => any::<Index>().prop_map(Step::Lose)].boxed()
}

fn with_refreshes() -> BoxedStrategy<Step> {
    prop_oneof![20 => ordinary(), 6 => Just(Step::Refresh), 2 => any::<Index>().prop_map(Step::Lose)].boxed()
}

fn with_everything() -> BoxedStrategy<Step> {
    let index = any::<Index>();
    prop_oneof![23 => with_losses(), 1 => Just(Step::Redirect), 2 => index.prop_map(Step::Repeat)].boxed()
}

/// What happens, and the order in which the rest arrives.
fn story(step: BoxedStrategy<Step>) -> impl Strategy<Value = (Vec<Step>, Vec<Index>)> {
    (prop::collection::vec(step, 1..40), prop::collection::vec(any::<Index>(), 1..12))
}

/// `WeChat` and the service, and which callbacks the service has decided.
#[derive(Debug)]
struct Play {
    wechat: WeChat,
    service: Service,
    decided: Vec<bool>,
    /// Whether no two acts of the merchant fall into one second.
    every_act_has_its_second: bool,
}

impl Play {
    fn new(manners: Manners) -> Self {
        let (wechat, service) = (WeChat::new(manners), Service::default());
        Self { wechat, service, decided: Vec::new(), every_act_has_its_second: false }
    }

    /// Lets everything happen, then lets the rest arrive.
    fn act(&mut self, steps: Vec<Step>, order: &[Index]) {
        for step in steps {
            self.take(step);
        }
        self.settle(order);
    }

    fn take(&mut self, step: Step) {
        if self.every_act_has_its_second && matches!(step, Step::Authorize(_) | Step::Revoke) {
            self.wechat.tick();
        }
        match step {
            Step::Tick => self.wechat.tick(),
            Step::Authorize(permissions) => self.wechat.authorize(permissions),
            Step::Revoke => self.wechat.revoke(),
            Step::Deliver(index) => self.deliver(index),
            Step::Start(index) => self.service.start(&mut self.wechat, index.index(ANY)),
            Step::Finish(index) => self.service.finish(index.index(ANY)),
            Step::Lose(index) => self.service.lose(index.index(ANY)),
            Step::Refresh => self.service.refresh(&mut self.wechat),
            Step::Redirect => {
                self.wechat.newest_code().into_iter().for_each(|code| self.service.receive_code(code));
            }
            Step::Repeat(index) => {
                if !self.wechat.pushed.is_empty() {
                    self.service.receive(index.get(&self.wechat.pushed));
                }
            }
        }
        self.decided.resize(self.wechat.pushed.len(), false);
    }

    /// Lets a callback arrive that has not been decided. The log's commands keep those that have.
    fn deliver(&mut self, index: Index) {
        let missing: Vec<_> = (0..self.decided.len()).filter(|at| !self.decided[*at]).collect();
        if !missing.is_empty() {
            let at = *index.get(&missing);
            self.decided[at] = true;
            self.service.receive(&self.wechat.pushed[at]);
        }
    }

    /// Lets everything arrive, and every task run until none waits.
    fn settle(&mut self, order: &[Index]) {
        let mut order = order.iter().copied().cycle();
        let mut next = || order.next().expect("endless");
        while self.decided.contains(&false) {
            self.deliver(next());
        }
        for _ in 0..1_000 {
            if self.service.is_idle() {
                return;
            }
            self.service.start(&mut self.wechat, next().index(ANY));
            self.service.finish(next().index(ANY));
        }
        panic!("the tasks never come to an end: {:?}", self.service);
    }

    fn world(&self) -> &World {
        &self.service.world
    }

    fn status(&self) -> Status {
        self.world().seen().map_or(Status::Revoked, |state| state.status)
    }

    /// The state is `WeChat`'s.
    fn agrees(&self) -> Result<(), TestCaseError> {
        let history = self.world().history();
        let Some(truth) = self.wechat.truth() else {
            prop_assert_eq!(self.status(), Status::Revoked, "after {:?}", history);
            return Ok(());
        };
        prop_assert_eq!(self.status(), Status::Authorized, "after {:?}", history);
        prop_assert_eq!(self.world().refresh_token(), truth.refresh_token.clone(), "after {:?}", history);
        prop_assert_eq!(&self.world().state().permissions, &truth.permissions, "after {:?}", history);
        Ok(())
    }
}

/// More than ever wait; what is picked wraps around.
const ANY: usize = 1_000;

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::with_cases(CASES) })]

    #[test]
    fn in_the_end_we_know_what_is_true((steps, order) in story(with_losses())) {
        let mut play = Play::new(Manners { old_codes_work: false, has_tokens: true, rotates: false });
        play.act(steps, &order);
        play.agrees()?;
    }

    /// A grant without a time (a redirect, an old code) hides what was newest, so a late callback may be misjudged.
    /// One confirmation, which reconciliation brings, puts that right.
    #[test]
    fn one_confirmation_heals_whatever_happened(
        (steps, order) in story(with_everything()), old_codes_work: bool,
    ) {
        let mut play = Play::new(Manners { old_codes_work, has_tokens: true, rotates: false });
        play.act(steps, &order);
        play.service.queue(Task::Confirm);
        play.settle(&order);
        play.agrees()?;
    }

    /// Answers to refreshes are lost, and the refresh token with them. Whoever asks again in the end gets a token: nothing is
    /// lost for good.
    #[test]
    fn refresh_tokens_that_rotate_are_never_lost((steps, order) in story(with_refreshes()), rotates: bool) {
        let mut play = Play::new(Manners { old_codes_work: false, has_tokens: true, rotates });
        play.act(steps, &order);
        play.service.refresh(&mut play.wechat);
        play.settle(&order);
        play.agrees()?;
    }

    /// Such an account has nothing to recover, so it cannot afford lost answers or acts in one second.
    #[test]
    fn accounts_without_tokens_end_as_they_are_too((steps, order) in story(ordinary())) {
        let mut play = Play::new(Manners { old_codes_work: false, has_tokens: false, rotates: false });
        play.every_act_has_its_second = true;
        play.act(steps, &order);
        play.agrees()?;
    }
}

/// Done in about a second; hundreds of thousands passed when this was written.
const CASES: u32 = 512;
