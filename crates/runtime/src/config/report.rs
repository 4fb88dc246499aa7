//! Where values came from, and what is wrong with them.

use std::{cell::RefCell, fmt, path::PathBuf};

use serde::{Serialize, Serializer};

/// Where a value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    #[default]
    Default,
    /// A line of the configuration file, counted from 1; 0 is the file as a whole.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// A variable of the environment.
    Environment {
        /// Its name.
        name: String,
    },
    /// A file that holds this one secret.
    SecretFile {
        /// The file as it was named.
        path: PathBuf,
    },
}

impl Origin {
    /// Whether it is a variable of the environment.
    pub(super) fn is_environment(&self) -> bool {
        matches!(self, Self::Environment { .. })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: 0 } => write!(f, "file {}", path.display()),
            Self::File { path, line } => write!(f, "file {}:{line}", path.display()),
            Self::Environment { name } => write!(f, "environment {name}"),
            Self::SecretFile { path } => write!(f, "secret file {}", path.display()),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One value as it is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resolved {
    /// The key, for example `component.0.token`.
    pub key: String,
    /// The value as text; a secret is masked.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// One thing that is wrong. It never holds the value itself: that could be a secret in the wrong place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, empty if the file as a whole is meant.
    pub key: String,
    /// Where the value came from; [`Origin::Default`] if it is missing everywhere.
    pub source: Origin,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        match &self.source {
            Origin::Default => write!(f, "{} (not set)", self.message),
            source => write!(f, "{} ({source})", self.message),
        }
    }
}

/// Everything that is wrong with a configuration, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Problem>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for problem in &self.0 {
            write!(f, "{separator}{problem}")?;
            separator = "\n";
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Collects while the configuration is read.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: RefCell<Vec<Problem>>,
    resolved: RefCell<Vec<Resolved>>,
    warnings: RefCell<Vec<String>>,
}

impl Report {
    pub(super) fn problem(&self, key: impl Into<String>, source: &Origin, message: impl Into<String>) {
        let problem = Problem { key: key.into(), source: source.clone(), message: message.into() };
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn resolved(&self, key: String, value: String, origin: Origin) {
        self.resolved.borrow_mut().push(Resolved { key, value, origin });
    }

    pub(super) fn warning(&self, text: impl Into<String>) {
        self.warnings.borrow_mut().push(text.into());
    }

    /// Where a value that was read already came from.
    pub(super) fn origin_of(&self, key: &str) -> Origin {
        let resolved = self.resolved.borrow();
        resolved.iter().find(|value| value.key == key).map(|value| value.origin.clone()).unwrap_or_default()
    }

    /// The resolved values and the warnings, if nothing was wrong.
    pub(super) fn finish(self) -> Result<(Vec<Resolved>, Vec<String>), ConfigErrors> {
        let problems = self.problems.into_inner();
        if problems.is_empty() {
            Ok((self.resolved.into_inner(), self.warnings.into_inner()))
        } else {
            Err(ConfigErrors(problems))
        }
    }
}
