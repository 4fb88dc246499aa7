//! Storing what an attempt brought, on all that its task and its stream have learned since.

use std::time::Duration;

use jiff::Timestamp;
use mandate_domain::Decision;
use mandate_schema::StreamName;
use mandate_storage::{Appended, Claimed, Command, Ending, GivenUp, NewTask, StorageError, TaskDone};

use super::{
    Failure,
    outcome::{Answer, End, Finding, GiveUp, Outcome},
    run::TaskRunner,
};
use crate::log::{Decided, Finishes, Item, Needs, Ruling, Verdict, fold::ReadError, record::inspection};

/// When to store an answer again, if the store was away.
const STORE_AGAIN: Duration = Duration::from_millis(500);

/// How the attempt ends, and the names of the events that it appends.
type Then = (End, String);

impl TaskRunner {
    /// Stores an answer that says the same whatever its task has learned since; see [`TaskRunner::conclude`].
    pub(crate) async fn finish(
        &self,
        claimed: &Claimed,
        stream: &StreamName,
        called_at: Timestamp,
        decide: impl Fn(&Answer<'_>) -> Outcome + Send + Sync,
    ) -> End {
        let find = |_: &NewTask| Ok(Finding { stream: stream.clone(), decide: Box::new(&decide) });
        self.conclude(claimed, called_at, find).await
    }

    /// Decides what an attempt found, on the newest state and on all that its task has learned since, and appends the outcome.
    pub(super) async fn conclude<'a>(
        &self,
        claimed: &Claimed,
        called_at: Timestamp,
        find: impl Fn(&NewTask) -> Result<Finding<'a>, GiveUp>,
    ) -> End {
        let mut claimed = claimed.clone();
        loop {
            match self.conclude_once(&mut claimed, called_at, &find).await {
                Ok(Some(then)) => return then,
                Ok(None) => {}
                // What WeChat has answered is worth waiting for, also at a stop: a code is redeemed once.
                Err(ReadError::Storage(error)) if error.is_transient() => {
                    tracing::warn!(task = %claimed.task.key, %error, "an answer cannot be stored yet");
                    tokio::time::sleep(STORE_AGAIN).await;
                }
                Err(error) => return Failure::of_read(&error, claimed.tries).into_end("refused_data"),
            }
        }
    }

    /// `None`: the task has learned something, so once more.
    async fn conclude_once<'a>(
        &self,
        claimed: &mut Claimed,
        called_at: Timestamp,
        find: &impl Fn(&NewTask) -> Result<Finding<'a>, GiveUp>,
    ) -> Result<Option<End>, ReadError> {
        let mut found = find(&claimed.task);
        if found.is_err() {
            self.learn(claimed).await?; // before it is given up: others may know more
            found = find(&claimed.task);
        }
        match found {
            Ok(finding) => self.try_finish(claimed, called_at, finding).await,
            Err(GiveUp { reason, detail }) => {
                self.give_up(claimed.clone(), reason, &detail).await?;
                Ok(Some(End::Done))
            }
        }
    }

    async fn try_finish(
        &self,
        claimed: &mut Claimed,
        called_at: Timestamp,
        finding: Finding<'_>,
    ) -> Result<Option<End>, ReadError> {
        let Finding { stream, decide } = finding;
        let by = claimed.by();
        let item = Item {
            command: by.command(),
            stream: stream.clone(),
            needs: Needs { since: Some(claimed.head), ..Needs::default() },
            finishes: Some(Finishes { key: claimed.task.key.clone(), by }),
            lands: None,
            called_at: Some(called_at),
            decide: Box::new(|seen| verdict(decide(&Answer { state: seen.state, since: &seen.since }))),
        };
        match self.log.decide_one(item).await? {
            Decided::Stored(position, (then, events)) => {
                tracing::info!(task = %claimed.task.key, %stream, position = position.map(|p| p.0), events,
                    "{} for {stream} done", claimed.task.kind);
                Ok(Some(then))
            }
            Decided::Before((then, _)) | Decided::Left((then, _)) => Ok(Some(then)),
            Decided::Learned(task) => {
                note(claimed, task);
                Ok(None)
            }
            Decided::Refused => unreachable!("only a landing is refused"),
        }
    }

    /// Reads what a task has learned since it was claimed. One that is gone was finished.
    async fn learn(&self, claimed: &mut Claimed) -> Result<(), StorageError> {
        if let Some(now) = self.log.storage.task_by_key(&claimed.task.key).await? {
            note(claimed, now);
        }
        Ok(())
    }

    /// Gives a task up, whatever it has learned since it was claimed. The authorizer of a code does not wait for the operator: it is
    /// asked about.
    pub(super) async fn give_up(
        &self,
        mut claimed: Claimed,
        reason: &'static str,
        detail: &str,
    ) -> Result<(), StorageError> {
        loop {
            let given_up = GivenUp {
                by: claimed.by(),
                reason: reason.to_owned(),
                detail: detail.to_owned(),
                asks: inspection_instead(&claimed),
                recorded_at: Timestamp::now(),
            };
            match self.log.append(Command::GivenUp(Box::new(given_up))).await? {
                Appended::Stored(_) => {
                    tracing::error!(task = %claimed.task.key, attempt = claimed.attempt, reason,
                        "a task is a dead letter: {detail}");
                    return Ok(());
                }
                Appended::Duplicate(_) | Appended::Finished => return Ok(()),
                Appended::Conflict => self.learn(&mut claimed).await?,
            }
        }
    }
}

fn note(claimed: &mut Claimed, learned: TaskDone) {
    claimed.task.authorizer = learned.authorizer;
    claimed.task.tag = learned.tag;
}

fn verdict(outcome: Outcome) -> Verdict<Then> {
    let Outcome { decision, ending, then } = outcome;
    if ending == Ending::PutOff && decision == Decision::nothing() {
        return Verdict::Leave((then, String::new()));
    }
    let events: Vec<&str> = decision.events.iter().map(|new| new.event.name()).collect();
    let events = events.join(", ");
    Verdict::Append(Ruling { decision, ending, erases: None }, (then, events))
}

/// Without a redemption, its authorizer would stay pending.
fn inspection_instead(claimed: &Claimed) -> Option<NewTask> {
    let authorizer = claimed.task.authorizer.as_ref().filter(|_| claimed.task.kind == "redeem")?;
    Some(inspection(&claimed.task.component, authorizer, claimed.by().command()))
}
