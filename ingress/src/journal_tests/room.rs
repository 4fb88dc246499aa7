use super::*;

const FULL: Result<Recorded, RecordError> = Err(RecordError::JournalFull);

fn small(bench: &Bench) -> Journal {
    bench.open_with(Limits { max_bytes: 10_000, ..bench.limits() })
}

#[tokio::test]
async fn at_90_percent_the_message_url_is_refused_and_at_100_the_event_url_too() {
    let bench = Bench::new();
    let journal = small(&bench);
    record_new(&journal, (0..8).map(|n| bench.event_of_1000_bytes(n))).await;
    record_new(&journal, [bench.push(8, Some("wxa0b1c2d3e4f50617"), &"x".repeat(1_000))]).await;
    assert_eq!(journal.record(bench.message(20)).await, FULL);
    record_new(&journal, [bench.event_of_1000_bytes(9)]).await;
    assert_eq!(journal.record(bench.event(21)).await, FULL);
    assert_eq!(journal.record(bench.message(22)).await, FULL);
    assert_eq!(journal.backlog().await.expect("readable").unsettled(), 10);
}

#[tokio::test]
async fn a_full_journal_still_knows_its_duplicates() {
    let bench = Bench::new();
    let journal = small(&bench);
    record_new(&journal, (0..10).map(|n| bench.event_of_1000_bytes(n))).await;
    assert_eq!(journal.record(bench.event_of_1000_bytes(3)).await, Ok(Recorded::Duplicate));
}

#[tokio::test]
async fn a_full_journal_is_unhealthy_until_something_is_settled() {
    let bench = Bench::new();
    let journal = small(&bench);
    record_new(&journal, (0..10).map(|n| bench.event_of_1000_bytes(n))).await;
    until_health(&journal, |health| matches!(health, JournalHealth::Refusing(_))).await;
    let seqs = waiting_seqs(&journal).await;
    journal.handed_over(seqs.clone()).await.expect("marked");
    assert_eq!(journal.record(bench.event(30)).await, FULL, "what was handed over waits as well");
    journal.settle(seqs[..1].to_vec()).await.expect("marked");
    until_health(&journal, |health| *health == JournalHealth::Writable).await;
    record_new(&journal, [bench.event(30)]).await;
}

#[tokio::test]
async fn a_full_journal_is_known_to_be_full_when_it_is_opened_again() {
    let bench = Bench::new();
    let journal = small(&bench);
    record_new(&journal, (0..10).map(|n| bench.event_of_1000_bytes(n))).await;
    drop(journal);
    let journal = small(&bench);
    until_health(&journal, |health| matches!(health, JournalHealth::Refusing(_))).await;
    assert_eq!(journal.record(bench.event(30)).await, FULL);
}
