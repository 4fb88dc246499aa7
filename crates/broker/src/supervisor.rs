//! Keeps one connection to `RabbitMQ`: connect, declare, work; when it fails wait and begin again, for ever.

use std::{convert::Infallible, future::Future};

use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::{
    backoff,
    connection::Line,
    declare::declare,
    failure::Failure,
    link::{Link, LinkState},
    settings::{Settings, Target},
    topology::Topology,
};

/// What is done with a connection.
pub(crate) trait Work: Send {
    /// What it works with on one connection.
    type Channel: Send;

    /// Makes ready. A connection counts as up only afterwards: one on which `RabbitMQ` refuses the work is a failure like one
    /// that it refuses altogether, and is tried again as slowly.
    fn begin(&mut self, line: &Line) -> impl Future<Output = Result<Self::Channel, Failure>> + Send;

    /// Works on a connection until that fails, or until the stop: then it ends in good order.
    fn run(
        &mut self,
        line: &Line,
        state: &watch::Sender<Link>,
        channel: Self::Channel,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// What it does while there is no connection. Dropped at any await.
    fn idle(&mut self, link: &watch::Sender<Link>) -> impl Future<Output = Infallible> + Send;
}

/// Keeps a connection at work until the stop; then it is closed.
pub(crate) async fn supervise<W: Work>(
    settings: Settings,
    topology: Topology,
    stop: CancellationToken,
    link: watch::Sender<Link>,
    mut work: W,
) {
    let target = match Target::new(&settings) {
        Ok(target) => target,
        Err(wrong) => {
            error!("no connection to RabbitMQ will be tried: {wrong}");
            link.send_replace(Link::down(&wrong.to_string()));
            tokio::select! {
                () = stop.cancelled() => return,
                never = work.idle(&link) => match never {},
            }
        }
    };
    drop(settings);
    let mut supervisor = Supervisor { target, topology, stop, link, failures: 0 };
    while !supervisor.stop.is_cancelled() {
        if let Err(failure) = supervisor.once(&mut work).await {
            supervisor.failed(&failure, &mut work).await;
        }
    }
    supervisor.link.send_replace(Link::down("stopped"));
}

struct Supervisor {
    target: Target,
    topology: Topology,
    stop: CancellationToken,
    link: watch::Sender<Link>,
    /// Since the last connection on which work began.
    failures: u32,
}

impl Supervisor {
    /// One connection, from its beginning to its end.
    async fn once(&mut self, work: &mut impl Work) -> Result<(), Failure> {
        let connecting = async {
            let line = Line::connect(&self.target).await?;
            match declare(&line, &self.topology).await {
                Ok(warnings) => Ok((line, warnings)),
                Err(failure) => {
                    line.close().await;
                    Err(failure)
                }
            }
        };
        let (line, warnings) = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Ok(()),
            connected = connecting => connected?,
            never = work.idle(&self.link) => match never {},
        };
        let channel = match work.begin(&line).await {
            Ok(channel) => channel,
            Err(failure) => {
                line.close().await;
                return Err(failure);
            }
        };
        let address = self.target.address();
        info!(address, "connected to RabbitMQ at {address}");
        self.failures = 0;
        self.link.send_replace(Link { state: LinkState::Up, warnings });
        let ended = tokio::select! {
            ended = work.run(&line, &self.link, channel) => ended,
            () = line.watch(&self.link) => Ok(()),
        };
        if let Err(failure) = &ended {
            self.link.send_replace(Link::down(&failure.0));
        }
        line.close().await;
        ended
    }

    /// Tells of a failure, once as long as it stays the same, and waits.
    async fn failed(&mut self, failure: &Failure, work: &mut impl Work) {
        let address = self.target.address();
        if self.failures == 0 {
            warn!(address, "no connection to RabbitMQ at {address}, reconnecting indefinitely: {failure}");
        } else {
            debug!(
                address,
                attempts = self.failures,
                "still no connection to RabbitMQ at {address}: {failure}"
            );
        }
        self.link.send_replace(Link::down(&failure.0));
        let wait = backoff::wait(self.failures);
        self.failures = self.failures.saturating_add(1);
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = sleep(wait) => {}
            never = work.idle(&self.link) => match never {},
        }
    }
}
