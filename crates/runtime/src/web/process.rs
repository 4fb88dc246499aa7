//! What the doors of one process share.

use super::{ConnectionLimits, Connections};
use crate::{health::Readiness, metrics::Metrics, stop::Stop};

/// What a door needs of its process. The doors of one process share all but the readiness.
#[derive(Clone)]
pub struct Process {
    /// Ends it.
    pub stop: Stop,
    /// What it counts.
    pub metrics: Metrics,
    /// Whether the door can do its work.
    pub readiness: Readiness,
    /// The connections of all its listeners.
    pub connections: Connections,
}

impl Process {
    /// A process with one door so far.
    pub fn new(stop: Stop, limits: ConnectionLimits) -> Self {
        let (metrics, readiness) = (Metrics::new(), Readiness::new());
        let connections = Connections::new(limits, &metrics);
        Self { stop, metrics, readiness, connections }
    }

    /// The same for another door, which answers for its own dependencies.
    pub fn with_own_readiness(&self) -> Self {
        Self { readiness: Readiness::new(), ..self.clone() }
    }
}
