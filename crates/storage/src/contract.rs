//! The contracts, for callers that still name them.

use std::{future::Future, time::Duration};

use jiff::Timestamp;
use mandate_schema::{
    ApiKeyRecord, AuthorizerId, CodeDigest, CommandId, ComponentId, EventId, Position, Push, SealedText,
    StoredEvent, StreamName, TaskId, WrappedKey,
};
use uuid::Uuid;

use crate::*;

type Result<T> = std::result::Result<T, StorageError>;

/// Everything a worker needs.
pub trait Storage:
    EventLog
    + Gather
    + States
    + Keys
    + TaskQueue
    + Tokens
    + DeadLetters
    + TriedAlone
    + Messages
    + Consents
    + Webhooks
    + Callers
    + Reconciliations
    + Checkpoints
    + Leases
    + Rebuild
    + Clone
{
}

impl<T> Storage for T where
    T: EventLog
        + Gather
        + States
        + Keys
        + TaskQueue
        + Tokens
        + DeadLetters
        + TriedAlone
        + Messages
        + Consents
        + Webhooks
        + Callers
        + Reconciliations
        + Checkpoints
        + Leases
        + Rebuild
        + Clone
{
}

/// The append-only log.
///
/// Positions are dense and visible in order: a reader that has seen position n has seen everything below.
pub trait EventLog: Send + Sync + 'static {
    /// Stores a batch in one transaction; answers each command in order. The result is that of one command after the other.
    ///
    /// Several commands of one stream are a chain: each expects the version that the one before it leaves. A chain counts up to its
    /// first command that is not stored: what follows in that stream is a [`Appended::Conflict`], unless it has an outcome already.
    /// So a call that is repeated answers duplicates.
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
    /// Claims tasks that are due, oldest first; the attempt is counted before it runs. A task whose lease has ended is due
    /// again; its attempt is taken for dead, unless it was excused or is of the process that claims.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn claim(&self, claim: Claim) -> impl Future<Output = Result<Vec<Claimed>>> + Send;

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

    /// The process of an attempt that may be taken for dead is alive: that was no death. May be called again.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn outlive(&self, task: TaskId, attempt: u32) -> impl Future<Output = Result<()>> + Send;

    /// Excuses the attempts that a process has now: the ends of their leases are no deaths. It was asked to stop, or it does not
    /// know what it has claimed. Answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn excuse(&self, worker: Uuid) -> impl Future<Output = Result<usize>> + Send;

    /// Gives an attempt back that was not tried, because its process stops; it is due at once. Ignored if another attempt has
    /// begun.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`]: the lease will end by itself.
    fn release(&self, task: TaskId, attempt: u32, now: Timestamp) -> impl Future<Output = Result<()>> + Send;

    /// Gives an attempt back that ended without success, to be tried again at `next_at`. It has not killed its process, so
    /// the task has no deaths any more. Ignored if another attempt has begun.
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
    fn next_due(&self) -> impl Future<Output = Result<NextDue>> + Send;

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

    /// Messages after a position, in order; none of an authorizer that was erased since. No position is ever given to two messages, and none appears behind one that was
    /// read.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn read_messages(
        &self,
        after: Position,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(Position, Push)>>> + Send;

    /// The last position that was given, and how many bytes the stored messages have.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn message_head(&self) -> impl Future<Output = Result<(Position, u64)>> + Send;

    /// How many are stored, those of erased authorizers aside.
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

    /// Deletes messages of erased authorizers, which nobody reads any more; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`]: some may be deleted.
    fn prune_erased_messages(&self) -> impl Future<Output = Result<usize>> + Send;

    /// Deletes the oldest messages, so many of them; answers how many there were.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn prune_oldest_messages(&self, count: usize) -> impl Future<Output = Result<usize>> + Send;
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
}

/// What one process does for all, on the database's clock: no caller passes a time of its own. A lease that ends further ahead than
/// its length and a minute was taken by a clock that was wrong, and counts as over.
pub trait Leases: Send + Sync + 'static {
    /// Takes a lease, or prolongs it for who holds it, for so long from now; `None` if another one holds it. All who take one name
    /// take it for the same length. The holder has to count its time from before the call.
    ///
    /// A *turn*, which one process takes once in a time, is a lease of that length under a holder made up for it, not given back.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`]: it may be taken.
    fn take(
        &self,
        name: &str,
        holder: Uuid,
        length: Duration,
    ) -> impl Future<Output = Result<Option<Fence>>> + Send;

    /// Gives a lease back, if it is held.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`]: it ends by itself.
    fn give_back(&self, name: &str, holder: Uuid) -> impl Future<Output = Result<()>> + Send;
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

