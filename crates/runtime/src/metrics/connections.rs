//! Metrics of the listeners' connections.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};

use super::{Metrics, Names, Number};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListenerLabels {
    listener: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClosedLabels {
    listener: &'static str,
    reason: &'static str,
}

pub(super) struct ConnectionMetrics {
    open: Family<ListenerLabels, Number>,
    slots: Family<ListenerLabels, Number>,
    closed: Family<ClosedLabels, Counter>,
    held: Number,
}

impl ConnectionMetrics {
    pub(super) fn new(names: &mut Names) -> Self {
        Self {
            open: names.add("connections", "Open connections of a listener"),
            slots: names.add("connection_slots", "Connections that a listener may have"),
            closed: names
                .add("connections_closed", "Connections that were closed before their clients did, and why"),
            held: names.add("request_bytes_held", "Bytes of requests that are held, over all listeners"),
        }
    }
}

impl Metrics {
    /// `mandate_connections`: a listener has so many now.
    pub fn connections(&self, listener: &'static str, open: usize) {
        self.0.connections.open.get_or_create(&ListenerLabels { listener }).set(open as u64);
    }

    /// `mandate_connection_slots`: a listener may have so many.
    pub fn connection_slots(&self, listener: &'static str, slots: usize) {
        self.0.connections.slots.get_or_create(&ListenerLabels { listener }).set(slots as u64);
    }

    /// `mandate_connections_closed_total`: a connection was closed by us. `reason`: what it took too long for (`silent`, `head`,
    /// `body`, `kept`, `stalled`, `lingering`), `crowded`, `bytes`, or why it was not taken (`full`, `address`).
    pub fn connection_closed(&self, listener: &'static str, reason: &'static str) {
        self.0.connections.closed.get_or_create(&ClosedLabels { listener, reason }).inc();
    }

    /// `mandate_request_bytes_held`: the process holds so many bytes of requests.
    pub fn request_bytes_held(&self, bytes: usize) {
        self.0.connections.held.set(bytes as u64);
    }
}
