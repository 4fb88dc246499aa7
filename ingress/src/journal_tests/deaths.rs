//! Processes that end while they hand callbacks over.

use super::*;

/// The places of what waits among others, and of what is handed over alone next.
async fn places(journal: &Journal, kind: PushKind) -> (Vec<i64>, Option<(i64, u32)>) {
    let batch = journal.waiting(kind, None, 100).await.expect("readable");
    let alone = journal.suspect(kind).await.expect("readable");
    (batch.iter().map(|row| row.seq.0).collect(), alone.map(|row| (row.seq.0, row.deaths)))
}

/// A process that dies while it hands these over: it ends the hand-over no more.
fn dies_over(bench: &Bench, kind: PushKind, seqs: &[i64]) {
    let journal = bench.open();
    let seqs: Vec<Seq> = seqs.iter().map(|seq| Seq(*seq)).collect();
    journal.begin_hand_over(kind, &seqs);
}

#[tokio::test]
async fn after_three_deaths_callbacks_are_no_longer_handed_over_among_others() {
    for kind in [PushKind::Event, PushKind::Message] {
        let bench = Bench::new();
        let push = |n| if kind == PushKind::Event { bench.event(n) } else { bench.message(n) };
        record_new(&bench.open(), (1..=4).map(push)).await;
        for _ in 0..2 {
            dies_over(&bench, kind, &[1, 2, 3]);
        }
        assert_eq!(places(&bench.open(), kind).await, (vec![1, 2, 3, 4], None));
        dies_over(&bench, kind, &[1, 2, 3]);
        assert_eq!(places(&bench.open(), kind).await, (vec![4], Some((1, 3))));
        // What ends the process alone, too, comes behind the others.
        dies_over(&bench, kind, &[1]);
        assert_eq!(places(&bench.open(), kind).await, (vec![4], Some((2, 3))));
        let journal = bench.open();
        journal.settle(vec![Seq(2), Seq(3)]).await.expect("settled");
        assert_eq!(places(&journal, kind).await, (vec![4], Some((1, 4))));
        assert_eq!(journal.status().await.expect("readable").waiting.new.rows, 2, "it still waits");
    }
}

#[tokio::test]
async fn a_batch_around_one_that_is_handed_over_alone_does_not_count_for_it() {
    let bench = Bench::new();
    record_new(&bench.open(), (1..=3).map(|n| bench.event(n))).await;
    for _ in 0..3 {
        dies_over(&bench, PushKind::Event, &[2]);
    }
    dies_over(&bench, PushKind::Event, &[1, 3]);
    assert_eq!(places(&bench.open(), PushKind::Event).await, (vec![1, 3], Some((2, 3))));
    let deaths: Vec<u32> = all_waiting(&bench.open()).await.iter().map(|row| row.deaths).collect();
    assert_eq!(deaths, [1, 1]);
}

#[tokio::test]
async fn of_several_hand_overs_those_that_have_not_ended_count() {
    let bench = Bench::new();
    record_new(&bench.open(), (1..=6).map(|n| bench.event(n))).await;
    let journal = bench.open();
    let batches = [[Seq(1), Seq(2)], [Seq(3), Seq(4)], [Seq(5), Seq(6)]];
    for batch in &batches {
        journal.begin_hand_over(PushKind::Event, batch);
    }
    journal.end_hand_over(PushKind::Event, &batches[0]);
    drop(journal);
    let deaths: Vec<u32> = all_waiting(&bench.open()).await.iter().map(|row| row.deaths).collect();
    assert_eq!(deaths, [0, 0, 1, 1, 1, 1]);
    let journal = bench.open();
    for batch in &batches {
        journal.begin_hand_over(PushKind::Event, batch);
    }
    journal.end_hand_overs(PushKind::Event);
    drop(journal);
    let deaths: Vec<u32> = all_waiting(&bench.open()).await.iter().map(|row| row.deaths).collect();
    assert_eq!(deaths, [0, 0, 1, 1, 1, 1]);
}

#[tokio::test]
async fn a_hand_over_that_ended_and_a_stop_are_no_deaths() {
    let bench = Bench::new();
    record_new(&bench.open(), (1..=3).map(|n| bench.event(n))).await;
    for _ in 0..5 {
        let journal = bench.open();
        journal.begin_hand_over(PushKind::Event, &[Seq(1), Seq(3)]);
        journal.end_hand_over(PushKind::Event, &[Seq(1), Seq(3)]);
        drop(journal);
        let journal = bench.open();
        journal.begin_hand_over(PushKind::Event, &[Seq(1), Seq(3)]);
        journal.count_no_deaths();
        journal.begin_hand_over(PushKind::Event, &[Seq(1), Seq(3)]);
    }
    let deaths: Vec<u32> = all_waiting(&bench.open()).await.iter().map(|row| row.deaths).collect();
    assert_eq!(deaths, [0, 0, 0]);
}

#[tokio::test]
async fn each_death_is_counted_once_and_what_has_an_outcome_is_left_alone() {
    let bench = Bench::new();
    record_new(&bench.open(), [bench.event(1), bench.event(2), bench.message(3)]).await;
    bench.open().settle(vec![Seq(1)]).await.expect("settled");
    dies_over(&bench, PushKind::Event, &[1, 2]);
    for _ in 0..3 {
        drop(bench.open()); // nobody hands anything over
    }
    let deaths: Vec<u32> = all_waiting(&bench.open()).await.iter().map(|row| row.deaths).collect();
    assert_eq!(deaths, [1, 0]);
}

#[tokio::test]
async fn what_an_operator_resends_has_survived() {
    let bench = Bench::new();
    record_new(&bench.open(), [bench.event(1)]).await;
    for _ in 0..3 {
        dies_over(&bench, PushKind::Event, &[1]);
    }
    let journal = bench.open();
    assert_eq!(places(&journal, PushKind::Event).await, (vec![], Some((1, 3))));
    journal.settle(vec![Seq(1)]).await.expect("settled");
    JournalFile::open(&bench.path()).expect("opens").resend(at(0)).expect("resent");
    assert_eq!(places(&journal, PushKind::Event).await, (vec![1], None));
}

#[tokio::test]
async fn a_note_that_is_none_counts_for_nobody() {
    let bench = Bench::new();
    record_new(&bench.open(), [bench.event(1)]).await;
    let path = bench.folder.path().join("journal.db.under-way");
    for note in [&b""[..], b"1", &[0xff; 32], &[0; 32], &[7; 5], &[0x41; 4_096]] {
        std::fs::write(&path, note).expect("written");
        let deaths: Vec<u32> = all_waiting(&bench.open()).await.iter().map(|row| row.deaths).collect();
        assert_eq!(deaths, [0], "{note:?}");
    }
}
