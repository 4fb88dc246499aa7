//! `given` a history, `when` a callback or an answer comes, `then` these events and tasks follow.

use jiff::{SignedDuration, Timestamp};
use mandate_schema::{CodeDigest, Event, GrantedVia, SealedAt, Secret, Version};
use mandate_wechat::callback::Callback;

use super::{
    effects::{Effect, recorded_at},
    inspected::Script,
    samples::{access_token, bare_answer, component, digest, merchant_stream},
    sealing::{open, recorded, seal},
};
use crate::{
    AboutCode, Authorizer, Decision, Inspected, NewEvent, Recorded, Redeemed, Refusal, Since, Status,
    decide_authorizer_callback, decide_redeemed, decide_redemption_refused, decide_refreshed,
};

/// An authorizer with its history. What is recorded [`meanwhile`](Self::meanwhile) counts as gained since a call began.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    history: Vec<Event>,
    state: Option<Authorizer>,
    /// How much longer it took than one second for each event.
    passed: SignedDuration,
    /// The world in which the call began whose answer is decided; this one unless said.
    at_call: Option<Box<World>>,
    /// The tag and the end of a code's redemption.
    about: AboutCode,
}

/// What an answer of `WeChat` is about.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Redeemed(Redeemed),
    RedemptionRefused(CodeDigest, Refusal),
    /// A refresh with this token of ours brought another one.
    Refreshed(SealedAt, Secret),
}

/// What comes in.
#[derive(Clone, Debug)]
pub(super) enum Input {
    Callback(Callback),
    Answer(Answer),
    Inspection(Script),
}

impl From<Script> for Input {
    fn from(script: Script) -> Self {
        Self::Inspection(script)
    }
}

impl From<Callback> for Input {
    fn from(callback: Callback) -> Self {
        Self::Callback(callback)
    }
}

impl From<Answer> for Input {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// What follows, beside the history that it follows from.
#[derive(Debug)]
#[must_use = "say what follows with `then`"]
pub(super) struct Decided {
    world: World,
    outcome: Inspected,
}

/// An authorizer of which nothing is recorded but `history`.
#[track_caller]
pub(super) fn given<const N: usize>(history: [Effect; N]) -> World {
    World::default().and(history)
}

impl World {
    /// Goes on with the history.
    #[track_caller]
    pub(super) fn and<const N: usize>(mut self, history: [Effect; N]) -> Self {
        for effect in history {
            let Effect::Event(new) = effect else {
                panic!("{effect:?} is no event: it has no place in a history")
            };
            self.record(&new);
        }
        self
    }

    /// Lets seconds pass before anything else happens.
    pub(super) fn after(mut self, seconds: i64) -> Self {
        self.passed += SignedDuration::from_secs(seconds);
        self
    }

    /// When the next event is recorded, and the next call begins.
    pub(super) fn now(&self) -> Timestamp {
        recorded_at(self.history.len() as u64 + 1) + self.passed
    }

    /// Goes on with the history while a call to `WeChat` is under way.
    #[track_caller]
    pub(super) fn meanwhile<const N: usize>(mut self, history: [Effect; N]) -> Self {
        self.at_call = Some(Box::new(self.clone()));
        self.and(history)
    }

    /// Its code's redemption, which the merchant's browser began, has ended without a grant.
    pub(super) fn with_spent_code(mut self) -> Self {
        self.about.is_spent = true;
        self
    }

    /// Decides what comes in.
    #[track_caller]
    pub(super) fn when(self, input: impl Into<Input>) -> Decided {
        let at_call = self.at_call.as_deref().unwrap_or(&self);
        let outcome = match input.into() {
            Input::Callback(callback) => Inspected::Done(decide_authorizer_callback(
                &component(),
                self.seen(),
                &callback,
                &self.about,
                self.now(),
            )),
            Input::Answer(answer) => Inspected::Done(self.decide(at_call.history.len(), answer)),
            Input::Inspection(script) => {
                let since = Since::of(&self.history[at_call.history.len()..]);
                script.run(at_call, self.seen(), &since)
            }
        };
        Decided { world: self, outcome }
    }

    /// Decides the answer to a call that began when the history had `head` events.
    pub(super) fn decide(&self, head: usize, answer: Answer) -> Decision {
        let (state, since) = (self.state.as_ref(), Since::of(&self.history[head..]));
        match answer {
            Answer::Redeemed(answer) => decide_redeemed(state, &since, answer),
            Answer::RedemptionRefused(digest, refusal) => decide_redemption_refused(digest, refusal),
            Answer::Refreshed(used, token) => decide_refreshed(state, &used, token, access_token()),
        }
    }

    /// Records one event as the worker does: seals its secrets for its place, folds it onto the state.
    pub(super) fn record(&mut self, new: &NewEvent) {
        let now = self.now();
        self.record_at(new, now);
    }

    /// The same, at this time.
    pub(super) fn record_at(&mut self, new: &NewEvent, recorded_at: Timestamp) {
        let version = Version(self.history.len() as u64 + 1);
        let sealed = seal(&merchant_stream(), version, new);
        let recorded = Recorded { recorded_at, ..recorded(&new.event, version, &sealed) };
        self.state = Some(Authorizer::evolve(self.state.take(), recorded));
        self.history.push(new.event.clone());
    }

