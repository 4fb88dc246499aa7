//! Folding is total and needs nothing but state and event: whatever the log holds, from wherever it goes on.

use mandate_schema::{CreateTime, Event, Field, Version};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use super::any_events::{
    Row, of_a_component, of_a_webhook, of_an_authorizer, of_any_stream, rows, rows_with_a_cut,
};
use crate::{Authorizer, Component, Fact, Recorded};

type Evolve<State> = fn(Option<State>, Recorded<'_>) -> State;

/// Folds rows onto a state that has seen `seen` events.
fn fold<State>(evolve: Evolve<State>, state: Option<State>, seen: usize, rows: &[Row]) -> Option<State> {
    rows.iter().zip(seen + 1..).fold(state, |state, (row, version)| {
        let recorded = Recorded {
            event: &row.event,
            version: Version(version as u64),
            form: 1,
            recorded_at: row.recorded_at,
            sealed: &row.sealed,
        };
        Some(evolve(state, recorded))
    })
}

/// Writes a state as storage does, and reads it again.
fn stored<State: Serialize + DeserializeOwned>(state: &State) -> State {
    let json = serde_json::to_string(state).expect("states are plain data");
    serde_json::from_str(&json).expect("own form")
}

/// Storing the state in the middle and going on from there ends as folding all at once.
fn goes_on_from_anywhere<State>(
    evolve: Evolve<State>,
    (rows, cut): &(Vec<Row>, usize),
) -> Result<(), TestCaseError>
where
    State: Clone + PartialEq + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let all = fold(evolve, None, 0, rows);
    prop_assert_eq!(all.as_ref().map(stored), all.clone());
    let (before, after) = rows.split_at(*cut);
    let middle = fold(evolve, None, 0, before).as_ref().map(stored);
    prop_assert_eq!(fold(evolve, middle, before.len(), after), all);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn an_authorizer_goes_on_from_any_stored_state(history in rows_with_a_cut(of_an_authorizer())) {
        goes_on_from_anywhere(Authorizer::evolve, &history)?;
    }

    #[test]
    fn a_component_goes_on_from_any_stored_state(history in rows_with_a_cut(of_a_component())) {
        goes_on_from_anywhere(Component::evolve, &history)?;
    }

    #[test]
    fn no_event_is_too_strange_to_be_folded(history in rows_with_a_cut(of_any_stream())) {
        goes_on_from_anywhere(Authorizer::evolve, &history)?;
        goes_on_from_anywhere(Component::evolve, &history)?;
    }

    #[test]
    fn events_of_other_streams_change_nothing_but_the_time(
        (authorizer, others) in (rows(of_an_authorizer()), rows(prop_oneof![of_a_component(), of_a_webhook()])),
        (tickets, foreign) in (rows(of_a_component()), rows(prop_oneof![of_an_authorizer(), of_a_webhook()])),
    ) {
        if let Some(before) = fold(Authorizer::evolve, None, 0, &authorizer) {
            let after = fold(Authorizer::evolve, Some(before.clone()), authorizer.len(), &others).expect("folded");
            prop_assert_eq!(&after, &Authorizer { updated_at: after.updated_at, ..before });
        }
        if let Some(before) = fold(Component::evolve, None, 0, &tickets) {
            let after = fold(Component::evolve, Some(before.clone()), tickets.len(), &foreign).expect("folded");
            prop_assert_eq!(&after, &Component { updated_at: after.updated_at, ..before });
        }
    }

    #[test]
    fn the_generation_is_the_number_of_facts(rows in rows(of_an_authorizer())) {
        let facts: Vec<_> = rows.iter().filter_map(|row| Fact::of(&row.event)).collect();
        let state = fold(Authorizer::evolve, None, 0, &rows);
        prop_assert_eq!(state.as_ref().map_or(0, |state| state.generation), facts.len() as u64);
        let newest = state.and_then(|state| state.newest_fact);
        prop_assert_eq!(newest.as_ref(), facts.last());
    }

    #[test]
    fn the_current_ticket_is_the_last_of_the_greatest_time(rows in rows(of_a_component())) {
        let tickets = rows.iter().filter_map(|row| match &row.event {
            Event::TicketReceived(ticket) => {
                let latest = CreateTime(row.recorded_at.as_second() + 300);
                let time = ticket.create_time.min(latest);
                Some((time, row.recorded_at, row.sealed.contains_key(&Field::Ticket)))
            }
            _ => None,
        });
        // What comes before the first value renews nothing.
        let tickets = tickets.skip_while(|(_, _, has_value)| !has_value);
        let expected = tickets
            .map(|(create_time, received_at, _)| (create_time, received_at))
            .max_by_key(|(create_time, _)| *create_time); // of equals, the last
        let state = fold(Component::evolve, None, 0, &rows);
        let current = state.and_then(|state| state.ticket).map(|kept| (kept.create_time, kept.received_at));
        prop_assert_eq!(current, expected);
    }
}
