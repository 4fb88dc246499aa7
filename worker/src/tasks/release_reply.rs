//! The customer-service message that the release check waits for (protocol 3.4, steps 3 and 4).

use std::time::Duration;

use jiff::Timestamp;
use mandate_domain::Decision;
use mandate_schema::{CodeDigest, Secret, StreamName};
use mandate_storage::{Claimed, Ending, StorageError, TaskState};
use mandate_wechat::{
    api::{Api, CustomTextRequest},
    errors::{self, Repair, Retry},
    release_check,
};

use super::{
    Failure, Subject,
    outcome::{End, Outcome},
    run::TaskRunner,
};
use crate::{log::record::redeem_key, wechat::error::CallError};

/// How long an attempt waits for the code to be redeemed. Whatever came of that, the authorizer may have a token.
const REDEEMED_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// `WeChat` does not wait forever: a message that cannot be sent in so many attempts, or not within [`SOON`], is given up, and the
/// operator presses the button again.
const ATTEMPTS: u32 = 10;
const SOON: Duration = Duration::from_mins(2);

impl TaskRunner {
    pub(super) async fn release_reply(
        &self,
        claimed: &Claimed,
        subject: &Subject,
        code: &Secret,
        to_user: &str,
    ) -> End {
        let called_at = Timestamp::now();
        let sending = self.send_release_text(claimed, subject, code, to_user);
        match self.in_time(claimed, sending).await {
            Ok(()) => {
                let stream = StreamName::Authorizer(subject.component.clone(), subject.authorizer.clone());
                self.finish(claimed, &stream, called_at, |_| {
                    Outcome::done(Ending::Success, Decision::nothing())
                })
                .await
            }
            Err(Failure::Again { after, detail, .. }) if after > SOON || claimed.tries >= ATTEMPTS => {
                End::dead("release_check", detail)
            }
            Err(failure) => failure.into_end("release_check"),
        }
    }

    async fn send_release_text(
        &self,
        claimed: &Claimed,
        subject: &Subject,
        code: &Secret,
        to_user: &str,
    ) -> Result<(), Failure> {
        let Subject { component, authorizer } = subject;
        self.redeemed(claimed, subject, code).await?;
        let content = release_check::api_text(code);
        let request = CustomTextRequest { component_appid: component, to_user, content: &content };
        let of_token = |error| Failure::of_token(error, claimed.tries);
        let mut held = self.tokens.authorizer_token(component, authorizer).await.map_err(of_token)?;
        let mut repaired = false;
        loop {
            match self.tokens.api.call(&request, Some(&held.token)).await {
                Ok(_) => return Ok(()),
                Err(error) if !repaired && wants_new_token(&error) => repaired = true,
                Err(error) => return Err(Failure::of_call(Api::CustomSend, error, claimed.tries)),
            }
            let replaced = self.tokens.replace_authorizer_token(component, authorizer, &held.token).await;
            held = replaced.map_err(of_token)?;
        }
    }

    /// Waits until the code was redeemed, or could not be.
    async fn redeemed(&self, claimed: &Claimed, subject: &Subject, code: &Secret) -> Result<(), Failure> {
        let key = redeem_key(&subject.component, CodeDigest::of(code));
        let look = async {
            loop {
                match self.log.storage.task_by_key(&key).await?.map(|task| task.state) {
                    Some(TaskState::Ready | TaskState::Running) => tokio::time::sleep(LOOK_EVERY).await,
                    Some(TaskState::Done | TaskState::Dead) | None => return Ok(()),
                }
            }
        };
        tokio::select! {
            () = self.stop.requested() => Err(Failure::stopping()),
            looked = tokio::time::timeout(REDEEMED_WITHIN, look) => match looked {
                Ok(result) => result.map_err(|error: StorageError| Failure::of_read(&error.into(), claimed.tries)),
                Err(_) => Ok(()),
            },
        }
    }
}

fn wants_new_token(error: &CallError) -> bool {
    let CallError::Refused(refusal) = error else { return false };
    errors::classify(Api::CustomSend, refusal.errcode) == Retry::OnceAfter(Repair::RefreshToken)
}
