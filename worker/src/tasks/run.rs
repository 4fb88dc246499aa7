//! Claiming tasks, running them, and storing what came of them.

use std::{convert::Infallible, future::pending, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use mandate_domain::Task;
use mandate_runtime::{failpoint, stop::Stop};
use mandate_schema::StreamName;
use mandate_storage::{Claim, Claimed, Company, DEATHS_BEFORE_ALONE, StorageError};
use mandate_wechat::api::Request;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use uuid::Uuid;

use super::{
    Failure, NO_TICKET, STOPPING, Subject,
    list::Lists,
    outcome::End,
    under_way::{BELIEVED_FOR, LOOK_AGAIN, UnderWay},
};
use crate::{
    log::{
        Log,
        fold::ReadError,
        payload::{self, UnreadableTask},
        record::task_place,
    },
    tokens::{Tokens, Uncalled},
};

/// How long the calls of one attempt may take: a few, or the pages of a long list. Storing what they brought takes as long as it takes.
const ATTEMPT: Duration = Duration::from_mins(2);
/// How long a claim holds unless it is prolonged: so long a task waits whose worker died.
const LEASE: SignedDuration = SignedDuration::from_secs(15);
/// How often the claim of an attempt under way is prolonged: four times without success, and it still holds.
const PROLONG_EVERY: Duration = Duration::from_secs(3);
/// When what was due was gone: another process was faster.
const A_MOMENT: Duration = Duration::from_millis(50);
/// A task that kills the process so often while nothing else is under way is set aside.
const DEATHS_ALONE: u32 = 3;

/// Reason of tasks that ask again, because an answer of `WeChat` may be older than what it contradicts.
const PROVISIONAL: &str = "provisional";

/// Runs the tasks of a worker.
pub(crate) struct TaskRunner {
    pub(crate) log: Arc<Log>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) lists: Arc<Lists>,
    /// Notified when there may be something to claim.
    pub(crate) queued: Arc<Notify>,
    /// Tasks under way at once.
    pub(crate) calls: usize,
    pub(crate) stop: Stop,
    /// This process, as the queue knows it.
    pub(crate) worker: Uuid,
}

impl TaskRunner {
    /// Runs tasks until the process stops; attempts under way are finished.
    pub(crate) async fn run(self: Arc<Self>) {
        let calls = self.calls;
        let mut under_way = UnderWay::default();
        while !self.stop.is_requested() {
            under_way.join_ended();
            let pause = self.fill(&mut under_way).await;
            let mut gather = false;
            tokio::select! {
                () = self.stop.requested() => {}
                () = self.queued.notified(), if under_way.count() < calls => gather = true,
                Some(()) = under_way.make_room() => {}
                () = tokio::time::sleep(pause) => {}
            }
            if gather {
                under_way.gather_queued().await;
            }
        }
        tokio::select! {
            biased;
            () = async { while under_way.next_end().await.is_some() {} } => {}
            never = self.excuse() => match never {}
        }
    }