    /// The events so far.
    pub(super) fn history(&self) -> &[Event] {
        &self.history
    }

    /// The state, if anything was recorded.
    pub(super) fn seen(&self) -> Option<&Authorizer> {
        self.state.as_ref()
    }

    /// The state of an authorizer of which something is recorded.
    #[track_caller]
    pub(super) fn state(&self) -> &Authorizer {
        self.seen().expect("something is recorded")
    }

    /// The authorizer stands there.
    #[track_caller]
    pub(super) fn is(self, status: Status) -> Self {
        assert_eq!(self.state().status, status, "after {:?}", self.history);
        self
    }

    /// The refresh token that the state holds, opened at the place that the state remembers.
    #[track_caller]
    pub(super) fn refresh_token(&self) -> Option<String> {
        self.seen()?.refresh_token.as_ref().map(|sealed| open(&merchant_stream(), sealed))
    }
}

impl Decided {
    /// Exactly this follows: events, tasks and an access token, each kind in its order.
    #[track_caller]
    pub(super) fn then(self, expected: impl IntoIterator<Item = Effect>) -> World {
        let Self { world, outcome } = self;
        match outcome {
            Inspected::Done(decision) => {
                assert_eq!(effects(&decision), Vec::from_iter(expected), "after {:?}", world.history);
                world.carry_out(&decision)
            }
            Inspected::Again { .. } | Inspected::Incomplete | Inspected::Unknown(_) => {
                panic!("not done, but {outcome:?} after {:?}", world.history)
            }
        }
    }

    /// This follows, and the inspection asks again this many seconds after its calls began.
    #[track_caller]
    pub(super) fn then_again_in<const N: usize>(self, seconds: i64, expected: [Effect; N]) -> World {
        let Self { world, outcome } = self;
        let began = world.at_call.as_deref().unwrap_or(&world).now();
        match outcome {
            Inspected::Again { decision, at } => {
                assert_eq!(at.duration_since(began).as_secs(), seconds, "after {:?}", world.history);
                assert_eq!(effects(&decision), Vec::from(expected), "after {:?}", world.history);
                world.carry_out(&decision)
            }
            Inspected::Done(_) | Inspected::Incomplete | Inspected::Unknown(_) => {
                panic!("not to be asked again, but {outcome:?} after {:?}", world.history)
            }
        }
    }

    /// Whatever it is that follows, it leads to this status.
    #[track_caller]
    pub(super) fn leads_to(self, status: Status) -> World {
        let Self { world, outcome } = self;
        let (Inspected::Done(decision) | Inspected::Again { decision, .. }) = outcome else {
            panic!("nothing follows, but {outcome:?} after {:?}", world.history)
        };
        world.carry_out(&decision).is(status)
    }

    /// Whatever it is that follows, it is authorized with this refresh token then.
    #[track_caller]
    pub(super) fn leads_to_token(self, token: &str) -> World {
        let world = self.leads_to(Status::Authorized);
        assert_eq!(world.refresh_token().as_deref(), Some(token), "after {:?}", world.history);
        world
    }

    /// An answer could not be read, and it was needed.
    #[track_caller]
    pub(super) fn then_incomplete(self) -> World {
        assert_eq!(self.outcome, Inspected::Incomplete, "after {:?}", self.world.history);
        World { at_call: None, ..self.world }
    }

    /// The code is nobody's of whom anything is recorded.
    #[track_caller]
    pub(super) fn then_unknown(self, refusal: Refusal) {
        assert_eq!(self.outcome, Inspected::Unknown(refusal), "after {:?}", self.world.history);
    }
}

impl World {
    fn carry_out(mut self, decision: &Decision) -> Self {
        for new in &decision.events {
            self.record(new);
        }
        self.at_call = None;
        self
    }
}

/// A decision in the words of the tests.
pub(super) fn effects(decision: &Decision) -> Vec<Effect> {
    let events = decision.events.iter().cloned().map(Effect::Event);
    let tasks = decision.tasks.iter().cloned().map(Effect::Queue);
    events.chain(tasks).chain(decision.access_token.iter().cloned().map(Effect::Keep)).collect()
}

pub(super) fn redeemed(answer: Redeemed) -> Answer {
    Answer::Redeemed(answer)
}

/// A callback's code brought this refresh token.
pub(super) fn redeemed_with_token(code: &str, token: &str) -> Answer {
    let answer = bare_answer(code, GrantedVia::Callback);
    redeemed(Redeemed { refresh_token: Some(Secret::new(token)), ..answer })
}

/// A callback's code brought these permission sets, and no refresh token.
pub(super) fn redeemed_with_permissions(code: &str, permissions: &[i64]) -> Answer {
    let answer = bare_answer(code, GrantedVia::Callback);
    redeemed(Redeemed { permissions: Some(permissions.to_vec()), ..answer })
}

pub(super) fn redemption_refused(code: &str, refusal: Refusal) -> Answer {
    Answer::RedemptionRefused(digest(code), refusal)
}
