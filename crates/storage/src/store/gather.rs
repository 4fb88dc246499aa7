//! What a batch of decisions is made on, read at once: one statement for each kind of fact.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use mandate_schema::{CodeDigest, Position, StoredEvent, StreamName, WrappedKey};

use super::{Result, Store, consent, log, states, tasks};
use crate::{
    ConsentVisit, Loaded, StateRow, StorageError, TaskDone,
    convert::signed,
    driver::{Driver, Postgres, Row, Sql, Sqlite, Value, dialect, postgres, sqlite, values},
};

/// Events of one stream that are read at most.
const EVENTS_MAX: usize = 500;

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
    pub fn stream(&self, stream: &StreamName) -> Result<&Loaded> {
        let loaded = self.streams.get(stream);
        loaded.ok_or_else(|| StorageError::unreadable("a stream that was asked for is missing"))
    }
}

impl Store {
    /// Reads all that a batch of decisions is made on. Each stream is of one moment with its keys; what lies beside it may be of a
    /// later one, which the append finds out if it matters.
    ///
    /// # Errors
    ///
    /// - [`StorageError::Unavailable`].
    /// - [`StorageError::Unreadable`]: one of the rows; ask for the streams one by one.
    pub async fn gather(&self, wanted: Wanted) -> Result<Gathered> {
        let asked = wanted.since.clone();
        let rows = match &self.driver {
            Driver::Sqlite(database) => Rows::from_sqlite(database, wanted).await?,
            Driver::Postgres(database) => Box::pin(Rows::from_postgres(database, wanted)).await?,
        };
        let mut since: HashMap<_, Vec<_>> = asked.into_iter().map(|asked| (asked, Vec::new())).collect();
        for (after, event) in rows.since {
            since.entry((event.stream.clone(), after)).or_default().push(event);
        }
        let by_pre_auth_code = rows.by_pre_auth_code.into_iter().map(|visit| (visit.pre_auth, visit));
        let by_code = rows.by_code.into_iter().filter_map(|visit| Some((visit.code?, visit)));
        Ok(Gathered {
            streams: rows.streams.into_iter().collect(),
            since,
            tasks: rows.tasks.into_iter().collect(),
            by_pre_auth_code: by_pre_auth_code.collect(),
            by_code: by_code.collect(),
        })
    }

    /// One stream.
    ///
    /// # Errors
    ///
    /// As [`Store::gather`].
    pub async fn load(&self, stream: &StreamName) -> Result<Loaded> {
        let wanted = Wanted { streams: vec![stream.clone()], ..Wanted::default() };
        self.gather(wanted).await?.stream(stream).cloned()
    }

    /// The state row of one stream.
    ///
    /// # Errors
    ///
    /// As [`Store::gather`].
    pub async fn state(&self, stream: &StreamName) -> Result<Option<StateRow>> {
        Ok(self.load(stream).await?.state)
    }

    /// The task with this key.
    ///
    /// # Errors
    ///
    /// As [`Store::gather`].
    pub async fn task_by_key(&self, key: &str) -> Result<Option<TaskDone>> {
        let wanted = Wanted { tasks: vec![key.to_owned()], ..Wanted::default() };
        Ok(self.gather(wanted).await?.tasks.remove(key))
    }
}

