//! Comparisons with `WeChat`'s list, over a real store.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use mandate_domain::{Because, Task};
use mandate_runtime::stop::Stop;
use mandate_schema::{Event, GrantedVia, StreamName};
use mandate_storage::Claimed;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    given::{Given, component, push, ticket},
    wechat::{WeChat, at_place, entry, well},
};
use crate::{Manner, ReconcileError, Report, Worker};

const FAST: Manner = Manner { calls_per_minute: 100_000, dry_run: false };
const DRY: Manner = Manner { dry_run: true, ..FAST };

/// A list whose pages begin at 0, 40, 80 and so on.
async fn list_of(length: u64) -> WeChat {
    WeChat::in_pages_of(50, length).await
}

async fn given(wechat: &WeChat) -> Given {
    let given = Given::calling(&wechat.base());
    given.take(ticket(Timestamp::now().as_second(), "ticket@@@1")).await;
    given
}

fn stream(place: u64) -> StreamName {
    StreamName::Authorizer(component(), at_place(place))
}

impl Given {
    async fn compare(&self, manner: Manner) -> Result<Report, ReconcileError> {
        self.worker.reconciler.reconcile(&component(), manner, &Stop::new(), |_| {}).await
    }

    /// The authorizer at a place confirms, and its callback comes.
    async fn authorizes(&self, place: u64, time: i64) {
        let fields = format!(
            "<AuthorizerAppid>{}</AuthorizerAppid><AuthorizationCode>code@@@{place}-{time}</AuthorizationCode>",
            at_place(place)
        );
        self.take(push(time, "authorized", &fields)).await;
    }

    async fn revokes(&self, place: u64, time: i64) {
        let fields = format!("<AuthorizerAppid>{}</AuthorizerAppid>", at_place(place));
        self.take(push(time, "unauthorized", &fields)).await;
    }

    async fn status_at(&self, place: u64) -> Option<&'static str> {
        let snapshot = self.worker.log.read(&stream(place)).await.unwrap();
        snapshot.state.authorizer().map(|authorizer| authorizer.status.as_str())
    }

    /// The tasks that are due, and are then under way.
    async fn claims(&self) -> Vec<Claimed> {
        self.claim(100_000).await
    }

    /// The authorizers that the due tasks ask about, by their places; each once per task.
    async fn asked(&self) -> Vec<u64> {
        let claimed = self.claims().await;
        let ids = claimed.iter().filter(|claimed| claimed.task.kind != "redeem");
        let mut places: Vec<u64> = ids
            .map(|claimed| {
                u64::from_str_radix(&claimed.task.authorizer.as_ref().unwrap().as_str()[2..], 16).unwrap()
            })
            .collect();
        places.sort_unstable();
        places
    }

    /// Holds the first `count` authorizers of the list, with their tokens; nothing is due any more.
    async fn holds_all(&self) {
        self.compare(FAST).await.unwrap();
        self.claims().await;
    }
}

#[tokio::test]
async fn who_was_missed_is_granted_once_and_the_next_comparison_finds_nothing() {
    let wechat = list_of(120).await;
    let given = given(&wechat).await;
    let report = given.compare(FAST).await.unwrap();
    let expected = Report { total: 120, listed: 120, granted: 120, profiles: 120, ..Report::default() };
    assert_eq!(report, expected);
    for place in [0, 39, 40, 49, 50, 119] {
        assert_eq!(given.status_at(place).await, Some("authorized"), "{place}");
    }
    assert_eq!(given.asked().await.len(), 120, "each profile is looked up once");
    let again = given.compare(FAST).await.unwrap();
    let expected = Report { total: 120, listed: 120, unchanged: 120, profiles: 120, ..Report::default() };
    assert_eq!(again, expected);
    assert_eq!(wechat.offsets().len(), 10, "5 pages each: {:?}", wechat.offsets());
}

