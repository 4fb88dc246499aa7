//! The event log and all that is committed with it: contracts first, then the databases behind them.
//!
//! No driver type crosses a contract. Every implementation passes one conformance suite.

mod appender;
#[cfg(test)]
mod conformance;
mod contract;
mod error;
mod model;
pub mod sqlite;

pub use appender::{AppendObserver, Appender, Unobserved};
pub use contract::{
    Checkpoints, DeadLetters, EventLog, Folder, Keys, Messages, Rebuild, States, Storage, TaskQueue, Tokens,
};
pub use error::StorageError;
pub use model::{
    Append, Appended, AuthorizerFilter, AuthorizerRow, Claimed, Command, CommandOutcome, CommandRecord,
    DeadLetter, DeadLetterId, DeadLetterRow, DeadPayload, EventOrder, EventQuery, FoldError, FoldInput,
    Lease, Loaded, NewKey, NewState, NewTask, RebuildMode, RebuildReport, StateRow, StatusCount, StreamQuery,
    TaskCount, TaskDone, TaskState, TokenChange, TokenRow,
};
