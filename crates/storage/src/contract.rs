//! The contracts that every database fulfils.

use std::future::Future;

use jiff::Timestamp;
use mandate_schema::{
    ApiKeyRecord, AuthorizerId, CommandId, ComponentId, Position, Push, SealedText, StoredEvent, StreamName,
    TaskId, WrappedKey,
};
use uuid::Uuid;

use crate::{
    Appended, AuditEntry, AuthorizerFilter, AuthorizerRow, Claimed, Command, CommandRecord, DeadLetterId,
    DeadLetterRow, EventQuery, FoldError, FoldInput, Lease, Loaded, NewState, RebuildMode, RebuildReport,
    Reconciliation, StateRow, StatusCount, StorageError, StreamQuery, TaskCount, TaskDone, TokenFailure,
    TokenReads, TokenRow,
};

type Result<T> = std::result::Result<T, StorageError>;

/// Everything a worker needs.
pub trait Storage:
    EventLog
    + States
    + Keys
    + TaskQueue
    + Tokens
    + DeadLetters
    + Messages
    + Callers
    + Reconciliations
    + Checkpoints
    + Rebuild
    + Clone
{
}

impl<T> Storage for T where
    T: EventLog
        + States
        + Keys
        + TaskQueue
        + Tokens
        + DeadLetters
        + Messages
        + Callers
        + Reconciliations
        + Checkpoints
        + Rebuild
        + Clone
{
}

/// The append-only log.
///
/// Positions are dense and visible in order: a reader that has seen position n has seen everything below.
pub trait EventLog: Send + Sync + 'static {
    /// Stores a batch in one transaction; answers each command in order. At most one command per stream.
    ///
    /// # Errors
    ///
    /// - [`StorageError::Unavailable`]: the outcome is unknown. Repeat the same call.
    /// - [`StorageError::Data`]: nothing was stored; one of the commands is refused. Repeat them one by one.
    fn append_batch(&self, commands: Vec<Command>) -> impl Future<Output = Result<Vec<Appended>>> + Send;

    /// Position of the last event.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn head(&self) -> impl Future<Output = Result<Position>> + Send;

    /// Gives the log another name, so that its readers learn that positions they have seen may be others now.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn rename_log(&self, log_id: &str) -> impl Future<Output = Result<()>> + Send;

    /// The random name of this log; another one after a restore.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn log_id(&self) -> impl Future<Output = Result<String>> + Send;

    /// Reads the log in order of position.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unreadable`]: stop, do not skip.
    fn read(&self, query: EventQuery) -> impl Future<Output = Result<Vec<StoredEvent>>> + Send;

    /// Reads one stream.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unreadable`]: stop, do not skip.
    fn read_stream(&self, query: StreamQuery) -> impl Future<Output = Result<Vec<StoredEvent>>> + Send;

    /// One event by its id.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unreadable`].
    fn event(&self, id: mandate_schema::EventId) -> impl Future<Output = Result<Option<StoredEvent>>> + Send;

    /// Those of the commands that have an outcome. At most 1,000 ids.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn outcomes(&self, ids: Vec<CommandId>) -> impl Future<Output = Result<Vec<CommandRecord>>> + Send;
}

/// Current state, one row per stream, written by the append.
pub trait States: Send + Sync + 'static {
    /// A stream as a decision needs it.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn load(&self, stream: &StreamName) -> impl Future<Output = Result<Loaded>> + Send;

    /// Authorizers in order of stream names.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn authorizers(
        &self,
        filter: AuthorizerFilter,
    ) -> impl Future<Output = Result<Vec<AuthorizerRow>>> + Send;

    /// How many authorizers there are, by component and status.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn status_counts(&self) -> impl Future<Output = Result<Vec<StatusCount>>> + Send;

    /// The state row of one stream.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn state(&self, stream: &StreamName) -> impl Future<Output = Result<Option<StateRow>>> + Send {
        async { Ok(self.load(stream).await?.state) }
    }
}

/// Data keys, wrapped. They are written by the append.
pub trait Keys: Send + Sync + 'static {
    /// A data key; `None` if there is none or it was destroyed.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn key(
        &self,
        stream: &StreamName,
        number: u32,
    ) -> impl Future<Output = Result<Option<WrappedKey>>> + Send;

    /// One data key wrapped by each master key that is in use.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn key_samples(&self) -> impl Future<Output = Result<Vec<WrappedKey>>> + Send;

    /// How many data keys each master key wraps.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn key_counts(&self) -> impl Future<Output = Result<Vec<(String, u64)>>> + Send;

    /// Some of the data keys that a master key wraps.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn keys_under(&self, master: &str, limit: usize) -> impl Future<Output = Result<Vec<WrappedKey>>> + Send;

    /// Puts other wrapped forms of data keys in place of these, each only if it is still there as it was: one that was
    /// destroyed or rewrapped meanwhile stays so. Answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`]: some may be in place.
    fn rewrap_keys(&self, keys: Vec<(WrappedKey, WrappedKey)>) -> impl Future<Output = Result<usize>> + Send;
}

