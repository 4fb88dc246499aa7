//! Reads for decisions: what several callers need at the same time is read at once.

use std::sync::Arc;

use mandate_storage::{Gathered, StorageError, Store, Wanted};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Callers that may wait at once; more wait to be let in.
const QUEUE: usize = 1_024;
/// Streams of one read at most.
const STREAMS_MAX: usize = 256;
/// Reads under way at once: while one is answered, the next one is collected.
const AT_ONCE: usize = 2;

type Answer = Result<Arc<Gathered>, StorageError>;

struct Request {
    wanted: Wanted,
    answer: oneshot::Sender<Answer>,
}

/// Reads for callers. It ends when it is dropped and its queue is empty.
pub(super) struct Gatherer {
    requests: mpsc::Sender<Request>,
}

impl Gatherer {
    /// Starts reading from this storage.
    pub(super) fn start(storage: Store) -> Self {
        let (requests, incoming) = mpsc::channel(QUEUE);
        tokio::spawn(run(storage, incoming));
        Self { requests }
    }

    /// Reads what is wanted, and maybe more: what others want at the same time.
    ///
    /// # Errors
    ///
    /// As [`Gather::gather`]; [`StorageError::Unreadable`] is about what this caller wants.
    pub(super) async fn gather(&self, wanted: Wanted) -> Answer {
        let (answer, answered) = oneshot::channel();
        let stopped = || StorageError::Unavailable("the worker stops".into());
        self.requests.send(Request { wanted, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

async fn run(storage: Store, mut incoming: mpsc::Receiver<Request>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(first) = incoming.recv().await {
        let place = places.clone().acquire_owned().await.expect("it is never closed");
        let (mut streams, mut batch) = (first.wanted.streams.len(), vec![first]);
        while streams < STREAMS_MAX {
            let Ok(next) = incoming.try_recv() else { break };
            streams += next.wanted.streams.len();
            batch.push(next);
        }
        let storage = storage.clone();
        tokio::spawn(async move {
            answer(&storage, batch).await;
            drop(place);
        });
    }
}

async fn answer(storage: &Store, batch: Vec<Request>) {
    let together = storage
        .gather(Wanted::together(batch.iter().map(|request| request.wanted.clone())))
        .await
        .map(Arc::new);
    match together {
        Err(error) if !error.is_transient() && batch.len() > 1 => {
            // One of the rows cannot be read: who asked for it alone has the error.
            for Request { wanted, answer } in batch {
                answer.send(storage.gather(wanted).await.map(Arc::new)).ok(); // a caller that went away needs no answer
            }
        }
        together => {
            for Request { answer, .. } in batch {
                let copy = together.as_ref().map(Arc::clone).map_err(StorageError::copy);
                answer.send(copy).ok(); // as above
            }
        }
    }
}
