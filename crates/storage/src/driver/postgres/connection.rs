//! One connection in use: every statement has a time limit, and a connection on which one fired is not given back.

use std::{future::Future, time::Duration};

use deadpool_postgres::{Client, Object, Pool};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;

use crate::{
    StorageError,
    driver::{Row, Statement, Value, missing},
};

/// How long one statement may take, the way included. The server gives up earlier by itself, unless it is gone or stopped.
const STATEMENT: Duration = Duration::from_secs(8);

type Result<T> = std::result::Result<T, StorageError>;
type Parameter<'a> = &'a (dyn ToSql + Sync);

/// A connection of the pool.
pub(crate) struct Connection {
    /// `None` only while being dropped.
    client: Option<Client>,
    limit: Duration,
    /// Whether it may go back: no statement was given up, no transaction is open.
    is_clean: std::sync::atomic::AtomicBool,
}

impl Connection {
    /// Takes one from the pool.
    pub(crate) async fn take(pool: &Pool) -> Result<Self> {
        Ok(Self { client: Some(pool.get().await?), limit: STATEMENT, is_clean: true.into() })
    }

    /// Allows statements that take longer, as a rebuild's.
    pub(crate) fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// All rows of a statement, which is prepared once a connection, each read by `read`.
    pub(crate) async fn all<T>(
        &self,
        sql: &str,
        values: &[Value],
        read: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let rows = self.rows(sql, &parameters(values)).await?;
        rows.iter().map(|row| read(&Row::of_postgres(row))).collect()
    }

    /// The first row.
    pub(crate) async fn first<T>(
        &self,
        sql: &str,
        values: &[Value],
        read: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let rows = self.rows(sql, &parameters(values)).await?;
        rows.first().map(|row| read(&Row::of_postgres(row))).transpose()
    }

    /// The one row that there always is.
    pub(crate) async fn one<T>(
        &self,
        sql: &str,
        values: &[Value],
        read: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.first(sql, values, read).await?.ok_or_else(missing)
    }

    /// All rows of a statement.
    pub(crate) async fn rows(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<tokio_postgres::Row>> {
        let client = self.client();
        self.limited(async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, parameters).await
        })
        .await
    }

    /// Runs a statement; how many rows it changed.
    pub(crate) async fn change(&self, sql: &str, values: &[Value]) -> Result<usize> {
        let (client, parameters) = (self.client(), parameters(values));
        let changed = self
            .limited(async {
                let statement = client.prepare_cached(sql).await?;
                client.execute(&statement, &parameters).await
            })
            .await?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    /// Runs statements one after the other; how many rows each changed.
    pub(crate) async fn changes(&self, statements: &[Statement]) -> Result<Vec<usize>> {
        let mut changed = Vec::with_capacity(statements.len());
        for Statement { sql, values } in statements {
            changed.push(self.change(sql.postgres, values).await?);
        }
        Ok(changed)
    }

    /// Runs statements without parameters.
    pub(crate) async fn batch(&self, sql: &str) -> Result<()> {
        self.limited(self.client().batch_execute(sql)).await
    }

    /// Runs `work` between `begin` and `commit`. If it fails, the connection is closed, and the server rolls back.
    pub(crate) async fn transaction<T, E: From<StorageError>>(
        &self,
        begin: &str,
        work: impl Future<Output = std::result::Result<T, E>>,
    ) -> std::result::Result<T, E> {
        use std::sync::atomic::Ordering::Relaxed;
        self.is_clean.store(false, Relaxed);
        self.batch(begin).await?;
        let result = work.await?;
        self.batch("commit").await?;
        self.is_clean.store(true, Relaxed);
        Ok(result)
    }

    async fn limited<T>(
        &self,
        work: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        match timeout(self.limit, work).await {
            Ok(result) => Ok(result?),
            Err(_elapsed) => {
                self.is_clean.store(false, std::sync::atomic::Ordering::Relaxed);
                Err(StorageError::Unavailable(
                    format!("the server did not answer within {:?}", self.limit).into(),
                ))
            }
        }
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("it is there until the drop")
    }
}

fn parameters(values: &[Value]) -> Vec<Parameter<'_>> {
    values.iter().map(|value| value as Parameter<'_>).collect()
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && !*self.is_clean.get_mut()
        {
            drop(Object::take(client)); // closed, not given back
        }
    }
}
