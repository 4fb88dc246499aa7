//! SQL texts: migrations, functions, and files of statements by subject.

/// A numbered migration. It is applied once and never changed.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its number, from 1.
    pub number: u32,
    /// Its name.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

impl std::fmt::Display for Migration {
    /// As its file is called.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}_{}", self.number, self.name)
    }
}

impl Migration {
    /// SHA-256 of its statements, hex: shows that an applied migration was not changed afterwards.
    pub fn sha256(&self) -> String {
        sha256(self.sql)
    }
}

/// The migrations of the `SQLite` store, in order. A number may be missing: from 11 on both databases count in step.
pub const SQLITE_MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "log", sql: include_str!("../sqlite/migrations/0001_log.sql") },
    Migration {
        number: 2,
        name: "credentials",
        sql: include_str!("../sqlite/migrations/0002_credentials.sql"),
    },
    Migration { number: 3, name: "erasing", sql: include_str!("../sqlite/migrations/0003_erasing.sql") },
    Migration { number: 4, name: "messages", sql: include_str!("../sqlite/migrations/0004_messages.sql") },
    Migration { number: 5, name: "consent", sql: include_str!("../sqlite/migrations/0005_consent.sql") },
    Migration { number: 6, name: "leader", sql: include_str!("../sqlite/migrations/0006_leader.sql") },
    Migration { number: 7, name: "webhooks", sql: include_str!("../sqlite/migrations/0007_webhooks.sql") },
    Migration { number: 8, name: "one_truth", sql: include_str!("../sqlite/migrations/0008_one_truth.sql") },
    Migration { number: 9, name: "deaths", sql: include_str!("../sqlite/migrations/0009_deaths.sql") },
    Migration {
        number: 11,
        name: "plain_columns",
        sql: include_str!("../sqlite/migrations/0011_plain_columns.sql"),
    },
    Migration { number: 12, name: "lease", sql: include_str!("../sqlite/migrations/0012_lease.sql") },
    Migration {
        number: 13,
        name: "tried_alone",
        sql: include_str!("../sqlite/migrations/0013_tried_alone.sql"),
    },
    Migration {
        number: 14,
        name: "task_shares",
        sql: include_str!("../sqlite/migrations/0014_task_shares.sql"),
    },
];

/// The migrations of the `PostgreSQL` store, in order.
pub const POSTGRES_MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "log", sql: include_str!("../postgres/migrations/0001_log.sql") },
    Migration {
        number: 2,
        name: "append_by_index",
        sql: include_str!("../postgres/migrations/0002_append_by_index.sql"),
    },
    Migration {
        number: 3,
        name: "credentials",
        sql: include_str!("../postgres/migrations/0003_credentials.sql"),
    },
    Migration { number: 4, name: "erasing", sql: include_str!("../postgres/migrations/0004_erasing.sql") },
    Migration { number: 5, name: "messages", sql: include_str!("../postgres/migrations/0005_messages.sql") },
    Migration { number: 6, name: "consent", sql: include_str!("../postgres/migrations/0006_consent.sql") },
    Migration { number: 7, name: "leader", sql: include_str!("../postgres/migrations/0007_leader.sql") },
    Migration { number: 8, name: "webhooks", sql: include_str!("../postgres/migrations/0008_webhooks.sql") },
    Migration {
        number: 9,
        name: "one_truth",
        sql: include_str!("../postgres/migrations/0009_one_truth.sql"),
    },
    Migration { number: 10, name: "deaths", sql: include_str!("../postgres/migrations/0010_deaths.sql") },
    Migration {
        number: 11,
        name: "plain_columns",
        sql: include_str!("../postgres/migrations/0011_plain_columns.sql"),
    },
    Migration { number: 12, name: "lease", sql: include_str!("../postgres/migrations/0012_lease.sql") },
    Migration {
        number: 13,
        name: "tried_alone",
        sql: include_str!("../postgres/migrations/0013_tried_alone.sql"),
    },
    Migration {
        number: 14,
        name: "task_shares",
        sql: include_str!("../postgres/migrations/0014_task_shares.sql"),
    },
];

/// The functions of the `PostgreSQL` store. Each has one current text, which the migrator applies after the migrations whenever it
/// differs from what is noted in the database.
pub const POSTGRES_FUNCTIONS: &[&str] = &[
    include_str!("../postgres/functions/erase_authorizer.sql"),
    include_str!("../postgres/functions/append_batch.sql"),
    include_str!("../postgres/functions/message_size.sql"),
];

/// SHA-256 of the texts of [`POSTGRES_FUNCTIONS`], hex.
pub fn functions_sha256() -> String {
    sha256(&POSTGRES_FUNCTIONS.concat())
}

