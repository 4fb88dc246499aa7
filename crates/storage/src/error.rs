//! What can go wrong with a database, by what the caller does about it.

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A call to the storage that failed.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The database did not answer, or its answer was lost. The same call may be repeated: ids make it idempotent.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] Source),
    /// The log takes other commands, but did not take this one in several tries: perhaps it needs more time than a call has.
    #[error("the database takes other commands, but not this one: {0}")]
    Stuck(#[source] Source),
    /// The database refuses this data and will refuse it again.
    #[error("the database refuses the data: {0}")]
    Data(#[source] Source),
    /// A row that this program cannot read; somebody changed it, or a newer program wrote it.
    #[error("a stored row is not readable: {0}")]
    Unreadable(#[source] Source),
    /// The database's schema is not the one this program needs.
    #[error("{0}")]
    Schema(String),
}

impl StorageError {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Stuck(_))
    }

    /// The same failure, for another caller whom it concerns.
    #[must_use]
    pub fn copy(&self) -> Self {
        match self {
            Self::Unavailable(source) => Self::Unavailable(source.to_string().into()),
            Self::Stuck(source) => Self::Stuck(source.to_string().into()),
            Self::Data(source) => Self::Data(source.to_string().into()),
            Self::Unreadable(source) => Self::Unreadable(source.to_string().into()),
            Self::Schema(reason) => Self::Schema(reason.clone()),
        }
    }

    /// A row that is not readable, for this reason.
    pub fn unreadable(reason: impl Into<Source>) -> Self {
        Self::Unreadable(reason.into())
    }
}
