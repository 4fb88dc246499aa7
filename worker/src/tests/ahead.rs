//! Tokens in use are refreshed before they expire, by all processes together, each token by one.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mandate_runtime::stop::Stop;

use super::{
    given::{Given, component, ticket},
    wechat::{WeChat, at_place},
};
use crate::{Manner, Worker, tokens::UnderWay};

/// Authorizers with a token.
const TOKENS: u64 = 300;
/// Half of the room for calls: a look takes so many tokens at least, if there are so many.
const LOOK: usize = 16;

/// A worker that has read the tokens of all authorizers and of the component just now.
async fn given(wechat: &WeChat, count: u64) -> Given {
    let given = Given::calling(&wechat.base());
    given.take(ticket(Timestamp::now().as_second(), "ticket@@@1")).await;
    let manner = Manner { calls_per_minute: 1_000_000, dry_run: false };
    let report = given.worker.reconciler.reconcile(&component(), manner, &Stop::new(), |_| {}).await.unwrap();
    assert_eq!(report.granted, count);
    for place in 0..count {
        given.worker.tokens.authorizer_token(&component(), &at_place(place)).await.unwrap();
    }
    given.worker.tokens.component_token(&component()).await.unwrap();
    wechat.fetched();
    given
}

impl Given {
    /// The tokens of streams whose names begin so expire in so many minutes.
    fn tokens_expire_in(&self, streams: &str, minutes: i64) {
        let database = rusqlite::Connection::open(self.database()).unwrap();
        let at = Timestamp::now() + SignedDuration::from_mins(minutes);
        let sql = "update token set expires_at = ?1 where stream like ?2 || '%'";
        assert!(database.execute(sql, rusqlite::params![at.as_millisecond(), streams]).unwrap() > 0);
    }
}

/// Refreshes as a process does until nothing is left to take; answers how often it looked.
async fn refresh(worker: &Arc<Worker>) -> usize {
    let (mut under_way, mut looks) = (UnderWay::default(), 1);
    while worker.tokens.look_ahead(&mut under_way).await.unwrap() {
        looks += 1;
    }
    under_way.end().await;
    looks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_refresh_each_token_once() {
    let wechat = WeChat::with(TOKENS).await;
    let given = given(&wechat, TOKENS).await;
    let other = given.another(&wechat.base());
    assert_eq!(refresh(&given.worker).await, 1, "notes what is in use");
    assert_eq!(wechat.fetched(), [""; 0], "and nothing expires");

    given.tokens_expire_in("", 9);
    let (first, second) = tokio::join!(refresh(&given.worker), refresh(&other));
    let mut expected: Vec<String> = (0..TOKENS).map(|place| at_place(place).to_string()).collect();
    expected.push("component".to_owned());
    expected.sort_unstable();
    let mut fetched = wechat.fetched();
    fetched.sort_unstable();
    assert_eq!(fetched, expected, "each once");
    // Each process ends with a look that finds less than it has room for, and may begin with that which takes the component's.
    let most = expected.len() / LOOK + 4;
    assert!(first + second <= most, "{first} + {second} looks");
    assert_eq!((refresh(&given.worker).await, refresh(&other).await), (1, 1));
    assert_eq!(wechat.fetched(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_refreshed_side_by_side() {
    let wechat = WeChat::with(40).await;
    let given = given(&wechat, 40).await;
    refresh(&given.worker).await;
    given.tokens_expire_in("authorizer/", 9);
    // With fewer at a time no call would be answered, and each would fail.
    wechat.answers_tokens_together(LOOK);
    refresh(&given.worker).await;
    assert_eq!(wechat.fetched().len(), 40);
    given.tokens_expire_in("authorizer/", 11);
    refresh(&given.worker).await;
    assert_eq!(wechat.fetched(), [""; 0], "not yet");
}

#[tokio::test]
async fn what_nobody_has_read_for_long_is_left_alone() {
    let wechat = WeChat::with(3).await;
    let given = given(&wechat, 3).await;
    refresh(&given.worker).await;
    given.tokens_expire_in("", 9);
    let database = rusqlite::Connection::open(given.database()).unwrap();
    let long_ago = (Timestamp::now() - SignedDuration::from_mins(32)).as_millisecond();
    let idle = [at_place(1).to_string(), component().to_string()];
    for whose in &idle {
        let sql = "update token set used_at = ?1 where stream like '%' || ?2";
        assert_eq!(database.execute(sql, rusqlite::params![long_ago, whose]).unwrap(), 1);
    }
    refresh(&given.worker).await;
    let mut fetched = wechat.fetched();
    fetched.sort_unstable();
    assert_eq!(fetched, [at_place(0).to_string(), at_place(2).to_string()]);
}
