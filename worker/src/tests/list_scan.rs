//! One scan of `WeChat`'s list for all who look for an authorizer in it.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use jiff::Timestamp;
use mandate_domain::TOLERANCE;
use mandate_runtime::stop::Stop;
use mandate_schema::AuthorizerId;

use mandate_wechat::api::ListedAuthorizer;
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    given::{Given, component, push, ticket},
    wechat::{WeChat, at_place, well},
};
use crate::{Worker, tasks::Failure};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A worker that has a ticket and scans, until it is dropped.
struct Scanning {
    worker: Arc<Worker>,
    stop: Stop,
}

impl Scanning {
    fn start(worker: &Arc<Worker>) -> Self {
        let stop = Stop::new();
        let (lists, stopping) = (worker.lists.clone(), stop.clone());
        tokio::spawn(async move { lists.scan(&component(), &stopping).await });
        Self { worker: worker.clone(), stop }
    }

    async fn find(&self, authorizer: &AuthorizerId) -> Result<Option<ListedAuthorizer>, Failure> {
        timeout(PATIENCE, self.worker.lists.find(&component(), authorizer, 1)).await.expect("an answer")
    }

    /// Asks as a task does that is put off, without the wait between.
    async fn find_in_the_end(&self, authorizer: &AuthorizerId) -> Option<ListedAuthorizer> {
        let asked = async {
            loop {
                match self.find(authorizer).await {
                    Ok(found) => return found,
                    Err(Failure::Again { reason: "list_scan", .. }) => tokio::task::yield_now().await,
                    Err(failure) => panic!("{failure:?}"),
                }
            }
        };
        timeout(PATIENCE, asked).await.expect("an answer in the end")
    }

    /// The same where each attempt comes to this worker or to another one.
    async fn find_from_either(&self, other: &Self, authorizer: &AuthorizerId) -> Option<ListedAuthorizer> {
        for worker in [self, other].into_iter().cycle() {
            match worker.find(authorizer).await {
                Ok(found) => return found,
                Err(Failure::Again { reason: "list_scan", .. }) => tokio::task::yield_now().await,
                Err(failure) => panic!("{failure:?}"),
            }
        }
        None
    }

    #[track_caller]
    fn is_at(found: Option<ListedAuthorizer>, place: u64) {
        let found = found.unwrap_or_else(|| panic!("the authorizer at place {place} is listed"));
        let token = found.refresh_token.expect("a token");
        assert_eq!(
            (found.authorizer_appid, token.expose()),
            (at_place(place), format!("refreshtoken@@@{place}").as_str())
        );
    }
}

impl Drop for Scanning {
    fn drop(&mut self) {
        self.stop.request();
    }
}

/// A worker over this API, with a ticket.
async fn given(wechat: &WeChat) -> Given {
    let given = Given::calling(&wechat.base());
    given.take(ticket(Timestamp::now().as_second(), "ticket@@@1")).await;
    given
}

async fn scanning(wechat: &WeChat) -> (Given, Scanning) {
    let given = given(wechat).await;
    let scanning = Scanning::start(&given.worker);
    (given, scanning)
}

