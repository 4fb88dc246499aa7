//! Delivering: delays, repeats, retries, and what was held back for another push.

use tracing::{info, warn};

use super::{Delivery, Draft, Hold, InfoType, PushOutcome, PushState, Schedule, client, judge::judge};
use crate::{simulator::Simulator, switches::Duplicates};

impl Simulator {
    /// Delivers a push, or holds it back (where there is room: one too many is delivered).
    pub(crate) async fn dispatch(&self, draft: Draft, schedule: Schedule) -> PushOutcome {
        if let Some(held) = self.hold(&draft, schedule) {
            return held;
        }
        let push = self.state().pushes.open(&draft, PushState::Sending);
        self.launch(push, draft, schedule).await
    }

    fn hold(&self, draft: &Draft, schedule: Schedule) -> Option<PushOutcome> {
        let mut state = self.state();
        if schedule.hold == Hold::No || !state.pushes.may_hold() {
            return None;
        }
        let push = state.pushes.open(draft, PushState::Held);
        state.pushes.hold(push, draft.clone(), schedule);
        Some(state.pushes.outcome(push))
    }

    /// Delivers in the background, so that a caller who goes away cancels nothing, and waits if asked to.
    pub(crate) async fn launch(&self, push: u64, draft: Draft, schedule: Schedule) -> PushOutcome {
        let simulator = self.clone();
        let task = self.spawn(async move { simulator.run(push, draft, schedule).await });
        if schedule.wait && task.await.is_err() {
            warn!(push, "the delivery of push {push} did not end");
        }
        self.state().pushes.outcome(push)
    }

    async fn run(&self, push: u64, draft: Draft, schedule: Schedule) {
        if self.pause(schedule.delay).await.is_none() {
            return;
        }
        self.deliver_all(push, &draft, schedule.times).await;
        if draft.name == InfoType::Ticket.as_str() {
            return;
        }
        let followers = self.state().pushes.take_followers(&draft.component);
        for held in followers {
            self.deliver_all(held.push, &held.draft, held.schedule.times).await;
        }
    }

    async fn deliver_all(&self, push: u64, draft: &Draft, times: u32) {
        let doubled = {
            let mut state = self.state();
            state.pushes.set_state(push, PushState::Sending);
            state.switches.duplicate_pushes == Duplicates::Twice
        };
        let rounds = if doubled { times.saturating_mul(2) } else { times };
        for _ in 0..rounds {
            if self.deliver(push, draft).await.is_none() {
                return;
            }
        }
        self.state().pushes.set_state(push, PushState::Done);
    }

    /// One delivery with its retries; `None` once the simulator stops. Forged pushes are tried once.
    async fn deliver(&self, push: u64, draft: &Draft) -> Option<()> {
        let tries = if draft.forge.is_some() { 1 } else { self.state().tries(&draft.route) };
        for attempt in 1..=tries {
            let delivery = self.unless_stopped(self.attempt(draft)).await?;
            let ok = delivery.ok;
            report(draft, &delivery);
            self.state().pushes.delivered(push, delivery);
            if ok {
                return Some(());
            }
            if attempt < tries {
                self.pause(self.retry_pause()).await?;
            }
        }
        Some(())
    }

    /// Delivers a push once, at once, and says what it got; `None` once the simulator stops.
    pub(crate) async fn deliver_once(&self, draft: &Draft) -> Option<Delivery> {
        let push = self.state().pushes.open(draft, PushState::Sending);
        let delivery = self.unless_stopped(self.attempt(draft)).await?;
        report(draft, &delivery);
        let mut state = self.state();
        state.pushes.delivered(push, delivery.clone());
        state.pushes.set_state(push, PushState::Done);
        Some(delivery)
    }

    async fn attempt(&self, draft: &Draft) -> Delivery {
        let now = self.now();
        let outgoing =
            self.state().seal(draft, now.seconds()).expect("drafts are made for components that are there");
        let pair = outgoing.pair.clone();
        let answer = client::post(self.client(), outgoing).await;
        judge(draft, &pair, &answer, now.timestamp())
    }
}

fn report(draft: &Draft, delivery: &Delivery) {
    let (component, name, millis) = (&draft.component, &draft.name, delivery.millis);
    let status = delivery.status.map_or("none".to_owned(), |status| status.to_string());
    if delivery.ok {
        info!(%component, name, status, millis, "{name} was taken");
    } else {
        let error = delivery.error.as_deref().unwrap_or("");
        warn!(%component, name, status, millis, error, "{name} was not taken");
    }
}
