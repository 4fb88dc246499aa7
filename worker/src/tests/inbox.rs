//! What becomes of deliveries of the broker's inbox.

use std::error::Error;

use mandate_broker::{Delivery, Inbox, callback};
use mandate_schema::{CallbackId, Event, Push};
use mandate_storage::CommandOutcome;
use rusqlite::Connection;

use super::given::{Given, authorized, master, ticket};
use crate::{FromInbox, Retried, UNKNOWN_PAIR};

/// Redeliveries from which on a delivery is handled alone.
const OFTEN: u32 = 3;
const ENDED_MAX: u32 = 3;

/// A push as ingress publishes it, after so many deliveries without an acknowledgement.
fn delivery(push: &Push, redelivered: u32) -> Delivery {
    Delivery { id: Some(push.id), body: callback(push).body, redelivered }
}

impl Given {
    /// The inbox as a process begins it: it knows nothing of those before.
    fn inbox(&self) -> FromInbox {
        FromInbox::new(self.worker.ingest().of_another_process())
    }

    /// Each time by another process.
    async fn handle(&self, batch: &[Delivery]) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.inbox().handle(batch).await
    }

    /// Changes the database behind the worker's back.
    pub(super) fn tamper(&self, sql: &str) {
        Connection::open(self.database()).unwrap().execute_batch(sql).unwrap();
    }

    /// From now on the store refuses whoever wants to write a dead letter.
    fn refuse_dead_letters(&self) {
        self.tamper(
            "create trigger no_letter before insert on dead_letter begin select raise(abort, 'none'); end",
        );
    }

    /// When the tickets in the log were made, in the order of the log.
    pub(super) async fn ticket_times(&self) -> Vec<i64> {
        let times = self.events().await.into_iter().map(|event| match event {
            Event::TicketReceived(ticket) => ticket.create_time.0,
            other => panic!("{other:?}"),
        });
        times.collect()
    }

    pub(super) async fn reasons(&self) -> Vec<String> {
        self.dead_letters().await.into_iter().map(|row| row.letter.reason).collect()
    }
}

#[tokio::test]
async fn a_delivery_that_came_often_takes_effect_and_leaves_no_dead_letter() {
    for redelivered in [OFTEN, OFTEN + 1, u32::MAX] {
        let given = Given::new();
        let push = authorized(100, "queryauthcode@@@one");
        given.handle(&[delivery(&push, redelivered)]).await.unwrap();
        assert_eq!(given.names().await, ["authorization.granted"]);
        assert_eq!(given.outcome(push.id).await, Some(CommandOutcome::Applied));
        assert_eq!(given.reasons().await, [""; 0]);
    }
}

#[tokio::test]
async fn a_delivery_that_came_often_and_does_not_open_is_one_dead_letter_with_the_real_reason() {
    let given = Given::new().restarted("AnotherToken", master());
    let push = authorized(100, "queryauthcode@@@one");
    for redelivered in [OFTEN, OFTEN + 1] {
        given.handle(&[delivery(&push, redelivered)]).await.unwrap();
        assert_eq!(given.reasons().await, [UNKNOWN_PAIR]);
        assert_eq!(given.dead_letters().await[0].letter.command, push.id.into());
        assert!(given.names().await.is_empty());
        assert_eq!(given.outcome(push.id).await, Some(CommandOutcome::Dead));
    }
    let given = given.restarted("RustComponentToken01", master());
    given.handle(&[delivery(&push, OFTEN + 2)]).await.unwrap();
    assert_eq!(given.names().await, ["authorization.granted"], "it did not forget what it is");
    assert_eq!(given.reasons().await, [""; 0]);
}

#[tokio::test]
async fn below_three_redeliveries_no_dead_letter_is_ever_written() {
    let given = Given::new();
    given.refuse_dead_letters();
    let batch: Vec<Delivery> =
        (0..OFTEN).map(|n| delivery(&ticket(100 + i64::from(n), "ticket@@@x"), n)).collect();
    given.handle(&batch).await.unwrap();
    assert_eq!(given.ticket_times().await, [100, 101, 102]);
}

#[tokio::test]
async fn from_three_redeliveries_on_there_is_no_attempt_without_a_note() {
    let given = Given::new();
    given.tamper("alter table tried_alone rename to tried_alone_away");
    let push = ticket(100, "ticket@@@x");
    given.handle(&[delivery(&push, OFTEN)]).await.unwrap_err();
    assert!(given.names().await.is_empty());
    assert_eq!(given.outcome(push.id).await, None);
}

