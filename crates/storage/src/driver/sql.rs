//! A statement in the words of both databases.
//!
//! It is written once, as `PostgreSQL` takes it: parameters are `$1`, `$2` and so on, and a `::type` says a type that it does not find
//! by itself. For `SQLite` each `$` before a number becomes `?`, and each `::type` goes. Where more differs, the statement stands in
//! `schema/queries/sqlite.sql` and `schema/queries/postgres.sql` under one name.

/// A statement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql {
    /// As `SQLite` takes it.
    pub(crate) sqlite: &'static str,
    /// As `PostgreSQL` takes it.
    pub(crate) postgres: &'static str,
}

impl Sql {
    /// Whether it changes nothing, so that a reading connection of `SQLite` may run it.
    pub(super) fn is_read(self) -> bool {
        let mut lines = self.sqlite.lines();
        lines.find(|line| !line.starts_with("--")).is_some_and(|line| line.starts_with("select"))
    }
}

/// The text for `SQLite`, of the same length.
pub(crate) const fn for_sqlite<const N: usize>(text: &str) -> [u8; N] {
    let from = text.as_bytes();
    let mut to = [b' '; N];
    let mut at = 0;
    while at < N {
        if from[at] == b':' && at + 1 < N && from[at + 1] == b':' {
            at += 2;
            while at < N && matches!(from[at], b'a'..=b'z' | b'0'..=b'9' | b'_' | b'[' | b']') {
                at += 1;
            }
            continue;
        }
        let is_parameter = from[at] == b'$' && at + 1 < N && from[at + 1].is_ascii_digit();
        to[at] = if is_parameter { b'?' } else { from[at] };
        at += 1;
    }
    to
}

/// The text that [`for_sqlite`] made.
pub(crate) const fn text(bytes: &'static [u8]) -> &'static str {
    match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => panic!("only ASCII was replaced"),
    }
}

/// A statement of both databases: its text, or the file of `schema/queries/` and the name.
macro_rules! sql {
    ($file:ident / $name:literal) => {
        $crate::driver::sql!(mandate_schema::sql::named(mandate_schema::sql::queries::$file, $name))
    };
    ($text:expr) => {
        const {
            const TEXT: &str = $text;
            const SQLITE: [u8; TEXT.len()] = $crate::driver::for_sqlite(TEXT);
            $crate::driver::Sql { sqlite: $crate::driver::text(&SQLITE), postgres: TEXT }
        }
    };
}

/// A statement that each database has in words of its own, by its name.
macro_rules! dialect {
    ($name:literal) => {
        $crate::driver::Sql {
            sqlite: $crate::driver::sql!(SQLITE / $name).sqlite,
            postgres: $crate::driver::sql!(POSTGRES / $name).postgres,
        }
    };
}

/// A statement that deletes rows of a table for which a condition holds, no more of them than its last parameter says, which is the
/// number given. `PostgreSQL` finds them again by where they lie, `SQLite` by their key.
macro_rules! prune {
    ($table:literal, $key:literal, $condition:literal, $most:literal) => {
        $crate::driver::Sql {
            sqlite: $crate::driver::sql!(concat!(
                "delete from ",
                $table,
                " where (",
                $key,
                ") in (select ",
                $key,
                " from ",
                $table,
                " ",
                $condition,
                " limit $",
                $most,
                ")"
            ))
            .sqlite,
            postgres: concat!(
                "delete from ",
                $table,
                " where ctid = any (array(select ctid from ",
                $table,
                " ",
                $condition,
                " limit $",
                $most,
                "))"
            ),
        }
    };
}

pub(crate) use {dialect, prune, sql};

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use mandate_schema::sql::{names, queries};

    #[test]
    fn sqlite_gets_its_parameters_and_no_types() {
        let sql = sql!("select $1::uuid, data ->> '$.a' from t where n = any($12::text[]) and a = $2");
        assert_eq!(
            sql.sqlite.split_whitespace().collect::<Vec<_>>().join(" "),
            "select ?1 , data ->> '$.a' from t where n = any(?12 ) and a = ?2"
        );
        assert_eq!(sql.sqlite.len(), sql.postgres.len());
    }

    #[test]
    fn what_selects_is_read_and_what_changes_is_not() {
        assert!(sql!(LOG / "event_read").is_read());
        assert!(dialect!("state_load").is_read(), "a comment stands before it");
        assert!(!dialect!("lease_take").is_read());
        assert!(!sql!("delete from task").is_read());
    }

    #[test]
    fn what_is_pruned_is_bounded() {
        let sql = prune!("token_read", "minute, api_key", "where minute < $1", 2);
        assert_eq!(
            sql.sqlite,
            "delete from token_read where (minute, api_key) in \
             (select minute, api_key from token_read where minute < ?1 limit ?2)"
        );
        assert_eq!(
            sql.postgres,
            "delete from token_read where ctid = any (array(select ctid from token_read where minute < $1 limit $2))"
        );
    }

    /// Adds the source files of a folder and those below it.
    fn sources(folder: &Path, texts: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, texts);
            } else {
                texts.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }

    /// A name that is used and missing does not compile.
    #[test]
    fn every_named_statement_is_used() {
        let mut texts = String::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store"), &mut texts);
        let files = [
            ("CALLERS", queries::CALLERS),
            ("LOG", queries::LOG),
            ("MESSAGES", queries::MESSAGES),
            ("REBUILD", queries::REBUILD),
            ("RECONCILE", queries::RECONCILE),
            ("TOKENS", queries::TOKENS),
        ];
        for (file, text) in files {
            for name in names(text) {
                assert!(texts.contains(&format!("sql!({file} / \"{name}\")")), "{file} / {name} is not used");
            }
        }
        let both: BTreeSet<&str> = names(queries::SQLITE)
            .filter(|name| names(queries::POSTGRES).any(|theirs| theirs == *name))
            .collect();
        for (file, text) in [("SQLITE", queries::SQLITE), ("POSTGRES", queries::POSTGRES)] {
            for name in names(text) {
                let alone = texts.contains(&format!("sql!({file} / \"{name}\")"));
                let used = alone || both.contains(name) && texts.contains(&format!("dialect!(\"{name}\")"));
                assert!(used, "{file} / {name} is not used");
            }
        }
    }
}
