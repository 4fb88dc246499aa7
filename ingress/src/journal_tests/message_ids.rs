//! How long the ids of messages are known.

use super::*;

/// So much that 100 ids take an eighth of it.
const MAX_BYTES: u64 = 100 * 256 * 8;

/// Records so many messages, one a second, settles them and drops their texts.
async fn settled_messages(bench: &Bench, journal: &Journal, numbers: std::ops::Range<u64>) {
    for n in numbers {
        record_new(journal, [bench.message(n)]).await;
        bench.advance(Duration::from_secs(1));
    }
    settle_all(journal).await;
    on_writer(journal, |store| store.drop_kept_texts(10_000)).await.expect("dropped");
}

/// Whether a message is still known, without recording it.
async fn is_known(bench: &Bench, journal: &Journal, n: u64) -> bool {
    let id = bench.message(n).id.0.as_bytes().to_vec();
    let count = move |store: &mut Store| {
        let count = "SELECT count(*) FROM callback WHERE id = ?1";
        store.connection().query_row(count, [id], |row| row.get::<_, i64>(0)).expect("a count")
    };
    on_writer(journal, count).await == 1
}

#[tokio::test]
async fn the_oldest_ids_of_messages_go_once_they_take_an_eighth_of_journal_max() {
    for more in [0, 1, 40, 400] {
        let bench = Bench::new();
        let journal = bench.open_with(Limits { max_bytes: MAX_BYTES, ..bench.limits() });
        settled_messages(&bench, &journal, 0..100 + more).await;
        on_writer(&journal, |store| store.bound_message_ids(10_000)).await.expect("bounded");
        assert_eq!(journal.status().await.expect("readable").ids_only, 100);
        for (n, known) in [(more, true), (more + 99, true), (more.saturating_sub(1), more == 0)] {
            assert_eq!(is_known(&bench, &journal, n).await, known, "{n} of {}", 100 + more);
        }
    }
}

#[tokio::test]
async fn ids_of_events_are_kept_however_many_messages_come() {
    let bench = Bench::new();
    let journal = bench.open_with(Limits { max_bytes: MAX_BYTES, ..bench.limits() });
    record_new(&journal, (1_000..1_020).map(|n| bench.event(n))).await;
    settled_messages(&bench, &journal, 0..300).await;
    on_writer(&journal, |store| store.bound_message_ids(10_000)).await.expect("bounded");
    for n in 1_000..1_020 {
        assert_eq!(journal.record(bench.event(n)).await, Ok(Recorded::Duplicate));
    }
}

#[tokio::test]
async fn the_reach_is_72_hours_or_the_age_of_the_oldest_id() {
    let bench = Bench::new();
    let journal = bench.open_with(Limits { max_bytes: MAX_BYTES, ..bench.limits() });
    let reach = async || journal.message_ids_reach().await.expect("readable");
    assert_eq!(reach().await, Duration::from_hours(72));
    settled_messages(&bench, &journal, 0..99).await;
    assert_eq!(reach().await, Duration::from_hours(72));
    settled_messages(&bench, &journal, 99..250).await;
    on_writer(&journal, |store| store.bound_message_ids(10_000)).await.expect("bounded");
    assert_eq!(reach().await, Duration::from_secs(100));
    bench.advance(Duration::from_hours(1));
    assert_eq!(reach().await, Duration::from_secs(3_700));
}

#[tokio::test]
async fn the_writer_bounds_them_by_itself() {
    let bench = Bench::new();
    let journal = bench.open_with(Limits { max_bytes: MAX_BYTES, ..bench.limits() });
    settled_messages(&bench, &journal, 0..200).await;
    drop(journal);
    let journal = bench.open_with(Limits { max_bytes: MAX_BYTES, ..bench.limits() });
    // The first commit is followed by a sweep, the second one waits behind it.
    record_new(&journal, [bench.event(1_000)]).await;
    record_new(&journal, [bench.event(1_001)]).await;
    let ids = on_writer(&journal, |store| read::held(store.connection())).await.expect("readable");
    assert_eq!(ids.message_ids, 100);
}