    /// Who stops this process may kill it before all attempts have ended: they did not.
    async fn excuse(&self) -> Infallible {
        while let Err(error) = self.log.storage.excuse(self.worker).await {
            tracing::warn!(%error, "the stop of this process could not be stored");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        pending().await
    }

    /// Begins attempts at what is due, as many as there is room for; answers how long to wait before the next look.
    pub(crate) async fn fill(self: &Arc<Self>, under_way: &mut UnderWay) -> Duration {
        loop {
            match self.begin(under_way).await {
                Ok(Some(pause)) => return pause,
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "the task queue cannot be read");
                    return LOOK_AGAIN;
                }
            }
        }
    }

    /// Begins some of what is due, each attempt as a task of its own: none waits for the queue, and a panic ends only that
    /// attempt. `None`: there may be more.
    async fn begin(self: &Arc<Self>, under_way: &mut UnderWay) -> Result<Option<Duration>, StorageError> {
        let (storage, calls) = (&self.log.storage, self.calls);
        if under_way.count() >= calls {
            return Ok(Some(LOOK_AGAIN)); // the end of an attempt makes room
        }
        if under_way.is_unsure {
            storage.excuse(self.worker).await?;
            under_way.is_unsure = false;
        }
        let now = Timestamp::now();
        let (company, seen_at) = match under_way.believes_more() {
            Some(seen_at) => (Company::Beside(calls - under_way.count()), seen_at),
            None => match under_way.claimable(calls, storage.next_due().await?, now) {
                Ok(company) => (company, Instant::now()),
                Err(pause) => return Ok(Some(pause)),
            },
        };
        if self.stop.is_requested() {
            return Ok(Some(LOOK_AGAIN)); // what is due may be what this process has just given back
        }
        let leased_until = now + LEASE;
        let shares = under_way.shares(calls);
        under_way.is_unsure = true;
        let claimed =
            storage.claim(Claim { worker: self.worker, now, leased_until, company, shares }).await?;
        under_way.is_unsure = false;
        if claimed.is_empty() {
            // What is under way has the whole share, or another process was faster.
            under_way.note_claim(calls, seen_at);
            return Ok(Some(if under_way.count() > 0 { LOOK_AGAIN } else { A_MOMENT }));
        }
        failpoint::reached("task.claimed");
        under_way.was_alone = company == Company::Alone;
        for claimed in claimed {
            let runner = self.clone();
            under_way.begin(&claimed.clone(), async move { runner.attempt(claimed, leased_until).await });
        }
        under_way.note_claim(calls, seen_at);
        Ok(under_way.believes_more().map(|_| BELIEVED_FOR))
    }

    async fn attempt(&self, claimed: Claimed, leased_until: Timestamp) {
        let work = async {
            if claimed.deaths >= DEATHS_BEFORE_ALONE + DEATHS_ALONE {
                return End::dead("kills_worker", format!("the process died in {} attempts", claimed.deaths));
            }
            match self.open(&claimed).await {
                Ok(task) => self.dispatch(&claimed, task).await,
                Err(end) => end,
            }
        };
        let end = tokio::select! {
            end = AssertUnwindSafe(work).catch_unwind() => end.unwrap_or_else(|_| {
                let detail = "the attempt panicked, which is a defect".to_owned();
                Failure::again(claimed.tries, "panicked", detail).into_end("unreadable")
            }),
            never = self.hold(&claimed) => match never {},
        };
        log_end(&claimed, &end);
        // As often as it takes while the store is away: else the lease would end as if this process had died.
        while let Err(error) = self.store_end(&claimed, &end, leased_until).await {
            tracing::warn!(task = %claimed.task.key, %error, "the end of an attempt could not be stored");
            if !error.is_transient() {
                return; // the lease ends by itself and the task is due again
            }
            tokio::select! {
                () = self.stop.requested() => return,
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// May be repeated.
    async fn store_end(
        &self,
        claimed: &Claimed,
        end: &End,
        leased_until: Timestamp,
    ) -> Result<(), StorageError> {
        let storage = &self.log.storage;
        match end {
            End::Done => {}
            End::Again { reason: STOPPING, .. } => {
                storage.release(claimed.id, claimed.attempt, Timestamp::now()).await?;
            }
            End::Again { after, reason, .. } => self.put_off(claimed, *after, reason).await?,
            End::PutOff { at } => storage.retry(claimed.id, claimed.attempt, *at, PROVISIONAL).await?,
            End::Dead { reason, detail } => self.give_up(claimed.clone(), reason, detail).await?,
        }
        if Timestamp::now() >= leased_until {
            storage.outlive(claimed.id, claimed.attempt).await?; // others may have taken this process for dead
        }
        Ok(())
    }

    /// Prolongs a claim for as long as its attempt takes, so that nobody else begins the same task.
    async fn hold(&self, claimed: &Claimed) -> Infallible {
        loop {
            tokio::time::sleep(PROLONG_EVERY).await;
            match self.log.storage.renew(claimed.id, claimed.attempt, Timestamp::now() + LEASE).await {
                Ok(true) => {}
                // Ours still counts if it is a success; and we are alive.
                Ok(false) => {
                    tracing::warn!(task = %claimed.task.key, "another worker has begun this task again");
                    if let Err(error) = self.log.storage.outlive(claimed.id, claimed.attempt).await {
                        tracing::warn!(task = %claimed.task.key, %error, "this attempt may be counted as a death");
                    }
                    return pending().await;
                }
                Err(error) => {
                    tracing::warn!(task = %claimed.task.key, %error, "a claim could not be prolonged");
                }
            }
        }
    }

    /// Stores when the next attempt is due. A ticket that came while this one was under way has woken nobody: look again.
    async fn put_off(&self, claimed: &Claimed, after: Duration, reason: &str) -> Result<(), StorageError> {
        let storage = &self.log.storage;
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
                match self.log.vault.open(place, sealed).await.map_err(ReadError::from) {
                    Ok(secret) => secret,
                    Err(error) => {
                        return Err(Failure::of_read(&error, claimed.tries).into_end("unreadable_task"));
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

    /// What the calls of an attempt bring, in the time that they have.
    pub(crate) async fn in_time<T>(
        &self,
        claimed: &Claimed,
        calls: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        timeout(ATTEMPT, calls).await.unwrap_or_else(|_| Err(Failure::too_slow(claimed.tries, ATTEMPT)))
    }

    /// Calls an API under the component's token, unless the process stops.
    pub(super) async fn call<R: Request>(&self, request: &R, attempt: u32) -> Result<R::Reply, Failure> {
        if self.stop.is_requested() {
            return Err(Failure::stopping());
        }
        match self.tokens.call(request).await {
            Ok(reply) => {
                failpoint::reached("task.answered");
                Ok(reply)
            }
            Err(Uncalled::Token(error)) => Err(Failure::of_token(error, attempt)),
            Err(Uncalled::Call(error)) => Err(Failure::of_call(R::API, error, attempt)),
        }
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

fn log_end(claimed: &Claimed, end: &End) {
    if let End::Again { after, reason, detail } = end {
        let (kind, after) = (&claimed.task.kind, after.as_secs_f64());
        tracing::warn!(task = %claimed.task.key, attempt = claimed.attempt, reason, after_seconds = after,
            "{kind} is tried again: {detail}");
    }
}
