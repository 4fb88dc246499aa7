//! `[broker]`: what stands between ingress, worker and subscribers.

use std::{path::PathBuf, time::Duration};

use mandate_schema::Secret;

use super::{secret::mask_url, section::Section, types::Bytes};

/// `[broker]`.
#[derive(Clone, Debug)]
pub struct Broker {
    /// The broker, if there is one.
    pub url: BrokerUrl,
    /// A private CA for TLS to the broker.
    pub ca_file: Option<PathBuf>,
    /// How long published events can be replayed.
    pub events_max_age: Duration,
    /// How long messages can be replayed.
    pub messages_max_age: Duration,
    /// How many bytes the messages may have that the database keeps where there is no broker.
    pub messages_max: Bytes,
}

/// Which broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BrokerUrl {
    /// None: everything is one process, and the journal is the queue.
    #[default]
    Embedded,
    /// `RabbitMQ`; the address holds its password.
    Amqp(Secret),
}

impl Broker {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let broker = Self {
            url: section.get_secret("url", BrokerUrl::parse, BrokerUrl::show, BrokerUrl::default),
            ca_file: section.optional("ca_file"),
            events_max_age: section.get("events_max_age", Duration::from_hours(30 * 24)),
            messages_max_age: section.get("messages_max_age", Duration::from_hours(3 * 24)),
            messages_max: section.get("messages_max", Bytes::gib(1)),
        };
        section.finish();
        broker
    }
}

impl BrokerUrl {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "embedded:" {
            Ok(Self::Embedded)
        } else if text.starts_with("amqp://") || text.starts_with("amqps://") {
            Ok(Self::Amqp(Secret::new(text)))
        } else {
            Err("must be \"embedded:\" or \"amqp://user:password@host:5672/vhost\" (amqps:// with TLS)"
                .to_owned())
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Embedded => "embedded:".to_owned(),
            Self::Amqp(url) => mask_url(url.expose()),
        }
    }
}
