//! Whichever database the configuration names, as one type for the binary.

use std::time::Duration;

use jiff::Timestamp;
use mandate_schema::{
    ApiKeyRecord, AuthorizerId, CodeDigest, CommandId, ComponentId, EventId, Position, Push, SealedText,
    StoredEvent, StreamName, TaskId, WrappedKey,
};
use uuid::Uuid;

use crate::{
    Appended, AuditEntry, AuthorizerFilter, AuthorizerRow, Callers, Checkpoints, Claim, Claimed, Command,
    CommandRecord, ConsentLink, ConsentVisit, Consents, DeadLetterId, DeadLetterRow, DeadLetters, EventLog,
    EventQuery, Expiring, Fence, Folder, Gather, Gathered, Keys, Landed, Lease, Leases, Messages, NextDue,
    Rebuild, RebuildMode, RebuildReport, Reconciliation, Reconciliations, States, StatusCount, StorageError,
    StreamQuery, TaskCount, TaskQueue, TokenFailure, TokenReads, TokenRow, Tokens, TriedAlone, Wanted,
    WebhookAttemptRow, WebhookRow, Webhooks, postgres::PostgresStorage, sqlite::SqliteStorage,
};

type Result<T> = std::result::Result<T, StorageError>;

/// A store behind one of the databases. Cheap to clone.
#[derive(Clone, Debug)]
pub enum AnyStorage {
    /// The embedded one.
    Sqlite(SqliteStorage),
    /// A server.
    Postgres(PostgresStorage),
}

impl From<SqliteStorage> for AnyStorage {
    fn from(storage: SqliteStorage) -> Self {
        Self::Sqlite(storage)
    }
}

impl From<PostgresStorage> for AnyStorage {
    fn from(storage: PostgresStorage) -> Self {
        Self::Postgres(storage)
    }
}

/// Implements a contract by passing each call on.
macro_rules! pass_on {
    ($contract:ident { $(fn $name:ident(&self $(, $argument:ident: $kind:ty)* $(,)?) -> $answer:ty;)* }) => {
        impl $contract for AnyStorage {
            $(
                async fn $name(&self $(, $argument: $kind)*) -> Result<$answer> {
                    match self {
                        Self::Sqlite(storage) => $contract::$name(storage $(, $argument)*).await,
                        Self::Postgres(storage) => $contract::$name(storage $(, $argument)*).await,
                    }
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

impl Rebuild for AnyStorage {
    async fn rebuild<F: Folder>(
        &self,
        mode: RebuildMode,
        folder: F,
        progress: impl Fn(Position) + Send + 'static,
    ) -> Result<RebuildReport> {
        match self {
            Self::Sqlite(storage) => storage.rebuild(mode, folder, progress).await,
            Self::Postgres(storage) => storage.rebuild(mode, folder, progress).await,
        }
    }
}
