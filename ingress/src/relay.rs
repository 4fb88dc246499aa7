//! Hands callbacks over from the journal to the next durable place, in order.

use std::{
    future::ready,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use mandate_broker::{CallbackSink, SinkUnavailable};
use mandate_runtime::{
    failpoint,
    metrics::Metrics,
    outage::{Outage, pause},
    stop::Stop,
};
use mandate_schema::PushKind;
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use crate::journal::{Disposition, Journal, JournalError, Seq, Waiting};

/// Callbacks of one hand-over.
const BATCH: usize = 256;

/// Hand-overs of a kind at once: while one is decided, the next one is opened, and the one before is noted.
const AT_ONCE: usize = 3;

/// Batches of one step, begun within [`STEP_BEGINS`].
const STEP: usize = 16;

/// How long a step begins hand-overs: then it is time to look at what is handed over alone, and whether to stop.
const STEP_BEGINS: Duration = Duration::from_secs(1);

/// How often the journal is looked at without being told: callbacks that an operator resends arrive unannounced.
const POLL: Duration = Duration::from_secs(1);

/// How long the next place may take for one batch. Giving up is safe: a repetition is harmless there.
const PATIENCE: Duration = Duration::from_mins(1);

/// Moves callbacks from the journal to a sink.
#[derive(Debug)]
pub struct Relay<S> {
    journal: Journal,
    sink: S,
    metrics: Metrics,
}

/// What one step found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing waits.
    Idle,
    /// So many callbacks were handed over; more may wait.
    HandedOver(usize),
}

/// How far a step has read.
#[derive(Clone, Copy, Debug)]
enum ReadTo {
    Behind(Option<Seq>),
    /// All that waited. What has come since is for the next step.
    End,
}

/// A step that did not hand over its batch, or could not note that it did. Either way the batch comes again.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The next place does not take callbacks now.
    #[error(transparent)]
    Sink(#[from] SinkUnavailable),
    /// The next place did not answer in time.
    #[error("the next place did not take a batch within {PATIENCE:?}")]
    Timeout,
    /// The journal could not be read or marked.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl RelayError {
    /// Whether the relay waits and tries again, or the process must stop.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Sink(_) | Self::Timeout => Disposition::Retry,
            Self::Journal(error) => error.disposition(),
        }
    }
}

impl<S: CallbackSink> Relay<S> {
    /// A relay from `journal` to `sink`. A journal has one relay.
    pub fn new(journal: Journal, sink: S, metrics: Metrics) -> Self {
        Self { journal, sink, metrics }
    }

    /// Hands over the oldest callbacks of a kind that wait, in batches of at most 256, then one of those that are handed over
    /// alone, and notes it in the journal. Some of the batches are under way at once, in their order; once one of them fails, those
    /// behind it are given up.
    ///
    /// # Errors
    ///
    /// [`RelayError`]; nothing is lost, and with [`Disposition::Retry`] the next step tries the same callbacks.
    pub async fn step(&self, kind: PushKind) -> Result<Step, RelayError> {
        let count = self.hand_over_batches(kind).await? + self.hand_over_alone(kind).await?;
        if count == 0 {
            return Ok(Step::Idle);
        }
        Ok(Step::HandedOver(count))
    }

    async fn hand_over_batches(&self, kind: PushKind) -> Result<usize, RelayError> {
        let (begun_at, read_to) = (Instant::now(), Mutex::new(ReadTo::Behind(None)));
        let next = |_| self.hand_over_next(kind, &read_to);
        let batches = stream::iter(0..STEP).take_while(|_| ready(begun_at.elapsed() < STEP_BEGINS));
        let handed_over = batches.map(next).buffered(AT_ONCE);
        let count = handed_over.try_fold(0, |sum, more| ready(Ok(sum + more))).await;
        if count.is_err() {
            self.journal.end_hand_overs(kind); // those behind the one that failed were given up
        }
        count
    }

    /// Hands over the batch behind the one that was read last, unless all was read.
    async fn hand_over_next(&self, kind: PushKind, read_to: &Mutex<ReadTo>) -> Result<usize, RelayError> {
        let batch = {
            let mut read_to = read_to.lock().await;
            let ReadTo::Behind(after) = *read_to else { return Ok(0) };
            let batch = self.journal.waiting(kind, after, BATCH).await?;
            *read_to = batch.last().map_or(ReadTo::End, |last| ReadTo::Behind(Some(last.seq)));
            batch
        };
        if batch.is_empty() {
            return Ok(0);
        }
        let (seqs, pushes) = batch.into_iter().map(|waiting| (waiting.seq, waiting.push)).unzip();
        self.taken(kind, seqs, self.sink.accept(pushes)).await
    }

