//! Publishes batches and knows which of them `RabbitMQ` has.

use std::{convert::Infallible, future::Future, time::Duration};

use lapin::{Channel, options::ConfirmSelectOptions};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    connection::Line,
    error::PublishError,
    failure::{Failure, answer},
    link::Link,
    outgoing::Outgoing,
    settings::Settings,
    supervisor::{Work, supervise},
    tail::{LastMessage, last_message},
    topology::Topology,
    window::{WINDOW, publish_window},
};

/// How long a batch may take, and how long it may wait for the one before it.
pub(crate) const BATCH_LIMIT: Duration = Duration::from_secs(10);

/// Publishes to `RabbitMQ`. Clones share one connection, on which one batch is under way at a time.
#[derive(Clone, Debug)]
pub struct Publisher {
    requests: mpsc::Sender<Request>,
    link: watch::Receiver<Link>,
}

/// One connection of a publisher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Session(u64);

/// Where a stream ends, as one connection sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The connection. On another one the stream may have lost its end.
    pub session: Session,
    /// The last message; `None`: the stream is empty.
    pub last: Option<LastMessage>,
}

impl Publisher {
    /// A publisher, and the supervisor of its connection: spawn it. It ends after the stop, when the batch under way is
    /// finished and the connection is closed.
    pub fn start(
        settings: Settings,
        topology: Topology,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (link, watching) = watch::channel(Link::connecting());
        let (sender, requests) = mpsc::channel(1);
        let work = Publishing { requests, stop: stop.clone(), session: Session(0) };
        (Self { requests: sender, link: watching }, supervise(settings, topology, stop, link, work))
    }

    /// Publishes a batch. `Ok`: `RabbitMQ` has every message of it in every queue that it belongs to.
    ///
    /// # Errors
    ///
    /// [`PublishError`]: publish the whole batch again, later. An answer comes within half a minute, and at once while there
    /// is no connection.
    pub async fn publish(&self, batch: Vec<Outgoing>) -> Result<(), PublishError> {
        self.ask(|answer| Request::Publish { batch, session: None, answer }).await
    }

    /// Publishes a batch, but only on the connection on which [`Publisher::tail`] was read.
    ///
    /// # Errors
    ///
    /// As [`Publisher::publish`], and [`PublishError::Unavailable`] if the connection is another one by now.
    pub async fn publish_in(&self, session: Session, batch: Vec<Outgoing>) -> Result<(), PublishError> {
        self.ask(|answer| Request::Publish { batch, session: Some(session), answer }).await
    }

    /// Reads where a stream ends.
    ///
    /// # Errors
    ///
    /// [`PublishError::Unavailable`].
    pub async fn tail(&self, stream: &'static str) -> Result<Tail, PublishError> {
        self.ask(|answer| Request::Tail { stream, answer }).await
    }

    async fn ask<T>(&self, request: impl FnOnce(Answer<T>) -> Request) -> Result<T, PublishError> {
        let unavailable = |reason: &str| PublishError::Unavailable { reason: reason.to_owned() };
        let place = timeout(BATCH_LIMIT, self.requests.reserve()).await;
        let place = place.map_err(|_elapsed| unavailable("other batches take too long"))?;
        let (answer, answered) = oneshot::channel();
        place.map_err(|_closed| unavailable("stopped"))?.send(request(answer));
        let answered = answered.await;
        answered.unwrap_or_else(|_dropped| {
            Err(PublishError::Unknown { reason: "the connection ended, or the process stops".to_owned() })
        })
    }

    /// How the connection is.
    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }
}

type Answer<T> = oneshot::Sender<Result<T, PublishError>>;

#[derive(Debug)]
enum Request {
    Publish {
        batch: Vec<Outgoing>,
        /// Only on this connection.
        session: Option<Session>,
        answer: Answer<()>,
    },
    Tail {
        stream: &'static str,
        answer: Answer<Tail>,
    },
}

impl Request {
    /// Whether it is meant for another connection than this one.
    fn is_for_another(&self, up: Session) -> bool {
        matches!(self, Self::Publish { session: Some(session), .. } if *session != up)
    }

