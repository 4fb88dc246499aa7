//! What becomes of a callback in one process that ended processes before: the journal hands it over alone.

use mandate_broker::{CallbackSink, SinkUnavailable};
use mandate_schema::Push;
use mandate_storage::CommandOutcome;

use super::given::{Given, authorized, master, message, ticket};
use crate::{Retried, UNKNOWN_PAIR};

/// Processes that may end while they take one alone, beside the first.
const ENDED_MAX: u32 = 3;

impl Given {
    /// Each time by another process.
    async fn take_alone(&self, push: &Push, deaths: u32) -> Result<(), SinkUnavailable> {
        self.worker.ingest().of_another_process().accept_alone(push.clone(), deaths).await
    }
}

#[tokio::test]
async fn what_is_taken_alone_takes_effect_and_leaves_no_dead_letter() {
    for deaths in [3, 4, 100] {
        let given = Given::new();
        let push = authorized(100, "queryauthcode@@@one");
        given.take_alone(&push, deaths).await.unwrap();
        assert_eq!(given.names().await, ["authorization.granted"]);
        let said = message(100, "gh_0a1b2c3d4e5f", "text", "<Content>hi</Content>");
        given.take_alone(&said, deaths).await.unwrap();
        assert_eq!(given.worker.storage.message_count().await.unwrap(), 1);
        assert_eq!(given.reasons().await, [""; 0]);
    }
}

#[tokio::test]
async fn what_does_not_open_is_a_dead_letter_with_the_real_reason() {
    let given = Given::new().restarted("AnotherToken", master());
    given.take_alone(&ticket(100, "ticket@@@x"), 3).await.unwrap();
    assert_eq!(given.reasons().await, [UNKNOWN_PAIR]);
}

#[tokio::test]
async fn what_ends_a_few_processes_may_have_been_chance() {
    for processes in 1..=ENDED_MAX {
        let given = Given::new();
        let push = ticket(100, "ticket@@@x");
        given.tamper("alter table state rename to state_away");
        for n in 0..processes {
            given.take_alone(&push, 3 + n).await.unwrap_err();
            assert_eq!(given.reasons().await, [""; 0], "it is only noted");
            assert_eq!(given.outcome(push.id).await, None, "and has no outcome");
        }
        given.tamper("alter table state_away rename to state");
        given.take_alone(&push, 3 + processes).await.unwrap();
        assert_eq!(given.ticket_times().await, [100]);
        assert_eq!(given.reasons().await, [""; 0]);
    }
}

#[tokio::test]
async fn what_ends_every_process_is_left_to_the_operator() {
    let given = Given::new();
    let push = ticket(100, "ticket@@@x");
    given.tamper("alter table state rename to state_away");
    for n in 0..=ENDED_MAX {
        given.take_alone(&push, 3 + n).await.unwrap_err();
    }
    given.tamper("alter table state_away rename to state");
    given.take_alone(&push, 7).await.unwrap();
    assert!(given.names().await.is_empty(), "it is not tried again unasked");
    assert_eq!(given.outcome(push.id).await, Some(CommandOutcome::Dead));
    assert_eq!(given.worker.dead_letters.retry(push.id.into()).await.unwrap(), Retried::Revived);
    assert_eq!(given.ticket_times().await, [100]);
}

#[tokio::test]
async fn while_the_store_is_away_no_attempt_is_counted() {
    let given = Given::new();
    let push = ticket(100, "ticket@@@x");
    let process = given.worker.ingest().of_another_process();
    given.tamper("alter table state rename to state_away");
    for _ in 0..10 {
        process.accept_alone(push.clone(), 3).await.unwrap_err();
    }
    given.tamper("alter table state_away rename to state");
    process.accept_alone(push, 3).await.unwrap();
    assert_eq!(given.ticket_times().await, [100]);
}

#[tokio::test]
async fn a_dead_letter_that_the_version_before_wrote_before_its_attempt_is_tried_and_removed() {
    let given = Given::new();
    let push = ticket(100, "ticket@@@x");
    let process = given.worker.ingest().of_another_process();
    process.bury(push.clone(), "redelivered", "it came often".to_owned()).await.unwrap();
    given.take_alone(&push, 4).await.unwrap();
    assert_eq!(given.ticket_times().await, [100]);
    assert_eq!(given.reasons().await, [""; 0]);
    assert_eq!(given.outcome(push.id).await, Some(CommandOutcome::Applied));
}

#[tokio::test]
async fn the_note_under_a_false_id_is_removed_and_the_genuine_callback_takes_effect() {
    let given = Given::new();
    let [push, other] = [ticket(100, "ticket@@@x"), ticket(200, "ticket@@@other")];
    given.tamper("alter table state rename to state_away");
    given.take_alone(&Push { id: other.id, ..push }, 3).await.unwrap_err();
    given.tamper("alter table state_away rename to state");
    given.take_alone(&other, 3).await.unwrap();
    assert_eq!(given.ticket_times().await, [200]);
}