/// A list with one authorizer of each kind, beside what we know.
async fn one_of_each_kind() -> (WeChat, Given) {
    let now = Timestamp::now().as_second();
    let wechat = list_of(7).await;
    let given = given(&wechat).await;
    given.holds_all().await; // 0 to 6, who authorized at 100
    given.authorizes(20, now - 4_000).await; // held, not in the list
    given.authorizes(21, now - 4_000).await; // the same
    given.revokes(5, now - 3_000).await; // in the list with an older time
    given.revokes(6, now - 3_000).await; // in the list with a newer time
    given.authorizes(22, now - 4_000).await; // pending, without a token anywhere
    given.claims().await;
    let mut list: Vec<Value> = (0..6).map(|place| entry(place, 100)).collect();
    list[1]["auth_time"] = json!(now - 2_000); // confirmed again, and no callback came
    list[2]["refresh_token"] = json!("refreshtoken@@@another");
    list[3]["refresh_token"] = json!("");
    list[4]["auth_time"] = json!(now * 1_000); // no time
    list.push(entry(6, now - 1_000));
    list.push(json!({ "authorizer_appid": at_place(22), "auth_time": now - 4_000 }));
    list.push(entry(30, now - 1_000)); // new
    wechat.lists(list);
    (wechat, given)
}

fn report_of_each_kind() -> Report {
    Report {
        total: 9,
        listed: 9,
        unchanged: 3, // 0, 3, 4
        granted: 2,   // 6, 30
        updated: 1,
        recovered: 1,
        to_confirm: 3, // 5, 20, 21
        without_token: 1,
        accounts_without_token: vec![at_place(22)],
        profiles: 8, // 0 to 4, 30, and 1 and 2, who are asked about anyway
        ..Report::default()
    }
}

#[tokio::test]
async fn each_kind_of_difference_is_dealt_with() {
    let (_wechat, given) = one_of_each_kind().await;
    let before = given.events().await.len();
    let report = given.compare(FAST).await.unwrap();
    let expected = Report { profiles: report.profiles, ..report_of_each_kind() };
    assert_eq!(report, expected);
    let new = given.events().await.split_off(before);
    let mut names: Vec<_> = new.iter().map(Event::name).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["authorization.granted", "authorization.granted", "authorization.updated", "credentials.recovered"]
    );
    let updated = new.iter().find_map(|event| match event {
        Event::Updated(updated) => Some(updated),
        _ => None,
    });
    assert_eq!(updated.unwrap().via, GrantedVia::Reconciled);
    let asked = given.asked().await;
    for place in [1, 2, 5, 6, 20, 21, 22] {
        assert!(asked.contains(&place), "{place} is asked about: {asked:?}");
    }
    for (place, status) in
        [(1, "authorized"), (2, "authorized"), (5, "revoked"), (6, "pending"), (20, "pending")]
    {
        assert_eq!(given.status_at(place).await, Some(status), "{place}");
    }
}

#[tokio::test]
async fn a_dry_run_counts_what_a_real_one_does_and_changes_nothing() {
    let (_wechat, given) = one_of_each_kind().await;
    let before = given.events().await.len();
    let tried = given.compare(DRY).await.unwrap();
    assert_eq!(given.events().await.len(), before);
    assert_eq!(given.asked().await, [0_u64; 0], "nothing was queued");
    assert_eq!(given.worker.storage.reconciliation(&component()).await.unwrap(), None);
    assert_eq!(given.compare(FAST).await.unwrap(), tried);

    // The same beside a comparison that was cut off, and for an empty list.
    let wechat = list_of(150).await;
    let given = self::given(&wechat).await;
    given.authorizes(3_000, 100).await;
    given.claims().await;
    wechat.spoils_once(80, 500, "");
    assert!(matches!(given.compare(FAST).await, Err(ReconcileError::List(_))));
    let cut_off = given.worker.storage.reconciliation(&component()).await.unwrap();
    let tried = given.compare(DRY).await.unwrap();
    // It reads the whole list: the cut-off one has granted those of the first two pages.
    let expected = Report {
        total: 150,
        listed: 150,
        unchanged: 90,
        granted: 60,
        to_confirm: 1,
        profiles: tried.profiles,
        ..Report::default()
    };
    assert_eq!(tried, expected);
    assert_eq!(given.worker.storage.reconciliation(&component()).await.unwrap(), cut_off);
    let report = given.compare(FAST).await.unwrap();
    assert_eq!((report.listed, report.granted, report.to_confirm), (150, 150, 1));
    given.claims().await;
    wechat.lists(Vec::new());
    let tried = given.compare(DRY).await.unwrap();
    assert_eq!(tried.to_confirm, 151);
    assert_eq!(given.compare(FAST).await.unwrap(), tried);
}

