//! The whole configuration: defaults, then a TOML file, then the environment, then secrets from files of their own.
//!
//! [`load`] reports every problem at once, each with its key and where the value came from, and never shows a secret. What
//! only some processes need is checked afterwards, by the role checks of [`Loaded`].

mod broker;
mod component;
mod doors;
mod duration;
mod environment;
mod file;
mod log;
mod operations;
mod paths;
mod reply;
mod report;
mod roles;
mod scalar;
mod seal;
mod secret;
mod section;
mod show;
mod storage;
mod tree;
mod types;
mod wechat;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use broker::{Broker, BrokerUrl};
pub use component::{Component, PreviousPair};
pub use doors::{Calls, Ingress, PathPrefix, Simulator, Worker};
pub use duration::{Every, parse_duration};
pub use environment::environment;
pub use log::{BadLevel, Log, LogFormat};
pub use operations::{Reconcile, Webhooks};
pub use reply::{Answer, NewsArticle, ReplyRule, TextMatch};
pub use report::{ConfigErrors, Origin, Problem, Resolved};
pub use roles::RoleCheck;
pub use seal::{Seal, SealKey};
pub use show::show;
pub use storage::{Storage, StorageUrl};
pub use types::{Bytes, Host, HttpUrl};
pub use wechat::Wechat;

use report::Report;
use section::Section;
use tree::Table;

/// The file that is read when none is named, if it is there.
pub const DEFAULT_FILE: &str = "mandate.toml";

/// Everything that can be set, typed and checked. Paths are as given: relative ones start at the working directory.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[[component]]`: the third-party platforms that are served.
    pub components: Vec<Component>,
    /// `[ingress]`: `WeChat`'s door.
    pub ingress: Ingress,
    /// `[worker]`: the work and its API.
    pub worker: Worker,
    /// `[storage]`: the database.
    pub storage: Storage,
    /// `[broker]`: what stands between ingress, worker and subscribers.
    pub broker: Broker,
    /// `[seal]`: the master keys.
    pub seal: Seal,
    /// `[wechat]`: how `WeChat`'s API is reached.
    pub wechat: Wechat,
    /// `[reconcile]`: the comparison with `WeChat`'s list.
    pub reconcile: Reconcile,
    /// `[webhooks]`: outgoing webhooks.
    pub webhooks: Webhooks,
    /// `[[reply]]`: passive replies, in order.
    pub replies: Vec<ReplyRule>,
    /// `[simulator]`: `WeChat`'s side for development.
    pub simulator: Simulator,
    /// `[log]`: what is logged and how.
    pub log: Log,
}

/// A configuration that holds, with where each of its values came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Each key with its value (secrets masked) and origin, in the order of the documentation.
    pub origins: Vec<Resolved>,
    /// What is allowed but probably not meant.
    pub warnings: Vec<String>,
    /// The file that was read, if there is one.
    pub file: Option<PathBuf>,
}

/// Loads the configuration.
///
/// `file` is the file the operator named; it must exist. Without one, `default_file` (normally [`DEFAULT_FILE`]) is read if it
/// is there. `env` is normally [`environment`]; only variables `MANDATE_…` that contain `__` are ours.
///
/// # Errors
///
/// [`ConfigErrors`] with every problem that was found.
pub fn load(
    file: Option<&Path>,
    default_file: &Path,
    env: impl Iterator<Item = (String, String)>,
) -> Result<Loaded, ConfigErrors> {
    let report = Report::default();
    let named = file.or_else(|| is_there(default_file).then_some(default_file));
    let mut table = named.map_or_else(|| Ok(Table::default()), file::read).map_err(ConfigErrors)?;
    environment::merge(&mut table, env, &report);
    let config = Config::read(Section::root(table, &report));
    let (origins, mut warnings) = report.finish()?;
    warnings.extend(named.and_then(|path| file::warn_of_readers(path, &origins)));
    Ok(Loaded { config, origins, warnings, file: named.map(Path::to_owned) })
}

/// A file that cannot be looked at counts as there: reading it will say why, instead of running without it.
fn is_there(file: &Path) -> bool {
    file.try_exists().unwrap_or(true)
}

impl Config {
    fn read(mut root: Section<'_>) -> Self {
        let components = component::read_all(&mut root);
        let config = Self {
            replies: reply::read_all(&mut root, &components),
            components,
            ingress: Ingress::read(root.section("ingress")),
            worker: Worker::read(root.section("worker")),
            storage: Storage::read(root.section("storage")),
            broker: Broker::read(root.section("broker")),
            seal: Seal::read(root.section("seal")),
            wechat: Wechat::read(root.section("wechat")),
            reconcile: Reconcile::read(root.section("reconcile")),
            webhooks: Webhooks::read(root.section("webhooks")),
            simulator: Simulator::read(root.section("simulator")),
            log: Log::read(root.section("log")),
        };
        root.finish();
        config
    }
}

impl Default for Config {
    /// What an empty configuration means.
    fn default() -> Self {
        Self::read(Section::root(Table::default(), &Report::default()))
    }
}
