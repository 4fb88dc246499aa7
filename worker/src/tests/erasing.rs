//! What is erased is gone for every reader, and nothing that comes later is sealed with a key that is gone.

use mandate_domain::Status;
use mandate_schema::{Erased, Event, NoticeReceived, Push};
use mandate_storage::{CommandOutcome, RebuildMode};
use rusqlite::Connection;

use super::given::{Given, authorized, component, master, merchant, push, stream};
use crate::{EraseError, log::record::task_place};

const OTHER: &str = "wxb0b1c2d3e4f50617";

impl Given {
    async fn erase(&self, force: bool) -> Result<(), EraseError> {
        let request = Erased { by: "operator".to_owned(), reason: "request".to_owned() };
        self.worker.eraser.erase(&component(), &merchant(), request, force).await
    }

    /// Revoked, with a task that waits.
    async fn revoked() -> Self {
        let given = Self::new();
        given.take(authorized(100, "code1")).await;
        let gone = format!("<AuthorizerAppid>{}</AuthorizerAppid>", merchant());
        given.take(push(200, "unauthorized", &gone)).await;
        given
    }

    /// Whether the documents of the notices can be read, oldest first.
    async fn documents(&self) -> Vec<bool> {
        let events = self.events().await.into_iter();
        let notices = events.filter_map(|event| match event {
            Event::NoticeReceived(NoticeReceived { document, .. }) => Some(document.is_some()),
            _ => None,
        });
        notices.collect()
    }
}

/// A notice about some accounts, as `WeChat` sends several at once.
fn notice(create_time: i64, accounts: &[&str]) -> Push {
    let items = accounts.iter().map(|id| format!("<list><appid>{id}</appid><ret_code>0</ret_code></list>"));
    push(create_time, "order_path_apply_result_notify", &items.collect::<String>())
}

#[tokio::test]
async fn only_a_known_account_that_has_revoked_is_erased_unless_forced() {
    let given = Given::new();
    assert!(matches!(given.erase(true).await, Err(EraseError::Unknown(_))));
    given.take(authorized(100, "code1")).await;
    let refused = given.erase(false).await.unwrap_err();
    assert!(matches!(&refused, EraseError::Held(held) if held.0 == Status::Pending), "{refused}");
    assert_eq!(given.names().await, ["authorization.granted"]);
    given.erase(true).await.unwrap();
    assert_eq!(given.names().await, ["authorization.granted", "authorizer.erased"]);
}

#[tokio::test]
async fn notices_that_name_it_among_others_read_as_nothing() {
    let given = Given::revoked().await;
    let its_id = merchant();
    given.take(notice(100, &[OTHER, its_id.as_str()])).await;
    given.take(notice(101, &[OTHER])).await;
    given
        .take(push(
            102,
            "of_tomorrow",
            &format!("<info><authorizer_appid>{its_id}</authorizer_appid></info>"),
        ))
        .await;
    assert_eq!(given.documents().await, [true, true, true]);
    given.erase(false).await.unwrap();
    let given = given.restarted("RustComponentToken01", master());
    assert_eq!(given.documents().await, [false, true, false]);
    let report = crate::rebuild(&given.worker.storage, master(), RebuildMode::Check, |_| {}).await.unwrap();
    assert!(report.different.is_empty(), "{report:?}");
}

#[tokio::test]
async fn what_comes_later_is_sealed_with_another_key_though_the_old_one_is_at_hand() {
    let given = Given::revoked().await;
    given.erase(false).await.unwrap();
    given.take(authorized(300, "code2")).await;
    let loaded = given.worker.storage.load(&stream()).await.unwrap();
    assert_eq!((loaded.last_key, loaded.last_key_destroyed), (2, false));
    let claimed = given.claim(9).await;
    let [queued] = claimed.as_slice() else { panic!("the task of the first code is gone: {claimed:?}") };
    let (sealed_by, sealed) = queued.task.sealed.as_ref().unwrap();
    let given = given.restarted("RustComponentToken01", master());
    let code = given.worker.log.vault.open(task_place(sealed_by, &queued.task.key), sealed).await.unwrap();
    assert_eq!(code.unwrap().expose(), "code2");
}

#[tokio::test]
async fn dead_letters_of_pushes_that_name_it_are_discarded() {
    let other_token = "AnotherToken00000001";
    let given = Given::revoked().await.restarted(other_token, master());
    let its_id = merchant();
    let (naming, other) = (notice(100, &[its_id.as_str()]), notice(101, &[OTHER]));
    let message = Push { authorizer: Some(its_id), ..notice(102, &[OTHER]) };
    for push in [&naming, &other, &message] {
        given.take(push.clone()).await;
    }
    assert_eq!(given.dead_letters().await.len(), 3);
    let given = given.restarted("RustComponentToken01", master());
    given.erase(false).await.unwrap();
    let left: Vec<_> = given.dead_letters().await.into_iter().map(|row| row.letter.command.0).collect();
    assert_eq!(left, [other.id.0]);
    assert_eq!(given.outcome(naming.id).await, Some(CommandOutcome::Discarded));
    given.take(naming).await;
    assert_eq!(given.documents().await, [false; 0], "it does not come back");
}

#[tokio::test]
async fn what_cannot_be_deleted_keeps_nothing_else_from_it() {
    let given = Given::revoked().await;
    let sent = Push { authorizer: Some(merchant()), ..notice(1, &[]) };
    given.worker.storage.store_messages(vec![sent]).await.unwrap();
    let damage = format!(
        "drop table consent_link;
         insert into erased_messages (component, authorizer, position) values ('{}', '{}', 1)",
        component(),
        merchant()
    );
    Connection::open(given.database()).unwrap().execute_batch(&damage).unwrap();
    let failures = given.worker.housekeeping.tidy().await.unwrap_err();
    assert!(failures.contains("deleting old consents") && !failures.contains("messages"), "{failures}");
    assert_eq!(given.worker.storage.message_head().await.unwrap().1, 0);
}

#[tokio::test]
async fn the_file_does_not_hold_what_was_deleted() {
    let given = Given::revoked().await;
    let sent_to = |account: &str, create_time| {
        let body = format!("what was sent to {account}");
        Push { authorizer: Some(account.parse().unwrap()), body, ..notice(create_time, &[]) }
    };
    let its_id = merchant();
    let messages = vec![sent_to(OTHER, 1), sent_to(its_id.as_str(), 2), sent_to(OTHER, 3)];
    given.worker.storage.store_messages(messages).await.unwrap();
    let is_there = |account: &str| {
        let database = Connection::open(given.database()).unwrap();
        database.execute_batch("pragma wal_checkpoint(truncate)").unwrap();
        let (file, sent) = (std::fs::read(given.database()).unwrap(), sent_to(account, 0).body);
        file.windows(sent.len()).any(|bytes| bytes == sent.as_bytes())
    };
    assert!(is_there(its_id.as_str()));
    given.erase(false).await.unwrap();
    assert!(!is_there(its_id.as_str()));
    assert!(is_there(OTHER));
}
