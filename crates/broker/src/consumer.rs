//! Takes callbacks from the inbox and acknowledges what has an outcome.

use std::{
    collections::VecDeque, convert::Infallible, error::Error, future::Future, sync::Arc, time::Duration,
};

use futures_util::{FutureExt, StreamExt, stream::FuturesOrdered};
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
const PREFETCH: u16 = 512;

/// Deliveries of one batch.
const BATCH: usize = 128;

/// Batches that are dealt with at once: while one is stored, the next one is decided.
const AT_ONCE: usize = 3;

/// How long a stop waits for the batches in hand.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// The name of the consumer on its channel.
const TAG: &str = "mandate";

/// A consumer of the worker's inbox: how its connection is, and its supervisor: spawn it. It ends after the stop, when the
/// batches in hand are dealt with (within about 15 s) and the connection is closed; whatever else it held goes back.
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

/// Batches that are being dealt with, in their order.
#[derive(Default)]
struct InHand {
    batches: VecDeque<Batch>,
    /// Since all were dealt with.
    failures: u32,
    /// Whether the consumer ended behind them.
    ended: bool,
}

impl InHand {
    /// Whether there is room for another one. Nothing new is taken while one of them fails.
    fn has_room(&self) -> bool {
        self.batches.len() < AT_ONCE && self.failures == 0 && !self.ended
    }

    fn deliveries(&self) -> usize {
        self.batches.iter().map(|batch| batch.deliveries.len()).sum()
    }

    /// Acknowledges the first one, which is dealt with.
    async fn done(&mut self) -> Result<(), Failure> {
        let Some(batch) = self.batches.pop_front() else { return Ok(()) };
        acknowledge(&batch.acker).await?;
        if self.batches.is_empty() && self.ended {
            return Err(ended());
        }
        if self.batches.is_empty() && self.failures > 0 {
            info!(failures = self.failures, "recovered: the inbox takes deliveries again");
            self.failures = 0;
        }
        Ok(())
    }
}

type Handled = Result<(), Box<dyn Error + Send + Sync>>;

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
        let mut in_hand = InHand::default();
        // What a lost connection brought is dropped: it comes again.
        while let Some(error) = self.deal(line, &channel, &mut consumer, &mut in_hand).await? {
            tell(&in_hand, error.as_ref());
            let wait = backoff::wait(in_hand.failures);
            in_hand.failures = in_hand.failures.saturating_add(1);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    give_back(&in_hand);
                    break;
                }
                failure = line.lost() => return Err(failure),
                () = sleep(wait) => {}
            }
        }
        Ok(())
    }

    async fn idle(&mut self, _link: &watch::Sender<Link>) -> Infallible {
        std::future::pending().await
    }
}

impl<I: Inbox> Consuming<I> {
    /// Deals with what is in hand and takes more, until the stop or until a batch fails. Those behind one that fails are given up
    /// with it, so that all are dealt with in their order.
    async fn deal(
        &self,
        line: &Line,
        channel: &Channel,
        consumer: &mut Consumer,
        in_hand: &mut InHand,
    ) -> Result<Option<Box<dyn Error + Send + Sync>>, Failure> {
        let mut handling: FuturesOrdered<_> =
            in_hand.batches.iter().map(|batch| self.handle(batch)).collect();
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    self.finish(channel, handling, in_hand).await?;
                    return Ok(None);
                }
                failure = line.lost() => return Err(failure),
                Some(handled) = handling.next() => match handled {
                    Ok(()) => in_hand.done().await?,
                    Err(error) => return Ok(Some(error)),
                },
                next = consumer.next(), if in_hand.has_room() => {
                    let (batch, ended) = Batch::collect(next.ok_or_else(ended)??, consumer);
                    handling.push_back(self.handle(&batch));
                    in_hand.batches.push_back(batch);
                    in_hand.ended = ended;
                }
            }
        }
    }

    fn handle(&self, batch: &Batch) -> impl Future<Output = Handled> + Send + use<'_, I> {
        let deliveries = batch.deliveries.clone();
        async move { self.inbox.handle(&deliveries).await }
    }

    /// Waits for what is in hand, but not beyond the time that a stop has.
    async fn finish(
        &self,
        channel: &Channel,
        mut handling: FuturesOrdered<impl Future<Output = Handled>>,
        in_hand: &mut InHand,
    ) -> Result<(), Failure> {
        let dealt_with = async {
            while let Some(Ok(())) = handling.next().await {
                in_hand.done().await?;
            }
            Ok(())
        };
        let dealt_with = timeout(STOP_LIMIT, dealt_with).await;
        // Now nothing new comes, and with a single active consumer the next one begins, behind what was dealt with here.
        let cancelling = channel.basic_cancel(TAG.into(), BasicCancelOptions::default());
        if let Ok(Err(failure)) | Err(failure) =
            answer("cancel the consumer", cancelling).await.map(|cancelled| cancelled.map_err(Failure::from))
        {
            debug!("{failure}");
        }
        give_back(in_hand);
        dealt_with.unwrap_or(Ok(()))
    }
}

/// Says what a stop leaves.
fn give_back(in_hand: &InHand) {
    let deliveries = in_hand.deliveries();
    if deliveries > 0 {
        warn!(deliveries, "stopped before {deliveries} deliveries were dealt with; they go back");
    }
}

/// Logs a failure once; the inbox logs its own changes.
fn tell(in_hand: &InHand, error: &(dyn Error + Send + Sync)) {
    let (deliveries, failures) = (in_hand.deliveries(), in_hand.failures);
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

/// Deliveries that are acknowledged together.
struct Batch {
    deliveries: Arc<[Delivery]>,
    /// Of the last one.
    acker: Acker,
}

impl Batch {
    /// What is there, without waiting for company; and whether the consumer ended behind it.
    fn collect(first: lapin::message::Delivery, consumer: &mut Consumer) -> (Self, bool) {
        let (mut deliveries, mut acker) = (vec![Delivery::new(&first.properties, first.data)], first.acker);
        let mut ended = false;
        while deliveries.len() < BATCH && !ended {
            match consumer.next().now_or_never() {
                Some(Some(Ok(next))) => {
                    acker = next.acker;
                    deliveries.push(Delivery::new(&next.properties, next.data));
                }
                Some(None | Some(Err(_))) => ended = true,
                None => break,
            }
        }
        (Self { deliveries: deliveries.into(), acker }, ended)
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
