//! Which process a configuration is for.

use std::fmt;

use clap::ValueEnum;
use mandate_runtime::config::{BrokerUrl, Loaded, RoleCheck};

/// A process of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Everything in one.
    Standalone,
    /// `WeChat`'s door.
    Ingress,
    /// The work and its API.
    Worker,
    /// `WeChat`'s side, for development.
    Simulator,
}

impl Role {
    /// The process that most likely runs with this configuration: with a broker one of two, of which ingress has no master key.
    pub(crate) fn of(loaded: &Loaded) -> Self {
        let config = &loaded.config;
        match config.broker.url {
            BrokerUrl::Embedded => Self::Standalone,
            BrokerUrl::Amqp(_) if config.seal.keys.is_empty() => Self::Ingress,
            BrokerUrl::Amqp(_) => Self::Worker,
        }
    }

    /// What this process needs.
    pub(crate) fn check(self, loaded: &Loaded) -> RoleCheck {
        match self {
            Self::Standalone => loaded.check_standalone(),
            Self::Ingress => loaded.check_ingress(),
            Self::Worker => loaded.check_worker(),
            Self::Simulator => loaded.check_simulator(),
        }
    }

    pub(crate) fn has_ingress(self) -> bool {
        matches!(self, Self::Standalone | Self::Ingress)
    }

    pub(crate) fn has_worker(self) -> bool {
        matches!(self, Self::Standalone | Self::Worker)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standalone => "standalone",
            Self::Ingress => "ingress",
            Self::Worker => "worker",
            Self::Simulator => "simulator",
        })
    }
}
