//! Original ids and the appids that they come with.

use super::*;

const FIRST: &str = "wxa0b1c2d3e4f50617";
const OTHER: &str = "wxb0b1c2d3e4f50617";
const ORIGINAL: &str = "gh_0a1b2c3d4e5f";

async fn record(
    journal: &Journal,
    bench: &Bench,
    n: u64,
    authorizer: &str,
    original_id: Option<&str>,
) -> Recorded {
    let push = bench.push(n, Some(authorizer), "<xml>message</xml>");
    let origin = origin(&push);
    journal.record_message(push, original_id.map(str::to_owned), origin).await.expect("recorded")
}

#[tokio::test]
async fn only_the_first_message_of_an_original_id_is_unverified() {
    let bench = Bench::new();
    let journal = bench.open();
    for n in 1..=2 {
        assert_eq!(record(&journal, &bench, n, FIRST, Some(ORIGINAL)).await, Recorded::New);
    }
    assert_eq!(record(&journal, &bench, 3, FIRST, None).await, Recorded::New);
    record_new(&journal, [bench.event(4)]).await;
    let unverified: Vec<bool> = waiting_pushes(&journal).await.iter().map(|push| push.unverified).collect();
    assert_eq!(
        unverified,
        [true, false, true, false],
        "the second is known; the third names nobody; the last is an event"
    );
    journal.close().await;
    let journal = bench.open();
    assert_eq!(record(&journal, &bench, 5, FIRST, Some(ORIGINAL)).await, Recorded::New);
    assert!(!waiting_pushes(&journal).await[4].unverified, "it is remembered");
}

#[tokio::test]
async fn a_message_under_another_appid_is_parked_and_goes_nowhere() {
    let bench = Bench::new();
    let journal = bench.open();
    record(&journal, &bench, 1, FIRST, Some(ORIGINAL)).await;
    for _ in 0..2 {
        assert_eq!(record(&journal, &bench, 2, OTHER, Some(ORIGINAL)).await, Recorded::Parked);
    }
    assert_eq!(waiting_seqs(&journal).await.len(), 1);
    settle_all(&journal).await;
    let status = journal.status().await.expect("readable");
    assert_eq!((status.parked, status.waiting.unsettled()), (1, 0));

    let mut beside = JournalFile::open(&bench.path()).expect("opens");
    assert_eq!(beside.resend(at(0)).expect("resent"), 1, "not what is parked");
    let parked = beside.parked(None, 9).expect("readable");
    let [one] = parked.as_slice() else { panic!("{parked:?}") };
    assert_eq!((one.authorizer.as_str(), one.tied.as_deref(), one.kept), (OTHER, Some(FIRST), true));
    assert_eq!((&one.because, one.received_at), (&ParkedBecause::OriginalId(ORIGINAL.into()), bench.now()));
    assert!(beside.parked(Some(one.seq), 9).expect("readable").is_empty());
}

#[tokio::test]
async fn the_same_original_id_at_another_component_is_another() {
    let bench = Bench::new();
    let journal = bench.open();
    record(&journal, &bench, 1, FIRST, Some(ORIGINAL)).await;
    let elsewhere = Push {
        component: "wx8897a6b5c4d3e2f1".parse().expect("valid"),
        ..bench.push(2, Some(OTHER), "<xml>message</xml>")
    };
    let origin = origin(&elsewhere);
    let recorded = journal.record_message(elsewhere, Some(ORIGINAL.to_owned()), origin).await;
    assert_eq!(recorded, Ok(Recorded::New));
}

#[tokio::test]
async fn an_operator_ties_an_original_id_anew_and_gets_what_was_parked() {
    let bench = Bench::new();
    let journal = bench.open();
    record(&journal, &bench, 1, FIRST, Some(ORIGINAL)).await;
    record(&journal, &bench, 2, OTHER, Some(ORIGINAL)).await;
    record(&journal, &bench, 3, "wxc0b1c2d3e4f50617", Some(ORIGINAL)).await;
    settle_all(&journal).await;
    let mut beside = JournalFile::open(&bench.path()).expect("opens");
    let component = "wx1f2e3d4c5b6a7988".parse().expect("valid");
    let released = beside.tie(&component, ORIGINAL, &OTHER.parse().expect("valid"), bench.now());
    assert_eq!(released.expect("tied"), 1);
    let waiting = waiting_pushes(&journal).await;
    assert_eq!(waiting, [bench.push(2, Some(OTHER), "<xml>message</xml>")]);
    assert_eq!(record(&journal, &bench, 4, OTHER, Some(ORIGINAL)).await, Recorded::New);
    assert_eq!(record(&journal, &bench, 5, FIRST, Some(ORIGINAL)).await, Recorded::Parked);
    assert_eq!(journal.status().await.expect("readable").parked, 2);
}

