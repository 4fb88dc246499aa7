use super::{reserve::Reserve, *};

/// Lets the file grow to `pages` more than it has: a disk with that much room.
pub(super) async fn leave_room(journal: &Journal, pages: i64) {
    on_writer(journal, move |store| {
        let connection = store.connection();
        let now: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("a number");
        connection
            .pragma_update_and_check(None, "max_page_count", now + pages, |row| row.get::<_, i64>(0))
            .expect("a limit");
    })
    .await;
}

/// Records large events from number `from` on until one is refused; returns why, and how many were stored.
pub(super) async fn fill(bench: &Bench, journal: &Journal, from: u64) -> (RecordError, u64) {
    for n in from.. {
        match journal.record(large(bench, n)).await {
            Ok(recorded) => assert_eq!(recorded, Recorded::New),
            Err(refused) => return (refused, n - from),
        }
    }
    unreachable!("the numbers do not end")
}

fn large(bench: &Bench, n: u64) -> Push {
    bench.push(n, None, &"x".repeat(20_000))
}

#[tokio::test]
async fn a_disk_full_of_settled_texts_makes_room_without_a_refusal() {
    let bench = Bench::new();
    let journal = bench.open();
    leave_room(&journal, 100).await;
    for n in 0..200 {
        record_new(&journal, [large(&bench, n)]).await;
        settle_all(&journal).await;
    }
    let status = journal.status().await.expect("readable");
    assert_eq!(status.settled_kept.rows + status.ids_only, 200, "an id was forgotten");
    assert!(status.settled_kept.rows > 0, "all texts were dropped: {status:?}");
    let oldest_kept = "SELECT min(seq) FROM texts";
    let oldest: i64 =
        on_writer(&journal, |store| store.connection().query_row(oldest_kept, [], |row| row.get(0)))
            .await
            .expect("a row");
    assert_eq!(oldest.unsigned_abs(), status.ids_only + 1, "not the oldest were dropped");
}

#[tokio::test]
async fn a_journal_that_was_refused_for_its_full_disk_heals_by_dropping_settled_texts() {
    let bench = Bench::new();
    let journal = bench.open();
    leave_room(&journal, 50).await;
    let (refused, stored) = fill(&bench, &journal, 0).await;
    assert_eq!(refused, RecordError::DiskFull);
    settle_all(&journal).await;
    until_health(&journal, |health| *health == JournalHealth::Writable).await;
    let status = journal.status().await.expect("readable");
    assert_eq!(status.settled_kept.rows + status.ids_only, stored);
    record_new(&journal, [large(&bench, 1_000)]).await;
}

#[tokio::test]
async fn the_reserve_is_given_up_on_a_full_disk_and_written_again_when_there_is_room() {
    let bench = Bench::new();
    let path = bench.folder.path().join("journal.db.reserve");
    let length = || std::fs::metadata(&path).map(|file| file.len()).ok();
    let journal = bench.open_with(Limits { reserve_bytes: 100_000, ..bench.limits() });
    on_writer(&journal, |_| ()).await;
    assert_eq!(length(), Some(100_000));
    leave_room(&journal, 50).await;
    fill(&bench, &journal, 0).await;
    on_writer(&journal, |_| ()).await;
    assert_eq!(length(), None);
    leave_room(&journal, 100_000).await;
    until_health(&journal, |health| *health == JournalHealth::Writable).await;
    on_writer(&journal, |_| ()).await;
    assert_eq!(length(), Some(100_000));
}

#[test]
fn a_reserve_takes_real_room_and_is_kept_by_the_next_process() {
    use std::os::unix::fs::MetadataExt;
    let bench = Bench::new();
    let path = bench.folder.path().join("journal.db.reserve");
    std::fs::write(&path, "cut short").expect("written");
    Reserve::new(&bench.path(), 300_000).hold();
    let written = std::fs::File::open(&path).expect("there");
    written.sync_all().expect("flushed");
    let first = written.metadata().expect("readable");
    assert!(first.len() == 300_000 && first.blocks() * 512 >= 300_000, "{first:?}");
    Reserve::new(&bench.path(), 300_000).hold();
    assert_eq!(std::fs::metadata(&path).expect("there").ino(), first.ino());
    assert!(Reserve::new(&bench.path(), 300_000).release());
    assert!(!path.exists());
}

#[test]
fn a_reserve_that_cannot_be_written_leaves_nothing_and_is_no_failure() {
    let bench = Bench::new();
    let mut reserve = Reserve::new(&bench.folder.path().join("missing/journal.db"), 100);
    reserve.hold();
    reserve.hold();
    assert!(!reserve.release());
    Reserve::new(&bench.path(), 0).hold();
    assert_eq!(std::fs::read_dir(bench.folder.path()).expect("readable").count(), 0);
}
