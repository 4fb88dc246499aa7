//! Commands, flags and help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use mandate_schema::{AuthorizerId, CommandId, ComponentId, Position, Scope};
use serde::Serialize;
use uuid::Uuid;

use crate::output::Format;

/// The authorization service of a WeChat Open Platform third-party platform (微信第三方平台).
///
/// Receives WeChat's callbacks, keeps the truth about who has authorized you in an append-only event log, and holds the
/// credentials that follow from it. Try it: mandate demo
#[derive(Debug, Parser)]
#[command(name = "mandate", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args, Debug)]
pub(crate) struct Global {
    /// The configuration file; without it ./mandate.toml is read if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Form of results on stdout; everything else goes to stderr.
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows the main job in one process, against a simulator of WeChat.
    Demo(Demo),
    /// Runs ingress, worker and console in one process.
    Standalone,
    /// Runs WeChat's door alone: verifies, journals, answers, hands over to the broker.
    Ingress,
    /// Runs the work and its API alone: takes callbacks from the broker. Any number of workers may run.
    Worker {
        /// Bring the database up to date first, as its owner.
        #[arg(long)]
        migrate: bool,
    },
    /// Runs WeChat's side alone, to develop against.
    Simulator(Simulator),
    /// Rehearses WeChat's release check (全网发布接入检测): plays its steps and prints one line for each; exit code 0 only if
    /// all pass.
    ReleaseCheck(ReleaseCheck),
    /// Makes the secrets of a stack, each once, then brings its database up to date. For docker-compose.yml.
    Init(Init),
    /// Asks a process whether it is ready; exit code 5 if it is not. For health checks of containers.
    Health {
        /// The address, for example that of /readyz.
        url: String,
    },
    /// Brings the database up to date.
    Migrate,
    /// Rebuilds the state from the log; calls nobody, works beside a running service.
    Rebuild {
        /// Only compare; exit code 1 if the live state differs from the log.
        #[arg(long)]
        check: bool,
    },
    /// Compares the authorizers with WeChat's list and repairs what we missed; works beside a running service, whose worker asks
    /// about contradictions. One that was interrupted goes on where it was.
    Reconcile {
        /// Only this component; by default all that are configured.
        #[arg(long)]
        component: Option<ComponentId>,
        /// Only read the list and count what a real run would do.
        #[arg(long)]
        dry_run: bool,
    },
    /// To be run once after the database was restored from a backup, before the service starts again: gives the log another
    /// name, so that its readers begin anew, and says what to run next.
    Restored,
    /// Keys of the API's callers.
    #[command(subcommand)]
    ApiKey(ApiKeyCommand),
    /// Who did what: refusals and administrative acts one by one, reads of tokens as counts.
    Audit {
        /// Show the counts of tokens read in this time instead, for example 24h.
        #[arg(long, value_name = "AGE")]
        reads: Option<String>,
        /// At most so many, the newest first.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// The master keys that data keys are wrapped by.
    #[command(subcommand)]
    Seal(SealCommand),
    /// Makes a master key for [seal] keys.
    Keygen {
        /// The key's id; by default the current month.
        #[arg(long)]
        id: Option<String>,
    },
    /// The configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The event log.
    #[command(subcommand)]
    Events(EventsCommand),
    /// The accounts that have authorized you.
    #[command(subcommand)]
    Authorizers(AuthorizersCommand),
    /// Links that ask merchants for their authorization.
    #[command(subcommand)]
    Link(LinkCommand),
    /// Endpoints that events are delivered to. The API makes, changes and tests them.
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Delivers live events to a program on this machine, signed as webhooks are.
    ///
    /// Reads the API of a running service; the variable `MANDATE_API_KEY` holds the key where one is needed, with the scope
    /// events:read. `MANDATE_WEBHOOK_SECRET` holds the secret that signs (whsec_…); without it one is made and printed. What
    /// the program refuses is reported and not repeated; while it does not listen, it is waited for.
    Listen(Listen),
    /// What could not be handled.
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
    /// Callbacks on their way from WeChat to the log.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Prints a completion script for a shell.
    Completion {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApiKeyCommand {
    /// Makes a key and prints it, this once.
    Create {
        /// Whose it is, for people.
        #[arg(long)]
        name: String,
        /// What it opens; may be repeated, or be several between commas: state:read, token:read, events:read, messages:read,
        /// link:create, webhook:manage, proxy, admin.
        #[arg(long, required = true, value_delimiter = ',')]
        scope: Vec<Scope>,
        /// Only for this component; may be repeated.
        #[arg(long)]
        component: Vec<ComponentId>,
        /// Only for this account; may be repeated.
        #[arg(long)]
        authorizer: Vec<AuthorizerId>,
        /// It ends by itself after this time, for example 90d.
        #[arg(long, value_name = "TIME")]
        expires_in: Option<String>,
    },
    /// Prints the keys, not their texts.
    List,
    /// Revokes a key; it opens nothing within a second.
    Revoke {
        /// The id, as list shows it.
        id: Uuid,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum LinkCommand {
    /// Makes a link and prints it, with a QR code on a terminal.
    Create(LinkCreate),
}

#[derive(Args, Debug)]
pub(crate) struct LinkCreate {
    /// The component that asks.
    #[arg(long, value_name = "APPID")]
    pub(crate) component: ComponentId,
    /// Which accounts may answer: 1 official accounts, 2 mini programs, 3 both (by default), 4, 5, 6 or 8.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) auth_type: Option<u8>,
    /// The one account that may answer.
    #[arg(long, value_name = "APPID")]
    pub(crate) biz_appid: Option<AuthorizerId>,
    /// A permission set that is offered; may be repeated. By default all.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) category_id: Vec<u32>,
    /// Where the merchant is led on to; its host must be one of those registered in the configuration.
    #[arg(long, value_name = "URL")]
    pub(crate) return_url: Option<String>,
    /// A tag that the authorization's event will carry.
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// How long the link works, 7d by default.
    #[arg(long, value_name = "TIME")]
    pub(crate) expires_in: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SealCommand {
    /// Wraps every data key anew by the first key of [seal] keys, beside a running service. Put the new key first, keep the old
    /// ones, restart every worker, then rotate; what was interrupted goes on with the next run.
    Rotate,
    /// How many data keys each master key wraps.
    Status,
}

#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Keep database, journal and a configuration file here; by default a temporary folder that is removed at the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// End after the scripted run, with exit code 0 only if log and state are as expected.
    #[arg(long)]
    pub(crate) exit: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ReleaseCheck {
    /// Check the running instance that this simulator stands for WeChat to, by default an instance that is started
    /// for it, with invented credentials.
    #[arg(long, value_name = "URL")]
    pub(crate) simulator: Option<String>,
    /// The component; by default the only one.
    #[arg(long, value_name = "APPID")]
    pub(crate) component: Option<ComponentId>,
    /// The group of test accounts, 1 to 5; by default one at random, as WeChat takes them.
    #[arg(long)]
    pub(crate) group: Option<usize>,
    /// How long a customer-service message may take, 15s by default.
    #[arg(long, value_name = "TIME")]
    pub(crate) wait: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Init {
    /// Where the secrets are kept, a folder below it for each process.
    pub(crate) folder: PathBuf,
    /// Where PostgreSQL is, as the processes reach it.
    #[arg(long, default_value = "postgres:5432", value_name = "HOST:PORT")]
    pub(crate) postgres: String,
    /// Where RabbitMQ is, as the processes reach it.
    #[arg(long, default_value = "rabbitmq:5672", value_name = "HOST:PORT")]
    pub(crate) rabbitmq: String,
    /// Where RabbitMQ sees its folder of the secrets.
    #[arg(long, default_value = "/run/mandate", value_name = "DIR")]
    pub(crate) rabbitmq_folder: String,
    /// Where the simulator is, as the worker reaches it.
    #[arg(long, default_value = "simulator:8090", value_name = "HOST:PORT", requires = "component")]
    pub(crate) simulator: String,
    /// Where the simulator's pages are, as browsers reach them.
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "HOST:PORT", requires = "component")]
    pub(crate) simulator_pages: String,
    /// Also write a mandate.toml for ingress, worker and simulator, with this component and invented credentials.
    #[arg(long, value_name = "APPID")]
    pub(crate) component: Option<ComponentId>,
}

#[derive(Args, Debug)]
pub(crate) struct Simulator {
    /// Begin with so many merchants of each component: they authorize once the first ticket was accepted.
    #[arg(long, default_value_t = 0, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub(crate) merchants: u32,
    /// Answer the control API to other machines, too. It shows secrets and plays merchants: only where nobody else can reach
    /// the port, such as in a container.
    #[arg(long)]
    pub(crate) open_control: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Prints every value, secrets masked, and where it comes from.
    Show,
    /// Only checks; exit code 2 and all problems at once if there are any.
    Check,
}

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
#[derive(Debug, clap::Args)]
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
        account: Account,
        /// As it was when the log ended here.
        #[arg(long, value_parser = position)]
        at_position: Option<Position>,
    },
    /// Prints the events of one account, newest first.
    History {
        #[command(flatten)]
        account: Account,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Erases the secrets and personal data of an account that has revoked its authorization. Asks first.
    Erase {
        #[command(flatten)]
        account: Account,
        #[command(flatten)]
        how: Erasing,
    },
}

#[derive(Args, Debug, Serialize)]
pub(crate) struct Account {
    /// The component's appid.
    pub(crate) component: ComponentId,
    /// The account's appid.
    pub(crate) authorizer: AuthorizerId,
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

fn position(text: &str) -> Result<Position, std::num::ParseIntError> {
    text.parse().map(Position)
}
