use super::*;

/// A journal without its writer, with settled events `0..rows`.
fn settled_store(bench: &Bench, rows: u64, push: impl Fn(u64) -> Push) -> Store {
    file::prepare(&bench.path()).expect("a folder");
    let mut store = bench.store();
    let pushes: Vec<Entry> = (0..rows).map(push).map(entry).collect();
    store.apply(&Changes { entries: pushes.iter().collect(), ..Changes::default() }).expect("stored");
    let new = |kind| read::new_callbacks(store.connection(), kind, None, 1_000).expect("readable").waiting;
    let seqs: Vec<Seq> =
        [PushKind::Event, PushKind::Message].into_iter().flat_map(new).map(|waiting| waiting.seq).collect();
    store.apply(&Changes { marks: vec![(Mark::Settled, &seqs)], ..Changes::default() }).expect("settled");
    store
}

fn status(store: &Store) -> JournalStatus {
    read::status(store.connection()).expect("readable")
}

#[test]
fn texts_are_dropped_oldest_first_and_ids_stay() {
    let bench = Bench::new();
    let mut store = settled_store(&bench, 10, |n| bench.event(n));
    assert_eq!(store.drop_kept_texts(4).expect("dropped"), 4);
    let after = status(&store);
    assert_eq!((after.settled_kept.rows, after.ids_only), (6, 4));
    let kept: i64 =
        store.connection().query_row("SELECT min(seq) FROM texts", [], |row| row.get(0)).expect("a row");
    assert_eq!(kept, 5);
}

#[test]
fn ids_are_forgotten_after_their_window_unless_their_texts_are_kept() {
    let bench = Bench::new();
    let mixed = |n| if n < 5 { bench.event(n) } else { bench.message(n) };
    let mut store = settled_store(&bench, 10, mixed);
    store.drop_kept_texts(9).expect("dropped");
    bench.advance(Duration::from_hours(72));
    assert_eq!(store.delete_expired(100).expect("swept"), 0);
    bench.advance(Duration::from_millis(1));
    assert_eq!(store.delete_expired(3).expect("swept"), 6, "as many of each kind as it may");
    assert_eq!(store.delete_expired(100).expect("swept"), 3);
    assert_eq!((status(&store).ids_only, status(&store).settled_kept.rows), (0, 1));
}

#[test]
fn what_waits_is_never_dropped_nor_forgotten() {
    let bench = Bench::new();
    file::prepare(&bench.path()).expect("a folder");
    let mut store = bench.store();
    let pushes = [bench.event(1), bench.message(2)].map(entry);
    store.apply(&Changes { entries: pushes.iter().collect(), ..Changes::default() }).expect("stored");
    bench.advance(Duration::from_hours(1_000));
    assert_eq!(store.drop_kept_texts(10).expect("nothing"), 0);
    assert_eq!(store.delete_expired(10).expect("nothing"), 0);
}

#[tokio::test]
async fn the_writer_keeps_settled_texts_only_while_the_file_is_small() {
    let bench = Bench::new();
    let max_bytes = 1 << 20;
    let journal = bench.open_with(Limits { max_bytes, ..bench.limits() });
    let body = "x".repeat(10_000);
    for n in 0..400 {
        record_new(&journal, [bench.push(n, None, &body)]).await;
        settle_all(&journal).await;
    }
    let status = journal.status().await.expect("readable");
    assert!(status.file_bytes < max_bytes + 100_000, "{status:?}");
    assert!(status.settled_kept.rows < 400 && status.ids_only > 0, "{status:?}");
    assert_eq!(status.settled_kept.rows + status.ids_only, 400, "an id was forgotten within its window");
}

#[tokio::test]
async fn the_writer_forgets_expired_ids_by_itself() {
    let bench = Bench::new();
    drop(settled_store(&bench, 5, |n| bench.message(n)).drop_kept_texts(5));
    bench.advance(Duration::from_hours(73));
    let journal = bench.open();
    record_new(&journal, [bench.event(100)]).await;
    // The first commit is followed by a sweep, the second one waits behind it.
    record_new(&journal, [bench.event(101)]).await;
    assert_eq!(journal.status().await.expect("readable").ids_only, 0);
}

#[test]
fn counts_kept_by_triggers_are_the_true_counts() {
    let bench = Bench::new();
    let mut store = settled_store(&bench, 20, |n| bench.event(n));
    let more: Vec<Entry> = (100..107).map(|n| bench.message(n)).map(entry).collect();
    store.apply(&Changes { entries: more.iter().collect(), ..Changes::default() }).expect("stored");
    store
        .apply(&Changes { marks: vec![(Mark::HandedOver, &[Seq(21), Seq(22)])], ..Changes::default() })
        .expect("marked");
    store.drop_kept_texts(3).expect("dropped");
    bench.advance(Duration::from_hours(73));
    store.delete_expired(2).expect("swept");
    JournalFile::open(&bench.path()).expect("opens").resend(at(0)).expect("resent");
    let differing: i64 = store
        .connection()
        .query_row(
            "SELECT count(*) FROM tally LEFT JOIN (
                 SELECT state, resent, count(*) AS rows, sum(bytes) AS bytes FROM callback GROUP BY state, resent
             ) AS truth USING (state, resent)
             WHERE tally.rows <> coalesce(truth.rows, 0) OR tally.bytes <> coalesce(truth.bytes, 0)",
            [],
            |row| row.get(0),
        )
        .expect("a count");
    assert_eq!(differing, 0);
}
