//! A merchant, `WeChat` and the service act in any order: in the end we know what is true.
//!
//! Callbacks are late, repeated and of the same second, calls overlap with them, answers are lost. Once everything has
//! arrived and no task waits, the state must be `WeChat`'s.

mod service;
mod wechat;

use proptest::{prelude::*, sample::Index};

use self::{
    service::Service,
    wechat::{Manners, WeChat},
};
use super::given::World;
use crate::Status;

/// One thing that happens. An index picks one of what is there.
#[derive(Clone, Debug)]
enum Step {
    /// The next act of the merchant has a later second.
    Tick,
    Authorize(Vec<i64>),
    Revoke,
    /// A callback arrives, perhaps not for the first time.
    Deliver(Index),
    /// The merchant's browser comes back.
    Redirect,
    /// A task calls `WeChat`.
    Start(Index),
    /// An answer arrives.
    Finish(Index),
    /// An answer never arrives.
    Lose(Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<Index>;
    let step = prop_oneof![
        3 => Just(Step::Tick),
        3 => prop::collection::btree_set(1_i64..5, 0..4).prop_map(|ids| Step::Authorize(ids.into_iter().collect())),
        2 => Just(Step::Revoke),
        5 => index().prop_map(Step::Deliver),
        1 => Just(Step::Redirect),
        5 => index().prop_map(Step::Start),
        4 => index().prop_map(Step::Finish),
        1 => index().prop_map(Step::Lose),
    ];
    prop::collection::vec(step, 1..40)
}

/// Lets everything happen, then lets everything arrive in the order that `last` picks.
fn play(
    manners: Manners,
    every_act_has_its_second: bool,
    steps: Vec<Step>,
    last: &[Index],
) -> (WeChat, World) {
    let (mut wechat, mut service) = (WeChat::new(manners), Service::default());
    for step in steps {
        if every_act_has_its_second && matches!(step, Step::Authorize(_) | Step::Revoke) {
            wechat.tick();
        }
        take(step, &mut wechat, &mut service);
    }
    let mut missing = wechat.pushed.clone();
    let mut picks = last.iter().cycle();
    let mut pick = |among: usize| picks.next().expect("endless").index(among);
    while !missing.is_empty() {
        service.receive(&missing.remove(pick(missing.len())));
    }
    for _ in 0..1_000 {
        if service.is_idle() {
            return (wechat, service.world);
        }
        service.start(&mut wechat, pick(100));
        service.finish(pick(100));
    }
    panic!("the tasks never come to an end: {service:?}");
}

fn take(step: Step, wechat: &mut WeChat, service: &mut Service) {
    match step {
        Step::Tick => wechat.tick(),
        Step::Authorize(permissions) => wechat.authorize(permissions),
        Step::Revoke => wechat.revoke(),
        Step::Deliver(index) => {
            if !wechat.pushed.is_empty() {
                service.receive(index.get(&wechat.pushed));
            }
        }
        Step::Redirect => wechat.newest_code().into_iter().for_each(|code| service.receive_code(code)),
        Step::Start(index) => service.start(wechat, index.index(100)),
        Step::Finish(index) => service.finish(index.index(100)),
        Step::Lose(index) => service.lose(index.index(100)),
    }
}

fn steps_without_loss() -> impl Strategy<Value = Vec<Step>> {
    steps().prop_map(|steps| steps.into_iter().filter(|step| !matches!(step, Step::Lose(_) | Step::Redirect)).collect())
}

/// Picks for the order in which the rest arrives.
fn last() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::with_cases(20000) })]

    #[test]
    fn in_the_end_we_know_what_is_true(steps in steps(), last in last(), old_codes_work: bool) {
        let manners = Manners { old_codes_work, has_tokens: true };
        let (wechat, world) = play(manners, false, steps, &last);
        let status = world.seen().map_or(Status::Revoked, |state| state.status);
        let Some(truth) = wechat.truth() else {
            prop_assert_eq!(status, Status::Revoked, "after {:?}", world.history());
            return Ok(());
        };
        prop_assert_eq!(status, Status::Authorized, "after {:?}", world.history());
        prop_assert_eq!(world.refresh_token(), truth.refresh_token.clone(), "after {:?}", world.history());
        prop_assert_eq!(&world.state().permissions, &truth.permissions, "after {:?}", world.history());
    }

    /// Such an account has nothing to recover, so codes that are lost or that come without a time are spared here.
    #[test]
    fn accounts_without_tokens_end_as_they_are_too(
        steps in steps_without_loss(), last in last(), old_codes_work: bool,
    ) {
        let manners = Manners { old_codes_work, has_tokens: false };
        let (wechat, world) = play(manners, true, steps, &last);
        let expected = if wechat.truth().is_some() { Status::Authorized } else { Status::Revoked };
        let status = world.seen().map_or(Status::Revoked, |state| state.status);
        prop_assert_eq!(status, expected, "after {:?}", world.history());
    }
}