/// Notes about callbacks that are tried alone. A note is neither an outcome nor a dead letter.
pub trait TriedAlone: Send + Sync + 'static {
    /// Notes that a process begins to try a callback alone; answers how many processes noted the same before it and ended without
    /// an outcome.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn note_alone(
        &self,
        id: CommandId,
        detail: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<u32>> + Send;

    /// Removes the note about a callback that has an outcome.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn forget_alone(&self, id: CommandId) -> impl Future<Output = Result<()>> + Send;

    /// Removes the notes first made before a time; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn prune_alone(&self, before: Timestamp) -> impl Future<Output = Result<usize>> + Send;
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

/// Links and visits.
pub trait Consents: Send + Sync + 'static {
    /// Stores a link; `false` if there is one of this id already.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn put_link(&self, link: ConsentLink) -> impl Future<Output = Result<bool>> + Send;

    /// A link, also one that has expired.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn link(&self, id: &str) -> impl Future<Output = Result<Option<ConsentLink>>> + Send;

    /// Stores a visit without a code.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn put_visit(&self, visit: ConsentVisit) -> impl Future<Output = Result<()>> + Send;

    /// A visit, also one that has expired.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn visit(&self, id: Uuid) -> impl Future<Output = Result<Option<ConsentVisit>>> + Send;

    /// Ties a visit to the first code that it brings and appends the command that follows, both or neither. After
    /// [`Appended::Conflict`] nothing is changed.
    ///
    /// # Errors
    ///
    /// As [`EventLog::append_batch`](crate::EventLog::append_batch).
    fn land(
        &self,
        visit: Uuid,
        code: CodeDigest,
        command: Command,
    ) -> impl Future<Output = Result<Landed>> + Send;

    /// Deletes links and visits that expired before `before`; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn prune_consents(&self, before: Timestamp) -> impl Future<Output = Result<usize>> + Send;
}

/// Endpoints and attempts.
pub trait Webhooks: Send + Sync + 'static {
    /// Stores a new endpoint, at revision 1; `false` if there are `most` already, however many are stored at the same time.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn put_webhook(&self, id: Uuid, data: String, most: usize) -> impl Future<Output = Result<bool>> + Send;

    /// All endpoints in order of their ids.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn webhooks(&self) -> impl Future<Output = Result<Vec<WebhookRow>>> + Send;

    /// An endpoint.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn webhook(&self, id: Uuid) -> impl Future<Output = Result<Option<WebhookRow>>> + Send;

    /// Changes an endpoint that is still of the row's revision; `false`: it is not, or is gone.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn change_webhook(&self, row: WebhookRow) -> impl Future<Output = Result<bool>> + Send;

    /// Removes an endpoint and its attempts; `false`: there is none.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn remove_webhook(&self, id: Uuid) -> impl Future<Output = Result<bool>> + Send;

    /// Stores attempts, each once; those of endpoints that are gone are dropped.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`]: some may be stored.
    fn put_webhook_attempts(
        &self,
        attempts: Vec<WebhookAttemptRow>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Attempts of an endpoint, newest first, those older than `before`.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn webhook_attempts(
        &self,
        webhook: Uuid,
        before: Option<Uuid>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<WebhookAttemptRow>>> + Send;

    /// Deletes all but the newest attempts of an endpoint; answers how many.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn trim_webhook_attempts(&self, webhook: Uuid, keep: usize)
    -> impl Future<Output = Result<usize>> + Send;
}

/// Reading for decisions.
pub trait Gather: Send + Sync + 'static {
    /// Reads all that a batch of decisions is made on. Each stream is of one moment with its keys; what lies beside it may be of a
    /// later one, which the append finds out if it matters.
    ///
    /// # Errors
    ///
    /// - [`StorageError::Unavailable`].
    /// - [`StorageError::Unreadable`]: one of the rows; ask for the streams one by one.
    fn gather(&self, wanted: Wanted) -> impl Future<Output = Result<Gathered>> + Send;

    /// One stream.
    ///
    /// # Errors
    ///
    /// As [`Gather::gather`].
    fn load(&self, stream: &StreamName) -> impl Future<Output = Result<Loaded>> + Send {
        async move {
            let wanted = Wanted { streams: vec![stream.clone()], ..Wanted::default() };
            self.gather(wanted).await?.stream(stream).cloned()
        }
    }

    /// The state row of one stream.
    ///
    /// # Errors
    ///
    /// As [`Gather::gather`].
    fn state(&self, stream: &StreamName) -> impl Future<Output = Result<Option<StateRow>>> + Send {
        async { Ok(self.load(stream).await?.state) }
    }

    /// The task with this key.
    ///
    /// # Errors
    ///
    /// As [`Gather::gather`].
    fn task_by_key(&self, key: &str) -> impl Future<Output = Result<Option<TaskDone>>> + Send {
        async move {
            let wanted = Wanted { tasks: vec![key.to_owned()], ..Wanted::default() };
            Ok(self.gather(wanted).await?.tasks.remove(key))
        }
    }
}