#[tokio::test]
async fn while_a_delivery_is_tried_alone_it_is_no_dead_letter_and_has_no_outcome() {
    let given = Given::new();
    let push = ticket(100, "ticket@@@x");
    let (inbox, often) = (given.inbox(), [delivery(&push, OFTEN)]);
    given.tamper("alter table state rename to state_away");
    for _ in 0..2 {
        inbox.handle(&often).await.unwrap_err();
        assert_eq!(given.reasons().await, [""; 0]);
        assert_eq!(given.outcome(push.id).await, None, "ingress keeps it");
    }
    given.tamper("alter table state_away rename to state");
    inbox.handle(&often).await.unwrap();
    assert_eq!(given.ticket_times().await, [100]);
    assert_eq!(given.reasons().await, [""; 0]);
    assert_eq!(given.outcome(push.id).await, Some(CommandOutcome::Applied));
}

#[tokio::test]
async fn an_attempt_that_its_process_did_not_survive_may_have_been_chance() {
    for processes in 1..=ENDED_MAX {
        let given = Given::new();
        let push = ticket(100, "ticket@@@x");
        given.tamper("alter table state rename to state_away");
        for redelivered in 0..processes {
            given.handle(&[delivery(&push, OFTEN + redelivered)]).await.unwrap_err();
        }
        given.tamper("alter table state_away rename to state");
        given.handle(&[delivery(&push, OFTEN + processes)]).await.unwrap();
        assert_eq!(given.ticket_times().await, [100], "after {processes} processes");
        assert_eq!(given.reasons().await, [""; 0]);
    }
}

#[tokio::test]
async fn an_attempt_that_no_process_survives_is_repeated_by_the_operator_alone() {
    let given = Given::new();
    let push = ticket(100, "ticket@@@x");
    given.tamper("alter table state rename to state_away");
    for redelivered in 0..=ENDED_MAX {
        given.handle(&[delivery(&push, OFTEN + redelivered)]).await.unwrap_err();
    }
    given.tamper("alter table state_away rename to state");
    for redelivered in [10, 11] {
        given.handle(&[delivery(&push, redelivered), delivery(&ticket(5, "ticket@@@y"), 0)]).await.unwrap();
        assert_eq!(given.ticket_times().await, [5], "the others of its batch take effect");
        assert_eq!(given.reasons().await, ["redelivered"]);
        assert_eq!(given.outcome(push.id).await, Some(CommandOutcome::Dead));
    }
    assert_eq!(given.worker.dead_letters.retry(push.id.into()).await.unwrap(), Retried::Revived);
    assert_eq!(given.ticket_times().await, [5, 100]);
    assert_eq!(given.reasons().await, [""; 0]);
}

#[tokio::test]
async fn a_delivery_that_came_often_comes_after_the_others_of_its_batch() {
    let batch_with = |redelivered| {
        let first = delivery(&ticket(100, "ticket@@@first"), redelivered);
        [first, delivery(&ticket(200, "ticket@@@second"), 0)]
    };
    for (redelivered, order) in [(OFTEN - 1, [100, 200]), (OFTEN, [200, 100])] {
        let given = Given::new();
        given.handle(&batch_with(redelivered)).await.unwrap();
        assert_eq!(given.ticket_times().await, order, "redelivered {redelivered} times");
    }
}

#[tokio::test]
async fn what_is_no_callback_is_dropped_and_the_others_of_its_batch_take_effect() {
    let given = Given::new();
    let [first, last, robbed] = [1, 2, 3].map(|n| ticket(n, "ticket@@@x"));
    let too_large = [callback(&robbed).body, vec![b' '; 3 << 20]].concat();
    let garbage: [&[u8]; 6] = [b"", b"\xff\x00\xfe", b"<xml></xml>", b"{}", b"null", &too_large];
    let dropped = |n| garbage.map(|body| Delivery { body: body.to_vec(), ..delivery(&robbed, n) });
    let batch = [&[delivery(&first, 0)], &dropped(0)[..], &dropped(OFTEN), &[delivery(&last, 0)]].concat();
    given.handle(&batch).await.unwrap();
    assert_eq!(given.ticket_times().await, [1, 2]);
    assert_eq!(given.reasons().await, [""; 0]);
    assert_eq!(given.outcome(robbed.id).await, None, "ingress hands the robbed one over again");

    given.handle(&dropped(0)).await.unwrap();
    given.handle(&[]).await.unwrap();
    given.handle(&[delivery(&robbed, 0)]).await.unwrap();
    assert_eq!(given.ticket_times().await, [1, 2, 3]);
}

