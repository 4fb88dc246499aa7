//! The log and its readers.

use clap::{Args, Subcommand};
use mandate_schema::{AuthorizerId, ComponentId, Position};
use uuid::Uuid;

use super::position;

#[derive(Args, Debug, Clone, Default)]
pub(crate) struct EventFilter {
    /// Only events of this type, for example authorization.granted.
    #[arg(long = "type", value_name = "TYPE", value_parser = mandate_schema::EVENT_NAMES)]
    pub(crate) kind: Option<String>,
    /// Only events of this component.
    #[arg(long)]
    pub(crate) component: Option<ComponentId>,
    /// Only events of this account.
    #[arg(long)]
    pub(crate) authorizer: Option<AuthorizerId>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// Prints events of the log in order, and goes on as new ones come.
    Tail {
        /// Start behind this position; by default at the end of the log.
        #[arg(long, value_parser = position)]
        after: Option<Position>,
        #[command(flatten)]
        filter: EventFilter,
    },
    /// Prints events of the log in order.
    List {
        /// Start behind this position.
        #[arg(long, value_parser = position, default_value = "0")]
        after: Position,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        #[command(flatten)]
        filter: EventFilter,
    },
    /// Prints one event.
    Show {
        /// Its position, or its id.
        event: String,
    },
    /// Publishes events over the broker again, in order, for instance after a subscriber's queue was full.
    Republish {
        /// The first position.
        #[arg(long, value_parser = position)]
        from: Position,
        /// The last one; by default the end of the log.
        #[arg(long, value_parser = position)]
        to: Option<Position>,
    },
    /// Prints the whole log, or a part of it, as CloudEvents, one per line.
    Export {
        /// Start behind this position.
        #[arg(long, value_parser = position, default_value = "0")]
        after: Position,
        #[command(flatten)]
        filter: EventFilter,
    },
}

/// `mandate webhook`.
#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Prints the webhooks and how far each has come.
    List,
    /// Delivers events again, from a position or time on; says first how many.
    Rewind {
        /// Its id.
        id: Uuid,
        /// The first event to deliver again.
        #[arg(long, value_parser = position, required_unless_present = "time")]
        position: Option<Position>,
        /// Those recorded at this time or later, such as 2026-11-01T00:00:00Z.
        #[arg(long, conflicts_with = "position")]
        time: Option<jiff::Timestamp>,
        /// Does not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// `mandate listen`.
#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// Where the program takes events, by POST.
    #[arg(long, value_name = "URL")]
    pub(crate) forward_to: String,
    /// The service's API; by default that of worker.listen in the configuration.
    #[arg(long, value_name = "URL")]
    pub(crate) api: Option<String>,
    /// Start behind this position; by default with what comes from now on.
    #[arg(long, value_parser = position)]
    pub(crate) after: Option<Position>,
    #[command(flatten)]
    pub(crate) filter: EventFilter,
}
