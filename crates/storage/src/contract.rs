//! The contracts that every database fulfils.

use std::{future::Future, time::Duration};

use jiff::Timestamp;
use mandate_schema::{CommandId, ComponentId, Position, Push, StoredEvent, StreamName, TaskId, WrappedKey};
use uuid::Uuid;

use crate::{
    Appended, AuthorizerFilter, AuthorizerRow, Callers, Claim, Claimed, Command, CommandRecord, Consents,
    DeadLetterId, DeadLetterRow, EventQuery, Fence, FoldError, FoldInput, Gather, NewState, NextDue,
    RebuildMode, RebuildReport, Reconciliations, StatusCount, StorageError, StreamQuery, TaskCount, Tokens,
    TriedAlone, Webhooks,
};

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
