//! Processes, and what prepares and checks them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mandate_schema::ComponentId;

use crate::role::Role;

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
    /// Answer the control API to other machines, too. It shows secrets and plays merchants: use it only where no one else can reach
    /// the port, such as in a container.
    #[arg(long)]
    pub(crate) open_control: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Prints every value, secrets masked, and where it comes from.
    Show,
    /// Only checks; exit code 2 and all problems at once if there are any.
    Check {
        /// The process that will run with it; by default the one that its broker and keys point to.
        #[arg(long, value_enum)]
        role: Option<Role>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// Takes apart a captured request of `WeChat` (head, empty line, body) instead, and says which step fails.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["role", "callback_url"])]
    pub(crate) request: Option<PathBuf>,
    /// The process that the configuration is for; by default the one that its broker and keys point to.
    #[arg(long, value_enum)]
    pub(crate) role: Option<Role>,
    /// Also checks the callback URLs behind this address, as it stands in `WeChat`'s console.
    #[arg(long, value_name = "URL")]
    pub(crate) callback_url: Option<String>,
}
