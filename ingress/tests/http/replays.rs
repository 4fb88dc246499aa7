//! What somebody without a key can do with a push that he has captured: send it again, to any URL, with anything around it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use mandate_schema::{Push, Secret};
use mandate_wechat::{
    envelope::{CallbackQuery, EncodingAesKey, KeyRing, Pair},
    message,
    push::{self, Content},
};

use crate::support::{COMPONENT, EVENTS, Ingress, KEY, MERCHANT, Sealed, TOKEN};

/// When every push here is signed.
const SIGNED_AT: i64 = 1_767_225_600;

/// An ingress whose clock the test turns.
struct Turned {
    ingress: Ingress,
    seconds: Arc<AtomicI64>,
}

impl Turned {
    /// It begins when pushes are signed.
    async fn start() -> Self {
        let seconds = Arc::new(AtomicI64::new(SIGNED_AT));
        let clock = Arc::clone(&seconds);
        let ingress = Ingress::start_with(|settings| {
            settings.journal_limits.clock =
                Arc::new(move || Timestamp::from_second(clock.load(Ordering::SeqCst)).expect("in range"));
        });
        Self { ingress: ingress.await, seconds }
    }

    fn advance(&self, time: Duration) {
        self.seconds.fetch_add(i64::try_from(time.as_secs()).expect("short"), Ordering::SeqCst);
    }

    #[track_caller]
    fn assert_late(&self, kind: &str, count: u64) {
        let name = format!("mandate_callbacks_late_total{{component=\"{COMPONENT}\",kind=\"{kind}\"}}");
        let page = self.ingress.metrics.encode();
        let found = page.lines().find_map(|line| line.strip_prefix(&name)?.trim().parse().ok());
        assert_eq!(found.unwrap_or(0), count, "{page}");
    }
}

/// The published form of a push that was relayed.
fn published(relayed: &Push) -> serde_json::Value {
    let key = EncodingAesKey::parse(&Secret::new(KEY)).expect("valid");
    let pair = Pair::new(Secret::new(TOKEN), key).expect("valid");
    let ring = KeyRing::new(COMPONENT.parse().expect("valid"), vec![pair]).expect("valid");
    let query = CallbackQuery::parse(&relayed.query).expect("readable");
    let opened = push::open(&ring, &query, relayed.body.as_bytes(), relayed.authorizer.as_ref());
    let opened = opened.expect("genuine");
    let Ok(Content::Message(message)) = opened.content else { panic!("{:?}", opened.content) };
    serde_json::to_value(message::published(relayed, opened.time, *message)).expect("plain")
}

#[tokio::test]
async fn a_captured_push_that_is_sent_again_within_72_hours_goes_nowhere() {
    for push in [Sealed::message(1), Sealed::event(1)] {
        let kind = if push.target.starts_with(EVENTS) { "event" } else { "message" };
        let turned = Turned::start().await;
        turned.ingress.push(&push).await.assert_success();
        turned.ingress.place.until_taken(1).await;
        for minutes in [14, 2, 60, 12 * 60, 58 * 60] {
            turned.advance(Duration::from_mins(minutes));
            turned.ingress.push(&push).await.assert_success();
        }
        turned.ingress.assert_counted(kind, "duplicate", 5);
        turned.ingress.push(&Sealed::event(2)).await.assert_success();
        assert_eq!(turned.ingress.place.until_taken(2).await.len(), 2, "the event alone came");
    }
}

#[tokio::test]
async fn what_was_signed_more_than_an_hour_ago_is_marked_and_counted_and_never_refused() {
    let turned = Turned::start().await;
    for (n, hours, is_late) in [(1, 0, false), (2, 1, false), (3, 0, true), (4, 71, true), (5, 8_760, true)] {
        turned.advance(Duration::from_hours(hours) + Duration::from_secs(u64::from(n == 3)));
        turned.ingress.push(&Sealed::message(n)).await.assert_success();
        let relayed = turned.ingress.place.until_taken(usize::try_from(n).expect("small")).await;
        let late = published(relayed.last().expect("one")).pointer("/data/late").cloned();
        assert_eq!(late, is_late.then_some(true.into()), "{n}");
    }
    turned.assert_late("message", 3);
    turned.ingress.push(&Sealed::event(1)).await.assert_success();
    turned.ingress.assert_counted("event", "accepted", 1);
    turned.assert_late("event", 1);
}

#[tokio::test]
async fn what_is_added_to_a_captured_push_is_not_stored() {
    let ingress = Ingress::start().await;
    let junk = "j".repeat(200 << 10);
    let mut taken = 0;
    for (n, body) in [
        |encrypt: &str, junk: &str| format!("<xml><More>{junk}</More>{encrypt}</xml>"),
        |encrypt: &str, junk: &str| format!("<xml>{encrypt}</xml><!--{junk}-->"),
        |encrypt: &str, junk: &str| format!("<xml>{encrypt}</xml>{}", junk.replace('j', "\n")),
    ]
    .into_iter()
    .enumerate()
    {
        for push in [Sealed::event(n as u64), Sealed::message(n as u64)] {
            let encrypt = push.body.replace("<xml>", "").replace("</xml>", "");
            let target = format!("{}&more={}", push.target, &junk[..12_000]);
            ingress.post(&target, body(&encrypt, &junk)).await.assert_success();
            taken += 1;
            let relayed = ingress.place.until_taken(taken).await;
            let (relayed, sent) = (relayed.last().expect("one"), push.body.len() + push.query.len());
            let stored = relayed.body.len() + relayed.query.len();
            assert!(stored <= sent + 256, "{stored} of {sent}: {} {}", relayed.query, relayed.body.len());
        }
    }
}

#[tokio::test]
async fn a_captured_push_under_invented_appids_is_answered_success_and_takes_little_room() {
    let event = Sealed::event(1);
    for captured in [Sealed::message(1), event] {
        let ingress = Ingress::start().await;
        let genuine = Sealed::message(1);
        ingress.push(&genuine).await.assert_success();
        ingress.place.until_taken(1).await;
        for n in 0..200 {
            let target = format!("/wechat/messages/wx{n:016x}?{}", captured.query);
            ingress.post(&target, &captured.body).await.assert_success();
        }
        ingress.assert_counted("message", "parked", 200);
        assert_eq!(ingress.status().parked, 16);
        ingress.push(&Sealed::message(2)).await.assert_success();
        let taken = ingress.place.until_taken(2).await;
        assert!(taken.iter().all(|push| push.authorizer.as_ref().is_some_and(|id| id.as_str() == MERCHANT)));
    }
}
