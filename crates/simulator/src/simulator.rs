//! The simulator as one value: state, clock, and what is needed to act.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{runtime, task::JoinHandle, time};
use tokio_util::sync::CancellationToken;

use crate::{
    error::Error,
    push::{Client, build_client},
    settings::Settings,
    state::State,
    time::{Clock, Now},
};

/// `WeChat`'s side. Clones are the same simulator; its methods are the control API's.
#[derive(Clone)]
pub struct Simulator(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    clock: Clock,
    client: Client,
    /// Where pushes run: the runtime that started the simulator, not the HTTP server's own.
    runtime: runtime::Handle,
    retry_pause: Duration,
    stop: CancellationToken,
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator").finish_non_exhaustive()
    }
}

impl Simulator {
    /// Needs a tokio runtime around it.
    pub(crate) fn new(settings: &Settings, stop: CancellationToken) -> Result<Self, Error> {
        settings.check()?;
        Ok(Self(Arc::new(Inner {
            state: Mutex::new(State::new(settings)?),
            clock: Clock::default(),
            client: build_client(settings).map_err(Error::Client)?,
            runtime: runtime::Handle::current(),
            retry_pause: settings.retry_pause,
            stop,
        })))
    }

    /// The state, locked. Never kept over an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic of another holder would be a bug of its own; the values are still whole.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The simulator's time.
    pub(crate) fn now(&self) -> Now {
        self.0.clock.now()
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(crate) fn retry_pause(&self) -> Duration {
        self.0.retry_pause
    }

    /// Runs a task on the runtime that started the simulator.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.0.runtime.spawn(task)
    }

    /// Waits; `None` if the simulator stops first.
    pub(crate) async fn pause(&self, duration: Duration) -> Option<()> {
        if duration.is_zero() {
            return Some(());
        }
        self.unless_stopped(time::sleep(duration)).await
    }

    /// Waits for something; `None` if the simulator stops first.
    pub(crate) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.0.stop.run_until_cancelled(work).await
    }
}
