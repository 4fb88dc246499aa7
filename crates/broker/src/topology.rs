//! What we have in `RabbitMQ`: exchanges, queues and bindings, as data. `declare.rs` makes them.

use std::time::Duration;

use lapin::{
    ExchangeKind,
    types::{AMQPValue, FieldTable},
};

/// The exchange (direct) that takes callbacks for the worker.
pub const INBOX: &str = "mandate.inbox";
/// The routing key of callbacks.
pub const INBOX_KEY: &str = "callback";
/// The queue from which the worker takes callbacks.
pub const INBOX_QUEUE: &str = "mandate.inbox.callbacks";
/// The exchange (topic) that takes events for subscribers.
pub const EVENTS: &str = "mandate.events";
/// The stream that keeps events for a while.
pub const EVENTS_LOG: &str = "mandate.events.log";
/// The exchange (topic) that takes messages of users.
pub const MESSAGES: &str = "mandate.messages";
/// The stream that keeps messages of users for a while.
pub const MESSAGES_LOG: &str = "mandate.messages.log";

/// Callbacks that may wait. When the queue is full, `RabbitMQ` refuses more, and they stay in the journal.
const INBOX_LENGTH: i64 = 1_000_000;
/// Deliveries of one callback before `RabbitMQ` drops it; the journal hands it over again.
const DELIVERIES: i64 = 20;

/// All that is declared at each connect.
#[derive(Clone, Debug)]
pub struct Topology {
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) queues: Vec<Queue>,
}

/// A durable exchange.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) name: &'static str,
    pub(crate) kind: ExchangeKind,
}

/// A durable queue with its one binding.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub(crate) name: &'static str,
    pub(crate) exchange: &'static str,
    pub(crate) key: &'static str,
    pub(crate) arguments: FieldTable,
}

impl Topology {
    /// The worker's inbox.
    pub fn inbox() -> Self {
        let exchanges = vec![Exchange { name: INBOX, kind: ExchangeKind::Direct }];
        Self { exchanges, queues: vec![inbox_queue()] }
    }

    /// The events with their stream, which keeps them for `max_age` (whole seconds).
    pub fn events(max_age: Duration) -> Self {
        let exchanges = vec![Exchange { name: EVENTS, kind: ExchangeKind::Topic }];
        Self { exchanges, queues: vec![log(EVENTS_LOG, EVENTS, max_age)] }
    }

    /// The messages with their stream, which keeps them for `max_age` (whole seconds). Apart from the inbox: a stream that
    /// cannot be declared holds up nothing else.
    pub fn messages(max_age: Duration) -> Self {
        let exchanges = vec![Exchange { name: MESSAGES, kind: ExchangeKind::Topic }];
        Self { exchanges, queues: vec![log(MESSAGES_LOG, MESSAGES, max_age)] }
    }
}

/// No dead-letter exchange: what the delivery limit drops is still in the journal.
fn inbox_queue() -> Queue {
    let arguments = table([
        ("x-queue-type", text("quorum")),
        ("x-single-active-consumer", AMQPValue::Boolean(true)),
        ("x-delivery-limit", AMQPValue::LongLongInt(DELIVERIES)),
        ("x-max-length", AMQPValue::LongLongInt(INBOX_LENGTH)),
        ("x-overflow", text("reject-publish")),
    ]);
    Queue { name: INBOX_QUEUE, exchange: INBOX, key: INBOX_KEY, arguments }
}

/// A stream that keeps all of `exchange` for `max_age`.
fn log(name: &'static str, exchange: &'static str, max_age: Duration) -> Queue {
    let arguments =
        table([("x-queue-type", text("stream")), ("x-max-age", text(&format!("{}s", max_age.as_secs())))]);
    Queue { name, exchange, key: "#", arguments }
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in entries {
        table.insert(key.into(), value);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_queue_is_bound_to_an_exchange_that_is_declared() {
        let age = Duration::from_hours(72);
        for topology in [Topology::inbox(), Topology::events(age), Topology::messages(age)] {
            let [exchange] = topology.exchanges.as_slice() else { panic!("{topology:?}") };
            assert!(topology.queues.iter().all(|queue| queue.exchange == exchange.name), "{topology:?}");
        }
    }

    #[test]
    fn the_age_of_a_stream_is_told_in_seconds() {
        let topology = Topology::messages(Duration::from_hours(72));
        let arguments = topology.queues[0].arguments.inner();
        assert_eq!(arguments.get("x-max-age"), Some(&text("259200s")));
    }
}