    /// Answers that nothing was done. The caller may have given up.
    fn refuse(self, reason: String) {
        let error = PublishError::Unavailable { reason };
        match self {
            Self::Publish { answer, .. } => drop(answer.send(Err(error))),
            Self::Tail { answer, .. } => drop(answer.send(Err(error))),
        }
    }
}

/// The one place that publishes. A caller who no longer waits changes nothing: a batch under way is finished, since its
/// confirms and returns must not be taken for those of the next one.
struct Publishing {
    requests: mpsc::Receiver<Request>,
    stop: CancellationToken,
    /// The connection that is up, or was.
    session: Session,
}

impl Work for Publishing {
    type Channel = Channel;

    async fn begin(&mut self, line: &Line) -> Result<Channel, Failure> {
        self.session.0 += 1;
        confirming(line).await
    }

    async fn run(
        &mut self,
        line: &Line,
        state: &watch::Sender<Link>,
        mut channel: Channel,
    ) -> Result<(), Failure> {
        loop {
            let request = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                failure = line.lost() => return Err(failure),
                request = self.requests.recv() => request,
            };
            let Some(request) = request else {
                self.stop.cancelled().await; // nobody can publish any more
                return Ok(());
            };
            let (batch, answer) = match request {
                Request::Publish { answer, .. } if answer.is_closed() => continue,
                request if request.is_for_another(self.session) => {
                    request.refuse("the connection is another one by now".to_owned());
                    continue;
                }
                Request::Publish { batch, answer, .. } => (batch, answer),
                Request::Tail { stream, answer } => {
                    let last = tokio::select! {
                        last = last_message(line, stream) => last?,
                        failure = line.lost() => return Err(failure),
                    };
                    // The caller may have given up.
                    let _answered = answer.send(Ok(Tail { session: self.session, last }));
                    continue;
                }
            };
            let outcome = tokio::select! {
                outcome = timeout(BATCH_LIMIT, publish_batch(&channel, batch)) => outcome.unwrap_or_else(|_elapsed| {
                    Err(PublishError::Unknown { reason: format!("not confirmed within {BATCH_LIMIT:?}") })
                }),
                failure = line.lost() => Err(PublishError::Unknown { reason: failure.0 }),
            };
            let broken = match &outcome {
                Ok(()) | Err(PublishError::Refused { .. }) => None,
                // What is missing is declared at the next connect.
                Err(error @ PublishError::Returned { .. }) => Some(Failure::new(error.to_string())),
                Err(PublishError::Unknown { reason } | PublishError::Unavailable { reason }) => {
                    Some(Failure::new(reason.clone()))
                }
            };
            // The caller may have given up.
            let _answered = answer.send(outcome);
            let Some(failure) = broken else { continue };
            if !state.borrow().is_blocked() || line.is_lost() {
                return Err(failure);
            }
            // A new connection would be blocked at its first message too. The channel still holds what was not confirmed.
            let stop = self.stop.clone();
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                failure = line.lost() => return Err(failure),
                () = unblocked(state) => channel = confirming(line).await?,
                never = self.idle(state) => match never {},
            }
        }
    }

    async fn idle(&mut self, link: &watch::Sender<Link>) -> Infallible {
        while let Some(request) = self.requests.recv().await {
            let reason = link.borrow().failing().unwrap_or_else(|| "the connection ends".to_owned());
            request.refuse(reason);
        }
        std::future::pending().await
    }
}

/// Waits until `RabbitMQ` takes messages again.
async fn unblocked(state: &watch::Sender<Link>) {
    let mut changes = state.subscribe();
    // Its sender lives as long as this borrow.
    let _up = changes.wait_for(|link| !link.is_blocked()).await;
}

async fn confirming(line: &Line) -> Result<Channel, Failure> {
    let channel = line.channel().await?;
    answer("switch confirms on", channel.confirm_select(ConfirmSelectOptions::default())).await??;
    Ok(channel)
}

async fn publish_batch(channel: &Channel, batch: Vec<Outgoing>) -> Result<(), PublishError> {
    for window in batch.chunks(WINDOW) {
        publish_window(channel, window).await?;
    }
    Ok(())
}
