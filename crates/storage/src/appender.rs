//! The group-committing appender: one per worker process.
//!
//! Appends are serialised by the log's head, so one by one they are slow and together they are fast. The appender takes what its
//! callers submit, appends it in one call and answers each caller. Commands that one caller submits together keep their order, and
//! those of one stream may be a chain: each expects the version that the one before it leaves.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    future::Future,
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use mandate_schema::StreamName;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout_at},
};

use crate::{Appended, Command, StorageError, Store};

/// At most so many commands in one call.
const BATCH_MAX: usize = 256;
/// How long the first command of a batch waits for company, while several callers append.
const LINGER: Duration = Duration::from_millis(2);
/// Callers that may wait at once; more wait to be let in.
const QUEUE: usize = 1_024;
/// How long to wait before the same call is repeated, after its outcome was unknown.
const REPEAT_AFTER: Duration = Duration::from_millis(200);

/// Failures after which a batch is taken apart, if the log is free: perhaps together it takes longer than a call may.
const WHOLE_TRIES: u32 = 3;
/// Failures after which a part of it is.
const PART_TRIES: u32 = 1;
/// Failures of a command alone, while the log answers, after which its caller has the error.
const LONE_TRIES: u32 = 3;

/// The log that an appender appends to: the store, or one that fails as a test wants it to.
pub(crate) trait BatchLog: Send + Sync + 'static {
    /// As [`Store::append_batch`].
    fn append_batch(
        &self,
        commands: Vec<Command>,
    ) -> impl Future<Output = Result<Vec<Appended>, StorageError>> + Send;

    /// Whether the log answers, and no append of another process has it just now.
    fn is_free(&self) -> impl Future<Output = bool> + Send;
}

impl BatchLog for Store {
    async fn append_batch(&self, commands: Vec<Command>) -> Result<Vec<Appended>, StorageError> {
        self.append_batch(commands).await
    }

    async fn is_free(&self) -> bool {
        self.log_is_free().await.unwrap_or(false)
    }
}

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

type Answer = Result<Appended, StorageError>;

struct Request {
    command: Command,
    answer: oneshot::Sender<Answer>,
}

impl Request {
    /// Answers, and notes the stream if what follows in it may be decided on a command that was not stored.
    fn answer(self, answer: Answer, broken: &mut HashSet<StreamName>) {
        if !matches!(answer, Ok(Appended::Stored(_))) {
            broken.extend(self.command.stream().cloned());
        }
        self.send(answer);
    }

    fn send(self, answer: Answer) {
        self.answer.send(answer).ok(); // a caller that went away needs no answer
    }
}

/// What one caller submits together.
type Group = Vec<Request>;

/// Handle of the appender. Cheap to clone; the appender ends when the last handle is dropped and its queue is empty.
#[derive(Clone)]
pub struct Appender {
    requests: mpsc::Sender<Group>,
}

impl Appender {
    /// Starts an appender on this store.
    pub fn start(store: Store, observer: Arc<dyn AppendObserver>) -> Self {
        Self::on(store, observer)
    }

    /// Starts an appender on this log.
    pub(crate) fn on<L: BatchLog>(log: L, observer: Arc<dyn AppendObserver>) -> Self {
        let (requests, incoming) = mpsc::channel(QUEUE);
        tokio::spawn(Batcher::new(log, observer, incoming).run());
        Self { requests }
    }

    /// Appends one command; see [`Appender::append_all`].
    ///
    /// # Errors
    ///
    /// As [`Appender::append_all`].
    pub async fn append(&self, command: Command) -> Result<Appended, StorageError> {
        self.append_all(vec![command]).await.remove(0)
    }

    /// Appends commands in their order, and answers each. Waits while the database is away: an outcome that is not known is
    /// asked for again with the same ids.
    ///
    /// # Errors
    ///
    /// For each command those of [`Store::append_batch`] that concern it alone. [`StorageError::Unavailable`] if the process
    /// stops, or if the log answers but does not take this command; [`StorageError::Stuck`] if it takes others meanwhile.
    pub async fn append_all(&self, commands: Vec<Command>) -> Vec<Answer> {
        let stopped = || StorageError::Unavailable("the appender has stopped".into());
        let (group, answers): (Group, Vec<_>) = commands
            .into_iter()
            .map(|command| {
                let (answer, answered) = oneshot::channel();
                (Request { command, answer }, answered)
            })
            .unzip();
        if self.requests.send(group).await.is_err() {
            return answers.into_iter().map(|_| Err(stopped())).collect();
        }
        let answers = join_all(answers).await;
        answers.into_iter().map(|answered| answered.unwrap_or_else(|_| Err(stopped()))).collect()
    }
}

