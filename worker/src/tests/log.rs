//! The handle on the log: batches, chains, conflicts.

use mandate_broker::CallbackSink;
use mandate_domain::Decision;
use mandate_schema::{CommandId, CreateTime, Event, Field, Secret, StreamName, TicketReceived};
use mandate_storage::CommandOutcome;
use uuid::Uuid;

use super::given::{Given, authorized, component, merchant, push, stream, ticket};
use crate::log::{Decided, Item, Needs, Seen, Verdict};

fn command(number: u128) -> CommandId {
    CommandId(Uuid::from_u128(number))
}

fn components() -> StreamName {
    StreamName::Component(component())
}

/// A ticket of that time.
fn at_second(second: i64) -> Decision {
    let event = Event::TicketReceived(TicketReceived { create_time: CreateTime(second) });
    Decision::nothing().with_sealed(event, Field::Ticket, Some(Secret::new("ticket@@@1")))
}

#[tokio::test]
async fn the_callbacks_of_one_stream_are_decided_on_one_another_in_one_append() {
    let given = Given::new();
    let batch = (1..=100).map(|second| ticket(1_767_225_600 + second, &format!("ticket@@@{second}")));
    given.worker.ingest().accept(batch.collect()).await.unwrap();
    assert_eq!(given.names().await, ["component.ticket_received"; 100]);
    let metrics = given.worker.metrics.encode();
    let one_call = |line: &str| line == "mandate_append_batch_commands_count 1";
    assert!(metrics.lines().any(one_call), "one call of the database: {metrics}");
    let recorded = given.worker.log.decide_one(Item::new(command(1), components(), |seen| {
        let state = seen.state.component().unwrap();
        Verdict::Leave(state.ticket.as_ref().unwrap().create_time.0)
    }));
    assert_eq!(recorded.await.unwrap().into_said(), Some(1_767_225_700), "the newest counts");
}

#[tokio::test]
async fn a_ticket_that_is_repeated_within_a_batch_is_recognised_under_a_key_that_is_not_stored_yet() {
    let given = Given::new();
    let batch = vec![ticket(1_767_225_601, "ticket@@@same"), ticket(1_767_225_602, "ticket@@@same")];
    given.worker.ingest().accept(batch).await.unwrap();
    let stored = given.worker.storage.read(mandate_storage::EventQuery { limit: 10, ..Default::default() });
    let sealed: Vec<usize> = stored.await.unwrap().iter().map(|event| event.record.sealed.len()).collect();
    assert_eq!(sealed, [1, 0], "the repetition is recorded without its value");
}

#[tokio::test]
async fn a_duplicate_in_a_chain_is_answered_and_what_follows_it_is_decided_again() {
    let given = Given::new();
    let [first, second, third] =
        [1, 2, 3].map(|second| ticket(1_767_225_600 + second, &format!("ticket@@@{second}")));
    given.take(second.clone()).await;
    let ingest = given.worker.ingest();
    ingest.accept(vec![first, second.clone(), third, second]).await.unwrap();
    assert_eq!(given.names().await.len(), 3, "each took effect once");
}

#[tokio::test]
async fn of_many_who_decide_on_one_stream_at_once_each_sees_what_came_before() {
    let given = Given::new();
    let deciding = (0..40_u128).map(|number| {
        let given = &given;
        async move {
            let item = Item::new(command(number), components(), |seen: &Seen<'_>| {
                let counted = seen
                    .state
                    .component()
                    .map_or(0, |state| state.ticket.as_ref().map_or(0, |ticket| ticket.create_time.0));
                Verdict::Append(at_second(counted + 1).into(), counted + 1)
            });
            given.worker.log.decide_one(item).await.unwrap().into_said().unwrap()
        }
    });
    let mut counted = futures_util::future::join_all(deciding).await;
    counted.sort_unstable();
    assert_eq!(counted, (1..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_a_batch_adds_to_a_stream_is_seen_as_gained_by_the_answers_behind_it() {
    let given = Given::new();
    given.take(authorized(1_767_225_600, "queryauthcode@@@1")).await;
    let head = given.worker.storage.head().await.unwrap();
    let gained = |number, decision: Option<Decision>| {
        let item = Item::new(command(number), stream(), move |seen: &Seen<'_>| {
            let facts = seen.since.facts.len();
            match &decision {
                Some(decision) => Verdict::Append(decision.clone().into(), facts),
                None => Verdict::Leave(facts),
            }
        });
        item.needing(Needs { since: Some(head), ..Needs::default() })
    };
    let revoked = mandate_schema::Revoked {
        create_time: Some(CreateTime(1_767_226_600)),
        via: mandate_schema::RevokedVia::Callback,
    };
    let revoke = Decision::event(Event::Revoked(revoked));
    let decided =
        given.worker.log.decide(vec![gained(1, None), gained(2, Some(revoke)), gained(3, None)]).await;
    let facts: Vec<usize> = decided.into_iter().map(|it| it.unwrap().into_said().unwrap()).collect();
    assert_eq!(facts, [0, 0, 1]);
}

#[tokio::test]
async fn a_stream_that_cannot_be_read_fails_alone() {
    let given = Given::new();
    given.take(authorized(1_767_225_600, "queryauthcode@@@1")).await;
    let database = rusqlite::Connection::open(given.database()).unwrap();
    database.execute("update state set state = '{}' where stream = ?1", [stream().to_string()]).unwrap();
    let unauthorized = |time, appid: &str| {
        push(time, "unauthorized", &format!("<AuthorizerAppid>{appid}</AuthorizerAppid>"))
    };
    let broken = unauthorized(1_767_225_700, merchant().as_str());
    let others = [unauthorized(1_767_225_700, "wx0000000000000001"), ticket(1_767_225_701, "ticket@@@1")];
    let ids = [broken.id, others[0].id, others[1].id];
    given.worker.ingest().accept([broken].into_iter().chain(others).collect()).await.unwrap();
    let outcomes = [given.outcome(ids[0]).await, given.outcome(ids[1]).await, given.outcome(ids[2]).await];
    let [unreadable, revoked, ticket] = outcomes;
    assert_eq!(unreadable, Some(CommandOutcome::Dead));
    assert_eq!(revoked, Some(CommandOutcome::Applied));
    assert_eq!(ticket, Some(CommandOutcome::Applied));
}

#[tokio::test]
async fn a_decision_to_leave_things_as_they_are_leaves_no_trace() {
    let given = Given::new();
    let item = Item::new(command(7), stream(), |_| Verdict::Leave(()));
    assert!(matches!(given.worker.log.decide_one(item).await.unwrap(), Decided::Left(())));
    assert!(given.worker.storage.outcomes(vec![command(7)]).await.unwrap().is_empty());
}
