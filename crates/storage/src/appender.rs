//! The group-committing appender: one per worker process.
//!
//! Appends are serialised by the log's head, so one by one they are slow and together they are fast. The appender collects
//! commands for a moment, at most one per stream, appends them in one call and answers each caller.

use std::{collections::HashSet, sync::Arc, time::Duration};

use mandate_schema::StreamName;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout_at},
};

use crate::{Appended, Command, EventLog, StorageError};

/// At most so many commands in one call.
const BATCH_MAX: usize = 256;
/// How long the first command of a batch waits for company.
const LINGER: Duration = Duration::from_millis(2);
/// Callers that may wait at once; more wait to be let in.
const QUEUE: usize = 1_024;
/// How long to wait before the same call is repeated, after its outcome was unknown.
const REPEAT_AFTER: Duration = Duration::from_millis(200);

/// Failures after which a batch is taken apart: perhaps together it takes longer than a call may.
const WHOLE_TRIES: u32 = 3;

/// Watches the appender, for metrics and fault tests.
pub trait AppendObserver: Send + Sync + 'static {
    /// A batch is about to be appended.
    fn before(&self, commands: usize);
    /// A batch was appended.
    fn after(&self, commands: usize, took: Duration);
}

/// Nobody watches.
#[derive(Clone, Copy, Debug)]
pub struct Unobserved;

impl AppendObserver for Unobserved {
    fn before(&self, _: usize) {}
    fn after(&self, _: usize, _: Duration) {}
}

struct Request {
    command: Command,
    answer: oneshot::Sender<Result<Appended, StorageError>>,
}

/// Handle of the appender. Cheap to clone; the appender ends when the last handle is dropped and its queue is empty.
#[derive(Clone)]
pub struct Appender {
    requests: mpsc::Sender<Request>,
}

impl Appender {
    /// Starts an appender on this log.
    pub fn start<L: EventLog>(log: L, observer: Arc<dyn AppendObserver>) -> Self {
        let (requests, incoming) = mpsc::channel(QUEUE);
        tokio::spawn(Batcher { log, observer, incoming, held_back: Vec::new() }.run());
        Self { requests }
    }

    /// Appends one command. Waits while the database is away: an outcome that is not known is asked for again with the
    /// same ids.
    ///
    /// # Errors
    ///
    /// Those of [`EventLog::append_batch`] that concern this command alone; never [`StorageError::Unavailable`] but when
    /// the process stops.
    pub async fn append(&self, command: Command) -> Result<Appended, StorageError> {
        let (answer, answered) = oneshot::channel();
        let stopped = || StorageError::Unavailable("the appender has stopped".into());
        self.requests.send(Request { command, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

struct Batcher<L> {
    log: L,
    observer: Arc<dyn AppendObserver>,
    incoming: mpsc::Receiver<Request>,
    /// Requests whose stream is in the batch before theirs.
    held_back: Vec<Request>,
}

impl<L: EventLog> Batcher<L> {
    async fn run(mut self) {
        while let Some(batch) = self.collect().await {
            self.append(batch).await;
        }
    }

    /// The next batch; `None` once nobody can send any more.
    async fn collect(&mut self) -> Option<Vec<Request>> {
        let mut streams = HashSet::new();
        let mut batch = Vec::new();
        for request in std::mem::take(&mut self.held_back) {
            self.admit(request, &mut batch, &mut streams);
        }
        if batch.is_empty() {
            let first = self.incoming.recv().await?;
            self.admit(first, &mut batch, &mut streams);
        }
        let deadline = Instant::now() + LINGER;
        while batch.len() < BATCH_MAX && self.held_back.len() < BATCH_MAX {
            match timeout_at(deadline, self.incoming.recv()).await {
                Ok(Some(request)) => self.admit(request, &mut batch, &mut streams),
                Ok(None) | Err(_) => break,
            }
        }
        Some(batch)
    }

    fn admit(&mut self, request: Request, batch: &mut Vec<Request>, streams: &mut HashSet<StreamName>) {
        let fits = batch.len() < BATCH_MAX
            && request.command.stream().is_none_or(|stream| streams.insert(stream.clone()));
        let queue = if fits { batch } else { &mut self.held_back };
        queue.push(request);
    }

    async fn append(&self, batch: Vec<Request>) {
        let (commands, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|request| (request.command, request.answer)).unzip();
        match self.call(commands.clone()).await {
            Ok(appended) => {
                for (answer, appended) in answers.into_iter().zip(appended) {
                    answer.send(Ok(appended)).ok(); // a caller that went away needs no answer
                }
            }
            Err(error) if commands.len() == 1 => {
                let answer = answers.into_iter().next().expect("one command, one caller");
                answer.send(Err(error)).ok(); // as above
            }
            // One of them is refused, or together they take too long: each alone, so that only that one fails or waits.
            Err(_) => {
                for (command, answer) in commands.into_iter().zip(answers) {
                    let alone = self.call(vec![command]).await.map(|mut appended| appended.remove(0));
                    answer.send(alone).ok(); // as above
                }
            }
        }
    }

    /// Appends a batch, as often as it takes for its outcome to be known; several commands together only so many times.
    async fn call(&self, commands: Vec<Command>) -> Result<Vec<Appended>, StorageError> {
        let mut failures = 0_u32;
        loop {
            let started = Instant::now();
            self.observer.before(commands.len());
            match self.log.append_batch(commands.clone()).await {
                Err(error) if error.is_transient() => {
                    if failures == 0 {
                        tracing::warn!(%error, "the event log did not answer; the same call is repeated until it does");
                    }
                    failures = failures.saturating_add(1);
                    sleep_until(started + REPEAT_AFTER).await;
                    if self.incoming.is_closed() {
                        return Err(error); // every handle is gone: nobody waits any more
                    }
                    if commands.len() > 1 && failures == WHOLE_TRIES {
                        return Err(error);
                    }
                }
                result => {
                    if failures > 0 {
                        tracing::info!(failures, "the event log answers again");
                    }
                    self.observer.after(commands.len(), started.elapsed());
                    return result;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