struct Batcher<L> {
    log: L,
    observer: Arc<dyn AppendObserver>,
    incoming: mpsc::Receiver<Group>,
    /// What did not fit into the batch before: there was no room, or its stream was in it by another caller.
    held_back: Vec<Group>,
    /// Commands that fail alone while the log answers: they go behind the others.
    stuck: VecDeque<Stuck>,
    /// Whether several callers append: then a batch waits for company.
    has_company: bool,
    /// Calls that succeeded.
    successes: u64,
}

/// A command that fails alone.
struct Stuck {
    request: Request,
    failures: u32,
    /// Calls that had succeeded when it failed first.
    successes: u64,
    next_at: Instant,
}

/// A batch while it is collected.
#[derive(Default)]
struct Batch {
    requests: Vec<Request>,
    /// By which group a stream is in it.
    streams: HashMap<StreamName, usize>,
    /// Streams of what is held back: later commands of theirs wait, too.
    waiting: HashSet<StreamName>,
    groups: usize,
}

impl Batch {
    /// Takes what fits of a group; the rest is held back.
    fn admit(&mut self, group: Group) -> Option<Group> {
        self.groups += 1;
        let mut rest = Vec::new();
        for request in group {
            if self.fits(&request.command) {
                if let Some(stream) = request.command.stream() {
                    self.streams.insert(stream.clone(), self.groups);
                }
                self.requests.push(request);
            } else {
                self.waiting.extend(request.command.stream().cloned());
                rest.push(request);
            }
        }
        (!rest.is_empty()).then_some(rest)
    }

    fn fits(&self, command: &Command) -> bool {
        self.requests.len() < BATCH_MAX
            && command.stream().is_none_or(|stream| {
                !self.waiting.contains(stream)
                    && self.streams.get(stream).is_none_or(|group| *group == self.groups)
            })
    }
}

impl<L: BatchLog> Batcher<L> {
    fn new(log: L, observer: Arc<dyn AppendObserver>, incoming: mpsc::Receiver<Group>) -> Self {
        let (held_back, stuck) = (Vec::new(), VecDeque::new());
        Self { log, observer, incoming, held_back, stuck, has_company: false, successes: 0 }
    }

    async fn run(mut self) {
        loop {
            if self.stuck.front().is_some_and(|stuck| stuck.next_at <= Instant::now()) {
                let stuck = self.stuck.pop_front().expect("it was there");
                self.retry(stuck).await;
            }
            match self.collect().await {
                Some(batch) if batch.is_empty() => {} // time for what is stuck
                Some(batch) => self.append(batch).await,
                None => return,
            }
        }
    }

    /// The next batch, empty if it is time for a stuck command; `None` once every handle is gone.
    async fn collect(&mut self) -> Option<Vec<Request>> {
        let mut batch = Batch::default();
        for group in std::mem::take(&mut self.held_back) {
            self.held_back.extend(batch.admit(group));
        }
        if batch.requests.is_empty() {
            let first = match self.stuck.front().map(|stuck| stuck.next_at) {
                Some(next_at) => match timeout_at(next_at, self.incoming.recv()).await {
                    Ok(Some(first)) => first,
                    Ok(None) | Err(_) if self.incoming.is_closed() => return None,
                    Ok(None) | Err(_) => return Some(Vec::new()),
                },
                None => self.incoming.recv().await?,
            };
            self.held_back.extend(batch.admit(first));
        }
        let deadline = Instant::now() + if self.has_company { LINGER } else { Duration::ZERO };
        while batch.requests.len() < BATCH_MAX && self.held_back.len() < BATCH_MAX {
            match timeout_at(deadline, self.incoming.recv()).await {
                Ok(Some(group)) => self.held_back.extend(batch.admit(group)),
                Ok(None) | Err(_) => break,
            }
        }
        self.has_company = batch.groups > 1;
        Some(batch.requests)
    }

