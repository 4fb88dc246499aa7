//! Tickets: the one with the greatest `CreateTime` is current.

use std::collections::BTreeSet;

use mandate_schema::{
    CreateTime, Event, Field, NoticeReceived, SealedFields, Secret, TicketReceived, Version,
};

use super::{
    effects::recorded_at,
    samples::{callback, callback_without_time, component, component_stream},
    sealing::{open, recorded, seal},
};
use crate::{Component, Decision, NewEvent, Ticket, decide_component_callback, stream_of};

/// A component and the number of its events.
#[derive(Default)]
struct World(Option<Component>, u64);

/// A component that got these tickets, each with its `CreateTime`, in this order.
fn given<const N: usize>(tickets: [(i64, &str); N]) -> World {
    tickets.into_iter().fold(World::default(), |world, (time, ticket)| world.receives(time, ticket))
}

impl World {
    fn record(mut self, new: &NewEvent) -> Self {
        self.1 += 1;
        let sealed = seal(&component_stream(), Version(self.1), new);
        self.0 = Some(Component::evolve(self.0, recorded(&new.event, Version(self.1), &sealed)));
        self
    }

    /// Lets a push be decided and records what follows: every ticket is an event, whatever its time.
    #[track_caller]
    fn receives(self, time: i64, ticket: &str) -> Self {
        let current = self.0.as_ref().and_then(|state| state.ticket.as_ref());
        let current = current.map(|kept| Secret::new(open(&component_stream(), &kept.ticket)));
        let decision = decide_ticket(time, ticket, current.as_ref());
        let [event] = &decision.events[..] else { panic!("not one event: {decision:?}") };
        self.record(event)
    }

    fn state(&self) -> &Component {
        self.0.as_ref().expect("something is recorded")
    }

    /// Current and previous ticket, opened at the places that the state remembers.
    #[track_caller]
    fn then_tickets(self, current: Option<(i64, &str)>, previous: Option<(i64, &str)>) -> Self {
        let opened = |ticket: &Option<Ticket>| {
            ticket.as_ref().map(|kept| (kept.create_time.0, open(&component_stream(), &kept.ticket)))
        };
        let owned = |ticket: Option<(i64, &str)>| ticket.map(|(time, text)| (time, text.to_owned()));
        assert_eq!(opened(&self.state().ticket), owned(current), "the current ticket");
        assert_eq!(opened(&self.state().previous_ticket), owned(previous), "the previous ticket");
        self
    }
}

fn decide_ticket(time: i64, ticket: &str, current: Option<&Secret>) -> Decision {
    let elements = format!("<ComponentVerifyTicket>{ticket}</ComponentVerifyTicket>");
    let push = callback(time, "component_verify_ticket", &elements);
    assert_eq!(stream_of(&component(), &push), component_stream());
    decide_component_callback(&component(), current, &push)
}

#[test]
fn a_ticket_is_an_event_with_the_whole_value_sealed() {
    let event = NewEvent {
        event: Event::TicketReceived(TicketReceived { create_time: CreateTime(100) }),
        secrets: vec![(Field::Ticket, Secret::new("ticket@@@a"))],
        about: BTreeSet::new(),
    };
    assert_eq!(
        decide_ticket(100, "ticket@@@a", None),
        Decision { events: vec![event], ..Decision::nothing() }
    );
}

#[test]
fn the_first_ticket_is_current() {
    given([(100, "a")]).then_tickets(Some((100, "a")), None);
}

#[test]
fn a_newer_ticket_is_current_and_the_one_before_it_stays_as_fallback() {
    given([(100, "a"), (200, "b")])
        .then_tickets(Some((200, "b")), Some((100, "a")))
        .receives(300, "c")
        .then_tickets(Some((300, "c")), Some((200, "b")));
}

#[test]
fn a_late_ticket_is_recorded_and_does_not_become_current() {
    let world = given([(200, "b"), (100, "late")]).then_tickets(Some((200, "b")), None);
    assert_eq!((world.1, world.state().updated_at), (2, recorded_at(2)));
    given([(200, "b"), (300, "c"), (250, "late")]).then_tickets(Some((300, "c")), Some((200, "b")));
}

