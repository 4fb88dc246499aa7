//! SQL texts: migrations and queries, one statement per file, the same names for each database.

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

macro_rules! queries {
    ($(#[$doc:meta])* $module:ident, $folder:literal, { $($name:ident,)* }) => {
        $(#[$doc])*
        #[expect(non_upper_case_globals, reason = "a query is named like its file")]
        #[expect(missing_docs, reason = "the file's text is the documentation")]
        pub mod $module {
            $(pub const $name: &str = include_str!(concat!("../", $folder, "/queries/", stringify!($name), ".sql"));)*

            /// All of them, by name.
            pub const ALL: &[(&str, &str)] = &[$((stringify!($name), $name),)*];
        }
    };
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

queries! {
    /// The queries of the `SQLite` store.
    sqlite, "sqlite", {
        api_key_any,
        api_key_find,
        api_key_list,
        api_key_put,
        api_key_revoke,
        api_key_touch,
        audit_list,
        audit_prune,
        audit_put,
        checkpoint_find,
        checkpoint_put,
        command_discard,
        command_find,
        command_put,
        command_revive,
        consent_link_find,
        consent_link_prune,
        consent_link_put,
        consent_visit_by_code,
        consent_visit_by_pre_auth,
        consent_visit_find,
        consent_visit_land,
        consent_visit_prune,
        consent_visit_put,
        dead_letter_count_retry,
        dead_letter_counts,
        dead_letter_find,
        dead_letter_list,
        dead_letter_of_task,
        dead_letter_put,
        dead_letter_remove,
        erase_keys,
        erase_keys_of_notices,
        erase_letters,
        erase_messages,
        erase_tasks,
        erase_token,
        event_by_id,
        event_insert,
        event_read,
        event_read_stream,
        event_read_stream_backwards,
        key_counts,
        key_find,
        key_insert,
        key_last,
        key_rewrap,
        key_samples,
        key_subject_put,
        key_under,
        lease_give_back,
        lease_take,
        log_head,
        log_head_move,
        log_rename,
        message_count,
        message_erased,
        message_erased_end,
        message_head,
        message_head_move,
        message_prune,
        message_prune_erased,
        message_prune_oldest,
        message_put,
        message_read,
        rebuild_clear_live,
        rebuild_compare,
        rebuild_count,
        rebuild_fill_live,
        rebuild_load,
        rebuild_prepare,
        rebuild_put,
        reconciled_clear,
        reconciled_missing,
        reconciled_put,
        reconciliation_advance,
        reconciliation_begin,
        reconciliation_end,
        reconciliation_find,
        state_list_authorizers,
        state_load,
        state_put,
        state_status_counts,
        state_version,
        task_begin,
        task_by_key,
        task_counts,
        task_die,
        task_discard,
        task_due_alone,
        task_due_of_group,
        task_end_leases,
        task_excuse,
        task_finish,
        task_group_after,
        task_learn,
        task_next_due,
        task_outlive,
        task_prune,
        task_queue,
        task_release,
        task_renew,
        task_retry,
        task_revive,
        task_state,
        task_take_back,
        task_wake,
        token_empty,
        token_empty_if,
        token_fail,
        token_find,
        token_lease,
        token_put,
        token_read_add,
        token_read_list,
        token_read_prune,
        token_release,
        token_store,
        token_take_expiring,
        token_touch,
        tried_alone_forget,
        tried_alone_note,
        tried_alone_prune,
        webhook_attempt_list,
        webhook_attempt_put,
        webhook_attempt_remove,
        webhook_attempt_trim,
        webhook_change,
        webhook_find,
        webhook_list,
        webhook_put,
        webhook_remove,
    }
}

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

queries! {
    /// The queries of the `PostgreSQL` store. What an append does stands in its function `append_batch`.
    postgres, "postgres", {
        api_key_any,
        api_key_find,
        api_key_list,
        api_key_put,
        api_key_revoke,
        api_key_touch,
        append_batch,
        audit_list,
        audit_prune,
        audit_put,
        checkpoint_find,
        checkpoint_put,
        command_discard,
        command_find,
        command_revive,
        consent_link_find,
        consent_link_prune,
        consent_link_put,
        consent_visit_by_code,
        consent_visit_by_pre_auth,
        consent_visit_find,
        consent_visit_land,
        consent_visit_prune,
        consent_visit_put,
        dead_letter_count_retry,
        dead_letter_counts,
        dead_letter_find,
        dead_letter_list,
        dead_letter_remove,
        event_by_id,
        event_read,
        event_read_since,
        event_read_stream,
        event_read_stream_backwards,
        key_counts,
        key_find,
        key_rewrap,
        key_samples,
        key_under,
        lease_give_back,
        lease_take,
        log_head,
        log_head_lock,
        log_rename,
        message_count,
        message_erased,
        message_erased_end,
        message_head,
        message_head_move,
        message_prune,
        message_prune_erased,
        message_prune_oldest,
        message_put,
        message_read,
        rebuild_clear_live,
        rebuild_compare,
        rebuild_count,
        rebuild_fill_live,
        rebuild_load,
        rebuild_prepare,
        rebuild_put,
        reconciled_clear,
        reconciled_missing,
        reconciled_put,
        reconciliation_advance,
        reconciliation_begin,
        reconciliation_end,
        reconciliation_find,
        state_list_authorizers,
        state_load,
        state_status_counts,
        task_by_key,
        task_claim,
        task_claim_alone,
        task_counts,
        task_discard,
        task_end_leases,
        task_excuse,
        task_next_due,
        task_outlive,
        task_prune,
        task_release,
        task_renew,
        task_retry,
        task_revive,
        task_take_back,
        task_wake,
        token_empty_if,
        token_fail,
        token_find,
        token_lease,
        token_read_add,
        token_read_list,
        token_read_prune,
        token_release,
        token_store,
        token_take_expiring,
        token_touch,
        tried_alone_forget,
        tried_alone_note,
        tried_alone_prune,
        webhook_attempt_list,
        webhook_attempt_put,
        webhook_attempt_remove,
        webhook_attempt_trim,
        webhook_change,
        webhook_find,
        webhook_list,
        webhook_put,
        webhook_remove,
        webhook_turn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Queries = &'static [(&'static str, &'static str)];

    fn names(queries: Queries) -> Vec<&'static str> {
        queries.iter().map(|(name, _)| *name).collect()
    }

    #[test]
    fn each_file_is_listed_and_starts_with_a_comment_that_names_it() {
        for (folder, queries) in [("sqlite", sqlite::ALL), ("postgres", postgres::ALL)] {
            let folder = format!("{}/{folder}/queries", env!("CARGO_MANIFEST_DIR"));
            let mut files: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
                .collect();
            files.sort();
            assert_eq!(files, names(queries));
            for (name, sql) in queries {
                assert_eq!(sql.lines().next(), Some(format!("-- {name}").as_str()));
                assert_eq!(sql.matches(';').count(), 0, "{name}: one statement, without a semicolon");
            }
        }
    }

    #[test]
    fn each_function_is_listed_and_replaces_the_one_before() {
        let folder = format!("{}/postgres/functions", env!("CARGO_MANIFEST_DIR"));
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .collect();
        let mut listed = POSTGRES_FUNCTIONS.to_vec();
        files.sort();
        listed.sort_unstable();
        assert_eq!(files, listed);
        for text in listed {
            assert!(!text.contains("create function"), "{text}");
        }
    }

    /// On `PostgreSQL` the append is one function, which holds these, partly in another one for erasing.
    const WITHIN_APPEND_BATCH: [&str; 23] = [
        "command_put",
        "dead_letter_of_task",
        "dead_letter_put",
        "erase_keys",
        "erase_keys_of_notices",
        "erase_letters",
        "erase_messages",
        "erase_tasks",
        "erase_token",
        "event_insert",
        "key_insert",
        "key_last",
        "key_subject_put",
        "log_head_move",
        "state_put",
        "state_version",
        "task_die",
        "task_finish",
        "task_learn",
        "task_queue",
        "task_state",
        "token_empty",
        "token_put",
    ];
    /// Steps of an embedded store, which are one statement on a server.
    const STEPS: [&str; 4] = ["task_begin", "task_due_alone", "task_due_of_group", "task_group_after"];
    /// The function itself, what is one statement for many steps, and locks in the place of that which an embedded store takes for its whole file.
    const ONLY_ON_POSTGRES: [&str; 6] = [
        "append_batch",
        "event_read_since",
        "log_head_lock",
        "task_claim",
        "task_claim_alone",
        "webhook_turn",
    ];

    #[test]
    fn what_prunes_deletes_a_bounded_number_of_rows() {
        for (name, sql) in sqlite::ALL.iter().chain(postgres::ALL) {
            let prunes = name.contains("prune") || name.contains("trim");
            assert!(!prunes || sql.contains(" limit ?") || sql.contains(" limit $"), "{name}: {sql}");
        }
    }

    #[test]
    fn both_databases_have_the_same_queries() {
        let mut common = names(sqlite::ALL);
        common.retain(|name| !WITHIN_APPEND_BATCH.contains(name) && !STEPS.contains(name));
        let mut theirs = names(postgres::ALL);
        theirs.retain(|name| !ONLY_ON_POSTGRES.contains(name));
        assert_eq!(common, theirs);
        assert_eq!(sqlite::ALL.len() - common.len(), WITHIN_APPEND_BATCH.len() + STEPS.len());
    }
}
