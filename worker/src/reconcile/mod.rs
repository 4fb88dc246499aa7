//! Comparing our authorizers with `WeChat`'s list: what we missed is appended, what the list does not name is asked about.
//!
//! A comparison reads the list page by page, and notes the log head before each: authorizers with a fact or a credential above it
//! have moved on and wait for the next comparison. After each page its progress is stored, with the authorizers that the page
//! named, so that one that was cut off goes on with the next page. Only the end of the list proves that it does not name an authorizer.
//! Nothing is ever deleted, and no refresh token replaced by none. An authorizer whose own events cannot be read is skipped.

mod authorizer;
mod progress;
mod regular;

use std::{collections::HashSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use mandate_domain::Status;
use mandate_runtime::{failpoint, stop::Stop};
use mandate_schema::{AuthorizerId, ComponentId, StreamName};
use mandate_storage::{AuthorizerFilter, Reconciliation, StorageError, Store};
use mandate_wechat::api::AuthorizerListReply;
use tokio::time::Instant;

pub use progress::Report;
pub use regular::ReconcileSettings;

use crate::{
    lease::Lease,
    log::{Log, fold::ReadError},
    tasks::list::{Cursor, Lists, OVERLAP, Pace},
    tokens::Uncalled,
};
use progress::{Phase, Progress};

/// Authorizers that no page named, looked for at once; a comparison that was cut off asks about so many again at most.
const MISSING: usize = 50;
/// After how long another process takes over from one that died.
const LEAD: Duration = Duration::from_secs(6);
/// How often the lead is prolonged, and tried to get.
const HOLD_EVERY: Duration = Duration::from_secs(1);
/// How long a process that died is waited for.
const WAIT_FOR_LEAD: Duration = Duration::from_secs(7);

/// Why a comparison was not finished. It goes on where it was.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The component is not configured here.
    #[error("component {0} is not configured here")]
    Unknown(ComponentId),
    /// `WeChat`'s list could not be read.
    #[error("WeChat's list could not be read: {0}")]
    List(#[from] Uncalled),
    /// The store is away, or something in it cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Another process is at the same comparison.
    #[error("another process compares the authorizers of this component just now")]
    Elsewhere,
    /// The process stops.
    #[error("stopped; the next run goes on from there")]
    Stopped,
}

impl From<StorageError> for ReconcileError {
    fn from(error: StorageError) -> Self {
        Self::Read(error.into())
    }
}

/// What a comparison may do.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Calls to `WeChat` in a minute at most, those of the tasks that it queues among them.
    pub calls_per_minute: u32,
    /// Whether it only reads the list and says what it would do.
    pub dry_run: bool,
}

/// Compares authorizers with `WeChat`'s list.
pub struct Reconciler {
    pub(crate) log: Arc<Log>,
    pub(crate) lists: Arc<Lists>,
    pub(crate) settings: ReconcileSettings,
}

impl Reconciler {
    /// Compares the authorizers of a component with `WeChat`'s list, from where the last comparison was cut off. One process
    /// compares a component at a time.
    ///
    /// # Errors
    ///
    /// [`ReconcileError`].
    pub async fn reconcile(
        &self,
        component: &ComponentId,
        manner: Manner,
        stop: &Stop,
        tell: impl Fn(&Report),
    ) -> Result<Report, ReconcileError> {
        if !self.lists.serves(component) {
            return Err(ReconcileError::Unknown(component.clone()));
        }
        let mut lead = Lease::new(format!("reconcile/{component}"), LEAD);
        take_lead(&mut lead, &self.log.storage, stop).await?;
        let compared = tokio::select! {
            compared = self.compare_all(component, manner, stop, tell) => compared,
            () = lose_lead(&mut lead, &self.log.storage) => Err(ReconcileError::Elsewhere),
        };
        lead.give_back(&self.log.storage).await;
        compared
    }

