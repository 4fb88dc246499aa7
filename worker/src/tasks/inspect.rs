//! Asking `WeChat` about an authorizer, and finding credentials that work.

use jiff::Timestamp;
use mandate_domain::{
    AccessToken, Authorizer, AuthorizerInfo, Because, Decision, Inspected, Inspection, Question, RedeemTask,
    Status, Times, decide_inspected,
};
use mandate_schema::{Event, Secret};
use mandate_storage::{Claimed, Ending, TaskState};
use mandate_wechat::api::{AuthorizerInfoRequest, AuthorizerTokenRequest};

use super::{
    Failure, Subject,
    outcome::{Answer, End, Outcome},
    run::TaskRunner,
};
use crate::{log::fold::ReadError, log::record::redeem_key, wechat::NOT_AUTHORIZED};

impl TaskRunner {
    pub(super) async fn inspect(&self, claimed: &Claimed, subject: &Subject, because: Because) -> End {
        let inspection = self.begin_inspection(claimed, subject, because).await;
        let mut inspection = match inspection {
            Ok(inspection) => inspection,
            Err(error) => return Failure::of_read(&error, claimed.tries).into_end("unreadable_stream"),
        };
        let (mut called_at, mut lacking) = (Timestamp::now(), None);
        let asking = async {
            while let Some(question) = inspection.question() {
                called_at = Timestamp::now();
                let failure = self.ask(claimed, subject, question, &mut inspection).await?;
                lacking = failure.or(lacking.take());
            }
            Ok(())
        };
        if let Err(failure) = self.in_time(claimed, asking).await {
            return failure.into_end("inspection_refused");
        }
        let decide =
            |seen: &Answer<'_>| match decide_inspected(seen.state.authorizer(), seen.since, &inspection) {
                Inspected::Done(decision) => Outcome::done(ending(&decision), decision),
                Inspected::Again { decision, at } => Outcome::put_off(decision, at),
                Inspected::Incomplete => Outcome::end(incomplete(lacking.clone())),
                Inspected::Unknown(refusal) => {
                    Outcome::end(End::dead("redemption_refused", refusal.to_string()))
                }
            };
        self.finish(claimed, &subject.stream(), called_at, decide).await
    }

    async fn begin_inspection(
        &self,
        claimed: &Claimed,
        subject: &Subject,
        because: Because,
    ) -> Result<Inspection, ReadError> {
        let (storage, vault, stream) = (&self.log.storage, &self.log.vault, subject.stream());
        let asked_at = Timestamp::now();
        let snapshot = self.log.read(&stream).await?;
        let state = snapshot.state.authorizer();
        let held = match state.and_then(|state| state.refresh_token.as_ref()) {
            Some(sealed) => vault.open_at(&stream, sealed).await?,
            None => None,
        };
        let pending = state.filter(|state| state.status == Status::Pending);
        let redemption = match pending.and_then(Authorizer::newest_code) {
            Some(code) => storage.task_by_key(&redeem_key(&subject.component, code)).await?,
            None => None,
        };
        let redemption = match redemption.map(|task| task.state) {
            Some(TaskState::Ready | TaskState::Running) => RedeemTask::Waits,
            Some(TaskState::Done | TaskState::Dead) | None => RedeemTask::Ended,
        };
        let times = Times { queued_at: claimed.created_at, asked_at };
        Ok(Inspection::begin(state, held, because, redemption, times))
    }

    /// Asks `WeChat` and hands the answer to the inspection. Answers what is lacking if that answer says nothing of use.
    ///
    /// # Errors
    ///
    /// [`Failure::Again`] and the like: the inspection has to wait.
    async fn ask(
        &self,
        claimed: &Claimed,
        subject: &Subject,
        question: Question,
        inspection: &mut Inspection,
    ) -> Result<Option<Failure>, Failure> {
        let asked = match &question {
            Question::Info => self.ask_info(claimed, subject, inspection).await,
            Question::Refresh(token) => self.try_token(claimed, subject, token, inspection).await,
            Question::List => self.look_up(claimed, subject, inspection).await,
        };
        match (asked, question) {
            (Ok(lacking), _) => Ok(lacking),
            (Err(Failure::Refused(refusal)), _) if refusal.errcode == NOT_AUTHORIZED => {
                inspection.learn_gone();
                Ok(None)
            }
            (Err(Failure::Refused(refusal)), Question::Refresh(token)) => {
                inspection.learn_refused(token, refusal);
                Ok(None)
            }
            (Err(failure @ Failure::Refused(_)), Question::Info) => {
                inspection.learn_info_refused();
                Ok(Some(failure))
            }
            (Err(failure @ (Failure::AnswerUnreadable { .. } | Failure::Refused(_))), question) => {
                inspection.learn_unreadable(question);
                Ok(Some(failure))
            }
            (Err(failure @ (Failure::Again { .. } | Failure::Unreadable(_))), _) => Err(failure),
        }
    }

    async fn ask_info(
        &self,
        claimed: &Claimed,
        subject: &Subject,
        inspection: &mut Inspection,
    ) -> Result<Option<Failure>, Failure> {
        let request = AuthorizerInfoRequest {
            component_appid: &subject.component,
            authorizer_appid: &subject.authorizer,
        };
        let reply = self.call(&request, claimed.tries).await?;
        let info = reply.authorization_info;
        inspection.learn_info(AuthorizerInfo {
            profile: reply.profile,
            permissions: info.permissions,
            refresh_token: info.refresh_token,
        });
        Ok(info.refresh_token_is_damaged.then(|| {
            inspection.learn_damaged();
            Failure::damaged_token("info", claimed.tries)
        }))
    }

    /// Shows whether a refresh token works.
    async fn try_token(
        &self,
        claimed: &Claimed,
        subject: &Subject,
        token: &Secret,
        inspection: &mut Inspection,
    ) -> Result<Option<Failure>, Failure> {
        let request = AuthorizerTokenRequest {
            component_appid: &subject.component,
            authorizer_appid: &subject.authorizer,
            authorizer_refresh_token: token,
        };
        let reply = self.call(&request, claimed.tries).await?;
        let access_token = AccessToken { token: reply.access_token, expires_in: reply.expires_in };
        inspection.learn_works(token.clone(), reply.refresh_token, access_token);
        Ok(None)
    }

    /// Looks the authorizer up in the list, which is read once for all who wait.
    async fn look_up(
        &self,
        claimed: &Claimed,
        subject: &Subject,
        inspection: &mut Inspection,
    ) -> Result<Option<Failure>, Failure> {
        let Subject { component, authorizer } = subject;
        let listed = self.lists.find(component, authorizer, claimed.tries).await?;
        let is_damaged = listed.as_ref().is_some_and(|listed| listed.refresh_token_is_damaged);
        inspection.learn_listed(listed.and_then(|listed| listed.refresh_token));
        Ok(is_damaged.then(|| {
            inspection.learn_damaged();
            Failure::damaged_token("list", claimed.tries)
        }))
    }
}

