//! A publisher and a consumer at work, and numbers to send.

use mandate_broker::{Delivery, Link, LinkState, Outgoing, Publisher, Settings, Topology, consume};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    desk::Desk,
    until::{PATIENCE, until},
};

/// Something that runs in the background until it is stopped or dropped.
pub(crate) struct Running {
    pub(crate) link: watch::Receiver<Link>,
    stop: DropGuard,
    ended: JoinHandle<()>,
}

impl Running {
    /// Stops it and waits for its end.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        self.ended.await.expect("no panic");
    }

    /// Waits until the connection works.
    pub(crate) async fn up(&self) {
        until("the connection works", || async { (self.link.borrow().state == LinkState::Up).then_some(()) })
            .await;
    }

    /// Waits until the connection does not work; what it says.
    pub(crate) async fn down(&self) -> String {
        until("the connection fails", || async { self.link.borrow().failing() }).await
    }
}

pub(crate) fn publisher(settings: Settings) -> (Publisher, Running) {
    publisher_of(settings, Topology::inbox())
}

pub(crate) fn publisher_of(settings: Settings, topology: Topology) -> (Publisher, Running) {
    let stop = CancellationToken::new();
    let (publisher, running) = Publisher::start(settings, topology, stop.clone());
    let running = Running { link: publisher.link(), stop: stop.drop_guard(), ended: tokio::spawn(running) };
    (publisher, running)
}

pub(crate) fn consumer(settings: Settings, desk: &Desk) -> Running {
    let stop = CancellationToken::new();
    let (link, running) = consume(settings, Topology::inbox(), desk.clone(), stop.clone());
    Running { link, stop: stop.drop_guard(), ended: tokio::spawn(running) }
}

/// A callback for the inbox with a number as its body.
pub(crate) fn number(number: u32) -> Outgoing {
    Outgoing {
        exchange: "mandate.inbox",
        routing_key: "callback".to_owned(),
        id: uuid::Uuid::from_u128(u128::from(number)).to_string(),
        kind: "test".to_owned(),
        content_type: "text/plain",
        timestamp: jiff::Timestamp::UNIX_EPOCH,
        log_id: None,
        body: number.to_string().into_bytes(),
    }
}

pub(crate) fn numbers(range: std::ops::Range<u32>) -> Vec<Outgoing> {
    range.map(number).collect()
}

/// Publishes until it is known to be there, as the relay does.
pub(crate) async fn publish_until_there(publisher: &Publisher, batch: Vec<Outgoing>) {
    let failures = std::sync::Mutex::new(Vec::new());
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while let Err(error) = publisher.publish(batch.clone()).await {
        failures.lock().expect("no panic").push(error);
        assert!(tokio::time::Instant::now() < deadline, "{failures:?}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

/// The hint in a delivery of [`number`].
pub(crate) fn hint(delivery: &Delivery) -> u128 {
    delivery.id.expect("a UUID").0.as_u128()
}
