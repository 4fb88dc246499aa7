//! `given` a history, `when` a callback or an answer comes, `then` these events and tasks follow.

use std::borrow::Borrow;

use mandate_schema::{
    CodeDigest, DataKey, Event, Field, Place, Profile, SealedAt, SealedFields, SealedText, Secret,
    StreamName, Version,
};
use mandate_wechat::callback::Callback;

use super::{
    effects::{Effect, recorded_at},
    samples::{access_token, component, digest, merchant_stream},
};
use crate::{
    AboutCode, AccountInfo, Authorizer, Decision, InfoRefusal, NewEvent, Recorded, Redeemed, Refusal,
    Renewed, Since, Status, decide_authorizer_callback, decide_confirmed, decide_gone, decide_profile,
    decide_redeemed, decide_redemption_refused, decide_refreshed, decide_rejected, decide_renewed,
    decide_unrecoverable,
};

/// An account with its history. What is recorded [`meanwhile`](Self::meanwhile) counts as gained since a call started.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    history: Vec<Event>,
    state: Option<Authorizer>,
    /// How much of the history was there when the call started whose answer is decided; all of it unless said.
    call_started_at: Option<usize>,
}

/// What an answer of `WeChat` is about.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Redeemed(Redeemed),
    RedemptionRefused(CodeDigest, Refusal),
    Profile(Option<Profile>),
    Confirmed(AccountInfo),
    Gone,
    Unrecoverable(CodeDigest, Refusal, InfoRefusal),
    /// A refresh with this token of ours brought another one.
    Refreshed(SealedAt, Secret),
    Renewed(Renewed),
    Rejected(Refusal, InfoRefusal),
}

/// What comes in.
#[derive(Clone, Debug)]
pub(super) enum Input {
    Callback(Callback),
    Answer(Answer),
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

/// A decision beside the history that it was made on.
#[derive(Debug)]
#[must_use = "say what follows with `then`"]
pub(super) struct Decided {
    world: World,
    decision: Decision,
}

/// An account of which nothing is recorded but `history`.
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

    /// Goes on with the history while a call to `WeChat` is under way.
    #[track_caller]
    pub(super) fn meanwhile<const N: usize>(mut self, history: [Effect; N]) -> Self {
        self.call_started_at = Some(self.history.len());
        self.and(history)
    }

    /// Decides what comes in.
    pub(super) fn when(self, input: impl Into<Input>) -> Decided {
        let decision = match input.into() {
            Input::Callback(callback) => decide_authorizer_callback(
                &component(),
                self.state.as_ref(),
                &callback,
                &AboutCode::default(),
            ),
            Input::Answer(answer) => self.decide(self.call_started_at.unwrap_or(self.history.len()), answer),
        };
        Decided { world: self, decision }
    }

    /// Decides the answer to a call that started when the history had `head` events.
    pub(super) fn decide(&self, head: usize, answer: Answer) -> Decision {
        let (state, since) = (self.state.as_ref(), Since::of(&self.history[head..]));
        match answer {
            Answer::Redeemed(answer) => decide_redeemed(state, &since, answer),
            Answer::RedemptionRefused(digest, refusal) => decide_redemption_refused(digest, refusal),
            Answer::Profile(profile) => decide_profile(state, &since, profile),
            Answer::Confirmed(info) => decide_confirmed(state, &since, info),
            Answer::Gone => decide_gone(state, &since),
            Answer::Unrecoverable(digest, refusal, reason) => {
                decide_unrecoverable(state, &since, digest, refusal, reason)
            }
            Answer::Refreshed(used, token) => decide_refreshed(state, &used, token, access_token()),
            Answer::Renewed(renewed) => decide_renewed(state, &since, renewed),
            Answer::Rejected(refusal, reason) => decide_rejected(state, &since, refusal, reason),
        }
    }

    /// Records one event as the worker does: seals its secrets for its place, folds it onto the state.
    pub(super) fn record(&mut self, new: &NewEvent) {
        let version = Version(self.history.len() as u64 + 1);
        let sealed = seal(&merchant_stream(), version, new);
        let recorded = recorded(&new.event, version, &sealed);
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

    /// The state of an account of which something is recorded.
    #[track_caller]
    pub(super) fn state(&self) -> &Authorizer {
        self.seen().expect("something is recorded")
    }

    /// The account stands there.
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
    pub(super) fn then<const N: usize>(self, expected: [Effect; N]) -> World {
        let Self { mut world, decision } = self;
        assert_eq!(effects(&decision), Vec::from(expected), "after {:?}", world.history);
        for new in &decision.events {
            world.record(new);
        }
        world.call_started_at = None;
        world
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

pub(super) fn redemption_refused(code: &str, refusal: Refusal) -> Answer {
    Answer::RedemptionRefused(digest(code), refusal)
}

pub(super) fn unrecoverable(code: &str, refusal: Refusal, reason: InfoRefusal) -> Answer {
    Answer::Unrecoverable(digest(code), refusal, reason)
}

/// An event as a fold sees it.
pub(super) fn recorded<'a>(event: &'a Event, version: Version, sealed: &'a SealedFields) -> Recorded<'a> {
    Recorded { event, version, form: FORM, recorded_at: recorded_at(version.0), sealed }
}

const FORM: u16 = 1;

fn key() -> DataKey {
    DataKey::new(1, &[7; 32])
}

/// Seals an event's secrets for their place in a stream.
pub(super) fn seal(stream: &StreamName, version: Version, new: &NewEvent) -> SealedFields {
    let place = |field: Field| Place {
        stream,
        version: version.0,
        kind: new.event.name(),
        field: field.as_str(),
        form: FORM,
    };
    let seal = |(field, text): &(Field, Secret)| -> (Field, SealedText) {
        (*field, key().seal(place(*field), text, [0; 12]))
    };
    new.secrets.iter().map(seal).collect()
}

/// Opens a sealed field that a state keeps. Fails unless the state remembers the right place.
#[track_caller]
pub(super) fn open(stream: &StreamName, sealed: impl Borrow<SealedAt>) -> String {
    let sealed = sealed.borrow();
    key().open(sealed.place(stream), &sealed.text).expect("sealed for this place").expose().to_owned()
}