/// Credentials that work are a success, and so is it if nothing was refused.
fn ending(decision: &Decision) -> Ending {
    let is_refusal = decision.events.iter().any(|new| {
        matches!(new.event, Event::Revoked(_) | Event::CredentialsRejected(_) | Event::RedemptionFailed(_))
    });
    if is_refusal && decision.access_token.is_none() { Ending::Refusal } else { Ending::Success }
}

/// What becomes of an attempt that lacks an answer.
fn incomplete(lacking: Option<Failure>) -> End {
    lacking.map_or_else(
        || End::dead("inspection_refused", "WeChat did not answer"),
        |failure| failure.into_end("inspection_refused"),
    )
}

#[cfg(test)]
mod tests {
    use mandate_domain::Task;
    use mandate_schema::{CodeDigest, CredentialsRejected, RedemptionFailed, Revoked, RevokedVia};

    use super::*;

    #[test]
    fn an_inspection_is_a_success_unless_it_only_brings_a_refusal() {
        let (errcode, errmsg) = (61023, String::from("no"));
        let code_digest = CodeDigest::of(&Secret::new("code"));
        let refusals = [
            Event::CredentialsRejected(CredentialsRejected { errcode, errmsg: errmsg.clone(), rid: None }),
            Event::RedemptionFailed(RedemptionFailed { code_digest, errcode, errmsg, rid: None }),
            Event::Revoked(Revoked { create_time: None, via: RevokedVia::Confirmed }),
        ];
        for refusal in refusals {
            let mut decision = Decision::event(refusal);
            assert_eq!(ending(&decision), Ending::Refusal);
            decision.access_token = Some(AccessToken { token: Secret::new("access"), expires_in: 7_200 });
            assert_eq!(ending(&decision), Ending::Success);
        }
        let late = Task::inspect(Because::Named { refresh_token: Secret::new("refreshtoken@@@1") });
        for decision in [Decision::nothing(), Decision::task(late)] {
            assert_eq!(ending(&decision), Ending::Success);
        }
    }
}