#[tokio::test]
async fn what_is_parked_is_forgotten_like_other_messages() {
    let bench = Bench::new();
    let journal = bench.open();
    record(&journal, &bench, 1, FIRST, Some(ORIGINAL)).await;
    record(&journal, &bench, 2, OTHER, Some(ORIGINAL)).await;
    settle_all(&journal).await;
    on_writer(&journal, |store| store.drop_kept_texts(9)).await.expect("dropped");
    assert!(!JournalFile::open(&bench.path()).expect("opens").parked(None, 9).expect("readable")[0].kept);
    bench.advance(Duration::from_hours(72) + Duration::from_millis(1));
    assert_eq!(on_writer(&journal, |store| store.delete_expired(9)).await.expect("deleted"), 2);
    assert_eq!(journal.status().await.expect("readable").parked, 0);
}

#[tokio::test]
async fn a_journal_of_form_1_is_brought_up() {
    let bench = Bench::new();
    let connection = Connection::open(bench.path()).expect("a file");
    connection.execute_batch(include_str!("form_1.sql")).expect("a journal of form 1");
    drop(connection);
    assert!(matches!(JournalFile::open(&bench.path()), Err(JournalError::UnknownForm { found: 1, .. })));
    let journal = bench.open();
    let [waiting] = waiting_pushes(&journal).await.try_into().expect("one");
    assert_eq!((waiting.body.as_str(), waiting.unverified), ("<xml>message</xml>", false));
    assert_eq!(record(&journal, &bench, 1, FIRST, Some(ORIGINAL)).await, Recorded::New);
    assert_eq!(record(&journal, &bench, 2, OTHER, Some(ORIGINAL)).await, Recorded::Parked);
    let status = JournalFile::open(&bench.path()).expect("opens").status().expect("readable");
    assert_eq!((status.parked, status.settled_kept.rows), (1, 2));
}

#[tokio::test]
async fn a_journal_of_form_2_is_brought_up_and_what_it_holds_is_counted() {
    let bench = Bench::new();
    let connection = Connection::open(bench.path()).expect("a file");
    connection.execute_batch(include_str!("form_2.sql")).expect("a journal of form 2");
    drop(connection);
    assert!(matches!(
        JournalFile::open(&bench.path()),
        Err(JournalError::UnknownForm { found: 2, known: 3 })
    ));
    let journal = bench.open();
    let waiting = all_waiting(&journal).await;
    let bodies: Vec<_> = waiting.iter().map(|row| (row.push.body.as_str(), row.deaths)).collect();
    assert_eq!(bodies, [("<xml>message</xml>", 0), ("<xml>event</xml>", 0)]);
    let held = on_writer(&journal, |store| read::held(store.connection())).await.expect("readable");
    assert_eq!((held.parked, held.message_ids), (Amount { rows: 1, bytes: 400 }, 1));
    // Its triggers count on from there.
    assert_eq!(record(&journal, &bench, 1, OTHER, Some(ORIGINAL)).await, Recorded::Parked);
    on_writer(&journal, |store| store.drop_kept_texts(1)).await.expect("dropped");
    let held = on_writer(&journal, |store| read::held(store.connection())).await.expect("readable");
    assert_eq!((held.parked.rows, held.message_ids), (1, 2));
}

#[tokio::test]
async fn a_message_that_nothing_can_be_done_with_is_parked_with_its_reason_and_keeps_its_text() {
    let bench = Bench::new();
    let journal = bench.open();
    record(&journal, &bench, 1, FIRST, Some(ORIGINAL)).await;
    for _ in 0..2 {
        let push = bench.push(2, Some(FIRST), "<xml>bad</xml>");
        let origin = origin(&push);
        assert_eq!(journal.record_bad_message(push, "not well-formed", origin).await, Ok(Recorded::Parked));
    }
    assert_eq!(waiting_seqs(&journal).await.len(), 1, "it goes nowhere");
    assert_eq!(journal.backlog().await.expect("readable").new.rows, 1, "and takes no room from what waits");
    let mut beside = JournalFile::open(&bench.path()).expect("opens");
    let parked = beside.parked(None, 9).expect("readable");
    let [one] = parked.as_slice() else { panic!("{parked:?}") };
    assert_eq!((&one.because, &one.tied), (&ParkedBecause::Bad("not well-formed".into()), &None));
    assert!(one.kept);
    let first = FIRST.parse().expect("valid");
    assert_eq!(beside.tie(&bench.push(1, None, "").component, ORIGINAL, &first, at(0)).expect("tied"), 0);
}

#[test]
fn an_original_id_and_a_reason_are_told_apart() {
    for text in ["gh_1", "not well-formed", ""] {
        let reason = ParkedBecause::read(ParkedBecause::bad(text));
        assert_eq!(reason, ParkedBecause::Bad(text.to_owned()));
        assert_eq!(ParkedBecause::read(text.to_owned()), ParkedBecause::OriginalId(text.to_owned()));
    }
}
