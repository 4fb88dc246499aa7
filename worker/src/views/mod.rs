//! What doors show of the state and the log.

mod forms;

use jiff::Timestamp;
use mandate_domain::Authorizer;
use mandate_schema::{
    AuthorizerId, CloudEvent, ComponentId, EventId, MasterKeys, Position, Reach, StoredEvent, StreamName,
    Version,
};
use mandate_storage::{AuthorizerFilter, EventOrder, EventQuery, StateRow, StorageError, Store, StreamQuery};

pub use forms::{
    AuthorizerView, ComponentView, CredentialsView, FeedPage, StatusCounts, TicketView, TokenView,
};

use crate::{
    log::vault::Vault,
    log::{
        fold::{self, ReadError, StreamState},
        snapshot,
    },
};

/// Events looked at for one page of a filtered feed, however few of them match.
const SCAN_MAX: usize = 5_000;

/// Events read at once.
const PAGE: usize = 500;

/// A reader of state and log. It changes nothing and calls nobody.
pub struct Views {
    storage: Store,
    vault: std::sync::Arc<Vault>,
}

/// Which events a feed wants.
#[derive(Clone, Debug, Default)]
pub struct FeedFilter {
    /// Only of this stored type.
    pub kind: Option<String>,
    /// Only of this component.
    pub component: Option<ComponentId>,
    /// Only of this account.
    pub authorizer: Option<AuthorizerId>,
    /// Only what its reader may see.
    pub reach: Reach,
}

/// A cursor that is not of this log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "position {after} is beyond the head {head} of this log, or of another log: read again from the start"
)]
pub struct LogReset {
    /// The cursor's position.
    pub after: Position,
    /// Where the log ends.
    pub head: Position,
}

/// Why a feed page could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The cursor is not of this log.
    #[error(transparent)]
    Reset(#[from] LogReset),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<StorageError> for FeedError {
    fn from(error: StorageError) -> Self {
        Self::Read(error.into())
    }
}

impl Views {
    /// A reader that opens sealed fields with these master keys.
    pub fn new(storage: Store, master: MasterKeys) -> Self {
        let vault = std::sync::Arc::new(Vault::new(storage.clone(), master));
        Self { storage, vault }
    }

