//! How a command ends: exit codes that scripts can rely on, and an error text that says what to do.

use std::{fmt, io::Write, process::ExitCode};

use mandate_ingress::{
    ServeError,
    journal::{Disposition, JournalError},
};
use mandate_runtime::{config::ConfigErrors, stop};
use mandate_storage::StorageError;
use mandate_worker::{ReadError, StartError, views::FeedError};

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum CliError {
    /// 1: it failed, or a check found a difference.
    Failed(anyhow::Error),
    /// 2: usage or configuration.
    Usage(String),
    /// 3: what was asked for is not there.
    NotFound(String),
    /// 4: it may not be done.
    Refused(String),
    /// 5: something it needs is away; try again later.
    Unavailable(String),
    /// The reader of our output went away: nothing to say, and nobody to say it to.
    OutputClosed,
}

impl CliError {
    /// A failure of any kind.
    pub(crate) fn failed(error: impl Into<anyhow::Error>) -> Self {
        Self::Failed(error.into())
    }

    /// Prints the error and gives its exit code.
    pub(crate) fn report(self) -> ExitCode {
        if !matches!(self, Self::OutputClosed) {
            // If nobody hears an error there is nobody to tell about it.
            writeln!(std::io::stderr(), "mandate: {self}").ok();
        }
        ExitCode::from(match self {
            Self::OutputClosed => 0,
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::NotFound(_) => 3,
            Self::Refused(_) => 4,
            Self::Unavailable(_) => 5,
        })
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "{error:#}"),
            Self::Usage(text) | Self::NotFound(text) | Self::Refused(text) | Self::Unavailable(text) => {
                f.write_str(text)
            }
            Self::OutputClosed => Ok(()),
        }
    }
}

impl From<ConfigErrors> for CliError {
    fn from(errors: ConfigErrors) -> Self {
        Self::Usage(format!("the configuration has problems:\n{errors}"))
    }
}

impl From<StorageError> for CliError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Schema(text) => Self::Refused(text),
            StorageError::Unavailable(_) | StorageError::Stuck(_) => Self::Unavailable(error.to_string()),
            StorageError::Data(_) | StorageError::Unreadable(_) => Self::failed(error),
        }
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Storage(error) => error.into(),
            StartError::MasterKey { .. } => Self::Usage(format!("seal.keys: {error}")),
        }
    }
}

impl From<ReadError> for CliError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Storage(error) => error.into(),
            error @ (ReadError::Seal(_) | ReadError::Decode(_) | ReadError::State { .. }) => {
                Self::failed(error)
            }
        }
    }
}

impl From<FeedError> for CliError {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::Read(error) => error.into(),
            FeedError::Reset(reset) => Self::Refused(reset.to_string()),
        }
    }
}

impl From<JournalError> for CliError {
    fn from(error: JournalError) -> Self {
        match error.disposition() {
            Disposition::Retry => Self::Unavailable(error.to_string()),
            Disposition::Stop => Self::failed(error),
        }
    }
}

impl From<ServeError> for CliError {
    fn from(error: ServeError) -> Self {
        Self::failed(error)
    }
}

impl From<stop::Failure> for CliError {
    fn from(failure: stop::Failure) -> Self {
        Self::failed(failure)
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe { Self::OutputClosed } else { Self::failed(error) }
    }
}
