//! Takes callbacks from the inbox and acknowledges what has an outcome.

use std::{convert::Infallible, error::Error, future::Future, pin::pin, time::Duration};

use futures_util::{FutureExt, StreamExt};
use lapin::{
    Acker, Channel, Consumer,
    options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    backoff,
    connection::Line,
    failure::{Failure, answer},
    inbox::{Delivery, Inbox},
    link::Link,
    settings::Settings,
    supervisor::{Work, supervise},
    topology::{INBOX_QUEUE, Topology},
};

/// Deliveries that `RabbitMQ` sends ahead. lapin keeps whatever comes, so this is the only limit.
const PREFETCH: u16 = 256;

/// Deliveries of one batch.
const BATCH: usize = 128;

/// How long a stop waits for the batch in hand.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// The name of the consumer on its channel.
const TAG: &str = "mandate";

/// A consumer of the worker's inbox: how its connection is, and its supervisor: spawn it. It ends after the stop, when the
/// batch in hand is dealt with (within about 15 s) and the connection is closed; whatever else it held goes back.
pub fn consume(
    settings: Settings,
    topology: Topology,
    inbox: impl Inbox,
    stop: CancellationToken,
) -> (watch::Receiver<Link>, impl Future<Output = ()> + Send) {
    let (link, watching) = watch::channel(Link::connecting());
    let work = Consuming { inbox, stop: stop.clone() };
    (watching, supervise(settings, topology, stop, link, work))
}

struct Consuming<I> {
    inbox: I,
    stop: CancellationToken,
}

/// What became of a batch.
enum Handled {
    /// All have an outcome.
    Done,
    /// The stop came first.
    GivenUp,
}

impl<I: Inbox> Work for Consuming<I> {
    type Channel = (Channel, Consumer);

    async fn begin(&mut self, line: &Line) -> Result<Self::Channel, Failure> {
        subscribe(line).await
    }

    async fn run(
        &mut self,
        line: &Line,
        _state: &watch::Sender<Link>,
        (channel, mut consumer): Self::Channel,
    ) -> Result<(), Failure> {
        loop {
            let first = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                failure = line.lost() => return Err(failure),
                next = consumer.next() => next,
            };
            let batch = Batch::collect(first.ok_or_else(ended)??, &mut consumer);
            match self.handle(line, &channel, &batch.deliveries).await? {
                Handled::Done => acknowledge(&batch.acker).await?,
                Handled::GivenUp => return Ok(()),
            }
            if batch.ended {
                return Err(ended());
            }
        }
    }

    async fn idle(&mut self, _link: &watch::Sender<Link>) -> Infallible {
        std::future::pending().await
    }
}

impl<I: Inbox> Consuming<I> {
    /// Hands a batch to the inbox until it is dealt with. What a lost connection brought is dropped: it comes again.
    async fn handle(&self, line: &Line, channel: &Channel, batch: &[Delivery]) -> Result<Handled, Failure> {
        let mut failures = 0;
        loop {
            let handled = tokio::select! {
                handled = self.handle_once(channel, batch) => handled,
                failure = line.lost() => return Err(failure),
            };
            match handled {
                None => {
                    warn!(
                        deliveries = batch.len(),
                        "stopped before the batch in hand was dealt with; it goes back"
                    );
                    return Ok(Handled::GivenUp);
                }
                Some(Ok(())) => {
                    if failures > 0 {
                        info!("the inbox is dealt with again");
                    }
                    return Ok(Handled::Done);
                }
                Some(Err(error)) => tell(failures, batch.len(), error.as_ref()),
            }
            let wait = backoff::wait(failures);
            failures = failures.saturating_add(1);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(Handled::GivenUp),
                failure = line.lost() => return Err(failure),
                () = sleep(wait) => {}
            }
        }
    }

    /// The answer of the inbox; `None` if a stop did not wait for it any longer.
    async fn handle_once(
        &self,
        channel: &Channel,
        batch: &[Delivery],
    ) -> Option<Result<(), Box<dyn Error + Send + Sync>>> {
        let mut handling = pin!(self.inbox.handle(batch));
        tokio::select! {
            handled = &mut handling => return Some(handled),
            () = self.stop.cancelled() => {}
        }
        // From now on nothing new comes, and with a single active consumer the next one begins.
        let last_words = async {
            let cancelling = channel.basic_cancel(TAG.into(), BasicCancelOptions::default());
            if let Ok(Err(failure)) | Err(failure) = answer("cancel the consumer", cancelling)
                .await
                .map(|cancelled| cancelled.map_err(Failure::from))
            {
                debug!("{failure}");
            }
        };
        let (handled, ()) = tokio::join!(timeout(STOP_LIMIT, handling), last_words);
        handled.ok()
    }
}

/// Tells of a failure once; the inbox tells of its own changes.
fn tell(failures: u32, deliveries: usize, error: &(dyn Error + Send + Sync)) {
    if failures == 0 {
        warn!(deliveries, "{deliveries} deliveries wait, nothing new is taken: {error}");
    } else {
        debug!(deliveries, failures, "{deliveries} deliveries still wait: {error}");
    }
}

async fn subscribe(line: &Line) -> Result<(Channel, Consumer), Failure> {
    let channel = line.channel().await?;
    answer("limit deliveries", channel.basic_qos(PREFETCH, BasicQosOptions::default())).await??;
    let consuming = channel.basic_consume(
        INBOX_QUEUE.into(),
        TAG.into(),
        BasicConsumeOptions::default(),
        FieldTable::default(),
    );
    let consumer = answer("begin to deliver", consuming).await??;
    Ok((channel, consumer))
}

fn ended() -> Failure {
    Failure::new("RabbitMQ ended the consumer; was the queue deleted?")
}

/// Deliveries that are dealt with at once.
struct Batch {
    deliveries: Vec<Delivery>,
    /// Of the last one.
    acker: Acker,
    /// Whether the consumer ended behind it.
    ended: bool,
}

impl Batch {
    /// What is there, without waiting for company.
    fn collect(first: lapin::message::Delivery, consumer: &mut Consumer) -> Self {
        let deliveries = vec![Delivery::new(&first.properties, first.data)];
        let mut batch = Self { deliveries, acker: first.acker, ended: false };
        while batch.deliveries.len() < BATCH && !batch.ended {
            match consumer.next().now_or_never() {
                Some(Some(Ok(next))) => {
                    batch.acker = next.acker;
                    batch.deliveries.push(Delivery::new(&next.properties, next.data));
                }
                Some(None | Some(Err(_))) => batch.ended = true,
                None => break,
            }
        }
        batch
    }
}

/// Acknowledges a batch by its last tag: on this channel tags count up, and all below are of this batch or acknowledged. One
/// that is not written means that all come again.
async fn acknowledge(last: &Acker) -> Result<(), Failure> {
    let options = BasicAckOptions { multiple: true };
    if answer("take an acknowledgement", last.ack(options)).await?? {
        Ok(())
    } else {
        Err(Failure::new("the channel ended before its deliveries were acknowledged; they come again"))
    }
}