    /// A component's view at a moment.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn component(
        &self,
        component: &ComponentId,
        now: Timestamp,
    ) -> Result<ComponentView, ReadError> {
        let stream = StreamName::Component(component.clone());
        let snapshot = snapshot::load(&self.storage, &self.vault, &stream).await?;
        let ticket =
            snapshot.state.component().and_then(|state| state.ticket.as_ref()).map(|ticket| TicketView {
                received_at: ticket.received_at,
                age_seconds: now.duration_since(ticket.received_at).as_secs().max(0),
            });
        let token = self.storage.token(&stream).await?.and_then(|row| row.access);
        let mut authorizers = StatusCounts::default();
        for count in self.storage.status_counts().await?.into_iter().filter(|c| c.component == *component) {
            authorizers.add(&count.status, count.count);
        }
        let access_token = token.map(|(_, expires_at)| TokenView { expires_at });
        Ok(ComponentView { app_id: component.clone(), ticket, access_token, authorizers })
    }

    /// Accounts in order of their streams, with the cursor of the next page.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn authorizers(
        &self,
        filter: AuthorizerFilter,
    ) -> Result<(Vec<AuthorizerView>, Option<StreamName>), ReadError> {
        let limit = filter.limit;
        let rows = self.storage.authorizers(filter).await?;
        let next = (rows.len() == limit).then(|| rows.last().map(|row| row.state.stream.clone())).flatten();
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            views.extend(self.view_of(&row.state, row.access_token_expires_at).await?);
        }
        Ok((views, next))
    }

    /// An account as it is; `None` if it was never heard of.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn authorizer(
        &self,
        component: &ComponentId,
        authorizer: &AuthorizerId,
    ) -> Result<Option<AuthorizerView>, ReadError> {
        let stream = StreamName::Authorizer(component.clone(), authorizer.clone());
        let Some(row) = self.storage.state(&stream).await? else {
            return Ok(None);
        };
        let token = self.storage.token(&stream).await?.and_then(|row| row.access);
        self.view_of(&row, token.map(|(_, expires_at)| expires_at)).await
    }

    /// An account as it was when the log ended at `position`; `None` if it had not been heard of.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn authorizer_at(
        &self,
        component: &ComponentId,
        authorizer: &AuthorizerId,
        position: Position,
    ) -> Result<Option<AuthorizerView>, ReadError> {
        let stream = StreamName::Authorizer(component.clone(), authorizer.clone());
        let (state, last) = fold::fold_up_to(&self.storage, &self.vault, &stream, position).await?;
        Ok(last.and_then(|(version, position)| view(&stream, &state, version, position, None)))
    }

    async fn view_of(
        &self,
        row: &StateRow,
        expires_at: Option<Timestamp>,
    ) -> Result<Option<AuthorizerView>, ReadError> {
        let state = fold::state_of_row(&self.storage, &self.vault, row).await?;
        Ok(view(&row.stream, &state, row.version, row.position, expires_at))
    }

    /// A stream's events below a version, newest first.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn history(
        &self,
        stream: &StreamName,
        before: Option<Version>,
        limit: usize,
    ) -> Result<Vec<CloudEvent>, ReadError> {
        let query = StreamQuery {
            stream: stream.clone(),
            after: Position(0),
            up_to: None,
            before,
            order: EventOrder::Descending,
            limit,
        };
        self.publish(self.storage.read_stream(query).await?).await
    }

    /// One event by its id.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn event(&self, id: EventId) -> Result<Option<CloudEvent>, ReadError> {
        let stored = self.storage.event(id).await?;
        Ok(self.publish(stored.into_iter().collect()).await?.pop())
    }

    /// A page of the log behind `after`, at most `limit` events that match. `log_id` is the log that the cursor is of.
    ///
    /// # Errors
    ///
    /// - [`FeedError::Reset`]: the cursor is beyond the head, or of another log.
    /// - [`FeedError::Read`].
    pub async fn feed(
        &self,
        after: Position,
        log_id: Option<&str>,
        filter: &FeedFilter,
        limit: usize,
    ) -> Result<FeedPage, FeedError> {
        let ours = self.storage.log_id().await?;
        let head = self.storage.head().await?;
        if after > head || log_id.is_some_and(|theirs| theirs != ours) {
            return Err(LogReset { after, head }.into());
        }
        let mut page = FeedPage { data: Vec::new(), last_position: after, log_id: ours };
        let mut looked_at = 0;
        while page.data.len() < limit && looked_at < SCAN_MAX {
            // Without a filter all that is read is wanted.
            let rows = if filter.is_empty() { limit - page.data.len() } else { PAGE };
            let query = EventQuery { after: page.last_position, limit: rows.min(PAGE) };
            let events = self.storage.read(query).await?;
            if events.is_empty() {
                break;
            }
            looked_at += events.len();
            for stored in events {
                if page.data.len() == limit {
                    break;
                }
                assert_dense(page.last_position, stored.position)?;
                page.last_position = stored.position;
                if filter.matches(&stored) {
                    page.data.extend(self.publish(vec![stored]).await?);
                }
            }
        }
        Ok(page)
    }

    /// Position of the last event.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn head(&self) -> Result<Position, ReadError> {
        Ok(self.storage.head().await?)
    }

    async fn publish(&self, events: Vec<StoredEvent>) -> Result<Vec<CloudEvent>, ReadError> {
        let mut published = Vec::with_capacity(events.len());
        for stored in events {
            let event = fold::decode(&self.vault, &stored).await?;
            published.push(CloudEvent::new(&stored, &event));
        }
        Ok(published)
    }
}

/// A reader of the log never goes on behind a hole.
pub(crate) fn assert_dense(last: Position, next: Position) -> Result<(), StorageError> {
    if next.0 == last.0 + 1 {
        Ok(())
    } else {
        Err(StorageError::unreadable(format!("the log has a hole between positions {last} and {next}")))
    }
}

impl FeedFilter {
    fn is_empty(&self) -> bool {
        self.kind.is_none()
            && self.component.is_none()
            && self.authorizer.is_none()
            && self.reach.is_unlimited()
    }

    fn matches(&self, stored: &StoredEvent) -> bool {
        let component = stored.stream.component();
        let authorizer = stored.stream.authorizer();
        self.kind.as_ref().is_none_or(|kind| *kind == stored.record.name)
            && self.component.as_ref().is_none_or(|wanted| Some(wanted) == component)
            && self.authorizer.as_ref().is_none_or(|wanted| Some(wanted) == authorizer)
            && component
                .map_or(self.reach.is_unlimited(), |component| self.reach.covers(component, authorizer))
    }
}

fn view(
    stream: &StreamName,
    state: &StreamState,
    version: Version,
    position: Position,
    access_token_expires_at: Option<Timestamp>,
) -> Option<AuthorizerView> {
    let (component, app_id) = (stream.component()?.clone(), stream.authorizer()?.clone());
    let state: Authorizer = state.authorizer()?.clone();
    let refresh_token = if state.refresh_token.is_some() { "present" } else { "missing" };
    Some(AuthorizerView {
        component,
        app_id,
        status: state.status,
        generation: state.generation,
        version,
        position,
        authorized_at: state.authorized_at,
        revoked_at: state.revoked_at,
        permissions: state.permissions,
        profile: state.profile,
        credentials: CredentialsView { refresh_token, access_token_expires_at },
        updated_at: state.updated_at,
    })
}
