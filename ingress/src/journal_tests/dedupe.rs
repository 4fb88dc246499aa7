use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn what_comes_again_within_72_hours_is_a_duplicate_and_afterwards_new() {
    for push in [Bench::event, Bench::message] {
        let bench = Bench::new();
        let journal = bench.open();
        record_new(&journal, [push(&bench, 1)]).await;
        settle_all(&journal).await;
        for hours in [1, 23, 48] {
            bench.advance(Duration::from_hours(hours));
            assert_eq!(journal.record(push(&bench, 1)).await, Ok(Recorded::Duplicate));
        }
        bench.advance(SECOND);
        assert_eq!(journal.record(push(&bench, 1)).await, Ok(Recorded::New));
        let status = journal.status().await.expect("readable");
        assert_eq!((status.waiting.new.rows, status.settled_kept.rows, status.ids_only), (1, 0, 0));
    }
}

#[tokio::test]
async fn what_still_waits_is_held_once_however_long_it_waits() {
    let bench = Bench::new();
    let journal = bench.open();
    record_new(&journal, [bench.event(1), bench.message(2)]).await;
    journal.handed_over(waiting_seqs(&journal).await.split_off(1)).await.expect("marked");
    bench.advance(Duration::from_hours(1_000));
    assert_eq!(journal.record(bench.event(1)).await, Ok(Recorded::Duplicate));
    assert_eq!(journal.record(bench.message(2)).await, Ok(Recorded::Duplicate));
    assert_eq!(journal.backlog().await.expect("readable").unsettled(), 2);
}

#[tokio::test]
async fn a_repetition_in_the_same_commit_is_a_duplicate() {
    let bench = Bench::new();
    let journal = bench.open();
    let release = hold_writer(&journal).await;
    let records = join_all([journal.record(bench.event(1)), journal.record(bench.event(1))]);
    let (outcomes, _) = tokio::join!(records, async { release.send(()) });
    assert_eq!(outcomes, [Ok(Recorded::New), Ok(Recorded::Duplicate)]);
}

#[tokio::test]
async fn a_repetition_after_a_restart_is_a_duplicate() {
    let bench = Bench::new();
    let journal = bench.open();
    record_new(&journal, [bench.event(1)]).await;
    drop(journal);
    assert_eq!(bench.open().record(bench.event(1)).await, Ok(Recorded::Duplicate));
}

#[tokio::test]
async fn a_repetition_of_one_whose_texts_were_dropped_is_a_duplicate() {
    let bench = Bench::new();
    let journal = bench.open();
    record_new(&journal, [bench.event(1)]).await;
    settle_all(&journal).await;
    on_writer(&journal, |store| store.drop_kept_texts(10)).await.expect("dropped");
    assert_eq!(journal.record(bench.event(1)).await, Ok(Recorded::Duplicate));
}
