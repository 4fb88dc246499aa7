//! One scan of `WeChat`'s list for all who look for an authorizer in it.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use mandate_runtime::stop::Stop;
use mandate_schema::AuthorizerId;
use mandate_storage::{Checkpoints, sqlite::SqliteStorage};
use mandate_wechat::api::ListedAuthorizer;
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    given::{Given, component, push, ticket},
    wechat::{WeChat, at_place, well},
};
use crate::{Core, tasks::Failure};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A worker that has a ticket and scans, until it is dropped.
struct Scanning {
    core: Arc<Core<SqliteStorage>>,
    stop: Stop,
}

impl Scanning {
    fn start(core: &Arc<Core<SqliteStorage>>) -> Self {
        let stop = Stop::new();
        tokio::spawn(core.clone().scan_list(component(), stop.clone()));
        Self { core: core.clone(), stop }
    }

    async fn find(&self, authorizer: &AuthorizerId) -> Result<Option<ListedAuthorizer>, Failure> {
        timeout(PATIENCE, self.core.find_listed(&component(), authorizer, 1)).await.expect("an answer")
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
    let scanning = Scanning::start(&given.core);
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
async fn a_page_that_fails_is_read_again_and_the_scan_does_not_begin_anew() {
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
        let mut offsets = wechat.offsets();
        offsets.sort_unstable();
        assert_eq!(offsets[..5], [0, 490, 980, 980, 1_470], "{status} {body}");
        assert!(offsets[5..].is_sorted_by(|one, next| one < next), "{status} {body}: {offsets:?}");
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

#[tokio::test]
async fn a_list_that_is_refused_is_refused_to_all_who_wait() {
    for (errcode, is_believed) in [(48001, true), (40170, true), (61028, false)] {
        let wechat = WeChat::with(300).await;
        let (_given, scanning) = scanning(&wechat).await;
        let refusal = json!({ "errcode": errcode, "errmsg": "no" });
        wechat.spoils(move |_, _| well(&refusal));
        let (one, other) = (at_place(1), at_place(2));
        let (one, other) = tokio::join!(scanning.find(&one), scanning.find(&other));
        for answer in [one, other] {
            match answer {
                Err(Failure::Refused(refusal)) => assert_eq!((refusal.errcode, is_believed), (errcode, true)),
                // A matter of the platform: the operator mends it, and the scan goes on then.
                Err(Failure::Again { reason, .. }) => assert_eq!((reason, is_believed), ("list_scan", false)),
                other => panic!("{errcode}: {other:?}"),
            }
        }
    }
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
        assert!(after >= Duration::from_mins(10), "{unreadable}: {after:?}");
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

#[tokio::test]
async fn a_worker_that_died_is_followed_by_another() {
    let wechat = WeChat::with(10).await;
    let given = given(&wechat).await;
    let (name, now) = (format!("list_scan/{}", component()), Timestamp::now());
    let until = now + SignedDuration::from_secs(2);
    assert!(given.core.storage.lead(&name, Uuid::now_v7(), now, until).await.unwrap());
    let scanning = Scanning::start(&given.core);
    Scanning::is_at(scanning.find_in_the_end(&at_place(3)).await, 3);
    assert!(Timestamp::now() >= until, "not before the dead one's time is over");
}
