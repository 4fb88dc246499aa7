//! One account of a comparison.

use futures_util::future::try_join_all;
use jiff::Timestamp;
use mandate_domain::{Authorizer, Because, Compared, Decision, Listed, Since, Task, decide_listed};
use mandate_schema::{AuthorizerId, CommandId, Event, StreamName};
use mandate_storage::{Appended, Command, StateRow, Storage};
use mandate_wechat::api::{AuthorizerListReply, ListedAuthorizer};
use uuid::Uuid;

use super::{Comparison, ReconcileError};
use crate::{
    fold::{self, ReadError, Snapshot},
    record::{Context, record},
};

/// Accounts compared at once: their appends share commits.
const AT_ONCE: usize = 64;

impl<S: Storage> Comparison<'_, S> {
    /// Compares the accounts of a page, and queues no more questions than the pace allows.
    pub(super) async fn compare_page(&mut self, page: AuthorizerListReply) -> Result<(), ReconcileError> {
        for accounts in page.list.chunks(AT_ONCE) {
            let found = try_join_all(accounts.iter().map(|listed| self.compare(listed))).await?;
            let mut questions = 0;
            for (listed, compared) in accounts.iter().zip(found) {
                questions += u32::from(self.note(&listed.authorizer_appid, compared));
            }
            if !self.dry_run {
                for _ in 0..questions {
                    self.take_turn().await?;
                }
            }
        }
        Ok(())
    }

    /// Adds to the report; whether a call to `WeChat` follows.
    fn note(&mut self, authorizer: &AuthorizerId, compared: Option<Compared>) -> bool {
        let report = &mut self.progress.report;
        report.listed += 1;
        let count = match compared {
            None => &mut report.waiting,
            Some(Compared::Unchanged) => &mut report.unchanged,
            Some(Compared::Granted) => &mut report.granted,
            Some(Compared::Recovered) => &mut report.recovered,
            Some(Compared::ToConfirm) => &mut report.to_confirm,
            Some(Compared::WithoutToken) => {
                report.note_without_token(authorizer.clone());
                return true;
            }
        };
        *count += 1;
        compared == Some(Compared::ToConfirm)
    }

    /// Compares an account; `None`: it has moved on since the comparison began.
    async fn compare(&self, listed: &ListedAuthorizer) -> Result<Option<Compared>, ReconcileError> {
        let stream = self.stream(&listed.authorizer_appid);
        loop {
            let Some(snapshot) = self.settled(&stream).await? else { return Ok(None) };
            let ours = snapshot.state.authorizer().and_then(|state| state.refresh_token.as_ref());
            let ours = match ours {
                Some(sealed) => self.core.vault.open_at(&stream, sealed).await.map_err(ReadError::from)?,
                None => None,
            };
            let token_is_ours = listed.refresh_token.is_some() && listed.refresh_token == ours;
            let (decision, compared) = decide_listed(
                snapshot.state.authorizer(),
                Listed {
                    auth_time: listed.auth_time,
                    refresh_token: listed.refresh_token.clone(),
                    token_is_ours,
                },
            );
            if self.append(&stream, snapshot, decision).await? {
                return Ok(Some(compared));
            }
        }
    }

    /// Queues a question about an account that no page named; `false`: it has moved on, or is no longer held.
    pub(super) async fn ask_about(&self, stream: &StreamName) -> Result<bool, ReconcileError> {
        loop {
            let Some(snapshot) = self.settled(stream).await? else { return Ok(false) };
            if !snapshot.state.authorizer().is_some_and(Authorizer::is_held) {
                return Ok(false);
            }
            if self.append(stream, snapshot, Decision::task(Task::inspect(Because::Doubt))).await? {
                return Ok(true);
            }
        }
    }

    /// Has profile and permissions looked up of an account that has no profile; `false`: it has one.
    pub(super) async fn look_up_profile(&self, row: &StateRow) -> Result<bool, ReconcileError> {
        let state = fold::state_of_row(&self.core.storage, &self.core.vault, row).await?;
        if state.authorizer().is_none_or(|account| account.profile.is_some()) {
            return Ok(false);
        }
        let snapshot = fold::load(&self.core.storage, &self.core.vault, &row.stream).await?;
        // If something else comes first, the next comparison looks again.
        self.append(&row.stream, snapshot, Decision::task(Task::inspect(Because::Doubt))).await
    }

    /// The state of an account, unless it has gained a fact since the comparison began.
    async fn settled(&self, stream: &StreamName) -> Result<Option<Snapshot>, ReconcileError> {
        let core = self.core;
        let snapshot = fold::load(&core.storage, &core.vault, stream).await?;
        let since: Vec<Event> = fold::events_since(&core.storage, &core.vault, stream, self.head()).await?;
        Ok(Since::of(&since).facts.is_empty().then_some(snapshot))
    }

    /// Appends a decision; `false`: something else came first.
    async fn append(
        &self,
        stream: &StreamName,
        snapshot: Snapshot,
        decision: Decision,
    ) -> Result<bool, ReconcileError> {
        if self.dry_run || (decision.events.is_empty() && decision.tasks.is_empty()) {
            return Ok(true);
        }
        let now = Timestamp::now();
        let context = Context {
            command: CommandId(Uuid::new_v4()),
            stream: stream.clone(),
            finishes: None,
            now,
            called_at: now,
        };
        let append = record(&self.core.vault, &context, snapshot, decision).await.map_err(ReadError::from)?;
        let appended = self.core.append(Command::Decided(Box::new(append))).await?;
        if let Appended::Stored(position) = appended {
            self.core.note_position(position);
            self.core.tasks_changed.notify_one();
        }
        Ok(appended != Appended::Conflict)
    }
}