/// Implements a contract by passing each call on.
macro_rules! pass_on {
    ($contract:ident { $(fn $name:ident(&self $(, $argument:ident: $kind:ty)* $(,)?) -> $answer:ty;)* }) => {
        impl $contract for Store {
            $(
                async fn $name(&self $(, $argument: $kind)*) -> Result<$answer> {
                    Store::$name(self $(, $argument)*).await
                }
            )*
        }
    };
}

pass_on!(EventLog {
    fn rename_log(&self, log_id: &str) -> ();
    fn append_batch(&self, commands: Vec<Command>) -> Vec<Appended>;
    fn head(&self) -> Position;
    fn log_id(&self) -> String;
    fn read(&self, query: EventQuery) -> Vec<StoredEvent>;
    fn read_stream(&self, query: StreamQuery) -> Vec<StoredEvent>;
    fn event(&self, id: EventId) -> Option<StoredEvent>;
    fn outcomes(&self, ids: Vec<CommandId>) -> Vec<CommandRecord>;
});

pass_on!(Gather {
    fn gather(&self, wanted: Wanted) -> Gathered;
});

pass_on!(States {
    fn authorizers(&self, filter: AuthorizerFilter) -> Vec<AuthorizerRow>;
    fn status_counts(&self) -> Vec<StatusCount>;
});

pass_on!(Keys {
    fn key(&self, stream: &StreamName, number: u32) -> Option<WrappedKey>;
    fn key_samples(&self) -> Vec<WrappedKey>;
    fn key_counts(&self) -> Vec<(String, u64)>;
    fn keys_under(&self, master: &str, limit: usize) -> Vec<WrappedKey>;
    fn rewrap_keys(&self, keys: Vec<(WrappedKey, WrappedKey)>) -> usize;
});

pass_on!(TaskQueue {
    fn claim(&self, claim: Claim) -> Vec<Claimed>;
    fn outlive(&self, task: TaskId, attempt: u32) -> ();
    fn excuse(&self, worker: Uuid) -> usize;
    fn release(&self, task: TaskId, attempt: u32, now: Timestamp) -> ();
    fn renew(&self, task: TaskId, attempt: u32, leased_until: Timestamp) -> bool;
    fn retry(&self, task: TaskId, attempt: u32, next_at: Timestamp, reason: &str) -> ();
    fn wake(&self, component: &ComponentId, reason: &str, now: Timestamp) -> usize;
    fn end_leases(&self, now: Timestamp) -> usize;
    fn next_due(&self) -> NextDue;
    fn task_counts(&self) -> Vec<TaskCount>;
    fn prune_tasks(&self, before: Timestamp) -> usize;
});

pass_on!(Tokens {
    fn token(&self, stream: &StreamName) -> Option<TokenRow>;
    fn lease_token(&self, stream: &StreamName, now: Timestamp, leased_until: Timestamp) -> Option<Lease>;
    fn store_token(
        &self,
        stream: &StreamName,
        lease: &Lease,
        access: SealedText,
        expires_at: Timestamp,
    ) -> bool;
    fn release_token(&self, stream: &StreamName, lease: &Lease) -> ();
    fn fail_token(&self, stream: &StreamName, lease: &Lease, failure: TokenFailure) -> ();
    fn touch_tokens(&self, streams: Vec<StreamName>, now: Timestamp) -> ();
    fn take_expiring_tokens(&self, expiring: Expiring) -> Vec<StreamName>;
    fn empty_token(&self, stream: &StreamName, held: &SealedText) -> bool;
});

