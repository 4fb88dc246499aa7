//! The operator's commands, one file a subject.

mod api_key;
mod authorizers;
mod config;
mod dead_letters;
mod doctor;
mod erase;
mod events;
mod explain;
mod health;
mod init;
mod journal;
mod link;
mod listen;
mod reconcile;
mod release_check;
mod republish;
mod seal;
mod storage;
mod webhook;

use clap::CommandFactory;

use crate::{
    args::{Arguments, Command},
    demo,
    exit::CliError,
    output::{self, Format},
    process,
};

/// Does what the command line asks for.
pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let Arguments { global, command } = arguments;
    match command {
        Command::Demo(demo) => demo::run(demo).await,
        Command::Standalone => process::standalone(&global).await,
        Command::Ingress => process::ingress(&global).await,
        Command::Worker { migrate } => process::worker(&global, migrate).await,
        Command::Simulator(simulator) => process::simulator(&global, &simulator).await,
        Command::ReleaseCheck(arguments) => release_check::run(&global, arguments).await,
        Command::Init(arguments) => init::run(arguments).await,
        Command::Health { url } => health::run(&url).await,
        Command::Migrate => storage::migrate(&global).await,
        Command::Rebuild { check } => storage::rebuild(&global, check).await,
        Command::Reconcile { component, dry_run } => reconcile::run(&global, component, dry_run).await,
        Command::Restored => reconcile::restored(&global).await,
        Command::ApiKey(command) => api_key::run(&global, command).await,
        Command::Audit { reads, limit } => api_key::audit(&global, reads.as_deref(), limit).await,
        Command::Seal(command) => seal::run(&global, &command).await,
        Command::Keygen { id } => storage::keygen(id),
        Command::Config(command) => config::run(&global, &command),
        Command::Events(command) => events::run(&global, command).await,
        Command::Authorizers(command) => authorizers::run(&global, command).await,
        Command::Link(command) => link::run(&global, command).await,
        Command::Webhook(command) => webhook::run(&global, command).await,
        Command::Listen(arguments) => listen::run(&global, arguments).await,
        Command::DeadLetters(command) => dead_letters::run(&global, command).await,
        Command::Journal(command) => journal::run(&global, command),
        Command::Doctor(arguments) => doctor::run(&global, arguments).await,
        Command::Explain { code } => explain::run(&global, &code),
        Command::Version { json } => version(global.output, json),
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "mandate", &mut script);
            output::line(String::from_utf8_lossy(&script).trim_end())
        }
    }
}

/// `mandate version`.
fn version(format: Format, json: bool) -> Result<(), CliError> {
    let version = env!("CARGO_PKG_VERSION");
    if json || format != Format::Table {
        let format = if format == Format::Table { Format::Json } else { format };
        return output::json(&serde_json::json!({ "name": "mandate", "version": version }), format);
    }
    output::line(format!("mandate {version}"))
}
