//! What each process needs beyond a configuration that is valid as such.

use super::{BrokerUrl, ConfigErrors, Loaded, Origin, Problem, StorageUrl};

/// What stands in the way of one process, and what it does not need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleCheck {
    /// The process must not start with these.
    pub problems: Vec<Problem>,
    /// The process starts all the same.
    pub warnings: Vec<String>,
}

impl RoleCheck {
    /// The warnings, if the process may start.
    ///
    /// # Errors
    ///
    /// [`ConfigErrors`] with all problems.
    pub fn into_result(self) -> Result<Vec<String>, ConfigErrors> {
        if self.problems.is_empty() { Ok(self.warnings) } else { Err(ConfigErrors(self.problems)) }
    }
}

/// What the example and the README show in the place of secrets.
const EXAMPLE_TOKEN: &str = "replacethistoken";
const EXAMPLE_AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const EXAMPLE_MASTER_KEY: &[u8; 32] = b"replace-me-with-mandate-keygen!!";

impl Loaded {
    /// For `mandate standalone`.
    pub fn check_standalone(&self) -> RoleCheck {
        let problems = [self.components(), self.app_secrets(), self.master_key(), self.one_database()];
        RoleCheck { problems: problems.concat(), warnings: self.placeholders() }
    }

    /// Values of the example that are public: anybody could forge pushes, or open the database, with them.
    fn placeholders(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (at, component) in self.config.components.iter().enumerate() {
            if component.token.expose() == EXAMPLE_TOKEN
                || component.encoding_aes_key.expose() == EXAMPLE_AES_KEY
            {
                found.push(format!(
                    "component.{at}: token or encoding_aes_key is the example's, which everybody knows"
                ));
            }
        }
        if self.config.seal.keys.iter().any(|key| key.expose() == EXAMPLE_MASTER_KEY) {
            found.push(
                "seal.keys: a key is the example's, which everybody knows; `mandate keygen` makes one"
                    .to_owned(),
            );
        }
        found
    }