/// One of the statements, and how its rows are read. `None`: nothing is asked for.
struct Question<T> {
    sql: Sql,
    values: Option<Vec<Value>>,
    read: fn(&Row<'_>) -> Result<T>,
}

impl<T> Question<T> {
    fn list(sql: Sql, list: Vec<String>, read: fn(&Row<'_>) -> Result<T>) -> Self {
        Self { sql, values: (!list.is_empty()).then(|| values![list]), read }
    }

    async fn ask(&self, connection: &postgres::Connection) -> Result<Vec<T>> {
        match &self.values {
            Some(values) => connection.all(self.sql.postgres, values, self.read).await,
            None => Ok(Vec::new()),
        }
    }

    fn look_up(&self, connection: &rusqlite::Connection) -> Result<Vec<T>> {
        match &self.values {
            Some(values) => sqlite::all(connection, self.sql, values, self.read),
            None => Ok(Vec::new()),
        }
    }
}

/// What all of them ask.
struct Questions {
    streams: Question<(StreamName, Loaded)>,
    since: Question<(Position, StoredEvent)>,
    tasks: Question<(String, TaskDone)>,
    by_pre_auth_code: Question<ConsentVisit>,
    by_code: Question<ConsentVisit>,
}

impl Questions {
    fn of(wanted: Wanted) -> Self {
        let streams = wanted.streams.iter().map(ToString::to_string).collect();
        let codes = |codes: &[CodeDigest]| codes.iter().map(ToString::to_string).collect();
        let (names, after): (Vec<String>, Vec<i64>) =
            wanted.since.iter().map(|(stream, after)| (stream.to_string(), signed(after.0))).unzip();
        Self {
            streams: Question::list(dialect!("state_load"), streams, loaded),
            since: Question {
                sql: dialect!("event_read_since"),
                values: (!names.is_empty()).then(|| values![names, after, EVENTS_MAX]),
                read: |row| Ok((row.get("after")?, log::event(row)?)),
            },
            tasks: Question::list(dialect!("task_by_key"), wanted.tasks, tasks::done),
            by_pre_auth_code: Question::list(
                dialect!("consent_visit_by_pre_auth"),
                codes(&wanted.pre_auth_codes),
                consent::visit,
            ),
            by_code: Question::list(dialect!("consent_visit_by_code"), codes(&wanted.codes), consent::visit),
        }
    }
}

/// The answers.
struct Rows {
    streams: Vec<(StreamName, Loaded)>,
    since: Vec<(Position, StoredEvent)>,
    tasks: Vec<(String, TaskDone)>,
    by_pre_auth_code: Vec<ConsentVisit>,
    by_code: Vec<ConsentVisit>,
}

impl Rows {
    /// In one read transaction.
    async fn from_sqlite(database: &Sqlite, wanted: Wanted) -> Result<Self> {
        let questions = Questions::of(wanted);
        let read = move |connection: &rusqlite::Connection| {
            let tx = connection.unchecked_transaction()?;
            Ok(Self {
                streams: questions.streams.look_up(&tx)?,
                since: questions.since.look_up(&tx)?,
                tasks: questions.tasks.look_up(&tx)?,
                by_pre_auth_code: questions.by_pre_auth_code.look_up(&tx)?,
                by_code: questions.by_code.look_up(&tx)?,
            })
        };
        database.read(read).await
    }

    /// Sent at once.
    async fn from_postgres(database: &Postgres, wanted: Wanted) -> Result<Self> {
        let questions = Questions::of(wanted);
        let connection = &database.connection().await?;
        let (streams, since, tasks, by_pre_auth_code, by_code) = tokio::try_join!(
            questions.streams.ask(connection),
            questions.since.ask(connection),
            questions.tasks.ask(connection),
            questions.by_pre_auth_code.ask(connection),
            questions.by_code.ask(connection),
        )?;
        Ok(Self { streams, since, tasks, by_pre_auth_code, by_code })
    }
}

fn loaded(row: &Row<'_>) -> Result<(StreamName, Loaded)> {
    let stream: StreamName = row.parse("wanted")?;
    let state = row.get::<Option<&str>>("stream")?.map(|_| states::state(row)).transpose()?;
    let (last_key, last_key_destroyed) = (row.get("last_key")?, row.get("last_key_destroyed")?);
    let number = row.get::<Option<u32>>("key_number")?;
    let wrapped = row.get::<Option<String>>("master")?.zip(row.get::<Option<Vec<u8>>>("wrapped")?);
    let key = number.zip(wrapped).map(|(number, (master, bytes))| WrappedKey {
        stream: stream.clone(),
        number,
        master,
        bytes,
    });
    Ok((stream, Loaded { state, last_key, last_key_destroyed, key }))
}