    async fn append(&mut self, batch: Vec<Request>) {
        let mut broken = HashSet::new();
        // One of them is refused, or together they take too long: in halves, so that only that one fails or waits.
        let (mut parts, mut tries) = (vec![batch], WHOLE_TRIES);
        while let Some(part) = parts.pop() {
            let is_void = |request: &Request| request.command.stream().is_some_and(|it| broken.contains(it));
            let (void, mut part): (Vec<_>, Vec<_>) = part.into_iter().partition(is_void);
            for request in void {
                request.send(Ok(Appended::Conflict));
            }
            if part.is_empty() {
                continue;
            }
            match self.call(&part, tries).await {
                Ok(appended) => {
                    for (request, appended) in part.into_iter().zip(appended) {
                        request.answer(Ok(appended), &mut broken);
                    }
                }
                Err(error) if part.len() == 1 => self.failed_alone(part.remove(0), error, &mut broken),
                Err(error) => {
                    tracing::debug!(commands = part.len(), %error, "commands are appended in halves");
                    let rest = part.split_off(part.len() / 2);
                    parts.extend([rest, part]);
                    tries = PART_TRIES;
                }
            }
        }
        self.end_chains(&broken);
    }

    /// What was held back behind a command of its stream that was not stored may be decided on it, even if the stream's version says
    /// nothing of that: a command without events may have made the key of those behind it.
    fn end_chains(&mut self, broken: &HashSet<StreamName>) {
        if broken.is_empty() {
            return;
        }
        let is_broken =
            |request: &mut Request| request.command.stream().is_some_and(|it| broken.contains(it));
        for group in &mut self.held_back {
            for request in group.extract_if(.., is_broken) {
                request.send(Ok(Appended::Conflict));
            }
        }
        self.held_back.retain(|group| !group.is_empty());
    }

    /// A command that the log does not take in time goes behind the others; one that is refused is answered.
    fn failed_alone(&mut self, request: Request, error: StorageError, broken: &mut HashSet<StreamName>) {
        if !error.is_transient() || self.incoming.is_closed() {
            return request.answer(Err(error), broken);
        }
        broken.extend(request.command.stream().cloned());
        tracing::warn!(command = %request.command.id(), %error,
            "the event log answers but does not take this command; it goes behind the others");
        let next_at = Instant::now() + REPEAT_AFTER;
        self.stuck.push_back(Stuck { request, failures: 1, successes: self.successes, next_at });
    }

    /// Tries a stuck command again, once: the others have most of the time. After a few tries its caller has the error.
    async fn retry(&mut self, mut stuck: Stuck) {
        let started = Instant::now();
        match self.call_once(std::slice::from_ref(&stuck.request)).await {
            Ok(mut appended) => stuck.request.send(Ok(appended.remove(0))),
            Err(error) if !error.is_transient() || self.incoming.is_closed() => {
                stuck.request.send(Err(error));
            }
            Err(_) if stuck.failures + 1 < LONE_TRIES => {
                stuck.failures += u32::from(self.log.is_free().await); // else it says nothing about the command
                let pause = (started.elapsed() * 3).max(REPEAT_AFTER * 2_u32.pow(stuck.failures));
                stuck.next_at = Instant::now() + pause;
                self.stuck.push_back(stuck);
            }
            Err(error) if self.successes > stuck.successes => {
                let reason = format!("not stored in {LONE_TRIES} tries: {error}");
                stuck.request.send(Err(StorageError::Stuck(reason.into())));
            }
            Err(error) => stuck.request.send(Err(error)),
        }
    }

    async fn call_once(&mut self, batch: &[Request]) -> Result<Vec<Appended>, StorageError> {
        let started = Instant::now();
        self.observer.before(batch.len());
        let commands = batch.iter().map(|request| request.command.clone()).collect();
        let result = self.log.append_batch(commands).await;
        if result.is_ok() {
            self.successes += 1;
            self.observer.after(batch.len(), started.elapsed());
        }
        result
    }

    /// Appends a batch, as often as it takes for its outcome to be known. Several commands together are given up after so many
    /// failures, one alone after two, if the log is free then: while it is away or busy, the same call is repeated.
    async fn call(&mut self, batch: &[Request], tries: u32) -> Result<Vec<Appended>, StorageError> {
        let tries = if batch.len() == 1 { 2 } else { tries };
        let mut failures = 0_u32;
        loop {
            let started = Instant::now();
            match self.call_once(batch).await {
                Err(error) if error.is_transient() => {
                    if failures == 0 {
                        tracing::warn!(%error, "the event log did not answer; the same call is repeated until it does");
                    }
                    failures = failures.saturating_add(1);
                    sleep_until(started + REPEAT_AFTER).await;
                    if self.incoming.is_closed() {
                        return Err(error); // every handle is gone: nobody waits any more
                    }
                    if failures >= tries && self.log.is_free().await {
                        return Err(error);
                    }
                }
                result => {
                    if failures > 0 {
                        tracing::info!(failures, "recovered: the event log answers again");
                    }
                    return result;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
