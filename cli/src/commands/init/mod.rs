//! `mandate init`: the secrets of a stack, each made once, then the database.
//!
//! Every process gets a folder of its own, in a stack of containers a volume of its own, and nothing in it that it does not
//! need: ingress has neither the master key nor a way into the database.

mod files;
mod rabbitmq;

use std::{path::PathBuf, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use mandate_runtime::{
    config::{Config, StorageUrl},
    random::{self, LETTERS},
    stop::Stop,
};
use mandate_schema::Secret;
use tokio::time::timeout;

use crate::{args::Init, context, exit::CliError, output::line};
use files::Folder;

/// How long the database may take to start.
const PATIENCE: Duration = Duration::from_mins(3);

/// The database, its owner, and the role of the service.
const DATABASE: &str = "mandate";
const OWNER: &str = "mandate_owner";
const SERVICE: &str = "mandate";

/// Makes what is missing, then waits for the database and brings it up to date.
pub(crate) async fn run(init: Init) -> Result<(), CliError> {
    let config = Config::default();
    context::begin(&config.log)?;
    let stack = Stack { root: init.folder.clone(), init: &init };
    let urls = stack.write()?;
    line(format!("the secrets of the stack are in {}", init.folder.display()))?;
    let mut config = config;
    config.storage.url = StorageUrl::Postgres(urls.service);
    config.storage.migrate_url = Some(StorageUrl::Postgres(urls.owner));
    let stop = Stop::on_signals()?;
    let migrated = timeout(PATIENCE, context::wait_to_migrate(&config, &stop)).await;
    let late = || CliError::Unavailable(format!("{} does not answer; is PostgreSQL running?", init.postgres));
    match migrated.map_err(|_elapsed| late())?? {
        Some(migrated) => {
            for name in &migrated.applied {
                line(format!("applied {name}"))?;
            }
            line(format!("the database is at version {}", migrated.version))
        }
        None => Err(CliError::Unavailable("stopped before the database was there".to_owned())),
    }
}

/// What goes where.
struct Stack<'a> {
    root: PathBuf,
    init: &'a Init,
}

struct Urls {
    service: Secret,
    owner: Secret,
}

impl Stack<'_> {
    fn folder(&self, name: &str) -> Result<Folder, CliError> {
        Folder::create(&self.root.join(name))
    }

    fn write(&self) -> Result<Urls, CliError> {
        let (worker, ingress) = (self.folder("worker")?, self.folder("ingress")?);
        // What two processes share is made in the folder of one and copied to the other's.
        let settle_key = worker.once("settle_key", || random::text(40, LETTERS))?;
        ingress.put("settle_key", &settle_key)?;
        worker.once("seal_keys", || format!("stack:{}", STANDARD.encode(random::bytes::<32>())))?;
        let urls = self.write_postgres(&worker)?;
        self.write_rabbitmq(&worker, &ingress)?;
        if let Some(component) = &self.init.component {
            self.write_component(component.as_str(), &worker, &ingress)?;
        }
        Ok(urls)
    }

    fn write_postgres(&self, worker: &Folder) -> Result<Urls, CliError> {
        let owner = self.folder("postgres")?.once("owner_password", || random::text(40, LETTERS))?;
        let password = random::text(40, LETTERS);
        let url = |user: &str, password: &str| {
            format!("postgres://{user}:{password}@{}/{DATABASE}", self.init.postgres)
        };
        let service = worker.once("storage_url", || url(SERVICE, &password))?;
        Ok(Urls { service: Secret::new(service), owner: Secret::new(url(OWNER, &owner)) })
    }

    fn write_rabbitmq(&self, worker: &Folder, ingress: &Folder) -> Result<(), CliError> {
        let folder = self.folder("rabbitmq")?;
        let url = |user: &str, password: &str| {
            format!("amqp://{user}:{password}@{}/{}", self.init.rabbitmq, rabbitmq::VHOST)
        };
        let admin = folder.once("admin_password", || random::text(24, LETTERS))?;
        let mut passwords = Vec::new();
        for (folder, user) in [(worker, rabbitmq::WORKER), (ingress, rabbitmq::INGRESS)] {
            let password = random::text(40, LETTERS);
            let url = folder.once("broker_url", || url(user, &password))?;
            // Of an older run: the password that stands in the address.
            let known = url.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
            let known =
                known.and_then(|(user, _)| user.split_once(':')).map(|(_, password)| password.to_owned());
            passwords.push(known.unwrap_or(password));
        }
        let definitions = rabbitmq::definitions(&admin, &passwords[0], &passwords[1])?;
        folder.put("definitions.json", &definitions)?;
        folder.put("rabbitmq.conf", &rabbitmq::configuration(&self.init.rabbitmq_folder))
    }

    /// A component with invented credentials, for a stack with the simulator.
    fn write_component(&self, app_id: &str, worker: &Folder, ingress: &Folder) -> Result<(), CliError> {
        let simulator = self.folder("simulator")?;
        let whole = simulator.once("mandate.toml", || {
            format!(
                "[[component]]\napp_id = \"{app_id}\"\napp_secret = \"{}\"\ntoken = \"{}\"\nencoding_aes_key = \"{}\"\n",
                random::text(32, "0123456789abcdef"),
                random::text(20, LETTERS),
                random::text(43, LETTERS)
            )
        })?;
        worker.put(
            "mandate.toml",
            &format!(
                "{whole}\n[worker]\nopen_consent = true\n\n[wechat]\napi_base = \"http://{}\"\n\
                 consent_base = \"http://{pages}\"\nconsent_mobile_base = \"http://{pages}\"\n",
                self.init.simulator,
                pages = self.init.simulator_pages
            ),
        )?;
        let public: Vec<&str> = whole.lines().filter(|line| !line.starts_with("app_secret")).collect();
        ingress.put("mandate.toml", &(public.join("\n") + "\n"))
    }
}
