//! The record of pushes, and those that are held back.

use std::collections::VecDeque;

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, ComponentId};
use serde::Serialize;

use super::{Draft, Forge, Hold, Route, Schedule};

/// Pushes that are remembered.
const REMEMBERED: usize = 20_000;
/// Pushes that may be held at once.
const HELD_MAX: usize = 10_000;

/// What one delivery of a push got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// HTTP status; `None`: no answer, see `error`.
    pub status: Option<u16>,
    /// The first 200 characters of the body.
    pub body: String,
    /// Whether `WeChat` would be content.
    pub ok: bool,
    /// How long the answer took, in milliseconds.
    pub millis: u64,
    /// When it was sent, by the simulator's clock.
    pub at: Timestamp,
    /// A passive reply of the message URL, opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    /// Why there is no answer, or why it is not a good one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Where a push stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PushState {
    /// It waits to be released, or for another push.
    Held,
    /// Its deliveries are under way.
    Sending,
    /// All deliveries are done.
    Done,
}

/// What is remembered of a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PushRecord {
    /// Its number, from 1.
    pub push: u64,
    /// The platform.
    pub component: ComponentId,
    /// The account that it is about.
    pub authorizer: Option<AuthorizerId>,
    /// `event` or `message`: the URL it goes to.
    pub url: &'static str,
    /// `InfoType`, or `MsgType`.
    pub name: String,
    /// `CreateTime` of the document.
    pub create_time: i64,
    /// How it was forged.
    pub forge: Option<Forge>,
    /// Where it stands.
    pub state: PushState,
    /// What the deliveries got, in order.
    pub deliveries: Vec<Delivery>,
}

/// What a push came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PushOutcome {
    /// Its number in the record.
    pub push: u64,
    /// Whether it is held back.
    pub held: bool,
    /// What each delivery got; empty if it is held or nobody waited.
    pub deliveries: Vec<Delivery>,
}

impl PushOutcome {
    /// Whether there were deliveries and all of them were answered well.
    pub fn ok(&self) -> bool {
        !self.deliveries.is_empty() && self.deliveries.iter().all(|delivery| delivery.ok)
    }
}

/// A push that is held back.
pub(crate) struct Held {
    pub(crate) push: u64,
    pub(crate) draft: Draft,
    pub(crate) schedule: Schedule,
}

/// The newest pushes, and all held ones.
#[derive(Default)]
pub(crate) struct Pushes {
    last: u64,
    records: VecDeque<PushRecord>,
    held: Vec<Held>,
}

impl Pushes {
    /// Opens the record of a push; its number.
    pub(crate) fn open(&mut self, draft: &Draft, state: PushState) -> u64 {
        self.last += 1;
        if self.records.len() == REMEMBERED {
            self.records.pop_front();
        }
        self.records.push_back(PushRecord {
            push: self.last,
            component: draft.component.clone(),
            authorizer: draft.subject.clone(),
            url: match draft.route {
                Route::Event => "event",
                Route::Message { .. } => "message",
            },
            name: draft.name.clone(),
            create_time: draft.create_time,
            forge: draft.forge,
            state,
            deliveries: Vec::new(),
        });
        self.last
    }

    /// Whether one more may be held.
    pub(crate) fn may_hold(&self) -> bool {
        self.held.len() < HELD_MAX
    }

    /// Holds a push back.
    pub(crate) fn hold(&mut self, push: u64, draft: Draft, schedule: Schedule) {
        self.held.push(Held { push, draft, schedule });
    }

    /// Takes the held pushes that are chosen, in the order they were held.
    pub(crate) fn take_held(&mut self, chosen: impl Fn(&Held) -> bool) -> Vec<Held> {
        self.held.extract_if(.., |held| chosen(held)).collect()
    }

    /// Takes those that waited for a push of this component.
    pub(crate) fn take_followers(&mut self, component: &ComponentId) -> Vec<Held> {
        self.take_held(|held| held.schedule.hold == Hold::AfterNext && held.draft.component == *component)
    }

    /// Enters what a delivery got.
    pub(crate) fn delivered(&mut self, push: u64, delivery: Delivery) {
        if let Some(record) = self.get_mut(push) {
            record.deliveries.push(delivery);
        }
    }

    /// Notes where a push stands.
    pub(crate) fn set_state(&mut self, push: u64, state: PushState) {
        if let Some(record) = self.get_mut(push) {
            record.state = state;
        }
    }

    /// What a push came to so far.
    pub(crate) fn outcome(&mut self, push: u64) -> PushOutcome {
        let record = self.get_mut(push);
        let held = record.as_ref().is_some_and(|record| record.state == PushState::Held);
        PushOutcome {
            push,
            held,
            deliveries: record.map(|record| record.deliveries.clone()).unwrap_or_default(),
        }
    }

    /// The remembered pushes, oldest first.
    pub(crate) fn list(&self) -> Vec<PushRecord> {
        self.records.iter().cloned().collect()
    }

    fn get_mut(&mut self, push: u64) -> Option<&mut PushRecord> {
        // Numbers have no gaps, so the place follows from the first one.
        let first = self.records.front()?.push;
        self.records.get_mut(usize::try_from(push.checked_sub(first)?).ok()?)
    }
}