#[tokio::test]
async fn a_delivery_under_the_id_of_another_callback_takes_effect_under_its_own() {
    let given = Given::new();
    let [push, other] = [ticket(100, "ticket@@@x"), ticket(200, "ticket@@@other")];
    given.handle(&[Delivery { id: Some(other.id), ..delivery(&push, 0) }]).await.unwrap();
    assert_eq!(given.outcome(push.id).await, Some(CommandOutcome::Applied));
    assert_eq!(given.outcome(other.id).await, None);

    given.handle(&[delivery(&other, 0)]).await.unwrap();
    assert_eq!(given.ticket_times().await, [100, 200], "the other one still has its turn");
}

#[tokio::test]
async fn a_delivery_that_came_often_under_the_id_of_another_callback_does_not_block_that_one() {
    let given = Given::new();
    let [push, other] = [ticket(100, "ticket@@@x"), ticket(200, "ticket@@@other")];
    given.handle(&[Delivery { id: Some(other.id), ..delivery(&push, OFTEN) }]).await.unwrap();
    assert_eq!(given.outcome(push.id).await, Some(CommandOutcome::Applied));
    assert_eq!(given.reasons().await, [""; 0]);
    assert_eq!(given.outcome(other.id).await, None);

    given.handle(&[delivery(&other, 0)]).await.unwrap();
    assert_eq!(given.ticket_times().await, [100, 200]);
    assert_eq!(given.outcome(other.id).await, Some(CommandOutcome::Applied));
}

#[tokio::test]
async fn a_delivery_without_an_id_takes_effect_under_its_own() {
    for redelivered in [0, OFTEN] {
        let given = Given::new();
        let push = ticket(100, "ticket@@@x");
        given.handle(&[Delivery { id: None, ..delivery(&push, redelivered) }]).await.unwrap();
        given.handle(&[delivery(&push, redelivered)]).await.unwrap();
        assert_eq!(given.ticket_times().await, [100]);
        assert_eq!(given.outcome(push.id).await, Some(CommandOutcome::Applied));
        assert_eq!(given.reasons().await, [""; 0]);
    }
}

#[tokio::test]
async fn a_delivery_without_an_id_that_does_not_open_is_a_dead_letter_under_an_invented_one() {
    for redelivered in [0, OFTEN] {
        let given = Given::new();
        let push = Push { query: String::new(), ..ticket(100, "ticket@@@x") };
        given.handle(&[Delivery { id: None, ..delivery(&push, redelivered) }]).await.unwrap();
        let letters = given.dead_letters().await;
        assert_eq!(letters.len(), 1);
        let invented = CallbackId(letters[0].letter.command.0);
        assert!(invented != push.id && !invented.0.is_nil(), "{invented}");
        assert!(letters[0].letter.reason != "redelivered", "it tells the real reason");
        assert_eq!(given.outcome(push.id).await, None);
        assert!(given.names().await.is_empty());
    }
}

#[tokio::test]
async fn the_same_callback_is_one_command_however_often_it_is_delivered() {
    let given = Given::new();
    let push = authorized(100, "queryauthcode@@@one");
    let batches = [&[0, 0][..], &[1], &[OFTEN, 0, OFTEN], &[OFTEN + 1]];
    for batch in batches.map(|counts| counts.iter().map(|n| delivery(&push, *n)).collect::<Vec<_>>()) {
        given.handle(&batch).await.unwrap();
        assert_eq!(given.names().await, ["authorization.granted"]);
        assert_eq!(given.outcome(push.id).await, Some(CommandOutcome::Applied));
        assert_eq!(given.reasons().await, [""; 0]);
    }
    let tasks = given.worker.storage.task_counts().await.unwrap();
    assert_eq!(tasks.iter().map(|count| count.count).collect::<Vec<_>>(), [1], "one code, redeemed once");
}
