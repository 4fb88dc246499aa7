//! What `/readyz` answers: a state per dependency, set by whoever owns the dependency.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use tracing::{info, warn};

/// The dependencies of this process and how they are. Clones share the same states.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<States>>);

type States = BTreeMap<&'static str, State>;

/// How a dependency is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// It does its work.
    Ok,
    /// It does, but somebody should look.
    Degraded {
        /// As in [`State::Failing`].
        reason: String,
    },
    /// It does not.
    Failing {
        /// What an operator needs to know. It is shown to whoever may ask: no secrets.
        reason: String,
    },
}

/// The body of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether no dependency is [`State::Failing`].
    pub ready: bool,
    /// Each dependency by name.
    pub dependencies: BTreeMap<&'static str, State>,
}

impl Readiness {
    /// A registry without dependencies: ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a dependency, failing as `starting` until its owner says otherwise.
    pub fn register(&self, name: &'static str) -> Dependency {
        self.states().insert(name, State::Failing { reason: "starting".to_owned() });
        Dependency { name, readiness: self.clone() }
    }

    /// The states of now.
    pub fn report(&self) -> Report {
        let dependencies = self.states().clone();
        let ready = !dependencies.values().any(|state| matches!(state, State::Failing { .. }));
        Report { ready, dependencies }
    }

    fn states(&self) -> MutexGuard<'_, States> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The owner's end of one dependency. Only changes are logged, so that its owner may report as often as it likes.
#[derive(Clone, Debug)]
pub struct Dependency {
    name: &'static str,
    readiness: Readiness,
}

impl Dependency {
    /// The dependency does its work.
    pub fn ok(&self) {
        if self.set(State::Ok) {
            info!(dependency = self.name, "{} is ready", self.name);
        }
    }

    /// The dependency does its work, but an operator should look; `reason` is shown to operators and must not hold secrets.
    pub fn degraded(&self, reason: impl Into<String>) {
        let reason = reason.into();
        if self.set(State::Degraded { reason: reason.clone() }) {
            warn!(dependency = self.name, reason, "{} needs a look: {reason}", self.name);
        }
    }

    /// The dependency does not do its work; `reason` is shown to operators and must not hold secrets.
    pub fn failing(&self, reason: impl Into<String>) {
        let reason = reason.into();
        if self.set(State::Failing { reason: reason.clone() }) {
            warn!(dependency = self.name, reason, "{} is not ready: {reason}", self.name);
        }
    }

    /// Stores the state; whether it is another one than before.
    fn set(&self, state: State) -> bool {
        let before = self.readiness.states().insert(self.name, state.clone());
        before != Some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_once_each_dependency_said_so() {
        let readiness = Readiness::new();
        assert!(readiness.report().ready);
        let journal = readiness.register("journal");
        let storage = readiness.register("storage");
        assert!(!readiness.report().ready);
        journal.ok();
        assert!(!readiness.report().ready);
        storage.ok();
        assert!(readiness.report().ready);
        storage.degraded("it is slow");
        assert!(readiness.report().ready, "it works");
    }

    #[test]
    fn the_report_names_each_dependency_and_its_reason() {
        let readiness = Readiness::new();
        readiness.register("journal").failing("disk full");
        readiness.register("storage").ok();
        assert_eq!(
            serde_json::to_string(&readiness.report()).expect("plain"),
            r#"{"ready":false,"dependencies":{"journal":{"state":"failing","reason":"disk full"},"storage":{"state":"ok"}}}"#
        );
    }

    #[test]
    fn only_a_change_counts_as_news() {
        let journal = Readiness::new().register("journal");
        assert!(journal.set(State::Ok));
        assert!(!journal.set(State::Ok));
        assert!(journal.set(State::Failing { reason: "disk full".to_owned() }));
    }
}
