//! `[storage]`: the database.

use std::path::PathBuf;

use mandate_schema::Secret;

use super::{secret::mask_url, section::Section};

/// `[storage]`.
#[derive(Clone, Debug)]
pub struct Storage {
    /// The database of the service.
    pub url: StorageUrl,
    /// The same database as its owner, for `mandate migrate`; `None` means `url`.
    pub migrate_url: Option<StorageUrl>,
    /// The most connections that one process opens.
    pub pool: u32,
    /// A private CA for TLS to the database.
    pub ca_file: Option<PathBuf>,
}

/// Which database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A server; the address holds its password.
    Postgres(Secret),
}

impl Storage {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let url = section.get_secret("url", StorageUrl::parse, StorageUrl::show, StorageUrl::default);
        let migrate_url = section.secret_as("migrate_url", StorageUrl::parse, StorageUrl::show);
        let storage =
            Self { url, migrate_url, pool: section.get("pool", 8), ca_file: section.optional("ca_file") };
        section.finish();
        storage
    }

    /// The database as its owner.
    pub fn owner_url(&self) -> &StorageUrl {
        self.migrate_url.as_ref().unwrap_or(&self.url)
    }
}

impl StorageUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let bad = "must be \"sqlite:FILE\" or \"postgres://user:password@host:5432/database\"";
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(Secret::new(text)));
        }
        let file = text.strip_prefix("sqlite:").ok_or(bad)?;
        let file = file.strip_prefix("//").unwrap_or(file);
        // SQLite reads these as something other than a file of that name.
        if file.is_empty() || file.starts_with(':') || file.starts_with("file:") {
            return Err(bad.to_owned());
        }
        Ok(Self::Sqlite(file.into()))
    }

    /// The address without its password.
    pub fn show(&self) -> String {
        match self {
            Self::Sqlite(file) => format!("sqlite:{}", file.display()),
            Self::Postgres(url) => mask_url(url.expose()),
        }
    }
}

impl Default for StorageUrl {
    fn default() -> Self {
        Self::Sqlite("data/mandate.db".into())
    }
}
