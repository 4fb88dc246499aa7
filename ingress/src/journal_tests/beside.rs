use super::*;

#[tokio::test]
async fn settled_callbacks_become_new_again_from_a_time_on() {
    let bench = Bench::new();
    let journal = bench.open();
    record_new(&journal, [bench.event(1)]).await;
    bench.advance(Duration::from_mins(5));
    let since = bench.now();
    record_new(&journal, (2..1_002).map(|n| bench.event(n))).await;
    settle_all(&journal).await;
    record_new(&journal, [bench.event(5_000)]).await;

    let mut beside = JournalFile::open(&bench.path()).expect("opens beside the serving process");
    assert_eq!(beside.status().expect("readable").settled_kept.rows, 1_001);
    assert_eq!(beside.resend(since).expect("resent"), 1_000);

    let waiting = journal.waiting(PushKind::Event, None, 2_000).await.expect("readable");
    assert_eq!(waiting.len(), 1_001);
    assert_eq!(waiting[0].push, Push { received_at: since, ..bench.event(2) }, "oldest first, unchanged");
    assert_eq!(beside.status().expect("readable").settled_kept.rows, 1);
    settle_all(&journal).await;
    assert_eq!(beside.status().expect("readable").settled_kept.rows, 1_002);
}

#[tokio::test]
async fn callbacks_without_texts_cannot_be_resent() {
    let bench = Bench::new();
    let journal = bench.open();
    record_new(&journal, [bench.event(1), bench.event(2)]).await;
    settle_all(&journal).await;
    on_writer(&journal, |store| store.drop_kept_texts(1)).await.expect("dropped");
    assert_eq!(JournalFile::open(&bench.path()).expect("opens").resend(at(0)).expect("resent"), 1);
}

#[tokio::test]
async fn a_resend_never_makes_callbacks_be_refused() {
    let bench = Bench::new();
    let journal = bench.open_with(Limits { max_bytes: 100_000, ..bench.limits() });
    for n in 0..40 {
        record_new(&journal, [bench.event_of_1000_bytes(n)]).await;
    }
    settle_all(&journal).await;
    let mut beside = JournalFile::open(&bench.path()).expect("opens");
    assert!(beside.resend(at(0)).expect("resent") > 0);
    let room = (100..).map(|n| bench.event_of_1000_bytes(n)).take(100);
    record_new(&journal, room).await;
    assert_eq!(journal.record(bench.event(900)).await, Err(RecordError::JournalFull));
}

#[test]
fn no_journal_is_made_by_looking_for_one() {
    let bench = Bench::new();
    assert!(matches!(JournalFile::open(&bench.path()), Err(JournalError::Missing(_))));
    assert!(!bench.path().exists());
}

#[tokio::test]
async fn a_journal_that_nobody_serves_can_be_looked_at() {
    let bench = Bench::new();
    let journal = bench.open();
    record_new(&journal, [bench.event(1)]).await;
    drop(journal);
    let status = JournalFile::open(&bench.path()).expect("opens").status().expect("readable");
    assert_eq!(status.waiting.new.rows, 1);
}
