//! The event log and all that is committed with it: contracts first, then the databases behind them.
//!
//! No driver type crosses a contract. Every implementation passes one conformance suite.

mod any;
mod appender;
#[cfg(test)]
mod conformance;
mod contract;
mod contract_alone;
mod contract_consent;
mod contract_credentials;
mod contract_webhooks;
mod convert;
mod error;
mod gather;
mod migration;
mod model;
mod model_credentials;
mod model_tasks;
pub mod postgres;
pub mod sqlite;

pub use any::AnyStorage;
pub use appender::{AppendObserver, Appender, Unobserved};
pub use contract::{
    Checkpoints, DeadLetters, EventLog, Folder, Keys, Leases, Messages, Rebuild, States, Storage, TaskQueue,
};
pub use contract_alone::TriedAlone;
pub use contract_consent::{ConsentLink, ConsentTerms, ConsentVisit, Consents, Landed};
pub use contract_credentials::{Callers, Reconciliations, Tokens};
pub use contract_webhooks::{WebhookAttemptRow, WebhookRow, Webhooks};
pub use error::StorageError;
pub use gather::{Gather, Gathered, Wanted};
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
