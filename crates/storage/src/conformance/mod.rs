//! What every database must do, written against the store's methods only.
//!
//! A case takes a [`Store`] of its own, or a [`Database`] where it needs several processes or a hand in
//! the tables. A further database implements [`Database`] and adds one line at the end of this file.

mod append;
mod append_atomic;
mod callers;
mod chains;
mod codes;
mod consents;
mod dead_letters;
mod deaths;
mod erasing;
mod given;
mod leases;
mod lists;
mod log;
mod model;
mod own_server;
mod postgres;
mod rebuild;
mod reconcile;
mod sqlite;
mod tasks;
mod tasks_finish;
mod tokens;
mod unsure;
mod webhooks;
mod writers;

use std::future::Future;

use crate::Store;

/// A database of its own for each case; it goes away with this value.
pub(crate) trait Database: Sized + Send + Sync {
    /// An empty database, up to date.
    fn create() -> impl Future<Output = Self> + Send;

    /// Opens it once more, as another process would.
    fn open(&self) -> impl Future<Output = Store> + Send;

    /// Runs one statement past the storage and answers how many rows it changed, or what the database says against it.
    fn sql(&self, statement: &str) -> impl Future<Output = Result<usize, String>> + Send;
}

/// Makes one test of each case for one database.
macro_rules! suite {
    ($database:ty) => {
        suite!($database, append, [
            positions_are_dense_and_start_at_one,
            an_expected_version_is_checked_with_and_without_events,
            versions_grow_by_one_within_each_stream,
            a_command_without_events_leaves_an_outcome_only,
            a_command_that_is_there_answers_with_its_first_outcome,
            the_same_call_repeated_answers_duplicates,
            a_command_twice_in_one_batch_is_stored_once,
            an_empty_batch_is_nothing,
        ], [
            a_key_number_is_never_used_again,
        ]);
        suite!($database, append_atomic, [
            all_of_a_command_is_stored_together,
            one_key_of_each_master_key_in_use_is_shown,
            keys_are_wrapped_anew_where_they_are_as_they_were,
            a_conflict_of_versions_stores_nothing,
            a_conflict_of_keys_stores_nothing,
            a_duplicate_changes_nothing,
            refused_data_stores_nothing_of_its_batch,
            the_appender_finds_the_one_that_is_refused,
        ], []);
        suite!($database, chains, [
            the_commands_of_a_chain_are_stored_in_their_order,
            a_chain_may_fill_a_batch,
            a_chain_ends_at_its_first_conflict,
            a_chain_ends_at_its_first_duplicate,
            a_chain_ends_at_a_task_that_is_finished,
            an_id_twice_in_a_chain_is_stored_once,
            a_key_of_a_chain_counts_for_what_follows,
            equal_codes_of_a_batch_are_one_task_that_learns_in_order,
            a_code_that_ends_in_the_batch_is_a_conflict_for_what_follows,
            of_two_that_finish_a_task_the_second_is_judged_by_what_the_first_left,
            the_last_change_of_a_chain_is_what_the_token_becomes,
        ], []);
        suite!($database, erasing, [
            the_keys_of_an_account_and_of_notices_that_name_it_are_destroyed,
            a_destroyed_key_is_not_wrapped_anew,
            what_the_tables_hold_of_an_account_is_wiped,
            many_messages_of_an_account_are_gone_at_once_and_deleted_later,
            more_than_one_statement_deletes_is_pruned_at_once,
            what_runs_meanwhile_comes_too_late,
            an_erasing_append_that_conflicts_erases_nothing,
            only_an_account_can_be_erased,
        ], []);
        suite!($database, log, [
            an_event_comes_back_as_it_was_written,
            the_log_is_read_in_pages,
            a_stream_is_read_in_both_orders_and_between_limits,
            outcomes_are_told_for_known_commands_only,
        ], [
            the_log_refuses_update_and_delete,
            the_log_keeps_its_name,
        ]);
        suite!($database, writers, [], [
            many_writers_leave_no_hole_and_repeat_nothing,
        ]);
        suite!($database, tasks, [
            a_key_is_queued_once,
            a_claimed_task_is_what_was_queued,
            the_oldest_tasks_are_claimed_first,
            no_component_and_no_kind_takes_all_calls,
            a_claim_ends_with_its_lease_and_the_next_attempt_is_counted,
            a_claim_is_prolonged_by_the_current_attempt_only,
            an_attempt_given_back_waits_for_its_time,
            only_the_current_attempt_can_be_given_back,
            waking_makes_due_what_waits_for_that_reason,
                ending_all_leases_makes_running_attempts_due,
            the_next_due_time_counts_waiting_tasks_and_leases,
        ], [
            two_processes_never_claim_the_same_attempt,
        ]);
        suite!($database, tasks_finish, [
            a_finished_task_tells_its_result,
            an_older_attempt_may_finish_what_is_not_done,
            a_finished_task_makes_other_commands_void,
            a_repeated_finish_is_a_duplicate,
            tasks_are_counted_by_kind_and_state,
            done_tasks_are_pruned_by_age,
        ], [
            a_finished_task_keeps_no_secret,
        ]);
        suite!($database, codes, [
            a_known_code_learns_what_was_missing,
            commands_of_one_batch_learn_from_each_other,
            queueing_a_finished_code_is_a_conflict,
            other_tasks_with_a_known_key_are_left_as_they_are,
            an_outcome_is_decided_on_all_that_its_task_has_learned,
            a_refusal_counts_only_from_the_current_attempt,
            a_success_is_stored_after_any_refusal_and_once,
            what_is_put_off_is_stored_by_the_current_attempt_and_the_task_goes_on,
            what_is_put_off_is_void_once_its_task_has_ended,
            who_gives_a_task_up_may_ask_something_else,
        ], []);
        suite!($database, deaths, [
            an_attempt_whose_lease_ends_is_taken_for_dead,
            what_a_living_or_stopping_process_leaves_is_no_death,
            an_attempt_given_back_by_a_stop_is_due_at_once_and_no_try,
            who_was_taken_for_dead_may_prove_to_be_alive,
            a_task_with_two_deaths_is_claimed_alone,
            an_attempt_that_returns_has_killed_nobody,
            a_revived_task_has_all_its_tries_and_runs_alone_if_it_did,
        ], [
            a_process_that_starts_counts_who_died_and_not_who_stopped,
        ]);
        suite!($database, tokens, [
            a_lease_excludes_others_until_it_ends,
            a_refreshed_token_is_stored_and_ends_the_lease,
            an_older_fence_never_stores,
            a_failure_is_known_until_another_refresh_begins,
            a_failure_is_forgotten_when_the_row_changes,
            tokens_in_use_are_taken_before_they_expire,
            tokens_of_components_and_authorizers_are_taken_apart,
            another_generation_never_stores,
            an_emptied_row_refuses_the_refresh_under_way,
            a_token_stored_by_an_append_refuses_the_refresh_under_way,
            a_released_lease_is_free_and_releases_no_other,
            a_token_is_emptied_only_while_it_is_the_current_one,
        ], [
            of_many_refreshers_one_gets_the_lease,
            two_processes_never_take_the_same_expiring_token,
            an_expiring_token_is_taken_again_after_a_while,
        ]);
        suite!($database, dead_letters, [
            a_dead_letter_comes_with_its_outcome,
            a_detail_may_hold_any_character,
            a_decision_replaces_a_dead_letter,
            a_conflict_keeps_the_dead_letter,
            a_discarded_letter_is_settled_for_good,
            a_dead_task_waits_until_it_is_revived,
            a_late_answer_settles_a_dead_task,
            a_task_that_is_done_does_not_die,
            letters_are_listed_in_pages,
            letters_and_their_retries_are_counted,
            a_discarded_letter_ends_its_task,
            a_revived_task_settles_its_dead_command,
            a_message_that_is_stored_is_no_longer_dead,
            a_note_of_what_is_tried_alone_counts_processes_and_is_no_outcome,
        ], []);
        suite!($database, lists, [
            messages_are_stored_once_and_pruned_by_age,
            messages_are_read_in_order_and_no_position_comes_back,
            messages_of_many_writers_never_appear_behind_a_reader,
            a_checkpoint_goes_where_it_is_put,
            authorizers_are_counted_by_component_and_status,
            authorizers_are_filtered_by_component_and_status,
            authorizers_are_found_by_text,
            a_search_does_not_look_at_the_component,
            authorizers_are_listed_in_pages,
            a_listed_authorizer_tells_when_its_token_expires,
        ], []);
        suite!($database, leases, [
            one_holds_a_lease_until_it_gives_it_back,
        ], [
            a_turn_is_taken_once_in_its_time,
            a_lease_that_is_over_goes_to_the_next_one,
            a_lease_of_a_clock_that_was_ahead_is_over,
            of_many_who_take_a_lease_at_once_one_gets_it,
        ]);
        suite!($database, consents, [
            links_and_visits_come_back_until_they_are_pruned,
            a_visit_is_tied_to_the_first_code_and_its_task_is_queued_with_it,
            a_landing_that_conflicts_ties_nothing,
            a_visit_is_found_by_its_code_and_tied_to_a_finished_one,
        ], []);
        suite!($database, webhooks, [
            an_endpoint_is_changed_by_who_has_read_its_newest_revision,
            however_many_are_stored_at_once_there_are_no_more_than_allowed,
            attempts_are_read_newest_first_and_trimmed,
        ], []);
        suite!($database, callers, [
            a_key_is_found_by_its_hash_until_and_after_it_is_revoked,
            reads_are_counted_by_key_account_and_minute,
            the_audit_trail_is_read_newest_first,
        ], []);
        suite!($database, reconcile, [
            a_comparison_goes_on_where_it_was,
            held_accounts_that_no_page_names_are_found,
            a_log_gets_another_name,
        ], []);
        suite!($database, rebuild, [
            what_appends_stored_is_what_a_rebuild_folds,
            an_empty_log_rebuilds_to_nothing,
            a_fold_gets_the_key_of_a_published_field,
        ], [
            a_check_reports_what_differs_and_changes_nothing,
            a_swap_puts_the_rebuilt_rows_in_place,
            a_fold_that_fails_changes_nothing,
            a_destroyed_key_reaches_the_fold_as_none,
            a_rebuild_runs_beside_appends,
        ]);
        suite!($database, model, [], [
            random_commands_do_what_a_simple_model_does,
        ]);
    };
    ($database:ty, $topic:ident, [$($plain:ident,)*], [$($deep:ident,)*]) => {
        mod $topic {
            use crate::conformance::{Database, $topic as cases};

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $plain() {
                    let database = <$database>::create().await;
                    cases::$plain(database.open().await).await;
                }
            )*

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $deep() {
                    cases::$deep(<$database>::create().await).await;
                }
            )*
        }
    };
}

/// The embedded store.
mod on_sqlite {
    suite!(crate::conformance::sqlite::SqliteDatabase);
}

mod on_servers;
