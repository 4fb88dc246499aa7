//! Callbacks may come in any order and any number of times: the status is that of `WeChat`'s own order.

use mandate_wechat::callback::{Callback, Info};
use proptest::prelude::*;

use super::{
    effects::Effect,
    given::{World, effects},
    samples::{authorized_at, component, merchant, unauthorized_at, updateauthorized_at},
};
use crate::{AboutCode, FactKind, Redeem, Status, Task, decide_authorizer_callback};

/// Up to eight callbacks of one authorizer in the order of their times, no two of the same second and none in the future, each
/// grant with a code of its own.
fn in_wechats_order() -> impl Strategy<Value = Vec<Callback>> {
    let kinds: [fn(i64) -> Callback; 3] = [authorized_at, updateauthorized_at, unauthorized_at];
    let kind_and_pause = (prop::sample::select(kinds.to_vec()), 1_i64..75);
    prop::collection::vec(kind_and_pause, 1..=8).prop_map(|callbacks| {
        let mut time = 0;
        let later = |(kind, pause): (fn(i64) -> Callback, i64)| {
            time += pause;
            kind(time)
        };
        callbacks.into_iter().map(later).collect()
    })
}

/// The same callbacks twice: in `WeChat`'s order, and as they arrive: in any order, each at least once.
fn sent_and_arrived() -> impl Strategy<Value = (Vec<Callback>, Vec<Callback>)> {
    in_wechats_order().prop_flat_map(|sent| {
        let duplicates = prop::collection::vec(prop::sample::select(sent.clone()), 0..=sent.len());
        let all = sent.clone();
        let arrived = duplicates.prop_map(move |duplicates| [all.clone(), duplicates].concat());
        (Just(sent), arrived.prop_shuffle())
    })
}

/// Decides callbacks one after the other; answers the world they lead to and all that followed from them.
fn decide_all(callbacks: &[Callback]) -> (World, Vec<Effect>) {
    let (mut world, mut all) = (World::default(), Vec::new());
    for callback in callbacks {
        let (state, about) = (world.seen(), AboutCode::default());
        let decision = decide_authorizer_callback(&component(), state, callback, &about, world.now());
        decision.events.iter().for_each(|new| world.record(new));
        all.extend(effects(&decision));
    }
    (world, all)
}

/// The redeem task for a grant's code; `None` for a revocation.
fn redemption_of(callback: &Callback) -> Option<Effect> {
    match &callback.info {
        Info::Authorized(grant) | Info::UpdateAuthorized(grant) => {
            let via = mandate_schema::GrantedVia::Callback;
            let redeem = Redeem {
                component: component(),
                authorizer: Some(merchant()),
                code: grant.code.clone()?,
                via,
                tag: None,
            };
            Some(Effect::Queue(Task::Redeem(redeem)))
        }
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_order_and_any_repetition_end_as_wechats_order((sent, arrived) in sent_and_arrived()) {
        let (expected, (actual, _)) = (decide_all(&sent).0, decide_all(&arrived));
        let (expected, actual) = (expected.state(), actual.state());
        prop_assert_eq!(actual.status, expected.status);
        prop_assert_eq!(&actual.newest_fact, &expected.newest_fact);
    }

    #[test]
    fn wechats_last_word_is_the_status((sent, arrived) in sent_and_arrived()) {
        let (world, followed) = decide_all(&arrived);
        let last = sent.last().expect("at least one");
        let fact = world.state().newest_fact.as_ref().expect("at least one fact");
        prop_assert_eq!(fact.time, last.create_time);
        if let Some(redemption) = redemption_of(last) {
            prop_assert_eq!((world.state().status, fact.kind), (Status::Pending, FactKind::Grant));
            prop_assert!(followed.contains(&redemption), "the newest code is not redeemed");
        } else {
            prop_assert_eq!((world.state().status, fact.kind), (Status::Revoked, FactKind::Revocation));
        }
    }

    #[test]
    fn every_callback_leaves_at_most_one_fact((sent, arrived) in sent_and_arrived()) {
        let (world, _) = decide_all(&arrived);
        let times: Vec<_> = world.history().iter().map(mandate_schema::Event::create_time).collect();
        prop_assert!(times.is_sorted_by(|one, next| one < next), "facts go back in time: {times:?}");
        prop_assert!(world.history().len() <= sent.len());
        prop_assert_eq!(world.state().generation, world.history().len() as u64);
    }
}
