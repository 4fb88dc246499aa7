use super::*;

#[tokio::test]
async fn callbacks_go_from_new_over_handed_over_to_settled() {
    let bench = Bench::new();
    let journal = bench.open();
    record_new(&journal, (0..3).map(|n| bench.event(n))).await;
    let seqs = waiting_seqs(&journal).await;
    journal.handed_over(seqs[..2].to_vec()).await.expect("marked");
    assert_eq!(waiting_seqs(&journal).await, seqs[2..]);
    journal.settle(seqs[..1].to_vec()).await.expect("marked");
    let status = journal.status().await.expect("readable");
    let rows = (status.waiting.new.rows, status.waiting.handed_over.rows, status.settled_kept.rows);
    assert_eq!(rows, (1, 1, 1));
    assert!(status.waiting.new.bytes > 0 && status.file_bytes > 0, "{status:?}");
}

#[tokio::test]
async fn a_hand_over_notes_when_and_how_often() {
    let bench = Bench::new();
    let journal = bench.open();
    record_new(&journal, [bench.event(1)]).await;
    bench.advance(Duration::from_secs(7));
    journal.handed_over(waiting_seqs(&journal).await).await.expect("marked");
    let noted = on_writer(&journal, |store| {
        let row = "SELECT handed_over_at, attempts FROM callback";
        store.connection().query_row(row, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
    });
    assert_eq!(noted.await.expect("a row"), (START + 7_000, 1));
}

#[tokio::test]
async fn marks_repeat_without_harm_and_never_go_back() {
    let bench = Bench::new();
    let journal = bench.open();
    record_new(&journal, [bench.event(1)]).await;
    let seqs = waiting_seqs(&journal).await;
    journal.settle(seqs.clone()).await.expect("marked");
    journal.handed_over(seqs.clone()).await.expect("ignored");
    journal.settle(seqs).await.expect("ignored");
    let status = journal.status().await.expect("readable");
    assert_eq!((status.waiting.unsettled(), status.settled_kept.rows), (0, 1));
}

#[tokio::test]
async fn the_oldest_is_the_one_received_first_in_any_waiting_state() {
    let bench = Bench::new();
    let journal = bench.open();
    let oldest = async || journal.backlog().await.expect("readable").oldest;
    assert_eq!(oldest().await, None);
    record_new(&journal, [bench.event(1)]).await;
    bench.advance(Duration::from_secs(10));
    record_new(&journal, [bench.event(2)]).await;
    let seqs = waiting_seqs(&journal).await;
    journal.handed_over(seqs[..1].to_vec()).await.expect("marked");
    assert_eq!(oldest().await, Some(at(START)));
    journal.settle(seqs[..1].to_vec()).await.expect("marked");
    assert_eq!(oldest().await, Some(at(START + 10_000)));
}

#[tokio::test]
async fn what_waits_survives_closing_and_opening_again_in_order() {
    let bench = Bench::new();
    let journal = bench.open();
    let pushes = [bench.event(1), bench.message(2), bench.event(3)];
    record_new(&journal, pushes.clone()).await;
    journal.settle(waiting_seqs(&journal).await[..1].to_vec()).await.expect("marked");
    drop(journal);
    let journal = bench.open();
    let waiting = waiting_pushes(&journal).await;
    let message = Push { unverified: true, ..pushes[1].clone() }; // it names no original id
    assert_eq!(waiting, [message, pushes[2].clone()]);
}

#[tokio::test]
async fn a_batch_is_bounded_in_rows_and_bytes_but_never_empty() {
    let bench = Bench::new();
    let journal = bench.open();
    let large = "x".repeat(5 << 20);
    let pushes = [bench.push(0, None, &large), bench.event(1), bench.event(2), bench.event(3)];
    record_new(&journal, pushes).await;
    let first = journal.waiting(PushKind::Event, None, 3).await.expect("readable");
    assert_eq!(first.len(), 1, "5 MiB fill a batch");
    journal.settle(vec![first[0].seq]).await.expect("marked");
    assert_eq!(journal.waiting(PushKind::Event, None, 2).await.expect("readable").len(), 2);
}

#[tokio::test]
async fn whoever_waits_is_told_of_new_callbacks_but_not_of_duplicates() {
    let bench = Bench::new();
    let journal = bench.open();
    record_new(&journal, [bench.event(1)]).await;
    timeout(LONG, journal.stored(PushKind::Event)).await.expect("told");
    assert_eq!(journal.record(bench.event(1)).await, Ok(Recorded::Duplicate));
    assert!(
        timeout(Duration::ZERO, journal.stored(PushKind::Event)).await.is_err(),
        "a duplicate is no news"
    );
}
