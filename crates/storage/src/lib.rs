//! The event log and all that is committed with it: contracts first, then the databases behind them.
//!
//! No driver type crosses a contract. Every implementation passes one conformance suite.

mod appender;
#[cfg(test)]
mod conformance;
mod contract;
mod convert;
mod driver;
mod error;
mod migration;
mod model;
mod model_credentials;
mod model_tasks;
mod store;

pub use appender::{AppendObserver, Appender, Unobserved};
pub use contract::{
    Callers, Checkpoints, Consents, DeadLetters, EventLog, Gather, Keys, Leases, Messages, Rebuild,
    Reconciliations, States, Storage, TaskQueue, Tokens, TriedAlone, Webhooks,
};
pub use driver::postgres;
pub use error::StorageError;
pub use migration::Migrated;
pub use model::{
    Append, Appended, AuthorizerFilter, AuthorizerRow, Command, CommandOutcome, CommandRecord, DeadLetter,
    DeadLetterId, DeadLetterRow, DeadPayload, Erasure, EventOrder, EventQuery, FoldError, FoldInput, Loaded,
    NewKey, NewState, RebuildMode, RebuildReport, StateRow, StatusCount, StreamQuery, TokenChange,
};
pub use model_credentials::{
    AuditEntry, Expiring, Fence, Lease, Reconciliation, TokenFailure, TokenOf, TokenReads, TokenRow,
};
pub use model_tasks::{
    Attempt, Claim, Claimed, Company, DEATHS_BEFORE_ALONE, Ending, Finish, GivenUp, NewTask, NextDue, Shares,
    TaskCount, TaskDone, TaskState,
};
pub use store::{
    ConsentLink, ConsentTerms, ConsentVisit, Folder, Gathered, Landed, Store, Wanted, WebhookAttemptRow,
    WebhookRow,
};

/// For callers that still name it.
pub type AnyStorage = Store;
/// What the embedded store brings of its own.
pub mod sqlite {
    pub use crate::driver::sqlite::{Migrated, migrate};
    /// For callers that still name it.
    pub type SqliteStorage = crate::Store;
}
