//! The one writing connection, on a thread of its own.

use std::{panic::AssertUnwindSafe, sync::mpsc, thread};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::StorageError;

type Work = Box<dyn FnOnce(&mut Connection) + Send>;

/// Handle of the writer thread. The thread ends when the last handle is dropped.
#[derive(Clone)]
pub(super) struct Writer {
    work: mpsc::Sender<Work>,
}

impl Writer {
    pub(super) fn start(mut connection: Connection) -> Result<Self, StorageError> {
        let (work, queue) = mpsc::channel::<Work>();
        thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || {
                for work in queue {
                    // A panic rolls its transaction back and leaves its caller without an answer; the others go on.
                    let run = AssertUnwindSafe(|| work(&mut connection));
                    if std::panic::catch_unwind(run).is_err() {
                        tracing::error!("a write to the database panicked");
                    }
                }
            })
            .map_err(|error| StorageError::Unavailable(error.into()))?;
        Ok(Self { work })
    }

    /// Runs `work` in a transaction that takes the write lock at once, and commits it.
    pub(super) async fn transaction<T, F>(&self, work: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StorageError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let stopped = || StorageError::Unavailable("the writer thread has stopped".into());
        let run = move |connection: &mut Connection| {
            answer.send(commit(connection, work)).ok(); // a caller that went away needs no answer
        };
        self.work.send(Box::new(run)).map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

fn commit<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let result = work(&transaction)?;
    transaction.commit()?;
    Ok(result)
}