    /// So that the others go on, whatever becomes of it.
    async fn hand_over_alone(&self, kind: PushKind) -> Result<usize, RelayError> {
        let Some(Waiting { seq, push, deaths }) = self.journal.suspect(kind).await? else { return Ok(0) };
        warn!(
            callback.id = %push.id, deaths,
            "callback {} is handed over alone: {deaths} processes ended while they handed it over", push.id
        );
        self.taken(kind, vec![seq], self.sink.accept_alone(push, deaths)).await
    }

    /// Waits until the next place has callbacks, and notes it.
    async fn taken(
        &self,
        kind: PushKind,
        seqs: Vec<Seq>,
        accepted: impl Future<Output = Result<(), SinkUnavailable>>,
    ) -> Result<usize, RelayError> {
        let count = seqs.len();
        self.journal.begin_hand_over(kind, &seqs);
        failpoint::reached("relay.before_accept");
        let outcome = timeout(PATIENCE, accepted).await;
        self.journal.end_hand_over(kind, &seqs);
        outcome.map_err(|_elapsed| RelayError::Timeout)??;
        failpoint::reached("relay.before_settle");
        if S::settles(kind) {
            self.journal.settle(seqs).await?;
        } else {
            self.journal.handed_over(seqs).await?;
        }
        self.metrics.relay_handed_over_total(count as u64);
        Ok(count)
    }

    /// Steps until the stop is requested; a batch that is under way is finished first.
    ///
    /// # Errors
    ///
    /// [`RelayError`] of disposition [`Disposition::Stop`] only; all others are waited for, with jitter.
    pub async fn run(self, stop: Stop) -> Result<(), RelayError> {
        // Beside each other, so that messages which find no place never hold up an authorization, and the backlog is seen to
        // grow while the next place hangs.
        let (events, messages) =
            (self.hand_over(PushKind::Event, &stop), self.hand_over(PushKind::Message, &stop));
        tokio::try_join!(events, messages, self.show_backlog(&stop), self.count_no_deaths_after(&stop))
            .map(|((), (), (), ())| ())
    }

    /// A batch under way may outlast the patience of whoever stops the process.
    async fn count_no_deaths_after(&self, stop: &Stop) -> Result<(), RelayError> {
        stop.requested().await;
        self.journal.count_no_deaths();
        Ok(())
    }

    async fn hand_over(&self, kind: PushKind, stop: &Stop) -> Result<(), RelayError> {
        let mut outage = Outage::none(match kind {
            PushKind::Event => "callbacks wait in the journal",
            PushKind::Message => "messages wait in the journal",
        });
        while !stop.is_requested() {
            match self.step(kind).await {
                Ok(Step::HandedOver(count)) => {
                    outage.over();
                    debug!(kind = kind.as_str(), count, "handed {count} callbacks over");
                }
                Ok(Step::Idle) => {
                    outage.over();
                    tokio::select! {
                        () = stop.requested() => {}
                        () = self.journal.stored(kind) => {}
                        () = sleep(POLL) => {}
                    }
                }
                Err(error) if error.disposition() == Disposition::Stop => return Err(error),
                Err(error) => outage.wait(&error, stop).await,
            }
        }
        Ok(())
    }

    /// Keeps the metrics of what waits. A journal that cannot be read just now is no reason to stop.
    async fn show_backlog(&self, stop: &Stop) -> Result<(), RelayError> {
        while !stop.is_requested() {
            match self.show_journal().await {
                Ok(()) => {}
                Err(error) if error.disposition() == Disposition::Retry => {}
                Err(error) => return Err(error.into()),
            }
            pause(POLL, stop).await;
        }
        Ok(())
    }

    async fn show_journal(&self) -> Result<(), JournalError> {
        let backlog = self.journal.backlog().await?;
        self.metrics.journal_unsettled(backlog.unsettled());
        self.metrics.journal_oldest_seconds(backlog.oldest);
        self.metrics.journal_message_ids_reach_seconds(self.journal.message_ids_reach().await?);
        Ok(())
    }
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