#[test]
fn of_two_tickets_of_one_second_the_one_that_arrives_last_is_current() {
    given([(200, "a"), (200, "b")]).then_tickets(Some((200, "b")), Some((200, "a")));
}

#[test]
fn a_ticket_that_is_repeated_is_renewed_and_no_predecessor_of_itself() {
    given([(100, "a"), (200, "a")]).then_tickets(Some((200, "a")), None);
    given([(100, "a"), (200, "a"), (200, "a"), (300, "a")]).then_tickets(Some((300, "a")), None);
    given([(100, "a"), (200, "b"), (300, "b"), (400, "b"), (500, "b")])
        .then_tickets(Some((500, "b")), Some((100, "a")))
        .receives(600, "c")
        .then_tickets(Some((600, "c")), Some((500, "b")));
}

#[test]
fn a_repeated_ticket_says_so_by_having_no_value() {
    let current = Secret::new("a");
    assert_eq!(decide_ticket(200, "a", Some(&current)).events[0].secrets, []);
    assert_eq!(decide_ticket(200, "b", Some(&current)).events[0].secrets.len(), 1);
}

#[test]
fn a_repeated_ticket_that_is_late_changes_nothing() {
    for late in ["b", "a"] {
        given([(200, "a"), (300, "b"), (100, late), (299, late)])
            .then_tickets(Some((300, "b")), Some((200, "a")));
    }
}

#[test]
fn a_ticket_in_the_future_does_not_outlast_those_to_come() {
    for (future, known) in [(1_000_000, 601), (i64::from(u32::MAX), 601), (602, 601), (601, 601), (600, 600)]
    {
        given([(future, "future")]).then_tickets(Some((known, "future")), None);
    }
    // The second event is recorded a second later, so its time may be that much greater.
    given([(1_000_000, "future"), (1_000_000, "next")])
        .then_tickets(Some((602, "next")), Some((601, "future")));
    let mut world = given([(1_000_000, "future")]);
    world.1 = 300; // events later
    world.receives(601, "next").then_tickets(Some((601, "next")), Some((601, "future")));
}

#[test]
fn a_ticket_without_a_time_has_that_of_its_push() {
    let elements = "<ComponentVerifyTicket>a</ComponentVerifyTicket>";
    let push = callback_without_time(650, "component_verify_ticket", elements);
    let decision = decide_component_callback(&component(), None, &push);
    let received = Event::TicketReceived(TicketReceived { create_time: CreateTime(650) });
    assert_eq!(decision.events[0].event, received);
}

#[test]
fn a_ticket_remembers_when_we_received_it() {
    let world = given([(100, "a"), (200, "b")]);
    let received = |ticket: &Option<Ticket>| ticket.as_ref().map(|kept| kept.received_at);
    assert_eq!(received(&world.state().ticket), Some(recorded_at(2)));
    assert_eq!(received(&world.state().previous_ticket), Some(recorded_at(1)));
}

#[test]
fn a_push_without_a_value_renews_the_ticket_that_there_is() {
    let push = |world: World, time| {
        let event = Event::TicketReceived(TicketReceived { create_time: CreateTime(time) });
        let version = Version(world.1 + 1);
        let state = Component::evolve(world.0, recorded(&event, version, &SealedFields::new()));
        World(Some(state), version.0)
    };
    let world = push(given([(200, "a")]), 300).then_tickets(Some((300, "a")), None);
    assert_eq!(world.state().ticket.as_ref().map(|kept| kept.received_at), Some(recorded_at(2)));
    push(world, 250).then_tickets(Some((300, "a")), None);
    push(World::default(), 300).then_tickets(None, None);
}

#[test]
fn a_notice_changes_no_ticket() {
    let notice = NoticeReceived { info_type: "x".to_owned(), create_time: CreateTime(600), document: None };
    let notice =
        NewEvent { event: Event::NoticeReceived(notice), secrets: Vec::new(), about: BTreeSet::new() };
    let world = given([(100, "a")]).record(&notice).then_tickets(Some((100, "a")), None);
    assert_eq!(world.state().updated_at, recorded_at(2));
    World::default().record(&notice).then_tickets(None, None);
}
