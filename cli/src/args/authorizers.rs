//! Authorizers, and what waits or failed on the way to them.

use clap::{Args, Subcommand};
use mandate_schema::{AuthorizerId, CommandId, ComponentId, Position};
use serde::Serialize;

use super::position;

#[derive(Debug, Subcommand)]
pub(crate) enum AuthorizersCommand {
    /// Prints the accounts.
    List {
        /// Only those of this component.
        #[arg(long)]
        component: Option<ComponentId>,
        /// Only those with this status.
        #[arg(long, value_parser = ["authorized", "revoked", "pending", "broken"])]
        status: Option<String>,
        /// Only those whose appid, original id, name or owner contains this text.
        #[arg(short, long, value_name = "TEXT")]
        query: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Prints one account.
    Show {
        #[command(flatten)]
        account: NamedAccount,
        /// As it was when the log ended here.
        #[arg(long, value_parser = position)]
        at_position: Option<Position>,
    },
    /// Prints the events of one account, newest first.
    History {
        #[command(flatten)]
        account: NamedAccount,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Erases the secrets and personal data of an account that has revoked its authorization. Asks first.
    Erase {
        #[command(flatten)]
        account: NamedAccount,
        #[command(flatten)]
        how: Erasing,
    },
}

/// An account as it is named on the command line: by position, or by the flags that every command has.
#[derive(Args, Debug)]
pub(crate) struct NamedAccount {
    /// The component's appid.
    #[arg(value_name = "COMPONENT", required_unless_present = "component")]
    first: Option<ComponentId>,
    /// The account's appid.
    #[arg(value_name = "AUTHORIZER", required_unless_present = "authorizer")]
    second: Option<AuthorizerId>,
    /// The component's appid.
    #[arg(long, value_name = "APPID", requires = "authorizer", conflicts_with = "first")]
    component: Option<ComponentId>,
    /// The account's appid.
    #[arg(long, value_name = "APPID", requires = "component", conflicts_with = "second")]
    authorizer: Option<AuthorizerId>,
}

/// An account.
#[derive(Debug, Serialize)]
pub(crate) struct Account {
    pub(crate) component: ComponentId,
    pub(crate) authorizer: AuthorizerId,
}

impl From<NamedAccount> for Account {
    fn from(named: NamedAccount) -> Self {
        Self {
            component: named.component.or(named.first).expect("one of the two is required"),
            authorizer: named.authorizer.or(named.second).expect("one of the two is required"),
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Erasing {
    /// Why, for the log and its readers.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Also an account that has not revoked its authorization.
    #[arg(long)]
    pub(crate) force: bool,
    /// Does not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// Prints all dead letters.
    List,
    /// Prints one dead letter.
    Show {
        /// Its id.
        id: CommandId,
    },
    /// Tries one again, or all of them.
    Retry {
        /// Its id.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<CommandId>,
        /// All of them.
        #[arg(long)]
        all: bool,
    },
    /// Gives one up for good.
    Discard {
        /// Its id.
        id: CommandId,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Prints what waits.
    Status,
    /// Prints the messages that are parked: their original id came with another appid before.
    Parked,
    /// Ties an account's original id to an appid, and hands over the messages that were parked under that appid.
    Tie {
        /// The component's appid.
        component: ComponentId,
        /// The account's original id, `gh_…`.
        original_id: String,
        /// The account's appid.
        authorizer: AuthorizerId,
    },
    /// Hands settled callbacks over again, for example after the database was restored.
    Resend {
        /// Received since then: a time such as 2026-11-22T08:00:00Z, or an age such as 2h.
        #[arg(long, value_name = "TIME")]
        since: String,
    },
}