    /// What runs but cannot be meant: values that everybody knows, and forms that `WeChat` does not give out.
    pub fn check_values(&self) -> Vec<Problem> {
        let mut found: Vec<Problem> = self
            .placeholders()
            .into_iter()
            .map(|text| {
                let (key, message) = text.split_once(": ").unwrap_or(("", &text));
                self.problem(key, message)
            })
            .collect();
        for (at, component) in self.config.components.iter().enumerate() {
            let id = component.app_id.as_str().strip_prefix("wx").unwrap_or_default();
            if id.len() != 16 || !id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                found.push(self.problem(
                    &format!("component.{at}.app_id"),
                    "is no appid of a component: `wx` and 16 digits or letters a to f",
                ));
            }
            let is_odd =
                |secret: &str| secret.len() != 32 || !secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if component.app_secret.as_ref().is_some_and(|secret| is_odd(secret.expose())) {
                found.push(self.problem(
                    &format!("component.{at}.app_secret"),
                    "is no app secret: 32 letters and digits, as in WeChat's console",
                ));
            }
        }
        found
    }

    /// For `mandate demo`, which makes what is missing: component, credentials, master key.
    pub fn check_demo(&self) -> RoleCheck {
        RoleCheck { problems: self.app_secrets(), warnings: Vec::new() }
    }

    /// For `mandate ingress`.
    pub fn check_ingress(&self) -> RoleCheck {
        let settle_key = self.config.ingress.settle_key.is_some();
        let problems = [self.components(), self.broker("ingress"), self.settle_key("ingress", settle_key)];
        let warnings = [self.placeholders(), self.not_for_ingress()];
        RoleCheck { problems: problems.concat(), warnings: warnings.concat() }
    }

    /// For `mandate worker`.
    pub fn check_worker(&self) -> RoleCheck {
        let settle_key = self.config.worker.settle_key.is_some();
        let problems = [
            self.components(),
            self.app_secrets(),
            self.master_key(),
            self.broker("worker"),
            self.settle_key("worker", settle_key),
            self.one_database(),
        ];
        RoleCheck { problems: problems.concat(), warnings: self.placeholders() }
    }

    /// For `mandate simulator`.
    pub fn check_simulator(&self) -> RoleCheck {
        RoleCheck { problems: [self.components(), self.app_secrets()].concat(), warnings: Vec::new() }
    }

    /// For commands that only open the database, such as `mandate migrate` and `mandate rebuild`.
    pub fn check_storage(&self) -> RoleCheck {
        RoleCheck { problems: self.one_database(), warnings: Vec::new() }
    }

    fn problem(&self, key: &str, message: impl Into<String>) -> Problem {
        Problem { key: key.to_owned(), source: self.origin(key), message: message.into() }
    }

    fn origin(&self, key: &str) -> Origin {
        self.origins
            .iter()
            .find(|value| value.key == key)
            .map(|value| value.origin.clone())
            .unwrap_or_default()
    }

    fn components(&self) -> Vec<Problem> {
        let missing = self.config.components.is_empty();
        let message = "at least one [[component]] is required";
        missing.then(|| self.problem("component", message)).into_iter().collect()
    }

    fn app_secrets(&self) -> Vec<Problem> {
        let components = self.config.components.iter().enumerate();
        let without = components.filter(|(_, component)| component.app_secret.is_none());
        without
            .map(|(at, _)| self.problem(&format!("component.{at}.app_secret"), "is required here"))
            .collect()
    }

    fn master_key(&self) -> Vec<Problem> {
        let missing = self.config.seal.keys.is_empty();
        let message = "is required: secrets are only stored sealed; `mandate keygen` makes a key";
        missing.then(|| self.problem("seal.keys", message)).into_iter().collect()
    }

    fn broker(&self, command: &str) -> Vec<Problem> {
        let missing = self.config.broker.url == BrokerUrl::Embedded;
        let message = format!(
            "`mandate {command}` is one of two processes and needs a broker between them: set amqp://…, or run \
             `mandate standalone`, which needs none"
        );
        missing.then(|| self.problem("broker.url", message)).into_iter().collect()
    }

    fn settle_key(&self, section: &str, is_set: bool) -> Vec<Problem> {
        let key = format!("{section}.settle_key");
        let (ingress, worker) = (&self.config.ingress.settle_key, &self.config.worker.settle_key);
        let message = if self.config.broker.url == BrokerUrl::Embedded {
            return Vec::new();
        } else if !is_set {
            "is required with a broker: the same text in [ingress] and [worker]"
        } else if ingress.is_some() && worker.is_some() && ingress != worker {
            "must be the same text in [ingress] and [worker]"
        } else {
            return Vec::new();
        };
        vec![self.problem(&key, message)]
    }

    /// Ingress stands in the open, so it should not even know what it does not need.
    fn not_for_ingress(&self) -> Vec<String> {
        let needless = |key: &str| {
            key.starts_with("seal.")
                || key.starts_with("storage.")
                || (key.starts_with("component.") && key.ends_with(".app_secret"))
        };
        let set = self.origins.iter().filter(|value| value.origin != Origin::Default && needless(&value.key));
        let warning = |value: &super::Resolved| {
            format!("{} ({}): ingress does not need it; keep it out of this process", value.key, value.origin)
        };
        set.map(warning).collect()
    }

    /// `migrate_url` is the same database under another name.
    fn one_database(&self) -> Vec<Problem> {
        let storage = &self.config.storage;
        let same = match (&storage.url, &storage.migrate_url) {
            (_, None) | (StorageUrl::Postgres(_), Some(StorageUrl::Postgres(_))) => true,
            (StorageUrl::Sqlite(one), Some(StorageUrl::Sqlite(other))) => one == other,
            (StorageUrl::Sqlite(_), Some(StorageUrl::Postgres(_)))
            | (StorageUrl::Postgres(_), Some(StorageUrl::Sqlite(_))) => false,
        };
        let message = "must be the database of storage.url, as its owner";
        (!same).then(|| self.problem("storage.migrate_url", message)).into_iter().collect()
    }
}