    async fn compare_all(
        &self,
        component: &ComponentId,
        manner: Manner,
        stop: &Stop,
        tell: impl Fn(&Report),
    ) -> Result<Report, ReconcileError> {
        let row = self.begin(component, manner).await?;
        let mut run = Comparison {
            by: self,
            component,
            dry_run: manner.dry_run,
            stop,
            pace: Pace::new(manner.calls_per_minute),
            progress: Progress::parse(&row.progress),
            row,
            named: HashSet::new(),
            skipped: HashSet::new(),
        };
        run.pages(&tell).await?;
        run.missing(&tell).await?;
        run.profiles(&tell).await?;
        if !manner.dry_run {
            self.log.storage.end_reconciliation(component, run.row.id).await?;
        }
        Ok(run.progress.report)
    }

    /// The comparison that is under way, or a new one. A dry run begins its own, and leaves the other where it is.
    async fn begin(&self, component: &ComponentId, manner: Manner) -> Result<Reconciliation, ReconcileError> {
        let (now, progress) = (Timestamp::now(), Progress::default().to_stored());
        if !manner.dry_run {
            return Ok(self.log.storage.begin_reconciliation(component, now, &progress).await?);
        }
        let head = self.log.storage.head().await?;
        Ok(Reconciliation { id: uuid::Uuid::nil(), head, started_at: now, progress })
    }
}

/// Takes the lead. If it is another's, that one may have died: it is waited for a moment.
async fn take_lead(lead: &mut Lease, storage: &Store, stop: &Stop) -> Result<(), ReconcileError> {
    let deadline = Instant::now() + WAIT_FOR_LEAD;
    while !lead.hold(storage).await? {
        if Instant::now() > deadline {
            return Err(ReconcileError::Elsewhere);
        }
        tokio::select! {
            biased;
            () = stop.requested() => return Err(ReconcileError::Stopped),
            () = tokio::time::sleep(HOLD_EVERY) => {}
        }
    }
    Ok(())
}

/// Prolongs the lead until it is another's. While the store is away, the comparison itself fails.
async fn lose_lead(lead: &mut Lease, storage: &Store) {
    loop {
        tokio::time::sleep(HOLD_EVERY).await;
        match lead.hold(storage).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) if !lead.is_held() => return,
            Err(error) => tracing::debug!(%error, "the lead of a comparison could not be prolonged"),
        }
    }
}

/// The entries of a page that the next one names again.
fn end_of(page: &AuthorizerListReply) -> Vec<AuthorizerId> {
    let last = page.list.iter().rev().zip(0..OVERLAP);
    last.map(|(listed, _)| listed.authorizer_appid.clone()).collect()
}

/// A comparison under way.
struct Comparison<'a> {
    by: &'a Reconciler,
    component: &'a ComponentId,
    dry_run: bool,
    stop: &'a Stop,
    pace: Pace,
    row: Reconciliation,
    progress: Progress,
    /// The authorizers that the pages of this run have named; those of the run that it resumes are rows.
    named: HashSet<AuthorizerId>,
    /// Authorizers whose events or state cannot be read. A phase meets them again.
    skipped: HashSet<StreamName>,
}

