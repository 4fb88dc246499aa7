//! The event log and all that is committed with it: one [`Store`], over one driver of two databases.
//!
//! No type of a database leaves the crate. Both databases pass one conformance suite.

mod appender;
#[cfg(test)]
mod conformance;
mod convert;
mod driver;
mod error;
mod migration;
mod model;
mod model_credentials;
mod model_tasks;
mod store;

pub use appender::{AppendObserver, Appender, Unobserved};
pub use driver::{postgres, sqlite};
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
