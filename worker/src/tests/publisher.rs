//! What is published, and from where on, whatever the broker does.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use mandate_broker::{LastMessage, Outgoing, PublishError, Session, Tail};
use mandate_schema::Position;

use super::given::{Given, ticket};
use crate::outbound::publisher::{EventPublisher, EventsOut, Progress, republish};

const AN_HOUR: Duration = Duration::from_hours(1);

/// A broker: what its stream ends with, what it answers next, what it has got.
#[derive(Clone, Default)]
pub(super) struct Broker(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    last: Option<LastMessage>,
    tails: u32,
    answers: VecDeque<PublishError>,
    got: Vec<Outgoing>,
}

impl Broker {
    fn ending_with(last: Option<(u64, &str)>) -> Self {
        let broker = Self::default();
        broker.0.lock().unwrap().last = last.map(|(sequence, log_id)| LastMessage {
            body: format!("{{\"sequence\":\"{sequence:020}\"}}").into_bytes(),
            log_id: Some(log_id.to_owned()),
        });
        broker
    }

    fn answers(&self, errors: impl IntoIterator<Item = PublishError>) {
        self.0.lock().unwrap().answers.extend(errors);
    }

    /// The positions that it has got since the last time, and where they were sent.
    fn got(&self) -> Vec<(u64, &'static str)> {
        let got = std::mem::take(&mut self.0.lock().unwrap().got);
        let sent = |outgoing: Outgoing| {
            let body: serde_json::Value = serde_json::from_slice(&outgoing.body).unwrap();
            (body["sequence"].as_str().unwrap().parse().unwrap(), outgoing.exchange)
        };
        got.into_iter().map(sent).collect()
    }

    /// The bodies that it has got.
    pub(super) fn bodies(&self) -> Vec<serde_json::Value> {
        let got = &self.0.lock().unwrap().got;
        got.iter().map(|outgoing| serde_json::from_slice(&outgoing.body).unwrap()).collect()
    }

    fn positions(&self) -> Vec<u64> {
        self.got().into_iter().map(|(position, _)| position).collect()
    }

    fn tails(&self) -> u32 {
        self.0.lock().unwrap().tails
    }
}

impl EventsOut for Broker {
    async fn tail(&self) -> Result<Tail, PublishError> {
        let mut state = self.0.lock().unwrap();
        state.tails += 1;
        Ok(Tail { session: Session::default(), last: state.last.clone() })
    }

    async fn publish(&self, _: Session, batch: Vec<Outgoing>) -> Result<(), PublishError> {
        let mut state = self.0.lock().unwrap();
        if let Some(error) = state.answers.pop_front() {
            return Err(error);
        }
        state.got.extend(batch);
        Ok(())
    }
}

async fn with_events(count: i64) -> Given {
    let given = Given::new();
    for number in 0..count {
        given.take(ticket(1_790_000_000 + number, &format!("ticket@@@{number}"))).await;
    }
    given
}

pub(super) fn publisher(given: &Given, broker: &Broker, max_age: Duration) -> EventPublisher<Broker> {
    given.worker.publisher(broker.clone(), max_age)
}

/// Everything that is published in so many steps.
pub(super) async fn steps(publisher: &EventPublisher<Broker>, progress: &mut Progress, count: u32) {
    for _ in 0..count {
        let _failure = publisher.step(progress).await;
    }
}

#[tokio::test]
async fn everything_is_published_once_in_the_order_of_the_log() {
    let given = with_events(300).await;
    let broker = Broker::default();
    let (publisher, mut progress) = (publisher(&given, &broker, AN_HOUR), Progress::default());
    steps(&publisher, &mut progress, 4).await;
    assert_eq!(broker.positions(), (1..=300).collect::<Vec<_>>());
    given.take(ticket(1_790_001_000, "ticket@@@next")).await;
    steps(&publisher, &mut progress, 2).await;
    assert_eq!((broker.positions(), broker.tails()), (vec![301], 1));
    assert_eq!(given.worker.storage.checkpoint("publisher").await.unwrap(), Position(301));
}

