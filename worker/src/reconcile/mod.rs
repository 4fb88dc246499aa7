//! Comparing our accounts with `WeChat`'s list: what we missed is appended, what the list does not name is asked about.
//!
//! A comparison notes the log head and reads the list page by page. After each page its progress is stored, with the accounts
//! that the page named, so that one that was cut off goes on with the next page. Accounts with a fact above the head have
//! moved on since and wait for the next comparison. Nothing is ever deleted, and no refresh token replaced by none.

mod account;
mod pace;
mod progress;
mod regular;

use jiff::Timestamp;
use mandate_domain::Status;
use mandate_runtime::{failpoint, stop::Stop};
use mandate_schema::{AuthorizerId, ComponentId, Position, StreamName};
use mandate_storage::{AuthorizerFilter, Reconciliation, Storage, StorageError};
use mandate_wechat::api::{AuthorizerListReply, AuthorizerListRequest};

pub use progress::Report;
pub use regular::ReconcileSettings;

use crate::{Core, call::Uncalled, fold::ReadError};
use pace::Pace;
use progress::{Phase, Progress};

/// Accounts of a page, and how many of them the next page names again, since the list may shift between them.
const PAGE: u64 = AuthorizerListRequest::MAX_COUNT;
const OVERLAP: u64 = 10;
/// Accounts that no page named, looked for at once.
const MISSING: usize = 100;

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
    #[error("another process compares the accounts of this component just now")]
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

impl<S: Storage> Core<S> {
    /// Compares the accounts of a component with `WeChat`'s list, from where the last comparison was cut off.
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
        if !self.components.contains(component) {
            return Err(ReconcileError::Unknown(component.clone()));
        }
        let now = Timestamp::now();
        let begun = if manner.dry_run {
            let progress = Progress::default().to_stored();
            Reconciliation {
                id: uuid::Uuid::nil(),
                head: self.storage.head().await?,
                started_at: now,
                progress,
            }
        } else {
            let progress = Progress::default().to_stored();
            self.storage.begin_reconciliation(component, now, &progress).await?
        };
        let progress = Progress::parse(&begun.progress);
        let pace = Pace::new(manner.calls_per_minute);
        let mut run =
            Comparison { core: self, component, dry_run: manner.dry_run, stop, pace, row: begun, progress };
        run.pages(&tell).await?;
        if !manner.dry_run {
            run.missing(&tell).await?;
            run.profiles(&tell).await?;
        }
        if !manner.dry_run {
            self.storage.end_reconciliation(component, run.row.id).await?;
        }
        Ok(run.progress.report)
    }
}

/// A comparison under way.
struct Comparison<'a, S> {
    core: &'a Core<S>,
    component: &'a ComponentId,
    dry_run: bool,
    stop: &'a Stop,
    pace: Pace,
    row: Reconciliation,
    progress: Progress,
}

impl<S: Storage> Comparison<'_, S> {
    /// Reads the list and compares the accounts that it names.
    async fn pages(&mut self, tell: &impl Fn(&Report)) -> Result<(), ReconcileError> {
        while let Phase::Pages { offset } = self.progress.phase {
            let page = self.page(offset).await?;
            let named = page.list.iter().map(|listed| listed.authorizer_appid.clone()).collect();
            if let Some(total) = page.total_count {
                self.progress.report.total = total;
            }
            self.progress.report.unreadable += page.unreadable as u64;
            let is_last = page.is_empty() || page.total_count.is_some_and(|total| offset + PAGE >= total);
            self.compare_page(page).await?;
            self.progress.phase = if is_last {
                Phase::Missing { after: None }
            } else {
                Phase::Pages { offset: offset + PAGE - OVERLAP }
            };
            self.advance(named).await?;
            failpoint::reached("reconcile.page");
            tell(&self.progress.report);
        }
        Ok(())
    }

    async fn page(&mut self, offset: u64) -> Result<AuthorizerListReply, ReconcileError> {
        self.take_turn().await?;
        let request = AuthorizerListRequest { component_appid: self.component, offset, count: PAGE };
        Ok(self.core.call(&request).await?)
    }

    /// Asks about the accounts that we hold and no page named. If a page had entries that cannot be read, one of those may be
    /// meant, and nobody is asked about.
    async fn missing(&mut self, tell: &impl Fn(&Report)) -> Result<(), ReconcileError> {
        while let Phase::Missing { after } = self.progress.phase.clone() {
            let streams = match self.progress.report.unreadable {
                0 => self.core.storage.not_named(self.component, after.as_ref(), MISSING).await?,
                _ => Vec::new(),
            };
            let Some(last) = streams.last().cloned() else {
                self.progress.phase = Phase::Profiles { after: None };
                return self.advance(Vec::new()).await;
            };
            for stream in streams {
                if self.ask_about(&stream).await? {
                    self.progress.report.to_confirm += 1;
                    self.take_turn().await?;
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
            let rows = self.core.storage.authorizers(filter).await?;
            let Some(last) = rows.last().map(|row| row.state.stream.clone()) else { return Ok(()) };
            for row in rows {
                if self.look_up_profile(&row.state).await? {
                    self.progress.report.profiles += 1;
                    self.take_turn().await?;
                }
            }
            self.progress.phase = Phase::Profiles { after: Some(last) };
            self.advance(Vec::new()).await?;
            tell(&self.progress.report);
        }
        Ok(())
    }

    async fn advance(&mut self, named: Vec<AuthorizerId>) -> Result<(), ReconcileError> {
        if self.dry_run {
            return Ok(());
        }
        let progress = self.progress.to_stored();
        let storage = &self.core.storage;
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

    fn head(&self) -> Position {
        self.row.head
    }

    fn stream(&self, authorizer: &AuthorizerId) -> StreamName {
        StreamName::Authorizer(self.component.clone(), authorizer.clone())
    }
}
