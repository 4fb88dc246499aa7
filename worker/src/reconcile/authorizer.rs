//! One authorizer of a comparison.

use futures_util::future::join_all;
use jiff::Timestamp;
use mandate_domain::{Authorizer, Because, Compared, Decision, Listed, Since, Task, decide_listed};
use mandate_schema::{AuthorizerId, CommandId, Event, Position, StreamName};
use mandate_storage::{Appended, Command, StateRow, Storage};
use mandate_wechat::api::ListedAuthorizer;
use uuid::Uuid;

use super::{Comparison, ReconcileError};
use crate::{
    log::fold::{self, ReadError, Snapshot},
    log::record::{Context, record},
};

/// Authorizers compared at once: their appends share commits.
const AT_ONCE: usize = 64;

/// What came of one.
struct Found {
    compared: Compared,
    has_profile: bool,
    /// Tasks that were queued.
    questions: usize,
}

impl<S: Storage> Comparison<'_, S> {
    /// Compares the authorizers of a page that was read when the log ended at `head`, and queues no more questions than the
    /// pace allows.
    pub(super) async fn compare_page(
        &mut self,
        listed: &[ListedAuthorizer],
        head: Position,
    ) -> Result<(), ReconcileError> {
        for listed in listed.chunks(AT_ONCE) {
            let found = join_all(listed.iter().map(|listed| self.compare(listed, head))).await;
            let mut questions = 0;
            for (listed, found) in listed.iter().zip(found) {
                let Some(found) = self.unless_unreadable(&self.stream(&listed.authorizer_appid), found)?
                else {
                    continue;
                };
                questions += found.as_ref().map_or(0, |found| found.questions);
                self.note(&listed.authorizer_appid, found.as_ref());
            }
            for _ in 0..questions {
                self.take_turn_to_ask().await?;
            }
        }
        Ok(())
    }

    fn note(&mut self, authorizer: &AuthorizerId, found: Option<&Found>) {
        let report = &mut self.progress.report;
        report.listed += 1;
        let Some(&Found { compared, has_profile, questions }) = found else {
            report.waiting += 1;
            return;
        };
        match compared {
            Compared::Unchanged => report.unchanged += 1,
            Compared::Granted => report.granted += 1,
            Compared::Updated => report.updated += 1,
            Compared::OtherToken => report.recovered += 1,
            Compared::ToConfirm => report.to_confirm += 1,
            Compared::WithoutToken => report.note_without_token(authorizer.clone()),
        }
        // A real run finds it among those without a profile when it comes to them.
        if self.dry_run && compared == Compared::Granted && !has_profile && questions == 0 {
            report.profiles += 1;
        }
    }

    /// Compares an authorizer; `None`: it has moved on since the page was read.
    async fn compare(
        &self,
        listed: &ListedAuthorizer,
        head: Position,
    ) -> Result<Option<Found>, ReconcileError> {
        let stream = self.stream(&listed.authorizer_appid);
        loop {
            let Some(snapshot) = self.settled(&stream, head).await? else { return Ok(None) };
            let state = snapshot.state.authorizer();
            let ours = match state.and_then(|state| state.refresh_token.as_ref()) {
                Some(sealed) => self.core.vault.open_at(&stream, sealed).await.map_err(ReadError::from)?,
                None => None,
            };
            let known = Listed {
                auth_time: listed.auth_time,
                token_is_ours: listed.refresh_token.is_some() && listed.refresh_token == ours,
                refresh_token: listed.refresh_token.clone(),
            };
            let has_profile = state.is_some_and(|state| state.profile.is_some());
            let (mut decision, compared) = decide_listed(state, known, Timestamp::now());
            if compared == Compared::Granted && has_profile && decision.tasks.is_empty() {
                // It was here before, and its profile may have changed.
                decision = decision.with_task(Task::inspect(Because::Redeemed));
            }
            let questions = decision.tasks.len();
            if self.append(&stream, snapshot, decision).await? {
                return Ok(Some(Found { compared, has_profile, questions }));
            }
        }
    }

    /// Queues a question about an authorizer that no page named; `false`: it has moved on, or is no longer held.
    pub(super) async fn ask_about(&self, stream: &StreamName) -> Result<bool, ReconcileError> {
        loop {
            let Some(snapshot) = self.settled(stream, self.row.head).await? else { return Ok(false) };
            if !snapshot.state.authorizer().is_some_and(Authorizer::is_held) {
                return Ok(false);
            }
            if self.append(stream, snapshot, Decision::task(Task::inspect(Because::Doubt))).await? {
                return Ok(true);
            }
        }
    }

    /// Has profile and permissions looked up of an authorizer that has no profile; `false`: it has one.
    pub(super) async fn look_up_profile(&self, row: &StateRow) -> Result<bool, ReconcileError> {
        let state = fold::state_of_row(&self.core.storage, &self.core.vault, row).await?;
        if state.authorizer().is_none_or(|authorizer| authorizer.profile.is_some()) {
            return Ok(false);
        }
        let snapshot = fold::load(&self.core.storage, &self.core.vault, &row.stream).await?;
        // No credentials are in doubt. If something else comes first, the next comparison looks again.
        self.append(&row.stream, snapshot, Decision::task(Task::inspect(Because::Redeemed))).await
    }

    /// The state of an authorizer, unless it has gained a fact or a credential above this position.
    async fn settled(&self, stream: &StreamName, head: Position) -> Result<Option<Snapshot>, ReconcileError> {
        let core = self.core;
        let snapshot = fold::load(&core.storage, &core.vault, stream).await?;
        let since: Vec<Event> = fold::events_since(&core.storage, &core.vault, stream, head).await?;
        Ok(Since::of(&since).is_settled().then_some(snapshot))
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
