//! What became of the code that a visit brought.

use std::time::Duration;

use mandate_domain::Status;
use mandate_schema::{AuthorizerId, Position, StreamName};
use mandate_storage::{ConsentVisit, EventQuery, TaskState};
use tokio::time::{Instant, sleep};

use super::Consents;
use crate::{log::fold::ReadError, log::record::redeem_key};

/// The task may be run by another process, so it is looked at: often at first, then at this distance.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(200);

/// What a merchant is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsentResult {
    /// The code is being redeemed, or will be.
    Pending,
    /// The account stands so.
    Account(AuthorizerId, Status),
    /// `WeChat` refused the code, or its redemption was given up; which account it was is not known.
    Refused,
}

impl ConsentResult {
    /// The outcome for the page that the merchant is led on to.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => Status::Pending.as_str(),
            Self::Account(_, status) => status.as_str(),
            Self::Refused => "refused",
        }
    }

    /// The account, if it is known.
    pub fn authorizer(&self) -> Option<&AuthorizerId> {
        match self {
            Self::Account(authorizer, _) => Some(authorizer),
            Self::Pending | Self::Refused => None,
        }
    }

    fn is_pending(&self) -> bool {
        matches!(self, Self::Pending | Self::Account(_, Status::Pending))
    }
}

impl Consents {
    /// Where the merchant of a visit is led on to, with its outcome.
    pub fn onward(&self, visit: &ConsentVisit, result: &ConsentResult) -> Option<String> {
        self.settings.onward(visit, result)
    }

    /// How browsers reach the pages.
    pub fn url(&self) -> &str {
        &self.settings.public_url
    }

    /// What became of a visit that was landed. Waits for it, but not longer than `patience`.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn result(&self, visit: &ConsentVisit, patience: Duration) -> Result<ConsentResult, ReadError> {
        let (until, mut wait) = (Instant::now() + patience, LOOK_AGAIN);
        loop {
            let result = self.result_now(visit).await?;
            if !result.is_pending() || Instant::now() + wait > until {
                return Ok(result);
            }
            sleep(wait).await;
            wait = (wait * 2).min(LOOK_AGAIN_MAX);
        }
    }

    async fn result_now(&self, visit: &ConsentVisit) -> Result<ConsentResult, ReadError> {
        let Some(code) = visit.code else { return Ok(ConsentResult::Pending) };
        let component = &visit.terms.component;
        let task = self.log.storage.task_by_key(&redeem_key(component, code)).await?;
        let Some(task) = task else { return Ok(ConsentResult::Refused) };
        let account = match task.position {
            // WeChat is believed over the callback: the account is the one whose stream the redemption is in.
            Some(position) => {
                let query = EventQuery { after: Position(position.0 - 1), limit: 1 };
                let event = self.log.storage.read(query).await?.into_iter().next();
                event.and_then(|event| event.stream.authorizer().cloned()).or(task.authorizer)
            }
            None => task.authorizer,
        };
        match (account, task.state) {
            (_, TaskState::Ready | TaskState::Running) => Ok(ConsentResult::Pending),
            (None, TaskState::Done | TaskState::Dead) => Ok(ConsentResult::Refused),
            (Some(account), TaskState::Done | TaskState::Dead) => {
                let stream = StreamName::Authorizer(component.clone(), account.clone());
                let snapshot = self.log.read(&stream).await?;
                let status = snapshot.state.authorizer().map_or(Status::Broken, |state| state.status);
                Ok(ConsentResult::Account(account, status))
            }
        }
    }
}
