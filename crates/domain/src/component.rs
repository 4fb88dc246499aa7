//! The state of a component: its tickets.

use jiff::Timestamp;
use mandate_schema::{CreateTime, Event, Field, SealedAt};
use serde::{Deserialize, Serialize};

use crate::Recorded;

/// Version of the stored form of [`Component`].
pub const COMPONENT_FORM: u16 = 1;

/// What the log says about a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// The ticket with the greatest `CreateTime`.
    pub ticket: Option<Ticket>,
    /// The one before it: `WeChat` accepts it for a while, so it is the fallback.
    pub previous_ticket: Option<Ticket>,
    /// When the last event was recorded.
    pub updated_at: Timestamp,
}

/// A component verify ticket, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// `WeChat`'s time of the push.
    pub create_time: CreateTime,
    /// When the worker recorded it; it is valid for 12 hours.
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
    fn receive_ticket(&mut self, create_time: CreateTime, recorded: Recorded<'_>) {
        let Some(ticket) = recorded.sealed_at(Field::Ticket) else {
            return;
        };
        let ticket = Ticket { create_time, received_at: recorded.recorded_at, ticket };
        if self.ticket.as_ref().is_none_or(|current| current.create_time <= create_time) {
            self.previous_ticket = self.ticket.replace(ticket);
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