#[tokio::test]
async fn it_goes_on_behind_the_stream_or_the_checkpoint_whichever_is_older() {
    let given = with_events(10).await;
    let ours = given.worker.storage.log_id().await.unwrap();
    for (stream, checkpoint, first) in [
        (Some((4, ours.as_str())), 7, 5),
        (Some((7, ours.as_str())), 4, 5),
        (Some((99, ours.as_str())), 99, 11), // a log that has lost its end, and was not told so
        (Some((7, "another log")), 7, 1),
        (None, 7, 1),
    ] {
        given.worker.storage.set_checkpoint("publisher", Position(checkpoint)).await.unwrap();
        let broker = Broker::ending_with(stream);
        let publisher = publisher(&given, &broker, AN_HOUR);
        steps(&publisher, &mut Progress::default(), 2).await;
        assert_eq!(broker.positions(), (first..=10).collect::<Vec<_>>(), "{stream:?} {checkpoint}");
        given.end_leases();
    }
}

#[tokio::test]
async fn an_empty_stream_gets_what_is_not_too_old_for_it() {
    let given = with_events(5).await;
    let broker = Broker::default();
    let publisher = publisher(&given, &broker, Duration::ZERO);
    steps(&publisher, &mut Progress::default(), 2).await;
    assert_eq!(broker.positions(), [0; 0]);
}

#[tokio::test]
async fn a_full_queue_of_a_subscriber_does_not_stop_the_others() {
    let given = with_events(3).await;
    let broker = Broker::default();
    broker.answers([PublishError::Refused { count: 3 }, PublishError::Refused { count: 1 }]);
    let (publisher, mut progress) = (publisher(&given, &broker, AN_HOUR), Progress::default());
    steps(&publisher, &mut progress, 3).await;
    assert_eq!(broker.got(), [(1, "mandate.events"), (2, "mandate.events"), (3, "mandate.events")]);

    given.take(ticket(1_790_001_000, "ticket@@@next")).await;
    broker.answers([1, 1, 1].map(|count| PublishError::Refused { count }));
    steps(&publisher, &mut progress, 2).await;
    given.take(ticket(1_790_001_001, "ticket@@@last")).await;
    steps(&publisher, &mut progress, 2).await;
    assert_eq!(broker.got(), [(4, "")], "straight to the stream, but not what was never refused");
    assert_eq!(broker.tails(), 1, "a refusal is no lost connection");
    steps(&publisher, &mut progress, 1).await;
    assert_eq!(broker.got(), [(5, "mandate.events")]);
    republish(&given.worker.outbox(), &broker, Session::default(), Position(2), Position(4), |_| {})
        .await
        .unwrap();
    assert_eq!(broker.positions(), [2, 3, 4]);
}

#[tokio::test]
async fn after_a_failure_the_end_of_the_stream_is_read_again() {
    let given = with_events(3).await;
    let ours = given.worker.storage.log_id().await.unwrap();
    let broker = Broker::ending_with(Some((1, &ours)));
    given.worker.storage.set_checkpoint("publisher", Position(2)).await.unwrap();
    broker.answers([PublishError::Unknown { reason: "it is gone".into() }]);
    let (publisher, mut progress) = (publisher(&given, &broker, AN_HOUR), Progress::default());
    assert!(publisher.step(&mut progress).await.is_err());
    steps(&publisher, &mut progress, 1).await;
    assert_eq!((broker.positions(), broker.tails()), (vec![2, 3], 2));
}

#[tokio::test]
async fn only_the_leader_publishes() {
    let given = with_events(3).await;
    let broker = Broker::default();
    let (first, second) = (publisher(&given, &broker, AN_HOUR), publisher(&given, &broker, AN_HOUR));
    steps(&first, &mut Progress::default(), 1).await;
    assert_eq!(broker.positions(), [1, 2, 3]);
    given.take(ticket(1_790_001_000, "ticket@@@next")).await;
    steps(&second, &mut Progress::default(), 3).await;
    assert_eq!((broker.positions(), broker.tails()), (vec![], 1));
    given.end_leases();
    steps(&second, &mut Progress::default(), 1).await;
    assert_eq!(broker.positions(), [1, 2, 3, 4], "the stream said that it is empty");
}
