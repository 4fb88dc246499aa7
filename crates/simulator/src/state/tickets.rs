//! Tickets: the next one to push, and what a presented one is worth.

use mandate_schema::ComponentId;

use super::{SecretKind, State, component::Ticket};
use crate::{error::OrderError, switches::TicketValue};

/// A ticket is valid for 12 hours.
const TICKET_LIFE: i64 = 12 * 3600;
/// How long pushes repeat one value, where the switch says so.
const REPEATED_FOR: i64 = 3600;
/// Tickets that are remembered per platform: more than two days of them.
const REMEMBERED: usize = 300;

/// What a presented ticket is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TicketStatus {
    Good,
    Expired,
    Unknown,
}

impl State {
    /// The ticket for the next push: the last one once more, or a new one.
    pub(crate) fn next_ticket(&mut self, component: &ComponentId, now: i64) -> Result<String, OrderError> {
        let repeat = self.switches.ticket_value == TicketValue::Same;
        let young = |ticket: &&Ticket| now < ticket.issued_at + REPEATED_FOR && now < ticket.expires_at;
        let last = self.component(component)?.tickets.back().filter(young);
        if let Some(last) = last.filter(|_| repeat) {
            return Ok(last.value.clone());
        }
        let value = self.mint(SecretKind::Ticket);
        let tickets = &mut self.component_mut(component)?.tickets;
        if tickets.len() == REMEMBERED {
            tickets.pop_front();
        }
        tickets.push_back(Ticket { value: value.clone(), issued_at: now, expires_at: now + TICKET_LIFE });
        Ok(value)
    }
}

impl super::Component {
    /// What a ticket is worth at this time.
    pub(crate) fn ticket_status(&self, value: &str, now: i64) -> TicketStatus {
        match self.tickets.iter().find(|ticket| ticket.value == value) {
            None => TicketStatus::Unknown,
            Some(ticket) if now >= ticket.expires_at => TicketStatus::Expired,
            Some(_) => TicketStatus::Good,
        }
    }

    /// Ends every ticket that was pushed so far.
    pub(crate) fn expire_tickets(&mut self, now: i64) {
        for ticket in &mut self.tickets {
            ticket.expires_at = ticket.expires_at.min(now);
        }
    }
}
