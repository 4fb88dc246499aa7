//! What is sealed stays sealed, opens at its place, and can be erased.

use mandate_schema::{Event, MasterKeys, NoticeReceived, Position};
use mandate_storage::{EventQuery, RebuildMode};
use rusqlite::Connection;

use super::given::{Given, authorized, master, push, ticket};
use crate::{
    StartError,
    log::fold::{self, ReadError},
};

#[tokio::test]
async fn no_secret_rests_in_the_clear() {
    let given = Given::new();
    given.take(ticket(100, "ticket@@@swordfish-4711")).await;
    given.take(authorized(100, "queryauthcode@@@swordfish-4712")).await;
    given
        .take(push(100, "notify_x", "<auth_code>swordfish-4713</auth_code><name>swordfish-4714</name>"))
        .await;
    let database = Connection::open(given.database()).unwrap();
    database.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
    let bytes = std::fs::read(given.database()).unwrap();
    assert!(!bytes.windows(9).any(|window| window == b"swordfish"));
}

#[tokio::test]
async fn a_notice_is_published_without_its_secret_elements() {
    let given = Given::new();
    given.take(push(100, "notify_x", "<auth_code>abc</auth_code><info><name>n</name></info>")).await;
    let events = given.events().await;
    let [Event::NoticeReceived(NoticeReceived { document: Some(document), .. })] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!((document.get("info.name"), document.get("auth_code")), (Some("n"), None));
}

#[tokio::test]
async fn what_was_erased_reads_as_nothing_and_the_log_still_rebuilds() {
    let given = Given::new();
    given.take(ticket(100, "ticket@@@x")).await;
    given.take(push(100, "notify_x", "<name>n</name>")).await;
    given.take(push(101, "notify_x", "<name>m</name>")).await;
    let database = Connection::open(given.database()).unwrap();
    let sql = "update data_key set wrapped = null, destroyed_at = 1 where number = 2";
    assert_eq!(database.execute(sql, []).unwrap(), 1, "each notice has a key of its own");
    let given = given.restarted("RustComponentToken01", master());
    let documents: Vec<bool> = given
        .events()
        .await
        .into_iter()
        .filter_map(|event| match event {
            Event::NoticeReceived(notice) => Some(notice.document.is_some()),
            _ => None,
        })
        .collect();
    assert_eq!(documents, [false, true]);
    let report = crate::rebuild(&given.worker.storage, master(), RebuildMode::Check, |_| {}).await.unwrap();
    assert!(report.different.is_empty());
    given.take(push(102, "notify_x", "<name>o</name>")).await;
    assert_eq!(given.events().await.len(), 4, "a new notice gets a new key, never an old number");
}

#[tokio::test]
async fn without_its_master_key_a_reader_stops_and_names_it() {
    let given = Given::new();
    given.take(push(100, "notify_x", "<name>n</name>")).await;
    let given = given.restarted("RustComponentToken01", MasterKeys::new([("other", &[1; 32])]).unwrap());
    let query = EventQuery { after: Position(0), limit: 10 };
    let stored = given.worker.storage.read(query).await.unwrap();
    let error = fold::decode(&given.worker.log.vault, &stored[0]).await.unwrap_err();
    assert!(matches!(error, ReadError::Seal(_)) && error.to_string().contains("\"test\""), "{error}");
}

#[tokio::test]
async fn a_worker_refuses_to_start_without_the_master_keys_that_its_store_needs() {
    let mut given = Given::new();
    given.take(ticket(100, "ticket@@@x")).await;
    let missing = MasterKeys::new([("other", &[1; 32])]).unwrap();
    let changed = MasterKeys::new([("test", &[1; 32])]).unwrap();
    for wrong in [missing, changed] {
        given = given.restarted("RustComponentToken01", wrong);
        let refused = given.worker.check_master_keys().await.unwrap_err();
        assert!(matches!(&refused, StartError::MasterKey { id, .. } if id == "test"), "{refused}");
    }
    given = given.restarted("RustComponentToken01", master());
    given.worker.check_master_keys().await.unwrap();
}