/// Calls to `WeChat` that wait, with unique keys and leases. They are queued and finished by the append.
pub trait TaskQueue: Send + Sync + 'static {
    /// Claims tasks that are due, oldest first, until `leased_until`; the attempt is counted before it runs. A task whose
    /// lease has ended is due again.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn claim(
        &self,
        now: Timestamp,
        leased_until: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Claimed>>> + Send;

    /// Prolongs the claim of an attempt that is under way; `false` if it is no longer the current one.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`]: the claim may end, and another worker may begin the next attempt.
    fn renew(
        &self,
        task: TaskId,
        attempt: u32,
        leased_until: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Gives an attempt back, to be tried again at `next_at`. Ignored if another attempt has begun.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`]: the lease will end by itself.
    fn retry(
        &self,
        task: TaskId,
        attempt: u32,
        next_at: Timestamp,
        reason: &str,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Makes the tasks of a component that wait for this reason due now; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn wake(
        &self,
        component: &ComponentId,
        reason: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<usize>> + Send;

    /// Ends all leases: attempts that died with their process are due at once. Only for a caller that knows that no other
    /// worker runs.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn end_leases(&self, now: Timestamp) -> impl Future<Output = Result<usize>> + Send;

    /// When the next task is due.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn next_due(&self) -> impl Future<Output = Result<Option<Timestamp>>> + Send;

    /// Result of the task with this key.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn task_by_key(&self, key: &str) -> impl Future<Output = Result<Option<TaskDone>>> + Send;

    /// How many tasks there are, by kind and state.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn task_counts(&self) -> impl Future<Output = Result<Vec<TaskCount>>> + Send;

    /// Deletes tasks done before `before`; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn prune_tasks(&self, before: Timestamp) -> impl Future<Output = Result<usize>> + Send;
}

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

    /// Tokens that expire before `expiring` and were read after `used`, those that expire first; without those that somebody
    /// refreshes, or may not refresh yet.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn expiring_tokens(
        &self,
        now: Timestamp,
        expiring: Timestamp,
        used: Timestamp,
        limit: usize,
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

/// What could not be handled. Dead letters are written by the append.
pub trait DeadLetters: Send + Sync + 'static {
    /// Dead letters in order of their ids, which begin with a time, behind `after`.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn dead_letters(
        &self,
        after: Option<DeadLetterId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<DeadLetterRow>>> + Send;

    /// One dead letter.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn dead_letter(&self, id: DeadLetterId) -> impl Future<Output = Result<Option<DeadLetterRow>>> + Send;

    /// How many there are, by reason.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn dead_letter_counts(&self) -> impl Future<Output = Result<Vec<(String, u64)>>> + Send;

    /// Gives a dead letter up for good, and its task with it; `false` if there is none.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn discard(&self, id: DeadLetterId, now: Timestamp) -> impl Future<Output = Result<bool>> + Send;

    /// Makes the task of a dead letter ready again and removes the letter; `false` if there is none.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn revive_task(&self, id: DeadLetterId, now: Timestamp) -> impl Future<Output = Result<bool>> + Send;

    /// Counts a retry that failed again, for this reason.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn count_retry(
        &self,
        id: DeadLetterId,
        reason: &str,
        detail: &str,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// Pushes of the message URL, as `WeChat` sent them (only in the embedded form).
pub trait Messages: Send + Sync + 'static {
    /// Stores messages; those that are there are left as they are.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`]: repeat the same call.
    fn store_messages(&self, pushes: Vec<Push>) -> impl Future<Output = Result<()>> + Send;

    /// How many are stored.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn message_count(&self) -> impl Future<Output = Result<u64>> + Send;

    /// Deletes messages received before `before`; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn prune_messages(&self, before: Timestamp) -> impl Future<Output = Result<usize>> + Send;
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

    /// Whether there is an active key.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn has_api_keys(&self, now: Timestamp) -> impl Future<Output = Result<bool>> + Send;

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

/// How far each reader of the log has come.
pub trait Checkpoints: Send + Sync + 'static {
    /// The last position that `reader` has dealt with; 0 at first.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn checkpoint(&self, reader: &str) -> impl Future<Output = Result<Position>> + Send;

    /// Moves a reader's checkpoint.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn set_checkpoint(&self, reader: &str, position: Position) -> impl Future<Output = Result<()>> + Send;

    /// Takes the turn at something that is done now and then, by one process for all: `true` if the last turn was taken at
    /// `before` or earlier, or never. The name must be no reader's.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn take_turn(
        &self,
        name: &str,
        now: Timestamp,
        before: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;
}

/// Folds events into state; the storage does not know what they mean.
pub trait Folder: Send + 'static {
    /// The state after some more events of a stream.
    ///
    /// # Errors
    ///
    /// [`FoldError`]: the rebuild stops.
    fn fold(&mut self, input: FoldInput<'_>) -> std::result::Result<NewState, FoldError>;
}

/// Rebuilding state from the log.
pub trait Rebuild: Send + Sync + 'static {
    /// Folds the whole log beside the live rows, ends under the log's lock, compares every row both ways and, in
    /// [`RebuildMode::Swap`], puts the rebuilt rows in place. `progress` hears the positions reached.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unreadable`]: an event does not fold. Nothing was changed.
    fn rebuild<F: Folder>(
        &self,
        mode: RebuildMode,
        folder: F,
        progress: impl Fn(Position) + Send + 'static,
    ) -> impl Future<Output = Result<RebuildReport>> + Send;
}