pass_on!(DeadLetters {
    fn dead_letters(&self, after: Option<DeadLetterId>, limit: usize) -> Vec<DeadLetterRow>;
    fn dead_letter(&self, id: DeadLetterId) -> Option<DeadLetterRow>;
    fn dead_letter_counts(&self) -> Vec<(String, u64)>;
    fn discard(&self, id: DeadLetterId, now: Timestamp) -> bool;
    fn revive_task(&self, id: DeadLetterId, now: Timestamp) -> bool;
    fn count_retry(&self, id: DeadLetterId, reason: &str, detail: &str) -> ();
});

pass_on!(TriedAlone {
    fn note_alone(&self, id: CommandId, detail: &str, now: Timestamp) -> u32;
    fn forget_alone(&self, id: CommandId) -> ();
    fn prune_alone(&self, before: Timestamp) -> usize;
});

pass_on!(Messages {
    fn store_messages(&self, pushes: Vec<Push>) -> ();
    fn read_messages(&self, after: Position, limit: usize) -> Vec<(Position, Push)>;
    fn message_head(&self) -> (Position, u64);
    fn message_count(&self) -> u64;
    fn prune_messages(&self, before: Timestamp) -> usize;
    fn prune_oldest_messages(&self, count: usize) -> usize;
    fn prune_erased_messages(&self) -> usize;
});

pass_on!(Consents {
    fn put_link(&self, link: ConsentLink) -> bool;
    fn link(&self, id: &str) -> Option<ConsentLink>;
    fn put_visit(&self, visit: ConsentVisit) -> ();
    fn visit(&self, id: Uuid) -> Option<ConsentVisit>;
    fn land(&self, visit: Uuid, code: CodeDigest, command: Command) -> Landed;
    fn prune_consents(&self, before: Timestamp) -> usize;
});

pass_on!(Webhooks {
    fn put_webhook(&self, id: Uuid, data: String, most: usize) -> bool;
    fn webhooks(&self) -> Vec<WebhookRow>;
    fn webhook(&self, id: Uuid) -> Option<WebhookRow>;
    fn change_webhook(&self, row: WebhookRow) -> bool;
    fn remove_webhook(&self, id: Uuid) -> bool;
    fn put_webhook_attempts(&self, attempts: Vec<WebhookAttemptRow>) -> ();
    fn webhook_attempts(&self, webhook: Uuid, before: Option<Uuid>, limit: usize) -> Vec<WebhookAttemptRow>;
    fn trim_webhook_attempts(&self, webhook: Uuid, keep: usize) -> usize;
});

pass_on!(Callers {
    fn put_api_key(&self, key: ApiKeyRecord) -> ();
    fn api_keys(&self) -> Vec<ApiKeyRecord>;
    fn api_key(&self, hash: [u8; 32]) -> Option<ApiKeyRecord>;
    fn had_api_keys(&self) -> bool;
    fn revoke_api_key(&self, id: Uuid, now: Timestamp) -> bool;
    fn note_use(&self, keys: Vec<Uuid>, reads: Vec<TokenReads>, now: Timestamp) -> ();
    fn token_reads(&self, since: Timestamp, limit: usize) -> Vec<TokenReads>;
    fn put_audit(&self, entries: Vec<AuditEntry>) -> ();
    fn audit(&self, before: Option<Uuid>, limit: usize) -> Vec<AuditEntry>;
    fn prune_audit(&self, before: Timestamp) -> usize;
});

pass_on!(Reconciliations {
    fn reconciliation(&self, component: &ComponentId) -> Option<Reconciliation>;
    fn begin_reconciliation(&self, component: &ComponentId, now: Timestamp, progress: &str) -> Reconciliation;
    fn advance_reconciliation(
        &self,
        component: &ComponentId,
        from: &Reconciliation,
        progress: &str,
        named: Vec<AuthorizerId>,
    ) -> bool;
    fn not_named(&self, component: &ComponentId, after: Option<&StreamName>, limit: usize) -> Vec<StreamName>;
    fn end_reconciliation(&self, component: &ComponentId, id: Uuid) -> ();
});

pass_on!(Checkpoints {
    fn checkpoint(&self, reader: &str) -> Position;
    fn set_checkpoint(&self, reader: &str, position: Position) -> ();
});

pass_on!(Leases {
    fn take(&self, name: &str, holder: Uuid, length: Duration) -> Option<Fence>;
    fn give_back(&self, name: &str, holder: Uuid) -> ();
});

impl Rebuild for Store {
    async fn rebuild<F: Folder>(
        &self,
        mode: RebuildMode,
        folder: F,
        progress: impl Fn(Position) + Send + 'static,
    ) -> Result<RebuildReport> {
        Store::rebuild(self, mode, folder, progress).await
    }
}
