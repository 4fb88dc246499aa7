//! One way to stop: a token that everything listens to, a tracker of what still runs, and the first failure.
//!
//! A door makes one [`Stop`], spawns its background work through it, and ends `main` with [`Stop::finish`]. Whatever runs in
//! the background cannot fail unseen: the first error or panic stops the whole process with a failure.

use std::{
    error::Error,
    fmt, io,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};
use tracing::{error, info, warn};

/// A file has reached the size that the process may write. It kills a process that does not listen to it.
const SIGXFSZ: i32 = rustix::process::Signal::XFSZ.as_raw();

/// The stop of one process. Clones are the same stop.
#[derive(Clone)]
pub struct Stop(Arc<Inner>);

struct Inner {
    requested: CancellationToken,
    forced: CancellationToken,
    tasks: TaskTracker,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: Vec<&'static str>,
    failure: Option<Failure>,
}

/// Why a process ends other than as it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A background task ended with an error.
    #[error("{task} failed: {source}")]
    Failed {
        /// The name it was spawned under.
        task: &'static str,
        /// What it said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A background task panicked: a defect of ours.
    #[error("{task} panicked: {message}")]
    Panicked {
        /// The name it was spawned under.
        task: &'static str,
        /// The message of the panic.
        message: String,
    },
    /// The stop took longer than it may.
    #[error("still running after {grace:?}: {}", running.join(", "))]
    TooSlow {
        /// The time that was given.
        grace: Duration,
        /// What was still running.
        running: Vec<&'static str>,
    },
    /// A second signal asked not to wait.
    #[error("stopped by force while running: {}", running.join(", "))]
    Forced {
        /// What was still running.
        running: Vec<&'static str>,
    },
}

impl Stop {
    /// A stop that only [`Stop::request`] or a failure sets off.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            requested: CancellationToken::new(),
            forced: CancellationToken::new(),
            tasks: TaskTracker::new(),
            state: Mutex::default(),
        }))
    }

    /// A stop that SIGTERM and SIGINT set off too; a second signal forces it. Call it inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// If the process may not listen to signals.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::new();
        // Once it is listened to, a file that reaches the size limit of the process is an error of the write, as a full disk is.
        drop(signal(SignalKind::from_raw(SIGXFSZ))?);
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let listener = stop.clone();
        // Not tracked: it outlives everything else, up to the end of the runtime.
        tokio::spawn(async move {
            let name = next_signal(&mut terminate, &mut interrupt).await;
            info!(signal = name, "{name} received, stopping; a second one stops at once");
            listener.request();
            let name = next_signal(&mut terminate, &mut interrupt).await;
            warn!(signal = name, "{name} received again, stopping at once");
            listener.0.forced.cancel();
        });
        Ok(stop)
    }

    /// Asks everything to stop. Asking again changes nothing.
    pub fn request(&self) {
        self.0.requested.cancel();
    }

    /// Whether everything was asked to stop.
    pub fn is_requested(&self) -> bool {
        self.0.requested.is_cancelled()
    }

    /// Returns once everything was asked to stop.
    pub async fn requested(&self) {
        self.0.requested.cancelled().await;
    }

    /// The token behind [`Stop::requested`], for whoever takes a token.
    pub fn token(&self) -> CancellationToken {
        self.0.requested.clone()
    }

    /// Returns once somebody asked not to wait for what still runs.
    pub async fn forced(&self) {
        self.0.forced.cancelled().await;
    }

    /// Runs a background task that [`Stop::finish`] waits for. Its error or panic is recorded and stops the process; ending
    /// without one is no failure. A task should end soon after [`Stop::requested`].
    pub fn spawn<F, E>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let running = self.running(name);
        tokio::spawn(async move {
            match AssertUnwindSafe(task).catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => running.stop.fail(name, error),
                Err(panic) => {
                    running.stop.record(Failure::Panicked { task: name, message: message(&*panic) });
                }
            }
        });
    }

    /// Marks something as running that is no task, such as a thread that it is moved into: [`Stop::finish`] waits until it is
    /// dropped. If that happens in a panic, the process stops with a failure.
    pub fn running(&self, name: &'static str) -> Running {
        self.state().running.push(name);
        Running { name, stop: self.clone(), _token: self.0.tasks.token() }
    }

    /// Records that something went wrong for good and stops the process. The first failure decides how it ends.
    pub fn fail(&self, task: &'static str, error: impl Into<Box<dyn Error + Send + Sync>>) {
        self.record(Failure::Failed { task, source: error.into() });
    }

    /// Waits until the stop is requested, then until everything has ended, at most `grace`.
    ///
    /// # Errors
    ///
    /// The first [`Failure`] of a task (logged already when it happened), else [`Failure::Forced`] or [`Failure::TooSlow`]
    /// if something was left running.
    pub async fn finish(&self, grace: Duration) -> Result<(), Failure> {
        self.requested().await;
        self.0.tasks.close();
        let ended = tokio::select! {
            biased;
            () = self.0.tasks.wait() => Ok(()),
            () = self.forced() => Err(Failure::Forced { running: self.state().running.clone() }),
            () = tokio::time::sleep(grace) => Err(Failure::TooSlow { grace, running: self.state().running.clone() }),
        };
        let failure = self.state().failure.take();
        failure.map_or(ended, Err)
    }

    /// Logs a failure, keeps it if it is the first, and stops the process.
    fn record(&self, failure: Failure) {
        error!(%failure, "stopping: {failure}");
        self.state().failure.get_or_insert(failure);
        self.request();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = self.state().running.clone();
        f.debug_struct("Stop").field("requested", &self.is_requested()).field("running", &running).finish()
    }
}

