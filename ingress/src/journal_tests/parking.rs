//! What is parked is bounded: for each message, for each sender, and in all.

use std::net::IpAddr;

use super::*;
use crate::journal::parking::SENDER_ROWS;

const FIRST: &str = "wxa0b1c2d3e4f50617";
const ORIGINAL: &str = "gh_0a1b2c3d4e5f";

/// Appid number `n` of those that somebody invented.
fn invented(n: u64) -> String {
    format!("wx{n:016x}")
}

/// A journal that knows whose original id it is.
async fn tied(bench: &Bench, limits: Limits) -> Journal {
    let journal = bench.open_with(limits);
    let push = bench.push(0, Some(FIRST), "<xml>first</xml>");
    let origin = origin(&push);
    let recorded = journal.record_message(push, Some(ORIGINAL.to_owned()), origin).await;
    assert_eq!(recorded, Ok(Recorded::New));
    journal
}

/// Sends message number `n`, which says what number `says` says, under an invented appid.
async fn send(bench: &Bench, journal: &Journal, n: u64, says: u64, from: Option<&str>) {
    let push = bench.push(n, Some(&invented(n)), "<xml>captured</xml>");
    let content = bench.push(says, None, "").id;
    let origin = Origin { address: from.map(|text| text.parse::<IpAddr>().expect("valid")), content };
    let recorded = journal.record_message(push, Some(ORIGINAL.to_owned()), origin).await;
    assert_eq!(recorded, Ok(Recorded::Parked), "{n}");
}

async fn parked(journal: &Journal) -> u64 {
    on_writer(journal, |store| store.bound_parked(100_000)).await.expect("bounded");
    journal.status().await.expect("readable").parked
}

/// The appids of what is parked, oldest first.
fn appids(bench: &Bench) -> Vec<String> {
    let journal = JournalFile::open(&bench.path()).expect("opens");
    journal.parked(None, 100_000).expect("readable").into_iter().map(|row| row.authorizer).collect()
}

#[tokio::test]
async fn one_message_is_parked_under_a_few_appids_however_many_are_invented() {
    for from in [None, Some("203.0.113.7")] {
        let bench = Bench::new();
        let journal = tied(&bench, bench.limits()).await;
        for n in 1..=500 {
            send(&bench, &journal, n, 7, from).await;
        }
        assert_eq!(parked(&journal).await, 16);
        send(&bench, &journal, 1_000, 8, from).await;
        assert_eq!(parked(&journal).await, 17, "another message is parked as before");
    }
}

#[tokio::test]
async fn of_one_sender_the_newest_are_kept_and_those_of_others_stay() {
    let bench = Bench::new();
    let journal = tied(&bench, bench.limits()).await;
    send(&bench, &journal, 1, 1, Some("198.51.100.1")).await;
    send(&bench, &journal, 2, 2, None).await;
    let rows = SENDER_ROWS as u64;
    for n in 10..rows + 60 {
        // One sender, who has many addresses.
        let from = format!("2001:db8:0:1::{n:x}");
        send(&bench, &journal, n, n, Some(&from)).await;
    }
    assert_eq!(parked(&journal).await, rows + 2);
    let appids = appids(&bench);
    assert_eq!(appids[..3], [invented(1), invented(2), invented(60)], "the oldest of one sender went");
}

#[tokio::test]
async fn all_together_take_a_sixteenth_of_journal_max() {
    let bench = Bench::new();
    let each = (256 + QUERY.len() + "<xml>captured</xml>".len()) as u64;
    let journal = tied(&bench, Limits { max_bytes: 16 * 50 * each, ..bench.limits() }).await;
    for n in 1..=200 {
        let from = format!("198.51.100.{n}");
        send(&bench, &journal, n, n, Some(&from)).await;
    }
    assert_eq!(parked(&journal).await, 50);
    assert_eq!(appids(&bench).first(), Some(&invented(151)), "the oldest went");
    let held = on_writer(&journal, |store| read::held(store.connection())).await.expect("readable");
    assert_eq!(held.parked, Amount { rows: 50, bytes: 50 * each });
    assert_eq!(held.message_ids, 0, "and pushes no id out");
}

#[tokio::test]
async fn what_nothing_can_be_done_with_is_bounded_alike() {
    let bench = Bench::new();
    let journal = bench.open();
    for n in 1..=200 {
        let push = bench.push(n, Some(&invented(n)), "<xml>a callback</xml>");
        let origin = Origin { address: None, content: bench.push(7, None, "").id };
        let recorded = journal.record_bad_message(push, "it belongs to the other URL", origin).await;
        assert_eq!(recorded, Ok(Recorded::Parked));
    }
    assert_eq!(parked(&journal).await, 16);
}

#[tokio::test]
async fn the_writer_bounds_it_by_itself() {
    let bench = Bench::new();
    let journal = tied(&bench, Limits { max_bytes: 16 * 3_000, ..bench.limits() }).await;
    for n in 1..=100 {
        send(&bench, &journal, n, n, None).await;
    }
    // The housekeeping that follows the last commit has been when this is answered.
    let held = on_writer(&journal, |store| read::held(store.connection())).await.expect("readable");
    assert!(held.parked.bytes <= 3_000, "{held:?}");
}