#[tokio::test]
async fn a_scan_that_broke_off_asks_about_no_authorizer_and_goes_on_where_it_was() {
    for (status, body) in [
        (500, ""),
        (200, "<html>"),
        (200, r#"{"errcode":-1,"errmsg":"busy"}"#),
        (200, r#"{"errcode":48001,"errmsg":"no"}"#),
    ] {
        let wechat = list_of(150).await;
        let given = given(&wechat).await;
        for place in 5_000..5_005 {
            given.authorizes(place, 100).await;
        }
        given.claims().await;
        wechat.spoils_once(80, status, body);
        let broken = given.compare(FAST).await;
        assert!(matches!(broken, Err(ReconcileError::List(_))), "{broken:?}");
        assert_eq!(given.asked().await, [0_u64; 0], "{status} {body}");
        let report = given.compare(FAST).await.unwrap();
        assert_eq!((report.granted, report.to_confirm), (150, 5));
        assert_eq!(wechat.offsets()[..4], [0, 40, 80, 80], "no page was read twice but the one that failed");
        let asked = given.asked().await;
        assert!((5_000..5_005).all(|place| asked.contains(&place)));
    }
}

#[tokio::test]
async fn a_list_that_ends_early_is_noted_and_one_that_lies_about_its_length_read_to_its_end() {
    for (total, short_by) in [(0, 0), (1, 0), (119, 0), (120, 0), (125, 5), (300_000, 299_880)] {
        let wechat = list_of(120).await;
        let given = given(&wechat).await;
        wechat.spoils(move |_, mut page| {
            page["total_count"] = json!(total);
            well(&page)
        });
        let report = given.compare(FAST).await.unwrap();
        assert_eq!((report.total, report.short_by, report.granted), (total, short_by, 120));
    }
    let wechat = list_of(120).await;
    let given = given(&wechat).await;
    wechat.spoils(|offset, mut page| {
        if offset == 40 {
            page["list"] = json!([]);
        }
        well(&page)
    });
    let report = given.compare(FAST).await.unwrap();
    assert_eq!((report.granted, report.short_by), (50, 80), "an empty page ends it");
}

#[tokio::test]
async fn pages_shorter_than_asked_and_lists_that_shift_lose_no_authorizer() {
    let wechat = list_of(120).await;
    let given = given(&wechat).await;
    wechat.spoils(|_, mut page| {
        page["list"].as_array_mut().unwrap().truncate(30);
        well(&page)
    });
    assert_eq!(given.compare(FAST).await.unwrap().granted, 120);

    let wechat = list_of(0).await;
    let given = self::given(&wechat).await;
    let (all, mut moved) = ((0..120).map(|place| entry(place, 100)).collect::<Vec<_>>(), 0);
    wechat.spoils(move |offset, mut page| {
        let from = usize::try_from(offset).unwrap() + moved;
        moved += 7; // so many leave at the head of the list after each page
        page["list"] = all.iter().skip(from).take(50).cloned().collect();
        well(&page)
    });
    assert_eq!(given.compare(FAST).await.unwrap().granted, 120);
}

#[tokio::test]
async fn an_unreadable_entry_spoils_only_itself() {
    for unreadable in
        [json!({}), json!({ "authorizer_appid": "" }), json!({ "authorizer_appid": 17, "auth_time": 1 })]
    {
        let wechat = list_of(60).await;
        let given = given(&wechat).await;
        given.authorizes(9_000, 100).await;
        given.claims().await;
        wechat.spoils(move |offset, mut page| {
            if offset == 0 {
                page["list"][7] = unreadable.clone();
            }
            well(&page)
        });
        let report = given.compare(FAST).await.unwrap();
        assert_eq!((report.unreadable, report.granted, report.to_confirm), (1, 59, 1), "{report:?}");
    }
}

/// The log head is noted for each page: only who changes while its own page is under way has to wait.
#[tokio::test]
async fn who_changes_while_its_page_is_read_waits_for_the_next_comparison() {
    let wechat = list_of(120).await;
    let given = given(&wechat).await;
    given.holds_all().await;
    let release = wechat.holds(40);
    wechat.lists((0..120).map(|place| entry(place, if place % 2 == 0 { 100 } else { 5_000 })).collect());
    let changes = async {
        // The second comparison asks for the page: its number is 2 by then.
        loop {
            wechat.page_asked(40).await;
            if wechat.offsets().iter().filter(|offset| **offset == 40).count() == 2 {
                break;
            }
            tokio::task::yield_now().await;
        }
        for place in [3, 61, 111] {
            given.revokes(place, 4_000).await;
        }
        release.notify_one();
    };
    let (report, ()) = tokio::join!(given.compare(FAST), changes);
    let report = report.unwrap();
    // Place 3 was compared before it revoked; the page of place 61 was under way; that of place 111 came later.
    assert_eq!((report.waiting, report.updated, report.granted), (1, 58, 1), "{report:?}");
    assert_eq!(given.status_at(3).await, Some("authorized"), "the list was newer than its revocation");
    assert_eq!(given.status_at(61).await, Some("revoked"));
    assert_eq!(given.status_at(111).await, Some("pending"), "its token is tried first");
}

/// An empty list is no reason for a flood of calls.
#[tokio::test]
async fn those_that_the_list_lacks_are_asked_about_at_the_pace_and_not_twice() {
    let wechat = list_of(120).await;
    let given = given(&wechat).await;
    given.holds_all().await;
    wechat.lists(Vec::new());
    let (stop, began) = (Stop::new(), Instant::now());
    let manner = Manner { calls_per_minute: 3_000, dry_run: false };
    let component = component();
    let cut_off = given.worker.reconciler.reconcile(&component, manner, &stop, |report| {
        if report.to_confirm > 0 {
            stop.request();
        }
    });
    assert!(matches!(cut_off.await, Err(ReconcileError::Stopped)));
    let first = given.asked().await.len();
    assert!((50..120).contains(&first), "{first}");
    assert!(began.elapsed() >= Duration::from_millis(20) * 49, "{:?}", began.elapsed());
    let report = given.compare(manner).await.unwrap();
    assert_eq!(report.to_confirm, 120);
    assert!(began.elapsed() >= Duration::from_millis(20) * 119, "{:?}", began.elapsed());
    let second = given.asked().await;
    let missing = second.iter().filter(|place| **place < 120).count();
    assert!(first + missing >= 120, "all are asked about");
}

#[tokio::test]
async fn one_process_compares_at_a_time() {
    let wechat = list_of(60).await;
    let given = given(&wechat).await;
    let other = given.another(&wechat.base());
    let again = |worker: Arc<Worker>, manner| async move {
        worker.reconciler.reconcile(&component(), manner, &Stop::new(), |_| {}).await
    };
    // The first one is slow: it has one call in ten seconds.
    let slow = Manner { calls_per_minute: 6, dry_run: false };
    let refused = async {
        wechat.page_asked(0).await;
        let refused = again(other.clone(), FAST).await;
        assert!(matches!(refused, Err(ReconcileError::Elsewhere)), "{refused:?}");
        assert!(refused.unwrap_err().to_string().contains("another process compares"));
    };
    tokio::select! {
        done = given.compare(slow) => panic!("too fast: {done:?}"),
        () = refused => {}
    }
    // The first one was dropped as if its process had died.
    let report = again(other, FAST).await.unwrap();
    assert_eq!(report.granted, 60);
}

#[tokio::test]
async fn the_lead_of_a_comparison_is_given_back() {
    let wechat = list_of(3).await;
    let given = given(&wechat).await;
    given.compare(FAST).await.unwrap();
    wechat.spoils(|_, _| (500, String::new()));
    assert!(given.compare(FAST).await.is_err());
    let (name, length) = (format!("reconcile/{}", component()), Duration::from_secs(1));
    assert!(given.worker.storage.take(&name, Uuid::now_v7(), length).await.unwrap().is_some());
}

#[tokio::test]
async fn an_entry_that_comes_twice_is_counted_once() {
    let twice = [
        vec![(1, 0)],                       // in one page, side by side
        vec![(30, 3)],                      // in one page
        vec![(45, 0), (100, 44)],           // where two pages overlap
        vec![(119, 0), (118, 0), (80, 40)], // pages apart
    ];
    for copies in twice {
        let wechat = list_of(120).await;
        let given = given(&wechat).await;
        let mut list: Vec<Value> = (0..120).map(|place| entry(place, 100)).collect();
        for (to, from) in &copies {
            list[*to] = list[*from].clone();
        }
        wechat.lists(list);
        let count = 120 - copies.len() as u64;
        for manner in [DRY, FAST] {
            let report = given.compare(manner).await.unwrap();
            let counts = (report.listed, report.granted, report.unchanged, report.profiles);
            assert_eq!(counts, (count, count, 0, count), "{copies:?} {manner:?}");
        }
        let report = given.compare(DRY).await.unwrap();
        assert_eq!((report.listed, report.unchanged), (count, count), "{copies:?}");
    }
}

/// What makes everything about an authorizer unreadable for good; `?1` is its stream.
const DAMAGES: [&str; 3] = [
    r#"update state set state = '{"status":"authorized"}' where stream = ?1"#,
    "update state set state = json_set(state, '$.refresh_token', json((select other.state -> '$.refresh_token'
     from state other where other.kind = 'authorizer' and other.stream <> ?1 limit 1))) where stream = ?1",
    r#"update state set form = 1, state = '{"status":"authorized"}' where stream = ?1"#,
];

