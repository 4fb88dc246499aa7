//! Claiming tasks, running them, and storing what came of them.

use std::{convert::Infallible, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use mandate_domain::{Decision, Since, Task};
use mandate_runtime::{failpoint, stop::Stop};
use mandate_schema::{CommandId, Event, StreamName};
use mandate_storage::{Appended, Claimed, Command, DeadLetter, DeadPayload, Storage, StorageError};
use mandate_wechat::api::Request;

use tokio::{
    task::{JoinError, JoinSet},
    time::timeout,
};

use super::{Failure, NO_TICKET, UnreadableTask, inspect::Subject, payload};
use crate::{
    Core,
    call::Uncalled,
    fold::{self, ReadError, Snapshot},
    record::{Context, after_conflict, record, task_place},
};

/// Tasks under way at once.
const CONCURRENCY: usize = 32;
/// How long one attempt may take: a few calls.
const ATTEMPT: Duration = Duration::from_mins(2);
/// How long a claim holds unless it is prolonged: so long a task waits whose worker died.
const LEASE: SignedDuration = SignedDuration::from_secs(15);
/// How often the claim of an attempt under way is prolonged: four times in vain, and it still holds.
const PROLONG_EVERY: Duration = Duration::from_secs(3);
/// The queue is looked at at least this often: another process may have queued something.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Reason of tasks that ask again, because an answer of `WeChat` may be older than what it contradicts.
const PROVISIONAL: &str = "provisional";

/// Runs the tasks of a worker.
pub struct TaskRunner<S> {
    pub(super) core: Arc<Core<S>>,
    pub(super) stop: Stop,
}

/// How an attempt ended.
pub(crate) enum End {
    /// Its outcome is stored.
    Done,
    /// It asks again then, as it should: nothing failed.
    PutOff { at: Timestamp },
    /// To be tried again.
    Again { after: Duration, reason: &'static str, detail: String },
    /// Given up.
    Dead { reason: &'static str, detail: String },
}

impl End {
    pub(super) fn dead(reason: &'static str, detail: impl Into<String>) -> Self {
        Self::Dead { reason, detail: detail.into() }
    }
}

/// What an answer means: what is appended, and whether that ends the task.
pub(super) struct Outcome {
    pub(super) decision: Decision,
    /// How the attempt ends once the decision is stored.
    pub(super) then: End,
}

impl From<Decision> for Outcome {
    fn from(decision: Decision) -> Self {
        Self { decision, then: End::Done }
    }
}

impl Outcome {
    /// Nothing is appended.
    pub(super) fn end(then: End) -> Self {
        Self { decision: Decision::nothing(), then }
    }
}

/// The stream as an answer meets it.
pub(super) struct Answer<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// What the stream gained since the call started.
    pub(super) since: Since,
}

impl<S: Storage> TaskRunner<S> {
    /// The runner of a worker, until the process stops.
    pub fn new(core: Arc<Core<S>>, stop: Stop) -> Arc<Self> {
        Arc::new(Self { core, stop })
    }

    /// Runs tasks until the process stops; attempts under way are finished.
    pub async fn run(self: Arc<Self>) {
        // Each attempt is a task of its own: none waits for the queue, and a panic ends only that attempt.
        let mut under_way = JoinSet::new();
        while !self.stop.is_requested() {
            let pause = self.fill(&mut under_way).await;
            tokio::select! {
                () = self.stop.requested() => {}
                () = self.core.tasks_changed.notified(), if under_way.len() < CONCURRENCY => {}
                Some(ended) = under_way.join_next() => note_panic(ended),
                () = tokio::time::sleep(pause) => {}
            }
        }
        while let Some(ended) = under_way.join_next().await {
            note_panic(ended);
        }
    }

    /// Begins attempts at what is due, as many as there is room for; answers how long to wait before the next look.
    async fn fill(self: &Arc<Self>, under_way: &mut JoinSet<()>) -> Duration {
        let room = CONCURRENCY - under_way.len();
        if room == 0 {
            return LOOK_AGAIN; // the end of an attempt makes room
        }
        match self.claim(room).await {
            Ok(claimed) => {
                for claimed in claimed {
                    let runner = self.clone();
                    under_way.spawn(async move { runner.attempt(claimed).await });
                }
                self.pause().await
            }
            Err(error) => {
                tracing::warn!(%error, "the task queue cannot be read");
                LOOK_AGAIN
            }
        }
    }

    /// Claims what is due.
    async fn claim(&self, room: usize) -> Result<Vec<Claimed>, StorageError> {
        let now = Timestamp::now();
        if self.core.storage.next_due().await?.is_none_or(|due| due > now) {
            return Ok(Vec::new());
        }
        let claimed = self.core.storage.claim(now, now + LEASE, room).await?;
        failpoint::reached("task.claimed");
        Ok(claimed)
    }

    /// Until the next task is due, but never long: another process may queue something.
    async fn pause(&self) -> Duration {
        let due = self.core.storage.next_due().await.ok().flatten();
        let wait = due.map(|due| due.duration_since(Timestamp::now()));
        wait.map_or(LOOK_AGAIN, |wait| Duration::try_from(wait).unwrap_or_default().min(LOOK_AGAIN))
    }

    async fn attempt(&self, claimed: Claimed) {
        let kind = claimed.task.kind.clone();
        let work = async {
            match self.open(&claimed).await {
                Ok(task) => self.dispatch(&claimed, task).await,
                Err(end) => end,
            }
        };
        let end = tokio::select! {
            end = timeout(ATTEMPT, work) => {
                end.unwrap_or_else(|_| Failure::too_slow(claimed.attempt, ATTEMPT).into_end("too_slow"))
            }
            never = self.hold(&claimed) => match never {},
        };
        let stored = match end {
            End::Done => Ok(()),
            End::PutOff { at } => self.core.storage.retry(claimed.id, claimed.attempt, at, PROVISIONAL).await,
            End::Again { after, reason, detail } => {
                tracing::warn!(task = %claimed.task.key, attempt = claimed.attempt, reason, after_seconds = after.as_secs_f64(),
                    "{kind} is tried again: {detail}");
                self.put_off(&claimed, after, reason).await
            }
            End::Dead { reason, detail } => self.bury(&claimed, reason, detail).await,
        };
        if let Err(error) = stored {
            // The lease ends by itself and the task is due again.
            tracing::warn!(task = %claimed.task.key, %error, "the end of an attempt could not be stored");
        }
    }

    /// Prolongs a claim for as long as its attempt takes, so that nobody else begins the same task.
    async fn hold(&self, claimed: &Claimed) -> Infallible {
        loop {
            tokio::time::sleep(PROLONG_EVERY).await;
            match self.core.storage.renew(claimed.id, claimed.attempt, Timestamp::now() + LEASE).await {
                Ok(true) => {}
                // What the other one stores first counts; ours is void then.
                Ok(false) => {
                    tracing::warn!(task = %claimed.task.key, "another worker has begun this task again");
                }
                Err(error) => {
                    tracing::warn!(task = %claimed.task.key, %error, "a claim could not be prolonged");
                }
            }
        }
    }

    /// Stores when the next attempt is due. A ticket that came while this one was under way has woken nobody: look again.
    async fn put_off(&self, claimed: &Claimed, after: Duration, reason: &str) -> Result<(), StorageError> {
        let storage = &self.core.storage;
        storage.retry(claimed.id, claimed.attempt, Timestamp::now() + after, reason).await?;
        if reason == NO_TICKET {
            let component = &claimed.task.component;
            let state = storage.state(&StreamName::Component(component.clone())).await?;
            if state.is_some_and(|row| row.position > claimed.head) {
                storage.wake(component, NO_TICKET, Timestamp::now()).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn open(&self, claimed: &Claimed) -> Result<Task, End> {
        let secret = match &claimed.task.sealed {
            None => None,
            Some((by, sealed)) => {
                let place = task_place(by, &claimed.task.key);
                match self.core.vault.open(place, sealed).await.map_err(ReadError::from) {
                    Ok(secret) => secret,
                    Err(error) => {
                        return Err(Failure::of_read(&error, claimed.attempt).into_end("unreadable_task"));
                    }
                }
            }
        };
        payload::read(&claimed.task, secret)
            .map_err(|error: UnreadableTask| End::dead("unreadable_task", error.to_string()))
    }

    async fn dispatch(&self, claimed: &Claimed, task: Task) -> End {
        let subject = || {
            let authorizer = claimed.task.authorizer.clone()?;
            Some(Subject { component: claimed.task.component.clone(), authorizer })
        };
        match (task, subject()) {
            (Task::Redeem(redeem), _) => self.redeem(claimed, &redeem).await,
            (Task::Inspect { because }, Some(subject)) => self.inspect(claimed, &subject, because).await,
            (Task::ReleaseReply { code, to_user }, Some(subject)) => {
                self.release_reply(claimed, &subject, &code, &to_user).await
            }
            (Task::Inspect { .. } | Task::ReleaseReply { .. }, None) => {
                End::dead("unreadable_task", "the task names no authorizer")
            }
        }
    }

    /// Calls an API under the component's token, unless the process stops.
    pub(super) async fn call<R: Request>(&self, request: &R, attempt: u32) -> Result<R::Reply, Failure> {
        if self.stop.is_requested() {
            return Err(Failure::stopping());
        }
        match self.core.call(request).await {
            Ok(reply) => {
                failpoint::reached("task.answered");
                Ok(reply)
            }
            Err(Uncalled::Token(error)) => Err(Failure::of_token(error, attempt)),
            Err(Uncalled::Call(error)) => Err(Failure::of_call(R::API, error, attempt)),
        }
    }

    /// Decides an answer on the newest state and appends the outcome, as often as others come first.
    pub(super) async fn finish(
        &self,
        claimed: &Claimed,
        stream: &StreamName,
        called_at: Timestamp,
        decide: impl Fn(&Answer<'_>) -> Outcome,
    ) -> End {
        let mut conflicts = 0;
        loop {
            match self.try_finish(claimed, stream, called_at, &decide).await {
                Ok((Appended::Stored(_) | Appended::Duplicate(_) | Appended::Finished, then)) => return then,
                Ok((Appended::Conflict, _)) => {
                    conflicts += 1;
                    after_conflict(conflicts).await;
                }
                Err(error) => return Failure::of_read(&error, claimed.attempt).into_end("refused_data"),
            }
        }
    }

    async fn try_finish(
        &self,
        claimed: &Claimed,
        stream: &StreamName,
        called_at: Timestamp,
        decide: &impl Fn(&Answer<'_>) -> Outcome,
    ) -> Result<(Appended, End), ReadError> {
        let core = &self.core;
        let snapshot = fold::load(&core.storage, &core.vault, stream).await?;
        let since: Vec<Event> = fold::events_since(&core.storage, &core.vault, stream, claimed.head).await?;
        let Outcome { decision, then } = decide(&Answer { snapshot: &snapshot, since: Since::of(&since) });
        let ends = matches!(then, End::Done);
        if !ends && decision == Decision::nothing() {
            return Ok((Appended::Stored(None), then));
        }
        let names: Vec<&str> = decision.events.iter().map(|new| new.event.name()).collect();
        let summary = names.join(", ");
        let context = Context {
            command: CommandId::of_attempt(claimed.id, claimed.attempt),
            stream: stream.clone(),
            finishes: ends.then_some(claimed.id),
            now: Timestamp::now(),
            called_at,
        };
        let append = record(&core.vault, &context, snapshot, decision).await?;
        let queues_tasks = !append.tasks.is_empty();
        let appended = core.append(Command::Decided(Box::new(append))).await?;
        if let Appended::Stored(position) = &appended {
            core.note_position(*position);
            tracing::info!(task = %claimed.task.key, %stream, position = position.map(|p| p.0), events = summary,
                "{} for {stream} done", claimed.task.kind);
        }
        if queues_tasks {
            core.tasks_changed.notify_one();
        }
        Ok((appended, then))
    }

    async fn bury(
        &self,
        claimed: &Claimed,
        reason: &'static str,
        detail: String,
    ) -> Result<(), StorageError> {
        tracing::error!(task = %claimed.task.key, attempt = claimed.attempt, reason, "a task is a dead letter: {detail}");
        let letter = DeadLetter {
            command: CommandId::of_attempt(claimed.id, claimed.attempt),
            reason: reason.to_owned(),
            detail,
            payload: DeadPayload::Task(claimed.id),
            recorded_at: Timestamp::now(),
        };
        self.core.append(Command::Dead(Box::new(letter))).await.map(|_| ())
    }
}

impl Failure {
    /// How an attempt ends that failed so; `reason` names what was given up, if it was.
    pub(super) fn into_end(self, reason: &'static str) -> End {
        match self {
            Self::Again { after, reason, detail } => End::Again { after, reason, detail },
            Self::AnswerUnreadable { after, detail } => {
                End::Again { after, reason: "answer_unreadable", detail }
            }
            Self::Refused(refusal) => End::dead(reason, refusal.to_string()),
            Self::Unreadable(detail) => End::dead("unreadable", detail),
        }
    }
}

/// A defect of ours. The lease of the attempt ends by itself, and the task is due again.
fn note_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "an attempt at a task panicked");
    }
}
