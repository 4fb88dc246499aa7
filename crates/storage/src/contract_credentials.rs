//! The contracts about tokens, about callers, and about comparisons with `WeChat`'s list.

use std::future::Future;

use jiff::Timestamp;
use mandate_schema::{ApiKeyRecord, AuthorizerId, ComponentId, SealedText, StreamName};
use uuid::Uuid;

use crate::{AuditEntry, Expiring, Lease, Reconciliation, StorageError, TokenFailure, TokenReads, TokenRow};

type Result<T> = std::result::Result<T, StorageError>;

/// Access tokens: a cache with one holder at a time.
pub trait Tokens: Send + Sync + 'static {
    /// The token row of a component or account.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn token(&self, stream: &StreamName) -> impl Future<Output = Result<Option<TokenRow>>> + Send;

    /// Takes the right to refresh, unless somebody else has it; raises the fence.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn lease_token(
        &self,
        stream: &StreamName,
        now: Timestamp,
        leased_until: Timestamp,
    ) -> impl Future<Output = Result<Option<Lease>>> + Send;

    /// Stores a refreshed token and ends the lease; `false` if the lease or the generation is no longer the newest.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn store_token(
        &self,
        stream: &StreamName,
        lease: &Lease,
        access: SealedText,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Ends a lease without a result.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`]: the lease will end by itself.
    fn release_token(&self, stream: &StreamName, lease: &Lease) -> impl Future<Output = Result<()>> + Send;

    /// Ends a lease with a failure, which every process then knows, until the row changes or another refresh begins.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`]: the lease will end by itself.
    fn fail_token(
        &self,
        stream: &StreamName,
        lease: &Lease,
        failure: TokenFailure,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Notes that tokens were read just now, to the minute. Rows that are not there are left out.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn touch_tokens(
        &self,
        streams: Vec<StreamName>,
        now: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Takes tokens in use that expire soon, those that expire first, to refresh them ahead of time; without those that somebody
    /// refreshes, or may not refresh yet. No other process gets the same ones for a while, and who needs one of these tokens
    /// meanwhile is not held up. In no order.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`]: some may be taken until their time is over.
    fn take_expiring_tokens(
        &self,
        expiring: Expiring,
    ) -> impl Future<Output = Result<Vec<StreamName>>> + Send;

    /// Empties the row if it still holds exactly this token; `false` if it holds another.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn empty_token(
        &self,
        stream: &StreamName,
        held: &SealedText,
    ) -> impl Future<Output = Result<bool>> + Send;
}

/// Callers of the API: their keys, what they read, and what is worth keeping of what they did.
pub trait Callers: Send + Sync + 'static {
    /// Stores a new key.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn put_api_key(&self, key: ApiKeyRecord) -> impl Future<Output = Result<()>> + Send;

    /// All keys, in the order in which they were made.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn api_keys(&self) -> impl Future<Output = Result<Vec<ApiKeyRecord>>> + Send;

    /// The key with this hash, active or not.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn api_key(&self, hash: [u8; 32]) -> impl Future<Output = Result<Option<ApiKeyRecord>>> + Send;

    /// Whether a key was ever made; one that was revoked or has expired counts.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn had_api_keys(&self) -> impl Future<Output = Result<bool>> + Send;

    /// Revokes a key for good; `false` if there is none, or it was revoked before.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn revoke_api_key(&self, id: Uuid, now: Timestamp) -> impl Future<Output = Result<bool>> + Send;

    /// Notes that keys were used just now, to the minute, and adds to the counts of tokens read.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn note_use(
        &self,
        keys: Vec<Uuid>,
        reads: Vec<TokenReads>,
        now: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Counts of tokens read since a time, newest minute first.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn token_reads(
        &self,
        since: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<TokenReads>>> + Send;

    /// Adds to the audit trail.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn put_audit(&self, entries: Vec<AuditEntry>) -> impl Future<Output = Result<()>> + Send;

    /// The audit trail below an entry, newest first.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn audit(
        &self,
        before: Option<Uuid>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<AuditEntry>>> + Send;

    /// Forgets entries and counts before a time; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn prune_audit(&self, before: Timestamp) -> impl Future<Output = Result<usize>> + Send;
}

/// Comparisons with `WeChat`'s list, one at a time for each component, each of which outlives its process.
pub trait Reconciliations: Send + Sync + 'static {
    /// The comparison of a component that is under way.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn reconciliation(
        &self,
        component: &ComponentId,
    ) -> impl Future<Output = Result<Option<Reconciliation>>> + Send;

    /// Begins a comparison, unless one is under way; answers the one that is.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn begin_reconciliation(
        &self,
        component: &ComponentId,
        now: Timestamp,
        progress: &str,
    ) -> impl Future<Output = Result<Reconciliation>> + Send;

    /// Moves a comparison on from the progress it had, and notes the accounts that the list has named. `false`: another
    /// process has moved it on or ended it, and nothing was noted.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn advance_reconciliation(
        &self,
        component: &ComponentId,
        from: &Reconciliation,
        progress: &str,
        named: Vec<AuthorizerId>,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Accounts of a component that we hold and the list has not named, in order, behind `after`.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn not_named(
        &self,
        component: &ComponentId,
        after: Option<&StreamName>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<StreamName>>> + Send;

    /// Ends a comparison. Nothing of it stays.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn end_reconciliation(
        &self,
        component: &ComponentId,
        id: Uuid,
    ) -> impl Future<Output = Result<()>> + Send;
}
