//! One connection in use: every statement has a time limit, and a connection on which one fired is not given back.

use std::{future::Future, time::Duration};

use deadpool_postgres::{Client, Object, Pool};
use tokio::time::timeout;
use tokio_postgres::{Row, types::ToSql};

use super::convert::rows as counted;
use crate::{
    StorageError,
    convert::{PRUNED_AT_ONCE, limit},
};

/// How long one statement may take, the way included. The server gives up earlier by itself, unless it is gone or stopped.
const STATEMENT: Duration = Duration::from_secs(8);

type Result<T> = std::result::Result<T, StorageError>;
type Parameter<'a> = &'a (dyn ToSql + Sync);

/// A connection of the pool.
pub(super) struct Connection {
    /// `None` only while being dropped.
    client: Option<Client>,
    limit: Duration,
    /// Whether it may go back: no statement was given up, no transaction is open.
    is_clean: std::sync::atomic::AtomicBool,
}

impl Connection {
    /// Takes one from the pool.
    pub(super) async fn take(pool: &Pool) -> Result<Self> {
        Ok(Self { client: Some(pool.get().await?), limit: STATEMENT, is_clean: true.into() })
    }

    /// Allows statements that take longer, as a rebuild's.
    pub(super) fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// All rows of a statement, which is prepared once a connection.
    pub(super) async fn all(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        let client = self.client();
        self.limited(async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, parameters).await
        })
        .await
    }

    /// The first row.
    pub(super) async fn first(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Option<Row>> {
        Ok(self.all(sql, parameters).await?.into_iter().next())
    }

    /// The one row that there always is.
    pub(super) async fn one(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Row> {
        let row = self.first(sql, parameters).await?;
        row.ok_or_else(|| StorageError::unreadable("a row that is always there is missing"))
    }

    /// Runs a statement; how many rows it changed.
    pub(super) async fn change(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<u64> {
        let client = self.client();
        self.limited(async {
            let statement = client.prepare_cached(sql).await?;
            client.execute(&statement, parameters).await
        })
        .await
    }

    /// Deletes as a statement says whose last parameter is how many rows at most, again and again until none is left; answers how many.
    pub(super) async fn prune(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<usize> {
        self.prune_up_to(usize::MAX, sql, parameters).await
    }

    /// As [`Connection::prune`], no more than `most`.
    pub(super) async fn prune_up_to(
        &self,
        most: usize,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<usize> {
        let mut pruned = 0;
        loop {
            let chunk = PRUNED_AT_ONCE.min(most - pruned);
            let rows = limit(chunk);
            let parameters: Vec<Parameter<'_>> =
                parameters.iter().copied().chain([&rows as Parameter<'_>]).collect();
            let count = counted(self.change(sql, &parameters).await?);
            pruned += count;
            if count < PRUNED_AT_ONCE {
                return Ok(pruned);
            }
        }
    }

    /// Runs statements without parameters.
    pub(super) async fn batch(&self, sql: &str) -> Result<()> {
        self.limited(self.client().batch_execute(sql)).await
    }

    /// Runs `work` between `begin` and `commit`. If it fails, the connection is closed, and the server rolls back.
    pub(super) async fn transaction<T, E: From<StorageError>>(
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

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && !*self.is_clean.get_mut()
        {
            drop(Object::take(client)); // closed, not given back
        }
    }
}