#[track_caller]
fn put_off(answer: Result<Option<ListedAuthorizer>, Failure>, expected: &str) -> Duration {
    match answer {
        Err(Failure::Again { reason, after, .. }) => {
            assert_eq!(reason, expected);
            after
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn many_are_found_by_one_scan_that_reads_no_page_more_than_twice() {
    let wechat = WeChat::with(3_000).await;
    let (_given, scanning) = scanning(&wechat).await;
    let listed = (0..32).map(|n| n * 93).chain([0, 489, 490, 499, 500, 2_999]);
    let places: Vec<u64> = listed.chain([3_000, 3_001, u64::MAX]).collect();
    let authorizers: Vec<_> = places.iter().map(|place| at_place(*place)).collect();
    let found = join_all(authorizers.iter().map(|authorizer| scanning.find_in_the_end(authorizer))).await;
    for (found, place) in found.into_iter().zip(places) {
        match place {
            0..3_000 => Scanning::is_at(found, place),
            _ => assert_eq!(found, None, "{place}"),
        }
    }
    assert!(wechat.most_often() <= 2, "{:?}", wechat.offsets());
}

/// Each joins while the page at `held` is under way, and looks for a place that is ahead, behind, or nowhere.
#[tokio::test]
async fn who_joins_midway_is_served_by_the_scan_going_round() {
    for (held, place, listed) in [
        (980, 2_500, true),
        (980, 100, true),
        (980, 990, true),
        (2_450, 2_440, true),
        (1_470, 9_000, false),
        (0, 5, true),
    ] {
        let wechat = WeChat::with(3_000).await;
        let (_given, scanning) = scanning(&wechat).await;
        let release = wechat.holds(held);
        let (first, second) = (at_place(7_000), at_place(place));
        let joins = async {
            wechat.page_asked(held).await;
            let joined = scanning.find(&second);
            tokio::pin!(joined);
            // It has asked before the page comes.
            tokio::select! {
                biased;
                _ = &mut joined => panic!("nothing can be known yet"),
                () = tokio::task::yield_now() => release.notify_one(),
            }
            joined.await.unwrap()
        };
        let (absent, found) = tokio::join!(scanning.find(&first), joins);
        assert_eq!(absent.unwrap(), None);
        if listed {
            Scanning::is_at(found, place);
        } else {
            assert_eq!(found, None);
        }
        assert!(wechat.most_often() <= 2, "held {held}, place {place}: {:?}", wechat.offsets());
    }
}

#[tokio::test]
async fn a_page_that_fails_is_read_again_with_those_behind_it() {
    for (status, body) in [
        (500, ""),
        (502, "<html>Bad Gateway</html>"),
        (200, ""),
        (200, "<html>系统繁忙</html>"),
        (200, r#"{"total_count":3000,"list":[{"authorizer_ap"#),
        (200, r#"{"errcode":-1,"errmsg":"system busy"}"#),
    ] {
        let wechat = WeChat::with(3_000).await;
        let (_given, scanning) = scanning(&wechat).await;
        wechat.spoils_once(980, status, body);
        Scanning::is_at(scanning.find_in_the_end(&at_place(1_600)).await, 1_600);
        let offsets = wechat.offsets();
        let times = |page| offsets.iter().filter(|offset| **offset == page).count();
        assert_eq!([0, 490, 980, 1_470].map(times), [1, 1, 2, 2], "{status} {body}: {offsets:?}");
        assert!(wechat.most_often() <= 2, "{status} {body}: {offsets:?}");
    }
}

#[tokio::test]
async fn who_finds_no_seat_is_put_off_at_once_and_finds_its_answer_later() {
    let wechat = WeChat::with(600).await;
    let (_given, scanning) = scanning(&wechat).await;
    let release = wechat.holds(0);
    let seated: Vec<_> = (0..8).map(at_place).collect();
    let late = [at_place(20), at_place(555), at_place(7_000)];
    let asks = async {
        wechat.page_asked(0).await;
        for authorizer in &late {
            let after = put_off(scanning.find(authorizer).await, "list_scan");
            assert!(after >= Duration::from_secs(1) && after <= Duration::from_secs(62), "{after:?}");
        }
        release.notify_one();
    };
    let (seated, ()) =
        tokio::join!(join_all(seated.iter().map(|authorizer| scanning.find(authorizer))), asks);
    for (found, place) in seated.into_iter().zip(0..) {
        Scanning::is_at(found.unwrap(), place);
    }
    // The scan has gone on for those who were put off.
    Scanning::is_at(scanning.find_in_the_end(&late[0]).await, 20);
    Scanning::is_at(scanning.find_in_the_end(&late[1]).await, 555);
    assert_eq!(scanning.find_in_the_end(&late[2]).await, None);
    assert!(wechat.most_often() <= 2, "{:?}", wechat.offsets());
}

#[tokio::test]
async fn what_the_list_says_about_its_length_ends_nothing() {
    for total in [json!(0), json!(1), json!(500), json!(1_000_000_000_000_u64)] {
        let wechat = WeChat::with(1_100).await;
        let (_given, scanning) = scanning(&wechat).await;
        wechat.spoils(move |_, mut page| {
            page["total_count"] = total.clone();
            well(&page)
        });
        Scanning::is_at(scanning.find_in_the_end(&at_place(1_099)).await, 1_099);
        assert_eq!(scanning.find_in_the_end(&at_place(1_100)).await, None);
    }
}

#[tokio::test]
async fn pages_shorter_than_asked_are_followed_to_the_end() {
    let wechat = WeChat::with(700).await;
    let (_given, scanning) = scanning(&wechat).await;
    wechat.spoils(|_, mut page| {
        page["list"].as_array_mut().unwrap().truncate(100);
        well(&page)
    });
    Scanning::is_at(scanning.find_in_the_end(&at_place(699)).await, 699);
    assert_eq!(scanning.find_in_the_end(&at_place(700)).await, None);
}

#[tokio::test]
async fn an_offset_that_is_refused_as_out_of_range_is_the_end() {
    let wechat = WeChat::with(300).await;
    let (_given, scanning) = scanning(&wechat).await;
    wechat.spoils(|offset, page| match offset {
        0..300 => well(&page),
        _ => (200, r#"{"errcode":40170,"errmsg":"args count exceed count limit"}"#.to_owned()),
    });
    Scanning::is_at(scanning.find_in_the_end(&at_place(299)).await, 299);
    assert_eq!(scanning.find_in_the_end(&at_place(300)).await, None);
}

/// None of these is about the authorizer that is looked for, 61003 least of all.
#[tokio::test]
async fn a_list_that_is_refused_is_read_again_much_later_for_all_who_wait() {
    for (errcode, expected) in [
        (61003, "list_refused"),
        (61009, "list_refused"),
        (48001, "list_refused"),
        (40170, "list_refused"),
        (99_999, "list_refused"),
        (61028, "suspended"),
        (61004, "suspended"),
    ] {
        let wechat = WeChat::with(300).await;
        let (_given, scanning) = scanning(&wechat).await;
        let refusal = json!({ "errcode": errcode, "errmsg": "no" });
        wechat.spoils(move |_, _| well(&refusal));
        let (one, other) = (at_place(1), at_place(2));
        let (one, other) = tokio::join!(scanning.find(&one), scanning.find(&other));
        for answer in [one, other, scanning.find(&at_place(3)).await] {
            let Err(Failure::Again { after, reason, detail }) = answer else { panic!("{answer:?}") };
            assert_eq!(reason, expected, "{errcode}: {detail}");
            assert!(after > Duration::from_mins(9), "{errcode}: {after:?}");
            assert!(detail.contains(&errcode.to_string()), "{detail}");
        }
        assert_eq!(wechat.offsets(), [0], "{errcode}");
    }
}

/// What is put off comes back when it may be of use, not every few seconds.
#[tokio::test]
async fn who_waits_is_put_off_until_the_end_of_a_pause() {
    let hours = |hours| Duration::from_hours(hours);
    for (errcode, expected, least, most) in [
        (45009, "quota_spent", Duration::ZERO, hours(25)),
        (45011, "refused_for_now", Duration::from_mins(1), Duration::from_mins(4)),
        (40164, "suspended", Duration::from_mins(9), Duration::from_mins(25)),
    ] {
        let wechat = WeChat::with(3_000).await;
        let (_given, scanning) = scanning(&wechat).await;
        Scanning::is_at(scanning.find_in_the_end(&at_place(3)).await, 3);
        let read = wechat.offsets().len();
        let refusal = json!({ "errcode": errcode, "errmsg": "no" });
        wechat.spoils(move |_, _| well(&refusal));
        for place in [2_900, 9_000] {
            let after = put_off(scanning.find(&at_place(place)).await, expected);
            assert!(after > Duration::from_secs(5).max(least) && after < most, "{errcode}: {after:?}");
        }
        assert!(wechat.offsets().len() <= read + 4, "no page is asked for in the pause");
        Scanning::is_at(scanning.find(&at_place(3)).await.unwrap(), 3);
    }
}

#[tokio::test]
async fn an_answer_is_there_for_every_attempt_that_asks() {
    let wechat = WeChat::with(600).await;
    let (_given, scanning) = scanning(&wechat).await;
    for _ in 0..3 {
        Scanning::is_at(scanning.find_in_the_end(&at_place(550)).await, 550);
        assert_eq!(scanning.find_in_the_end(&at_place(7_000)).await, None);
    }
    assert!(wechat.most_often() <= 2, "{:?}", wechat.offsets());
}

/// An entry that cannot be read may be the one that is looked for.
#[tokio::test]
async fn an_unreadable_entry_spoils_only_itself_and_proves_nothing() {
    let entries = [
        json!({ "refresh_token": "refreshtoken@@@1", "auth_time": 100 }),
        json!({ "authorizer_appid": "", "auth_time": 100 }),
        json!({ "authorizer_appid": { "id": 17 } }),
        json!({ "authorizer_appid": "wx/../1" }),
    ];
    for unreadable in entries {
        let wechat = WeChat::with(600).await;
        let (_given, scanning) = scanning(&wechat).await;
        let spoiled = unreadable.clone();
        wechat.spoils(move |_, mut page| {
            if let Some(place) = page["list"].as_array_mut().unwrap().get_mut(7) {
                *place = spoiled.clone();
            }
            well(&page)
        });
        for place in [6, 8, 599] {
            Scanning::is_at(scanning.find_in_the_end(&at_place(place)).await, place);
        }
        let after = put_off(scanning.find(&at_place(7_000)).await, "list_unreadable");
        assert!(after >= Duration::from_hours(1), "{unreadable}: {after:?}");
    }
}

/// What was read before the authorizer's last event is no answer.
#[tokio::test]
async fn an_answer_that_was_overtaken_is_looked_for_again() {
    let wechat = WeChat::with(5).await;
    let (given, scanning) = scanning(&wechat).await;
    let newcomer = at_place(7);
    let release = wechat.holds(0);
    let seats: Vec<_> = (0..8).map(at_place).collect();
    let asks = async {
        wechat.page_asked(0).await;
        put_off(scanning.find(&newcomer).await, "list_scan"); // it joins behind the page that is under way
        release.notify_one();
    };
    tokio::join!(join_all(seats.iter().map(|authorizer| scanning.find(authorizer))), asks);
    Scanning::is_at(scanning.find_in_the_end(&at_place(4)).await, 4);
    // The scan has seen the whole list without the newcomer; then it authorizes.
    wechat.page_asked(5).await;
    let fields =
        format!("<AuthorizerAppid>{newcomer}</AuthorizerAppid><AuthorizationCode>c</AuthorizationCode>");
    given.take(push(Timestamp::now().as_second(), "authorized", &fields)).await;
    wechat.lists((0..8).map(|place| super::wechat::entry(place, 100)).collect());
    Scanning::is_at(scanning.find_in_the_end(&newcomer).await, 7);
}

/// An answer from the time in which the newest fact may be contradicted by an older one is no answer afterwards.
#[tokio::test]
async fn an_answer_of_the_stale_window_is_not_given_after_it() {
    let wechat = WeChat::with(5).await;
    let (given, scanning) = scanning(&wechat).await;
    let now = Timestamp::now();
    // It had happened by five minutes after its time.
    let window_ends = now.as_second() + 3;
    let fields = format!("<AuthorizerAppid>{}</AuthorizerAppid>", at_place(7));
    given.take(push(window_ends - 2 * TOLERANCE.as_secs(), "authorized", &fields)).await;
    assert_eq!(scanning.find_in_the_end(&at_place(7)).await, None);
    wechat.lists((0..8).map(|place| super::wechat::entry(place, 100)).collect());
    assert_eq!(scanning.find_in_the_end(&at_place(7)).await, None, "it was read after the last event");
    let found = async {
        loop {
            match scanning.find_in_the_end(&at_place(7)).await {
                Some(found) => return found,
                None => tokio::task::yield_now().await,
            }
        }
    };
    Scanning::is_at(Some(timeout(PATIENCE, found).await.expect("another scan")), 7);
    assert!(Timestamp::now().as_second() >= window_ends);
}

#[tokio::test]
async fn only_one_worker_scans_and_another_takes_over() {
    let wechat = WeChat::with(600).await;
    let (given, first) = scanning(&wechat).await;
    let other = given.another(&wechat.base());
    let second = Scanning::start(&other);
    let release = wechat.holds(0);
    let (one, two) = (at_place(550), at_place(7_000));
    let asks = async {
        wechat.page_asked(0).await;
        let after = put_off(second.find(&two).await, "list_scan");
        assert!(after <= Duration::from_secs(5), "{after:?}");
        assert_eq!(wechat.offsets(), [0], "it did not read the list itself");
        release.notify_one();
    };
    let (found, ()) = tokio::join!(first.find(&one), asks);
    Scanning::is_at(found.unwrap(), 550);
    assert_eq!(second.find_in_the_end(&two).await, None, "the lead was free");
}

/// A task comes back to the one worker or the other, and the scan of a task is not repeated where it does not wait.
#[tokio::test]
async fn two_workers_over_one_store_read_each_page_twice_at_most() {
    let wechat = WeChat::with(3_000).await;
    let (given, first) = scanning(&wechat).await;
    let second = Scanning::start(&given.another(&wechat.base()));
    let workers = [(&first, &second), (&second, &first)];
    let places: Vec<u64> = (0..40).map(|n| n * 75).chain(7_000..7_010).collect();
    let authorizers: Vec<_> = places.iter().map(|place| at_place(*place)).collect();
    let asked = authorizers.iter().zip(workers.iter().cycle());
    let asked = asked.map(|(authorizer, (one, other))| one.find_from_either(other, authorizer));
    let found = timeout(PATIENCE, join_all(asked)).await.expect("all answers");
    for (found, place) in found.into_iter().zip(places) {
        match place {
            0..3_000 => Scanning::is_at(found, place),
            _ => assert_eq!(found, None, "{place}"),
        }
    }
    // What was asked in passing does not keep the other one reading: each looks at the lead once a second.
    let idle_until = Timestamp::now() + Duration::from_secs(3);
    while Timestamp::now() < idle_until {
        assert!(wechat.most_often() <= 2, "{:?}", wechat.offsets());
        tokio::task::yield_now().await;
    }
}

/// The answer waits at the first worker, whose scan is over, while the task is put off and comes to the second.
#[tokio::test]
async fn an_answer_that_was_not_fetched_yet_keeps_the_lead_where_it_is() {
    let wechat = WeChat::with(600).await;
    let (given, first) = scanning(&wechat).await;
    let second = Scanning::start(&given.another(&wechat.base()));
    let release = wechat.holds(0);
    let seated: Vec<_> = (0..8).map(at_place).collect();
    let late = at_place(7_000);
    let asks = async {
        wechat.page_asked(0).await;
        put_off(first.find(&late).await, "list_scan");
        release.notify_one();
    };
    tokio::join!(join_all(seated.iter().map(|authorizer| first.find(authorizer))), asks);
    wechat.page_asked(600).await;
    let times = |page| wechat.offsets().iter().filter(|offset| **offset == page).count();
    while times(0) < 2 {
        put_off(second.find(&late).await, "list_scan");
    }
    // The second worker looks at the lead once a second.
    let asked_until = Timestamp::now() + Duration::from_secs(3);
    while Timestamp::now() < asked_until {
        let after = put_off(second.find(&late).await, "list_scan");
        assert!(after <= Duration::from_secs(5), "{after:?}");
    }
    assert_eq!(first.find_in_the_end(&late).await, None);
    assert!(wechat.most_often() <= 2, "{:?}", wechat.offsets());
}

#[tokio::test]
async fn a_worker_that_died_is_followed_by_another() {
    let wechat = WeChat::with(10).await;
    let given = given(&wechat).await;
    let (name, length) = (format!("list_scan/{}", component()), Duration::from_secs(2));
    let until = Timestamp::now() + length;
    assert!(given.worker.storage.take(&name, Uuid::now_v7(), length).await.unwrap().is_some());
    let scanning = Scanning::start(&given.worker);
    Scanning::is_at(scanning.find_in_the_end(&at_place(3)).await, 3);
    assert!(Timestamp::now() >= until, "not before the dead one's time is over");
}
