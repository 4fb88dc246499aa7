//! Commands, flags and help texts.

mod access;
mod authorizers;
mod events;
mod examples;
mod process;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use mandate_runtime::language::Language;
use mandate_schema::{ComponentId, Position};

use crate::output::Format;

pub(crate) use access::{ApiKeyCommand, LinkCommand, LinkCreate, SealCommand};
pub(crate) use authorizers::{Account, AuthorizersCommand, DeadLettersCommand, Erasing, JournalCommand};
pub(crate) use events::{EventFilter, EventsCommand, Listen, WebhookCommand};
pub(crate) use examples::with_examples;
pub(crate) use process::{ConfigCommand, Demo, Doctor, Init, ReleaseCheck, Simulator};

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
    /// Language of explanations; by default that of the locale (LANG).
    #[arg(long, global = true, value_enum, value_name = "LANGUAGE")]
    pub(crate) lang: Option<Lang>,
}

/// A language as it is named on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Lang {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Global {
    /// The language that people are answered in.
    pub(crate) fn language(&self) -> Language {
        match self.lang {
            Some(Lang::Zh) => Language::Chinese,
            Some(Lang::En) => Language::English,
            None => Language::of_environment(),
        }
    }
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
    /// Rebuilds the state from the log, without any call to WeChat; the service may run meanwhile.
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
    /// name, so that its readers start from the beginning, and prints what to run next.
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
    #[command(subcommand, name = "event", visible_alias = "events")]
    Events(EventsCommand),
    /// The accounts that have authorized you.
    #[command(subcommand, name = "authorizer", visible_alias = "authorizers")]
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
    #[command(subcommand, name = "dead-letter", visible_alias = "dead-letters")]
    DeadLetters(DeadLettersCommand),
    /// Callbacks on their way from WeChat to the log.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Checks configuration, keys, clock, database, broker, journal, disk, rights of files, open files, outgoing address, tickets
    /// and public addresses, and says what to do about each. Exit code 1 if a check fails.
    Doctor(Doctor),
    /// Explains a code: what it means, whose fault it is, and what to do. Any number of WeChat, code of the API, event, or reason
    /// of a dead letter or waiting task.
    Explain {
        /// The code, such as 61004, webhook.disabled or -1.
        #[arg(allow_negative_numbers = true)]
        code: String,
    },
    /// Prints the version.
    Version {
        /// As one JSON document, the same as -o json.
        #[arg(long)]
        json: bool,
    },
    /// Prints a completion script for a shell.
    Completion {
        /// The shell.
        shell: Shell,
    },
}

fn position(text: &str) -> Result<Position, std::num::ParseIntError> {
    text.parse().map(Position)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn an_account_is_named_by_position_or_by_the_flags_of_every_command() {
        let parse =
            |rest: &[&str]| Arguments::try_parse_from(["mandate", "authorizer", "show"].iter().chain(rest));
        let (c, a) = ("wx1f2e3d4c5b6a7988", "wxa0b1c2d3e4f50617");
        for named in [[c, a].as_slice(), &["--component", c, "--authorizer", a]] {
            let parsed = parse(named).expect("both are there");
            let Command::Authorizers(AuthorizersCommand::Show { account, .. }) = parsed.command else {
                panic!()
            };
            let account = Account::from(account);
            assert_eq!((account.component.as_str(), account.authorizer.as_str()), (c, a));
        }
        for half in [[c].as_slice(), &["--component", c], &[c, a, "--component", c], &[]] {
            assert!(parse(half).is_err(), "{half:?}");
        }
    }

    #[test]
    fn nouns_are_singular_and_their_old_plurals_still_work() {
        Arguments::command().debug_assert();
        for (old, new) in
            [("events", "event"), ("authorizers", "authorizer"), ("dead-letters", "dead-letter")]
        {
            for name in [old, new] {
                assert!(Arguments::try_parse_from(["mandate", name, "list"]).is_ok(), "{name}");
            }
            let command = Arguments::command();
            let found = command.get_subcommands().find(|one| one.get_name() == new).expect("it is there");
            assert!(found.get_visible_aliases().any(|alias| alias == old), "{old}");
        }
    }
}