/// Something that [`Stop::finish`] waits for; see [`Stop::running`].
#[derive(Debug)]
#[must_use = "dropping it says that it has ended"]
pub struct Running {
    name: &'static str,
    stop: Stop,
    _token: TaskTrackerToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let message = "see the panic's own message".to_owned();
            self.stop.record(Failure::Panicked { task: self.name, message });
        }
        let mut state = self.stop.state();
        if let Some(at) = state.running.iter().position(|name| *name == self.name) {
            state.running.swap_remove(at);
        }
    }
}

async fn next_signal(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

/// The text of a panic, as far as it has one.
fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future::pending};

    use super::*;

    const GRACE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_stop_waits_for_what_still_runs() {
        let stop = Stop::new();
        let (listener, (done, is_done)) = (stop.clone(), tokio::sync::oneshot::channel());
        stop.spawn("relay", async move {
            listener.requested().await;
            done.send(()).map_err(|()| "nobody waits")
        });
        stop.request();
        stop.finish(GRACE).await.expect("a clean stop");
        is_done.await.expect("the task had ended");
    }

    #[tokio::test]
    async fn a_task_that_ends_with_an_error_stops_the_process_and_is_named() {
        let stop = Stop::new();
        stop.spawn("relay", async { Err::<(), _>("the journal is gone") });
        let failure = stop.finish(GRACE).await.expect_err("a failure");
        assert_eq!(failure.to_string(), "relay failed: the journal is gone");
    }

    #[tokio::test]
    async fn a_task_that_panics_stops_the_process_and_is_named() {
        let stop = Stop::new();
        stop.spawn::<_, Infallible>("relay", async { panic!("no row {}", 7) });
        let failure = stop.finish(GRACE).await.expect_err("a failure");
        assert_eq!(failure.to_string(), "relay panicked: no row 7");
    }

    #[tokio::test]
    async fn a_thread_that_panics_stops_the_process_too() {
        let stop = Stop::new();
        let running = stop.running("journal writer");
        let thread = std::thread::spawn(move || {
            let _running = running;
            panic!("broken invariant");
        });
        let failure = stop.finish(GRACE).await.expect_err("a failure");
        assert!(matches!(failure, Failure::Panicked { task: "journal writer", .. }), "{failure}");
        assert!(thread.join().is_err());
    }

    #[tokio::test]
    async fn the_first_failure_is_the_one_that_is_returned() {
        let stop = Stop::new();
        stop.fail("journal", "disk gone");
        stop.fail("relay", "journal gone");
        let failure = stop.finish(GRACE).await.expect_err("a failure");
        assert!(matches!(failure, Failure::Failed { task: "journal", .. }), "{failure}");
    }

    #[tokio::test]
    async fn what_does_not_end_in_time_is_named() {
        let stop = Stop::new();
        stop.spawn::<_, Infallible>("relay", pending());
        stop.request();
        let failure = stop.finish(Duration::from_millis(1)).await.expect_err("too slow");
        assert_eq!(failure.to_string(), "still running after 1ms: relay");
    }

    #[tokio::test]
    async fn force_does_not_wait() {
        let stop = Stop::new();
        stop.spawn::<_, Infallible>("relay", pending());
        stop.request();
        stop.0.forced.cancel();
        let failure = stop.finish(GRACE).await.expect_err("forced");
        assert!(matches!(&failure, Failure::Forced { running } if running == &["relay"]), "{failure}");
    }

    #[tokio::test]
    async fn a_signal_stops_and_a_second_one_forces() {
        let stop = Stop::on_signals().expect("signals");
        let kill =
            || std::process::Command::new("kill").args(["-TERM", &std::process::id().to_string()]).status();
        assert!(kill().expect("kill runs").success());
        stop.requested().await;
        assert!(!stop.0.forced.is_cancelled());
        assert!(kill().expect("kill runs").success());
        stop.forced().await;
    }
}
