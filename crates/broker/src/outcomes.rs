//! The question back: which callbacks have an outcome.

use std::{collections::HashSet, future::Future};

use mandate_schema::CallbackId;

/// Ids in one question.
pub const ASK_MAX: usize = 1_000;

/// Knows which callbacks have an outcome in the worker's storage: that storage in one process, the worker over HTTP between
/// two.
pub trait CallbackOutcomes: Send + Sync + 'static {
    /// Those of the callbacks that have an outcome. At most [`ASK_MAX`] ids.
    ///
    /// # Errors
    ///
    /// [`OutcomesUnavailable`]: nobody can say now; nothing follows about any of them.
    fn settled(
        &self,
        ids: Vec<CallbackId>,
    ) -> impl Future<Output = Result<HashSet<CallbackId>, OutcomesUnavailable>> + Send;
}

/// Nobody can say now which callbacks have an outcome.
#[derive(Debug, thiserror::Error)]
#[error("it cannot be asked now which callbacks have an outcome: {0}")]
pub struct OutcomesUnavailable(#[source] pub Box<dyn std::error::Error + Send + Sync>);
