//! SQL texts of ingress's journal: the statements of `schema/queries/journal.sql`.
//!
//! The journal is a `SQLite` file of its own, so that ingress needs no database server to answer `WeChat`.

use crate::sql::{named, queries::JOURNAL};

/// `application_id` of a journal file: `MNDJ` in ASCII. Keeps other `SQLite` files from being taken for a journal.
pub const APPLICATION_ID: i32 = 0x4d4e_444a;

/// `user_version` of the form that [`CREATE`] makes.
pub const FORM: i32 = 3;

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $statement:literal;)*) => {
        $(
            $(#[$doc])*
            pub const $name: &str = named(JOURNAL, $statement);
        )*

        /// Their names.
        #[cfg(test)]
        const ALL: &[&str] = &[$($statement),*];
    };
}

statements! {
    /// Table of callbacks.
    CREATE_CALLBACK = "create_callback";
    /// Table of original ids and the appids that they came with.
    CREATE_ORIGINAL_ID = "create_original_id";
    /// Index of what is parked.
    CREATE_CALLBACK_PARKED = "create_callback_parked";
    /// From form 1.
    UPGRADE_2_UNVERIFIED = "upgrade_2_unverified";
    /// From form 1.
    UPGRADE_2_PARKED = "upgrade_2_parked";
    /// From form 2.
    UPGRADE_3_DEATHS = "upgrade_3_deaths";
    /// From form 2.
    UPGRADE_3_PARKED_FROM = "upgrade_3_parked_from";
    /// Index of parked messages by sender.
    CREATE_CALLBACK_PARKED_FROM = "create_callback_parked_from";
    /// Table of queries and bodies.
    CREATE_TEXTS = "create_texts";
    /// Index of what waits for its hand-over.
    CREATE_CALLBACK_NEW = "create_callback_new";
    /// Index of what waits for its outcome.
    CREATE_CALLBACK_HANDED_OVER = "create_callback_handed_over";
    /// Index of settled callbacks with texts.
    CREATE_CALLBACK_KEPT = "create_callback_kept";
    /// Index of settled callbacks without texts.
    CREATE_CALLBACK_BARE = "create_callback_bare";
    /// Table of counts.
    CREATE_TALLY = "create_tally";
    /// First rows of the counts.
    FILL_TALLY = "fill_tally";
    /// Counts beside the states.
    FILL_TALLY_BESIDE = "fill_tally_beside";
    /// Trigger that counts what is parked.
    CREATE_PARKED_ON_INSERT = "create_parked_on_insert";
    /// Trigger that counts what is parked, and what lost its texts.
    CREATE_PARKED_ON_UPDATE = "create_parked_on_update";
    /// Trigger that counts deletes of messages.
    CREATE_PARKED_ON_DELETE = "create_parked_on_delete";
    /// From form 2.
    DROP_CALLBACK_NEW = "drop_callback_new";
    /// Trigger that counts inserts.
    CREATE_TALLY_ON_INSERT = "create_tally_on_insert";
    /// Trigger that counts changes of state.
    CREATE_TALLY_ON_UPDATE = "create_tally_on_update";
    /// Trigger that counts deletes.
    CREATE_TALLY_ON_DELETE = "create_tally_on_delete";
    /// Table of the write probe.
    CREATE_PROBE = "create_probe";
    /// Takes the probe's room.
    FILL_PROBE = "fill_probe";
    /// Gives it back.
    CLEAR_PROBE = "clear_probe";
    /// `(id) -> (seq, state, received_at, is_parked)`.
    FIND_CALLBACK = "find_callback";
    /// `(id, kind, component, authorizer, pair, bytes, received_at, unverified, parked, parked_from) -> seq`.
    INSERT_CALLBACK = "insert_callback";
    /// `(seq, query, body)`.
    INSERT_TEXTS = "insert_texts";
    /// `(seq)`.
    DELETE_CALLBACK = "delete_callback";
    /// `(seq)`.
    DELETE_TEXTS = "delete_texts";
    /// `(seq)`.
    NOTE_TEXTS_DELETED = "note_texts_deleted";
    /// `(limit) -> seq*`.
    READ_OLDEST_KEPT = "read_oldest_kept";
    /// `() -> bytes`.
    READ_WAITING_BYTES = "read_waiting_bytes";
    /// `() -> (state, rows, bytes)*`.
    READ_TALLY = "read_tally";
    /// `() -> rows`.
    READ_KEPT = "read_kept";
    /// `() -> received_at or null`.
    READ_OLDEST_WAITING = "read_oldest_waiting";
    /// `(kind) -> (seq, id, component, authorizer, pair, query, body, received_at, bytes, unverified, deaths)*`.
    READ_NEW = "read_new";
    /// As [`READ_NEW`].
    READ_SUSPECT = "read_suspect";
    /// `(kind, first_seq, last_seq)`.
    COUNT_DEATHS = "count_deaths";
    /// `(seq)`.
    SETTLE_CALLBACK = "settle_callback";
    /// `(seq, now)`.
    HAND_OVER_CALLBACK = "hand_over_callback";
    /// `(after_seq, before, limit) -> (seq, id, handed_over_at, attempts)*`.
    READ_HANDED_OVER = "read_handed_over";
    /// `(seq)`.
    TAKE_BACK_CALLBACK = "take_back_callback";
    /// `(kind, before, limit)`.
    DELETE_EXPIRED = "delete_expired";
    /// `(after_seq, since, limit) -> seq*`.
    RESEND_CALLBACKS = "resend_callbacks";
    /// `(component, original_id) -> authorizer`.
    FIND_ORIGINAL_ID = "find_original_id";
    /// `(component, original_id, authorizer, seen_at)`.
    INSERT_ORIGINAL_ID = "insert_original_id";
    /// `(component, original_id, authorizer, seen_at)`.
    TIE_ORIGINAL_ID = "tie_original_id";
    /// `(component, original_id, authorizer)`.
    RELEASE_PARKED = "release_parked";
    /// `(after_seq, limit) -> (seq, received_at, component, authorizer, parked, tied or null, kept)*`.
    READ_PARKED = "read_parked";
    /// `() -> rows`.
    COUNT_PARKED = "count_parked";
    /// `() -> received_at or null`.
    READ_OLDEST_MESSAGE_ID = "read_oldest_message_id";
    /// `(limit)`.
    DELETE_OLDEST_MESSAGE_IDS = "delete_oldest_message_ids";
    /// `(limit) -> (seq, bytes)*`.
    READ_OLDEST_PARKED = "read_oldest_parked";
    /// `(parked_from, newest) -> seq*`.
    READ_PARKED_BEYOND = "read_parked_beyond";
}

