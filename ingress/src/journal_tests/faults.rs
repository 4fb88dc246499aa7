use rusqlite::{Connection, TransactionBehavior};

use super::{
    full_disk::{fill, leave_room},
    *,
};

#[tokio::test]
async fn a_full_disk_refuses_keeps_what_is_there_and_heals_when_there_is_room() {
    let bench = Bench::new();
    let journal = bench.open();
    leave_room(&journal, 50).await;
    let (refused, stored) = fill(&bench, &journal, 0).await;
    assert_eq!(refused, RecordError::DiskFull);
    assert!(stored > 0);
    until_health(&journal, |health| matches!(health, JournalHealth::Refusing(_))).await;
    assert_eq!(waiting_seqs(&journal).await.len() as u64, stored);
    leave_room(&journal, 100_000).await;
    until_health(&journal, |health| *health == JournalHealth::Writable).await;
    record_new(&journal, [bench.event(1_000)]).await;
    assert_eq!(waiting_seqs(&journal).await.len() as u64, stored + 1);
}

#[tokio::test]
async fn on_a_full_disk_hand_overs_are_noted_as_long_as_they_fit() {
    let bench = Bench::new();
    let journal = bench.open();
    leave_room(&journal, 50).await;
    fill(&bench, &journal, 0).await;
    let release = hold_writer(&journal).await;
    let seqs = waiting_seqs(&journal).await;
    let both = async {
        tokio::join!(journal.record(bench.push(900, None, &"x".repeat(20_000))), journal.settle(seqs))
    };
    let ((recorded, settled), _) = tokio::join!(both, async { release.send(()) });
    settled.expect("noted though the callback beside it did not fit");
    assert_eq!(recorded, Err(RecordError::DiskFull));
    assert_eq!(journal.backlog().await.expect("readable").unsettled(), 0);
}

#[tokio::test]
async fn a_commit_that_takes_too_long_is_refused_yet_stored_and_the_health_recovers() {
    let bench = Bench::new();
    let journal = bench.open_with(Limits {
        commit_patience: Duration::from_millis(300),
        busy_patience: LONG,
        ..bench.limits()
    });
    let mut other = Connection::open(bench.path()).expect("opens");
    let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).expect("locked");
    assert_eq!(journal.record(bench.event(1)).await, Err(RecordError::Slow));
    assert!(matches!(*journal.health().borrow(), JournalHealth::Refusing(_)));
    lock.rollback().expect("unlocked");
    until_health(&journal, |health| *health == JournalHealth::Writable).await;
    assert_eq!(journal.record(bench.event(1)).await, Ok(Recorded::Duplicate));
}

#[tokio::test]
async fn a_journal_locked_by_another_process_refuses_and_recovers() {
    let bench = Bench::new();
    let journal = bench.open_with(Limits { busy_patience: Duration::from_millis(1), ..bench.limits() });
    let mut other = Connection::open(bench.path()).expect("opens");
    let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).expect("locked");
    assert_eq!(journal.record(bench.event(1)).await, Err(RecordError::Locked));
    lock.rollback().expect("unlocked");
    until_health(&journal, |health| *health == JournalHealth::Writable).await;
    record_new(&journal, [bench.event(1)]).await;
}

#[tokio::test]
async fn a_queue_that_is_full_refuses_at_once() {
    let bench = Bench::new();
    let journal = bench.open_with(Limits { queue: 2, ..bench.limits() });
    let release = hold_writer(&journal).await;
    let records = join_all((0..3).map(|n| journal.record(bench.event(n))));
    let (outcomes, _) = tokio::join!(records, async { release.send(()) });
    assert_eq!(outcomes, [Ok(Recorded::New), Ok(Recorded::New), Err(RecordError::Overloaded)]);
    assert_eq!(JournalError::Overloaded.disposition(), Disposition::Retry);
}

#[tokio::test]
async fn any_other_error_refuses_all_who_wait_and_is_reported_as_fatal() {
    let bench = Bench::new();
    let journal = bench.open();
    record_new(&journal, [bench.event(0)]).await;
    on_writer(&journal, |store| store.connection().execute("DROP TABLE tally", []).map(drop))
        .await
        .expect("broken");
    let release = hold_writer(&journal).await;
    let records = join_all((1..4).map(|n| journal.record(bench.event(n))));
    let (outcomes, _) = tokio::join!(records, async { release.send(()) });
    assert_eq!(outcomes, [Err(RecordError::Failed); 3]);
    let failure = timeout(LONG, journal.failed()).await.expect("reported");
    assert_eq!(failure.disposition(), Disposition::Stop);
    assert!(failure.to_string().contains("tally"), "{failure}");
    assert_eq!(journal.record(bench.event(9)).await, Err(RecordError::Failed));
    assert!(matches!(journal.settle(vec![Seq(1)]).await, Err(JournalError::Stopped(_))));
}

#[tokio::test]
async fn a_panic_of_the_writer_is_reported_as_fatal() {
    let bench = Bench::new();
    let journal = bench.open();
    let act: Box<dyn FnOnce(&mut Store) + Send> = Box::new(|_| panic!("a defect"));
    assert!(journal.0.send(Command::Inspect(act)).is_ok());
    let failure = timeout(LONG, journal.failed()).await.expect("reported");
    assert_eq!(failure.disposition(), Disposition::Stop);
    assert_eq!(journal.record(bench.event(1)).await, Err(RecordError::Failed));
}
