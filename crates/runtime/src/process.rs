//! What the doors of one process share, and what a process does first.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::{
    health::Readiness,
    metrics::Metrics,
    open_files,
    stop::Stop,
    web::{ConnectionLimits, Connections},
};

/// What every process does before it holds a secret: no core dump and no other process of the same user shows its memory. It may
/// have as many files open as the system allows.
///
/// # Errors
///
/// What the system refuses, with what follows.
pub fn prepare() -> Result<(), String> {
    let told = |what: &'static str| move |error| format!("{what}: {error}");
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .map_err(told("core dumps stay possible"))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(told("the memory stays readable"))?;
    open_files::raise().map_err(|error| format!("the limit of open files stays as it is: {error}"))
}

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

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn nobody_sees_the_memory_of_a_process_that_is_prepared() {
        prepare().expect("nobody needs a right for that");
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
    }
}