/// Makes an empty journal, in this order, in one transaction.
pub const CREATE: &[&str] = &[
    CREATE_CALLBACK,
    CREATE_TEXTS,
    CREATE_CALLBACK_NEW,
    CREATE_CALLBACK_HANDED_OVER,
    CREATE_CALLBACK_KEPT,
    CREATE_CALLBACK_BARE,
    CREATE_TALLY,
    FILL_TALLY,
    CREATE_TALLY_ON_INSERT,
    CREATE_TALLY_ON_UPDATE,
    CREATE_TALLY_ON_DELETE,
    CREATE_PROBE,
    CREATE_ORIGINAL_ID,
    CREATE_CALLBACK_PARKED,
    CREATE_CALLBACK_PARKED_FROM,
    FILL_TALLY_BESIDE,
    CREATE_PARKED_ON_INSERT,
    CREATE_PARKED_ON_UPDATE,
    CREATE_PARKED_ON_DELETE,
];

/// What makes an older form the next one: the first entry is for form 1.
pub const UPGRADES: &[&[&str]] = &[
    &[UPGRADE_2_UNVERIFIED, UPGRADE_2_PARKED, CREATE_ORIGINAL_ID, CREATE_CALLBACK_PARKED],
    &[
        UPGRADE_3_DEATHS,
        UPGRADE_3_PARKED_FROM,
        DROP_CALLBACK_NEW,
        CREATE_CALLBACK_NEW,
        CREATE_CALLBACK_PARKED_FROM,
        FILL_TALLY_BESIDE,
        CREATE_PARKED_ON_INSERT,
        CREATE_PARKED_ON_UPDATE,
        CREATE_PARKED_ON_DELETE,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_of_the_file_is_listed() {
        let mut names: Vec<&str> = crate::sql::names(JOURNAL).collect();
        let mut listed = ALL.to_vec();
        names.sort_unstable();
        listed.sort_unstable();
        assert_eq!(names, listed);
    }
}