fn sha256(text: &str) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    hash.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// Files of statements, each under a line `-- name:`. Short statements stand in the method that uses them; what is shared or long lies
/// here. Parameters are `$1`, `$2` and so on, for both databases.
pub mod queries {
    /// Keys of the API.
    pub const CALLERS: &str = include_str!("../queries/callers.sql");
    /// Ingress's journal; its parameters are those of `SQLite`.
    pub const JOURNAL: &str = include_str!("../queries/journal.sql");
    /// Events.
    pub const LOG: &str = include_str!("../queries/log.sql");
    /// Pushes of the message URL.
    pub const MESSAGES: &str = include_str!("../queries/messages.sql");
    /// State rebuilt beside the live rows.
    pub const REBUILD: &str = include_str!("../queries/rebuild.sql");
    /// Comparisons with `WeChat`'s list.
    pub const RECONCILE: &str = include_str!("../queries/reconcile.sql");
    /// Token rows and their leases.
    pub const TOKENS: &str = include_str!("../queries/tokens.sql");
    /// What only `SQLite` has, or has in words of its own.
    pub const SQLITE: &str = include_str!("../queries/sqlite.sql");
    /// What only `PostgreSQL` has, or has in words of its own.
    pub const POSTGRES: &str = include_str!("../queries/postgres.sql");
}

/// What begins a statement of a file.
const NAME: &str = "-- name: ";

/// The statement of this name in a file. In a constant, a name that is not there fails the build.
///
/// # Panics
///
/// If the file has no statement of this name.
pub const fn named(file: &'static str, name: &str) -> &'static str {
    let bytes = file.as_bytes();
    let mut line = 0;
    while line < bytes.len() {
        let next = line_after(bytes, line);
        if is_at(bytes, line, NAME.as_bytes())
            && is_at(bytes, line + NAME.len(), name.as_bytes())
            && line + NAME.len() + name.len() + 1 == next
        {
            let mut end = next;
            while end < bytes.len() && !is_at(bytes, end, NAME.as_bytes()) {
                end = line_after(bytes, end);
            }
            return file.split_at(end).0.split_at(next).1.trim_ascii();
        }
        line = next;
    }
    panic!("the file has no statement of this name")
}

/// Where the line after the one that begins at `at` begins.
const fn line_after(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != b'\n' {
        at += 1;
    }
    at + 1
}

const fn is_at(bytes: &[u8], at: usize, what: &[u8]) -> bool {
    let mut index = 0;
    while index < what.len() {
        if at + index >= bytes.len() || bytes[at + index] != what[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// The names of a file's statements, in order.
pub fn names(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines().filter_map(|line| line.strip_prefix(NAME))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    const FILES: [&str; 9] = [
        queries::CALLERS,
        queries::JOURNAL,
        queries::LOG,
        queries::MESSAGES,
        queries::REBUILD,
        queries::RECONCILE,
        queries::TOKENS,
        queries::SQLITE,
        queries::POSTGRES,
    ];

    fn texts(folder: &str) -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files = std::fs::read_dir(folder).unwrap();
        let mut texts: Vec<String> =
            files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        texts.sort();
        texts
    }

    #[test]
    fn each_file_of_statements_is_listed() {
        let mut listed = FILES.to_vec();
        listed.sort_unstable();
        assert_eq!(texts("queries"), listed);
    }

    #[test]
    fn a_name_stands_for_one_statement() {
        for file in FILES {
            let (mut known, mut count) = (BTreeSet::new(), 0);
            for name in names(file) {
                let sql = named(file, name);
                assert!(known.insert(name), "{name} is there twice");
                assert!(!sql.is_empty() && !sql.contains(NAME), "{name}: {sql}");
                let is_trigger = sql.contains("CREATE TRIGGER"); // which holds statements
                let is_one = sql.lines().all(|line| line.starts_with("--") || !line.contains(';'));
                assert!(is_one || is_trigger, "{name}: one statement, without a semicolon");
                count += 1;
            }
            assert!(count > 0, "a file without statements");
            let before = file.lines().take_while(|line| !line.starts_with(NAME));
            assert!(
                before.into_iter().all(|line| line.is_empty() || line.starts_with("--")),
                "SQL without a name"
            );
        }
    }

    #[test]
    fn a_statement_ends_where_the_next_one_begins() {
        let file = "-- What it is.\n\n-- name: a\n-- Why.\nselect 1\n\n-- name: ab\nselect 2\n";
        assert_eq!(named(file, "a"), "-- Why.\nselect 1");
        assert_eq!(named(file, "ab"), "select 2");
        assert_eq!(names(file).collect::<Vec<_>>(), ["a", "ab"]);
        assert!(std::panic::catch_unwind(|| named(file, "b")).is_err());
    }

    #[test]
    fn each_function_is_listed_and_replaces_the_one_before() {
        let mut listed = POSTGRES_FUNCTIONS.to_vec();
        listed.sort_unstable();
        assert_eq!(texts("postgres/functions"), listed);
        for text in listed {
            assert!(!text.contains("create function"), "{text}");
        }
    }
}