#[tokio::test]
async fn an_authorizer_that_cannot_be_read_is_counted_and_stops_no_comparison() {
    for damage in DAMAGES {
        let wechat = list_of(120).await;
        let given = given(&wechat).await;
        given.holds_all().await;
        let database = rusqlite::Connection::open(given.database()).unwrap();
        database.execute_batch("drop trigger event_is_never_updated").unwrap();
        if damage.contains("form") {
            let changed = database
                .execute("update event set data = '[]' where stream = ?1", [stream(45).to_string()])
                .unwrap();
            assert!(changed > 0);
        }
        let changed = database.execute(damage, [stream(45).to_string()]).unwrap();
        assert_eq!(changed, 1, "{damage}");
        wechat.lists((0..130).map(|place| entry(place, 100)).collect());
        let report = given.compare(FAST).await.unwrap();
        let counts = (report.unreadable_streams, report.listed, report.unchanged, report.granted);
        assert_eq!(counts, (1, 129, 119, 10), "{damage}");
        assert_eq!(given.status_at(125).await, Some("authorized"), "{damage}");
    }
}

#[tokio::test]
async fn one_that_the_list_lacks_and_that_cannot_be_read_does_not_keep_the_others_from_being_asked_about() {
    let wechat = list_of(60).await;
    let given = given(&wechat).await;
    given.holds_all().await;
    let database = rusqlite::Connection::open(given.database()).unwrap();
    for place in [0, 7, 59] {
        assert_eq!(database.execute(DAMAGES[0], [stream(place).to_string()]).unwrap(), 1);
    }
    wechat.lists(Vec::new());
    let report = given.compare(FAST).await.unwrap();
    assert_eq!((report.unreadable_streams, report.to_confirm), (3, 57));
    let asked = given.asked().await;
    assert!((0..60).all(|place| asked.contains(&place) != [0, 7, 59].contains(&place)), "{asked:?}");
}

/// No credentials are in doubt there: nothing but the profile is asked for.
#[tokio::test]
async fn profiles_are_looked_up_without_a_doubt() {
    let wechat = list_of(3).await;
    let given = given(&wechat).await;
    given.compare(FAST).await.unwrap();
    let runner = given.worker.task_runner(&Stop::new());
    let claimed = given.claims().await;
    assert_eq!(claimed.len(), 3);
    for claimed in claimed {
        assert!(matches!(runner.open(&claimed).await, Ok(task) if task == Task::inspect(Because::Redeemed)));
    }
}
