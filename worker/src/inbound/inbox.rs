//! The broker's inbox: deliveries become pushes of the ingest.

use std::error::Error;

use mandate_broker::{CallbackSink, Delivery, Inbox};
use mandate_runtime::failpoint;
use mandate_schema::{CallbackId, Push};
use tokio::{sync::RwLock, task::unconstrained};

use super::ingest::Ingest;

/// From so many redeliveries on, whatever is in a delivery may be what kills the worker that handles it.
const OFTEN: u32 = 3;

/// More than any callback has: `ingress.body_max` is at most 1 MiB.
const BODY_MAX: usize = 3 << 20;

/// The worker's ingest behind the broker.
pub struct FromInbox {
    ingest: Ingest,
    /// Batches are handled beside each other, and one callback alone.
    beside: RwLock<()>,
}

impl FromInbox {
    /// The inbox before an ingest.
    pub fn new(ingest: Ingest) -> Self {
        Self { ingest, beside: RwLock::default() }
    }
}

impl Inbox for FromInbox {
    async fn handle(&self, batch: &[Delivery]) -> Result<(), Box<dyn Error + Send + Sync>> {
        let readable = batch.iter().filter_map(|delivery| Some((push(delivery)?, delivery.redelivered)));
        let (often, others): (Vec<_>, Vec<_>) = readable.partition(|(_, redelivered)| *redelivered >= OFTEN);
        {
            let _beside = unconstrained(self.beside.read()).await; // in the order of the batches
            self.ingest.accept(others.into_iter().map(|(push, _)| push).collect()).await?;
        }
        for (push, redelivered) in often {
            let _alone = self.beside.write().await;
            let detail = format!("it was delivered {redelivered} times before without an outcome");
            self.ingest.take_alone(push, detail).await?;
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
