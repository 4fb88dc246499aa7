//! What is known about a code beside the stream that it is decided on. Queueing its redemption is a conflict once that has ended, so
//! whoever decides asks here first.

use mandate_domain::{AboutCode, Decision, Task};
use mandate_schema::{CodeDigest, ComponentId};
use mandate_storage::{ConsentVisit, Storage, StorageError, TaskState};
use mandate_wechat::callback::{Callback, Grant, Info};

use crate::{Core, log::record::redeem_key};

impl<S: Storage> Core<S> {
    /// What is known about a grant's code; nothing about other callbacks.
    pub(crate) async fn about_code(
        &self,
        component: &ComponentId,
        callback: &Callback,
    ) -> Result<AboutCode, StorageError> {
        let (Info::Authorized(grant) | Info::UpdateAuthorized(grant)) = &callback.info else {
            return Ok(AboutCode::default());
        };
        let digest = grant.code.as_ref().map(CodeDigest::of);
        let visit = self.visit_behind(grant, digest).await?;
        let visit = visit.filter(|visit| visit.terms.component == *component);
        let is_spent = match digest {
            Some(digest) => self.is_spent(component, digest).await?,
            None => false,
        };
        Ok(AboutCode { tag: visit.and_then(|visit| visit.terms.tag), is_spent })
    }

    /// Leaves out redemptions that have ended: a second one would bring nothing.
    pub(crate) async fn without_spent(&self, mut decision: Decision) -> Result<Decision, StorageError> {
        let mut tasks = Vec::with_capacity(decision.tasks.len());
        for task in decision.tasks {
            let is_spent = match &task {
                Task::Redeem(redeem) => self.is_spent(&redeem.component, redeem.digest()).await?,
                Task::Inspect { .. } | Task::ReleaseReply { .. } => false,
            };
            if !is_spent {
                tasks.push(task);
            }
        }
        decision.tasks = tasks;
        Ok(decision)
    }

    /// The visit that a grant's pre-auth code was made for, or else the one whose browser brought its code.
    async fn visit_behind(
        &self,
        grant: &Grant,
        digest: Option<CodeDigest>,
    ) -> Result<Option<ConsentVisit>, StorageError> {
        let visit = match &grant.pre_auth_code {
            Some(code) => self.storage.visit_of(CodeDigest::of(code)).await?,
            None => None,
        };
        match (visit, digest) {
            (None, Some(digest)) => self.storage.visit_by_code(digest).await,
            (visit, _) => Ok(visit),
        }
    }

    async fn is_spent(&self, component: &ComponentId, digest: CodeDigest) -> Result<bool, StorageError> {
        let task = self.storage.task_by_key(&redeem_key(component, digest)).await?;
        Ok(task.is_some_and(|task| matches!(task.state, TaskState::Done | TaskState::Dead)))
    }
}
