//! What a batch of decisions is made on, read at once.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    hash::Hash,
};

use mandate_schema::{CodeDigest, Position, StoredEvent, StreamName};

use crate::{ConsentVisit, Loaded, StateRow, StorageError, TaskDone};

/// Events of one stream that are read at most.
pub(crate) const EVENTS_MAX: usize = 500;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Streams.
    pub streams: Vec<StreamName>,
    /// The events of streams above a position.
    pub since: Vec<(StreamName, Position)>,
    /// Tasks, by key.
    pub tasks: Vec<String>,
    /// Visits whose page was opened with these pre-auth codes.
    pub pre_auth_codes: Vec<CodeDigest>,
    /// Visits that brought these codes.
    pub codes: Vec<CodeDigest>,
}

impl Wanted {
    /// What all of them ask for, each once.
    pub fn together(all: impl IntoIterator<Item = Self>) -> Self {
        let mut together = Self::default();
        for wanted in all {
            together.streams.extend(wanted.streams);
            together.since.extend(wanted.since);
            together.tasks.extend(wanted.tasks);
            together.pre_auth_codes.extend(wanted.pre_auth_codes);
            together.codes.extend(wanted.codes);
        }
        each_once(&mut together.streams);
        each_once(&mut together.since);
        each_once(&mut together.tasks);
        each_once(&mut together.pre_auth_codes);
        each_once(&mut together.codes);
        together
    }
}

fn each_once<T: Clone + Eq + Hash>(wanted: &mut Vec<T>) {
    let mut seen = HashSet::new();
    wanted.retain(|one| seen.insert(one.clone()));
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// Every stream that was asked for; a stream without events, too.
    pub streams: HashMap<StreamName, Loaded>,
    /// Events above the position that was asked for, oldest first, at most 500 of a stream.
    pub since: HashMap<(StreamName, Position), Vec<StoredEvent>>,
    /// The tasks that there are.
    pub tasks: HashMap<String, TaskDone>,
    /// The visits that there are, by pre-auth code.
    pub by_pre_auth_code: HashMap<CodeDigest, ConsentVisit>,
    /// The visits that there are, by the code that they brought; of several the oldest.
    pub by_code: HashMap<CodeDigest, ConsentVisit>,
}

impl Gathered {
    /// A stream that was asked for.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unreadable`]: it was not asked for, or not answered.
    pub fn stream(&self, stream: &StreamName) -> Result<&Loaded, StorageError> {
        let loaded = self.streams.get(stream);
        loaded.ok_or_else(|| StorageError::unreadable("a stream that was asked for is missing"))
    }
}

/// Reading for decisions.
pub trait Gather: Send + Sync + 'static {
    /// Reads all that a batch of decisions is made on. Each stream is of one moment with its keys; what lies beside it may be of a
    /// later one, which the append finds out if it matters.
    ///
    /// # Errors
    ///
    /// - [`StorageError::Unavailable`].
    /// - [`StorageError::Unreadable`]: one of the rows; ask for the streams one by one.
    fn gather(&self, wanted: Wanted) -> impl Future<Output = Result<Gathered, StorageError>> + Send;

    /// One stream.
    ///
    /// # Errors
    ///
    /// As [`Gather::gather`].
    fn load(&self, stream: &StreamName) -> impl Future<Output = Result<Loaded, StorageError>> + Send {
        async move {
            let wanted = Wanted { streams: vec![stream.clone()], ..Wanted::default() };
            self.gather(wanted).await?.stream(stream).cloned()
        }
    }

    /// The state row of one stream.
    ///
    /// # Errors
    ///
    /// As [`Gather::gather`].
    fn state(
        &self,
        stream: &StreamName,
    ) -> impl Future<Output = Result<Option<StateRow>, StorageError>> + Send {
        async { Ok(self.load(stream).await?.state) }
    }

    /// The task with this key.
    ///
    /// # Errors
    ///
    /// As [`Gather::gather`].
    fn task_by_key(&self, key: &str) -> impl Future<Output = Result<Option<TaskDone>, StorageError>> + Send {
        async move {
            let wanted = Wanted { tasks: vec![key.to_owned()], ..Wanted::default() };
            Ok(self.gather(wanted).await?.tasks.remove(key))
        }
    }
}
