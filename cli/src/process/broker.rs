//! The broker between the parts, from the configuration.

use std::convert::Infallible;

use mandate_broker::{Link, Publisher, Settings, Topology, consume};
use mandate_ingress::ToBroker;
use mandate_runtime::{
    config::{BrokerUrl, Config},
    health::Readiness,
    metrics::Metrics,
    stop::Stop,
};

use mandate_wechat::envelope::KeyRing;
use mandate_worker::{FromInbox, Worker};
use tokio::sync::watch;

use crate::{context::read_file, exit::CliError};

/// How a process reaches its broker; `None`: there is none, everything is one process.
pub(super) fn settings(config: &Config, role: &'static str) -> Result<Option<Settings>, CliError> {
    let BrokerUrl::Amqp(url) = &config.broker.url else { return Ok(None) };
    let ca = config.broker.ca_file.as_deref().map(|path| read_file("broker.ca_file", path)).transpose()?;
    let settings = Settings { url: url.clone(), ca, role };
    settings.check().map_err(|error| CliError::Usage(format!("broker: {error}")))?;
    Ok(Some(settings))
}

/// The broker as the next place of callbacks. Whether it is there does not make ingress unready: the journal takes what comes.
pub(super) fn sink(
    config: &Config,
    settings: &Settings,
    rings: impl IntoIterator<Item = KeyRing>,
    stop: &Stop,
    metrics: &Metrics,
) -> ToBroker {
    let messages = Topology::messages(config.broker.messages_max_age);
    let inbox = start_publisher(settings, Topology::inbox(), "inbox", stop, metrics);
    let messages = start_publisher(settings, messages, "messages", stop, metrics);
    ToBroker::new(inbox, messages, rings)
}

/// Publishes in the background.
fn start_publisher(
    settings: &Settings,
    topology: Topology,
    role: &'static str,
    stop: &Stop,
    metrics: &Metrics,
) -> Publisher {
    let (publisher, running) = Publisher::start(settings.clone(), topology, stop.token());
    show(publisher.link(), None, role, stop, metrics);
    stop.spawn(role, async move {
        running.await;
        Ok::<_, Infallible>(())
    });
    publisher
}

/// Publishes events in the background whenever this process leads. Nobody waits for it, so its connection makes nothing unready.
pub(super) fn start_events(
    config: &Config,
    settings: &Settings,
    worker: &Worker,
    stop: &Stop,
    metrics: &Metrics,
) {
    let max_age = config.broker.events_max_age;
    let out = start_publisher(settings, Topology::events(max_age), "events", stop, metrics);
    let (publisher, stopping) = (worker.publisher(out, max_age), stop.clone());
    stop.spawn("event publisher", async move {
        publisher.run(&stopping).await;
        Ok::<_, Infallible>(())
    });
}

/// A publisher of events for one command of the operator.
pub(crate) fn event_publisher(
    config: &Config,
    role: &'static str,
    stop: &Stop,
) -> Result<Publisher, CliError> {
    let settings = settings(config, role)?
        .ok_or_else(|| CliError::Usage("broker.url: there is no broker to publish to".to_owned()))?;
    let topology = Topology::events(config.broker.events_max_age);
    Ok(start_publisher(&settings, topology, role, stop, &Metrics::new()))
}

/// Takes callbacks from the inbox in the background.
pub(super) fn start_consumer(
    settings: Settings,
    worker: &Worker,
    stop: &Stop,
    metrics: &Metrics,
    readiness: &Readiness,
) {
    let (link, running) = consume(settings, Topology::inbox(), FromInbox::new(worker.ingest()), stop.token());
    show(link, Some(readiness), "consumer", stop, metrics);
    stop.spawn("consumer", async move {
        running.await;
        Ok::<_, Infallible>(())
    });
}

/// Shows the state of a connection in metrics and, where the process rests on it, in its readiness.
fn show(
    mut link: watch::Receiver<Link>,
    readiness: Option<&Readiness>,
    role: &'static str,
    stop: &Stop,
    metrics: &Metrics,
) {
    let dependency = readiness.map(|readiness| readiness.register("broker"));
    let metrics = metrics.clone();
    stop.spawn("broker state", async move {
        loop {
            let reason = link.borrow_and_update().failing();
            metrics.broker_up(role, reason.is_none());
            match (&dependency, reason) {
                (Some(dependency), None) => dependency.ok(),
                (Some(dependency), Some(reason)) => dependency.failing(reason),
                (None, _) => {}
            }
            if link.changed().await.is_err() {
                return Ok::<_, Infallible>(()); // the connection has ended with the process
            }
        }
    });
}