impl Comparison<'_> {
    /// Reads the list to its end and compares the authorizers that it names.
    async fn pages(&mut self, tell: &impl Fn(&Report)) -> Result<(), ReconcileError> {
        let Phase::Pages { offset, overlap } = self.progress.phase.clone() else { return Ok(()) };
        let mut cursor = Cursor::at(offset);
        self.named.extend(overlap);
        loop {
            self.take_turn().await?;
            let head = self.by.log.storage.head().await?;
            let page = self.by.lists.page(self.component, cursor.offset()).await?;
            let report = &mut self.progress.report;
            report.unreadable += page.unreadable as u64;
            if let Some(total) = page.total_count.filter(|_| !page.is_empty() || cursor.offset() == 0) {
                report.total = total;
            }
            let overlap = end_of(&page);
            let Some(mut listed) = cursor.take(page) else { break };
            listed.retain(|listed| self.named.insert(listed.authorizer_appid.clone()));
            self.compare_page(&listed, head).await?;
            self.progress.phase = Phase::Pages { offset: cursor.offset(), overlap };
            self.advance(listed.into_iter().map(|listed| listed.authorizer_appid).collect()).await?;
            failpoint::reached("reconcile.page");
            tell(&self.progress.report);
        }
        self.note_end(cursor.offset());
        self.progress.phase = Phase::Missing { after: None };
        self.advance(Vec::new()).await
    }

    /// The list ended at this place.
    fn note_end(&mut self, offset: u64) {
        let report = &mut self.progress.report;
        report.short_by = report.total.saturating_sub(offset);
        if report.short_by > 0 {
            tracing::warn!(component = %self.component, total = report.total, short_by = report.short_by,
                "WeChat's list ended {} entries before the {} that it says it has", report.short_by, report.total);
        }
    }

    /// Asks about the authorizers that we hold and no page named.
    async fn missing(&mut self, tell: &impl Fn(&Report)) -> Result<(), ReconcileError> {
        while let Phase::Missing { after } = self.progress.phase.clone() {
            let streams = self.by.log.storage.not_named(self.component, after.as_ref(), MISSING).await?;
            let Some(last) = streams.last().cloned() else {
                self.progress.phase = Phase::Profiles { after: None };
                return self.advance(Vec::new()).await;
            };
            for stream in streams {
                let was_named = stream.authorizer().is_some_and(|authorizer| self.named.contains(authorizer));
                if was_named {
                    continue;
                }
                let asked = self.ask_about(&stream).await;
                if self.unless_unreadable(&stream, asked)? == Some(true) {
                    self.progress.report.to_confirm += 1;
                    self.take_turn_to_ask().await?;
                }
            }
            self.progress.phase = Phase::Missing { after: Some(last) };
            self.advance(Vec::new()).await?;
            tell(&self.progress.report);
        }
        Ok(())
    }

    /// Has the profiles looked up that are not there.
    async fn profiles(&mut self, tell: &impl Fn(&Report)) -> Result<(), ReconcileError> {
        while let Phase::Profiles { after } = self.progress.phase.clone() {
            let filter = AuthorizerFilter {
                component: Some(self.component.clone()),
                status: Some(Status::Authorized.as_str().to_owned()),
                after,
                limit: MISSING,
                ..AuthorizerFilter::default()
            };
            let rows = self.by.log.storage.authorizers(filter).await?;
            let Some(last) = rows.last().map(|row| row.state.stream.clone()) else { return Ok(()) };
            for row in rows {
                let asked = self.look_up_profile(&row.state).await;
                if self.unless_unreadable(&row.state.stream, asked)? == Some(true) {
                    self.progress.report.profiles += 1;
                    self.take_turn_to_ask().await?;
                }
            }
            self.progress.phase = Phase::Profiles { after: Some(last) };
            self.advance(Vec::new()).await?;
            tell(&self.progress.report);
        }
        Ok(())
    }

    /// `None`: what is stored about this authorizer cannot be read, now or later. That must not stop the comparison of the others.
    fn unless_unreadable<T>(
        &mut self,
        stream: &StreamName,
        compared: Result<T, ReconcileError>,
    ) -> Result<Option<T>, ReconcileError> {
        match compared {
            Ok(compared) => Ok(Some(compared)),
            Err(ReconcileError::Read(error)) if !error.may_heal() => {
                if self.skipped.insert(stream.clone()) {
                    tracing::error!(%stream, %error, "{stream} cannot be read and is not compared: {error}");
                    self.progress.report.unreadable_streams += 1;
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn advance(&mut self, named: Vec<AuthorizerId>) -> Result<(), ReconcileError> {
        if self.dry_run {
            return Ok(());
        }
        let progress = self.progress.to_stored();
        let storage = &self.by.log.storage;
        if !storage.advance_reconciliation(self.component, &self.row, &progress, named).await? {
            return Err(ReconcileError::Elsewhere);
        }
        self.row.progress = progress;
        Ok(())
    }

    /// Waits until another call may be made.
    async fn take_turn(&mut self) -> Result<(), ReconcileError> {
        tokio::select! {
            biased;
            () = self.stop.requested() => Err(ReconcileError::Stopped),
            () = self.pace.turn() => Ok(()),
        }
    }

    /// Waits until another task may make its call; a dry run queues none.
    async fn take_turn_to_ask(&mut self) -> Result<(), ReconcileError> {
        if self.dry_run { Ok(()) } else { self.take_turn().await }
    }

    fn stream(&self, authorizer: &AuthorizerId) -> StreamName {
        StreamName::Authorizer(self.component.clone(), authorizer.clone())
    }
}
