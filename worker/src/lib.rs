//! The work: ingest, tasks, the component API over HTTP, and the views that doors show. Generic over the storage.

pub mod access;
pub mod consent;
mod erase;
mod housekeeping;
mod inbound;
mod lease;
mod log;
mod outbound;
mod reasons;
mod reconcile;
mod rotate;
mod tasks;
#[cfg(test)]
mod tests;
pub mod tokens;
pub mod views;
mod wechat;
mod worker;

use std::sync::Arc;

use mandate_schema::{MasterKeys, Position};
use mandate_storage::{RebuildMode, RebuildReport, StorageError, Store};

/// Where an account stands, and why it is not erased.
pub use mandate_domain::{Status, StillHeld};
/// `WeChat`'s refusal of a call.
pub use mandate_wechat::api::Refusal;

pub use erase::{EraseError, Eraser};
pub use inbound::{
    dead_letters::{DeadLetters, Retried, RetryError},
    inbox::FromInbox,
    ingest::{Ingest, IngestError, Ingested},
    messages,
    opener::{OpenError, Opener, UNKNOWN_PAIR},
};
pub use log::{
    fold::{ReadError, RebuildFolder, StreamState},
    vault::{Vault, VaultError},
};
pub use outbound::{publisher, webhooks};
pub use reasons::{DEAD_LETTER_REASONS, WAITING_REASONS};
pub use reconcile::{Manner, ReconcileError, ReconcileSettings, Reconciler, Report};
pub use rotate::{RotateError, rotate_master_key};
pub use tokens::{TokenError, Uncalled};
pub use wechat::{client as api, error::CallError};
pub use worker::{ComponentSettings, Parts, StartError, Worker};

/// Rebuilds the state from the log, or only compares. Calls nobody; works beside a running service.
///
/// # Errors
///
/// [`StorageError`]; nothing was changed.
pub async fn rebuild(
    storage: &Store,
    master: MasterKeys,
    mode: RebuildMode,
    progress: impl Fn(Position) + Send + 'static,
) -> Result<RebuildReport, StorageError> {
    let vault = Arc::new(Vault::new(storage.clone(), master));
    storage.rebuild(mode, RebuildFolder::new(vault), progress).await
}
