//! The state of a component: its tickets.

use jiff::Timestamp;
use mandate_schema::{CreateTime, Event, Field, SealedAt};
use serde::{Deserialize, Serialize};

use crate::{Recorded, order::latest};

/// Version of the stored form of [`Component`].
pub const COMPONENT_FORM: u16 = 2;

/// What the log says about a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// The ticket with the greatest `CreateTime`.
    pub ticket: Option<Ticket>,
    /// The last one with another value: `WeChat` accepts it for a while, so it is the fallback.
    pub previous_ticket: Option<Ticket>,
    /// When the last event was recorded.
    pub updated_at: Timestamp,
}

/// A component verify ticket, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// `WeChat`'s time of the last push that brought it.
    pub create_time: CreateTime,
    /// When the worker recorded that push; it is valid for 12 hours.
    pub received_at: Timestamp,
    /// The ticket itself.
    pub ticket: SealedAt,
}

impl Component {
    /// Folds one event of a component's stream.
    pub fn evolve(state: Option<Self>, recorded: Recorded<'_>) -> Self {
        let mut state =
            state.unwrap_or(Self { ticket: None, previous_ticket: None, updated_at: recorded.recorded_at });
        state.updated_at = recorded.recorded_at;
        match recorded.event {
            Event::TicketReceived(received) => state.receive_ticket(received.create_time, recorded),
            // All but the first are of other streams. A fold is total: it must never stop a rebuild.
            Event::NoticeReceived(_)
            | Event::Granted(_)
            | Event::Updated(_)
            | Event::Revoked(_)
            | Event::PermissionsChanged(_)
            | Event::CredentialsIssued(_)
            | Event::CredentialsRotated(_)
            | Event::CredentialsRejected(_)
            | Event::CredentialsRecovered(_)
            | Event::RedemptionFailed(_)
            | Event::ProfileRecorded(_)
            | Event::Erased(_)
            | Event::WebhookDisabled(_) => {}
        }
        state
    }

    /// A late ticket is in the log but does not become current. Of two in one second the one that arrives last does.
    ///
    /// A time in the future counts as the latest possible one, so that it does not outlast the tickets to come. A push without a
    /// value repeats the current one.
    fn receive_ticket(&mut self, create_time: CreateTime, recorded: Recorded<'_>) {
        let create_time = create_time.min(latest(recorded.recorded_at));
        if self.ticket.as_ref().is_some_and(|current| create_time < current.create_time) {
            return;
        }
        match (recorded.sealed_at(Field::Ticket), &mut self.ticket) {
            (Some(ticket), current) => {
                let ticket = Ticket { create_time, received_at: recorded.recorded_at, ticket };
                self.previous_ticket = current.replace(ticket).or(self.previous_ticket.take());
            }
            (None, Some(current)) => {
                current.create_time = create_time;
                current.received_at = recorded.recorded_at;
            }
            (None, None) => {}
        }
    }
}

impl Recorded<'_> {
    /// A sealed field with its place, for keeping it in state.
    pub fn sealed_at(&self, field: Field) -> Option<SealedAt> {
        self.sealed.get(&field).map(|text| SealedAt {
            version: self.version.0,
            kind: self.event.name().to_owned(),
            form: self.form,
            field,
            text: text.clone(),
        })
    }
}
