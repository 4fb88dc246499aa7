//! The broker's inbox: deliveries become pushes of the ingest.

use std::{
    collections::HashSet,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

use mandate_broker::{CallbackSink, Delivery, Inbox};
use mandate_runtime::failpoint;
use mandate_schema::{CallbackId, CommandId, Push};
use mandate_storage::Storage;

use crate::{
    Core,
    ingest::{Ingest, IngestError},
};

/// From so many redeliveries on, whatever is in a delivery may be what kills the worker that handles it.
const OFTEN: u32 = 3;

/// Processes that may end while they handle such a delivery alone, beside the first.
const ENDED_MAX: u32 = 3;

/// More than any callback has: `ingress.body_max` is at most 1 MiB.
const BODY_MAX: usize = 3 << 20;

/// Reason of the dead letter of a delivery that came often.
const REDELIVERED: &str = "redelivered";

/// The worker's ingest behind the broker.
pub struct FromInbox<S> {
    core: Arc<Core<S>>,
    ingest: Ingest<S>,
    /// Those that this process handles alone and has not finished: their dead letters are its own.
    alone: Mutex<HashSet<CommandId>>,
}

impl<S: Storage> FromInbox<S> {
    /// The inbox of a worker.
    pub fn new(core: Arc<Core<S>>) -> Self {
        Self { ingest: Ingest::new(core.clone()), core, alone: Mutex::default() }
    }

    /// A delivery that came often is handled alone, after its dead letter is written. If it ends this process too, another one
    /// tries again, a few times, for it may have been chance; then the letter is its outcome and it is not tried again unasked.
    /// Success removes the letter. A letter under a false id stays, and the genuine callback of that id revives it.
    async fn handle_alone(&self, push: Push, deliveries: u32) -> Result<(), IngestError> {
        let id = CommandId::from(push.id);
        let begun_here = !self.alone().insert(id);
        let left = self.core.storage.dead_letter(id).await?.filter(|row| row.letter.reason == REDELIVERED);
        let detail = format!("it was delivered {deliveries} times before without an outcome");
        match left {
            Some(row) if !begun_here && row.retries >= ENDED_MAX => {
                tracing::error!(%id, "callback {id} ended each worker that handled it and stays a dead letter");
            }
            left => {
                match left {
                    Some(_) if !begun_here => self.core.storage.count_retry(id, REDELIVERED, &detail).await?,
                    _ => self.ingest.bury(push.clone(), REDELIVERED, detail).await?,
                }
                self.ingest.retry(push).await?;
            }
        }
        self.alone().remove(&id);
        Ok(())
    }

    fn alone(&self) -> std::sync::MutexGuard<'_, HashSet<CommandId>> {
        self.alone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Storage> Inbox for FromInbox<S> {
    async fn handle(&self, batch: &[Delivery]) -> Result<(), Box<dyn Error + Send + Sync>> {
        let readable = batch.iter().filter_map(|delivery| Some((push(delivery)?, delivery.redelivered)));
        let (often, others): (Vec<_>, Vec<_>) = readable.partition(|(_, redelivered)| *redelivered >= OFTEN);
        self.ingest.accept(others.into_iter().map(|(push, _)| push).collect()).await?;
        for (push, redelivered) in often {
            self.handle_alone(push, redelivered).await?;
        }
        failpoint::reached("inbox.before_ack");
        Ok(())
    }
}

/// The push in a delivery. What is none did not come from ingress: it is told and forgotten. If it took the place of a genuine
/// callback, that one has no outcome, and ingress hands it over again.
fn push(delivery: &Delivery) -> Option<Push> {
    let id = delivery.id.unwrap_or_else(|| CallbackId(uuid::Uuid::new_v4()));
    if delivery.body.len() > BODY_MAX {
        tracing::error!(%id, bytes = delivery.body.len(), "a delivery in the inbox is larger than any callback and is dropped");
        return None;
    }
    match serde_json::from_slice::<Push>(&delivery.body) {
        Ok(push) => Some(Push { id, ..push }),
        Err(error) => {
            let bytes = delivery.body.len();
            tracing::error!(%id, bytes, line = error.line(), column = error.column(),
                "a delivery in the inbox is no callback and is dropped: who else may write there?");
            None
        }
    }
}
