//! One authorizer of a comparison.

use mandate_domain::{Authorizer, Because, Compared, Decision, Listed, Task, decide_listed};
use mandate_schema::{AuthorizerId, CommandId, Position, StreamName};
use mandate_storage::StateRow;
use mandate_wechat::api::ListedAuthorizer;
use uuid::Uuid;

use super::{Comparison, ReconcileError};
use crate::log::{
    Decided, Held, Item, Needs, Seen, Verdict,
    fold::{self, ReadError},
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

impl Comparison<'_> {
    /// Compares the authorizers of a page that was read when the log ended at `head`, and queues no more questions than the
    /// pace allows.
    pub(super) async fn compare_page(
        &mut self,
        listed: &[ListedAuthorizer],
        head: Position,
    ) -> Result<(), ReconcileError> {
        for listed in listed.chunks(AT_ONCE) {
            let items = listed.iter().map(|listed| self.comparing(listed, head)).collect();
            let found = self.by.log.decide(items).await;
            let mut questions = 0;
            for (listed, found) in listed.iter().zip(found) {
                let Some(found) =
                    self.unless_unreadable(&self.stream(&listed.authorizer_appid), said(found))?
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

    /// Compares an authorizer; says `None` if it has moved on since the page was read.
    fn comparing<'b>(&self, listed: &'b ListedAuthorizer, head: Position) -> Item<'b, Option<Found>> {
        let dry_run = self.dry_run;
        let decide = move |seen: &Seen<'_>| {
            if !seen.since.is_settled() {
                return Verdict::Leave(None);
            }
            let (decision, found) = compare(listed, seen);
            leave_or_append(dry_run, decision, Some(found))
        };
        let needs = Needs { since: Some(head), held: Some(Held::RefreshToken), ..Needs::default() };
        Item::new(CommandId(Uuid::new_v4()), self.stream(&listed.authorizer_appid), decide).needing(needs)
    }

    /// Queues a question about an authorizer that no page named; `false`: it has moved on, or is no longer held.
    pub(super) async fn ask_about(&self, stream: &StreamName) -> Result<bool, ReconcileError> {
        let dry_run = self.dry_run;
        let asking = Item::new(CommandId(Uuid::new_v4()), stream.clone(), move |seen| {
            let is_held = seen.state.authorizer().is_some_and(Authorizer::is_held);
            if !seen.since.is_settled() || !is_held {
                return Verdict::Leave(false);
            }
            leave_or_append(dry_run, Decision::task(Task::inspect(Because::Doubt)), true)
        });
        let needs = Needs { since: Some(self.row.head), ..Needs::default() };
        said(self.by.log.decide_one(asking.needing(needs)).await)
    }

    /// Has profile and permissions looked up of an authorizer that has no profile; `false`: it has one.
    pub(super) async fn look_up_profile(&self, row: &StateRow) -> Result<bool, ReconcileError> {
        let lacks_profile = |state: Option<&Authorizer>| state.is_some_and(|state| state.profile.is_none());
        let state = fold::state_of_row(&self.by.log.storage, &self.by.log.vault, row).await?;
        if !lacks_profile(state.authorizer()) {
            return Ok(false);
        }
        let dry_run = self.dry_run;
        let asking = Item::new(CommandId(Uuid::new_v4()), row.stream.clone(), move |seen| {
            if !lacks_profile(seen.state.authorizer()) {
                return Verdict::Leave(false);
            }
            // No credentials are in doubt.
            leave_or_append(dry_run, Decision::task(Task::inspect(Because::Redeemed)), true)
        });
        said(self.by.log.decide_one(asking).await)
    }
}

/// What the list says of an authorizer, beside what is recorded.
fn compare(listed: &ListedAuthorizer, seen: &Seen<'_>) -> (Decision, Found) {
    let state = seen.state.authorizer();
    let known = Listed {
        auth_time: listed.auth_time,
        token_is_ours: listed.refresh_token.is_some() && listed.refresh_token == seen.held,
        refresh_token: listed.refresh_token.clone(),
    };
    let has_profile = state.is_some_and(|state| state.profile.is_some());
    let (mut decision, compared) = decide_listed(state, known, seen.now);
    if compared == Compared::Granted && has_profile && decision.tasks.is_empty() {
        // It was here before, and its profile may have changed.
        decision = decision.with_task(Task::inspect(Because::Redeemed));
    }
    let questions = decision.tasks.len();
    (decision, Found { compared, has_profile, questions })
}

/// A dry run appends nothing, and where nothing differs there is nothing to append.
fn leave_or_append<T>(dry_run: bool, decision: Decision, found: T) -> Verdict<T> {
    if dry_run || (decision.events.is_empty() && decision.tasks.is_empty()) {
        Verdict::Leave(found)
    } else {
        Verdict::Append(decision.into(), found)
    }
}

fn said<T>(decided: Result<Decided<T>, ReadError>) -> Result<T, ReconcileError> {
    Ok(decided?.into_said().expect("a comparison ends no task and no visit"))
}
