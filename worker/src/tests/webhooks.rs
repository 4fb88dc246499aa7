//! What is delivered to webhooks, and what becomes of it if a receiver does not take it.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use mandate_runtime::stop::Stop;
use mandate_schema::{Event, Position};
use mandate_storage::WebhookRow;
use uuid::Uuid;

use super::{
    given::{COMPONENT, Given, push, ticket},
    receiver::{Receiver, answer, status},
};
use crate::outbound::webhooks::{
    RewindTo, Webhook, WebhookChange, WebhookError, WebhookFilter, WebhookOrder, WebhookState,
};

fn account(number: u8) -> String {
    format!("wxa0b1c2d3e4f506{number:02}")
}

/// One more event of an account.
async fn revokes(given: &Given, create_time: i64, number: u8) {
    let fields = format!("<AuthorizerAppid>{}</AuthorizerAppid>", account(number));
    given.take(push(create_time, "unauthorized", &fields)).await;
}

/// One event of an account.
async fn authorizes(given: &Given, create_time: i64, number: u8) {
    let fields = format!(
        "<AuthorizerAppid>{}</AuthorizerAppid><AuthorizationCode>queryauthcode@@@{create_time}</AuthorizationCode>",
        account(number)
    );
    given.take(push(create_time, "updateauthorized", &fields)).await;
}

/// An endpoint for everything from the beginning of the log on.
async fn registered(given: &Given, receiver: &Receiver) -> (Uuid, mandate_schema::Secret) {
    let order = WebhookOrder { url: receiver.url(), after: Some(Position(0)), ..WebhookOrder::default() };
    let (webhook, secret) = given.worker.webhooks.create(order).await.unwrap();
    (webhook.id, secret)
}

/// One round.
async fn round(given: &Given, id: Uuid) {
    let row = given.worker.storage.webhook(id).await.unwrap().unwrap();
    assert!(given.worker.webhooks.deliver(row, &Stop::new()).await.unwrap());
}

async fn webhook(given: &Given, id: Uuid) -> Webhook {
    given.worker.webhooks.find(id).await.unwrap()
}

/// Rounds until an endpoint has nothing to do now.
async fn rounds(given: &Given, id: Uuid) -> Webhook {
    loop {
        round(given, id).await;
        let (webhook, head) = (webhook(given, id).await, given.worker.storage.head().await.unwrap());
        let is_due = webhook.progress.held.values().any(|held| held.next_at <= Timestamp::now());
        let is_new = webhook.progress.takes_new() && webhook.progress.position < head;
        if !is_due && !is_new {
            return webhook;
        }
    }
}

/// The positions of an account's events.
fn of(events: &[(String, u64)], number: u8) -> Vec<u64> {
    events.iter().filter(|(subject, _)| *subject == account(number)).map(|(_, position)| *position).collect()
}

#[tokio::test]
async fn events_are_delivered_once_in_order_and_signed() {
    let (given, receiver) = (Given::new(), Receiver::start().await);
    for time in 1..=20 {
        authorizes(&given, time, u8::try_from(time % 4).unwrap()).await;
    }
    let head = given.worker.storage.head().await.unwrap();
    let (id, secret) = registered(&given, &receiver).await;
    let after = rounds(&given, id).await;
    assert_eq!((after.progress.position, after.progress.held.len()), (head, 0));

    let got = receiver.got();
    assert_eq!(got.len() as u64, head.0);
    let verifier = standardwebhooks::Webhook::new(secret.expose()).unwrap();
    let mut seen = std::collections::HashMap::new();
    for got in got {
        verifier.verify(&got.body, &got.headers).unwrap();
        assert_eq!(got.headers["content-type"], "application/cloudevents+json");
        let event: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
        assert_eq!(got.headers["webhook-id"], event["id"].as_str().unwrap());
        let sequence = event["sequence"].as_str().unwrap().to_owned();
        let before = seen.insert(event["subject"].as_str().unwrap().to_owned(), sequence.clone());
        assert!(before.is_none_or(|before| before < sequence), "in order for each account");
    }
    rounds(&given, id).await;
    assert_eq!(receiver.events(), [], "once");
    let attempts = given.worker.webhooks.attempts(id, None, 3).await.unwrap();
    assert!(attempts.iter().all(|attempt| attempt.delivered && attempt.status == Some(204)));
}

#[tokio::test]
async fn an_endpoint_gets_what_it_wants_from_where_it_begins() {
    let (given, receiver) = (Given::new(), Receiver::start().await);
    authorizes(&given, 1, 1).await;
    let filter = WebhookFilter {
        types: ["authorization.revoked".to_owned()].into(),
        component: Some(COMPONENT.parse().unwrap()),
        authorizer: Some(account(1).parse().unwrap()),
    };
    let order = WebhookOrder { url: receiver.url(), filter, ..WebhookOrder::default() };
    let (new, _) = given.worker.webhooks.create(order).await.unwrap();
    authorizes(&given, 2, 2).await;
    given.take(ticket(3, "ticket@@@1")).await;
    revokes(&given, 4, 1).await;
    authorizes(&given, 5, 1).await;
    let names = given.names().await;
    let revoked = names.iter().position(|name| *name == "authorization.revoked").unwrap() as u64 + 1;
    let after = rounds(&given, new.id).await;
    assert_eq!(receiver.events(), [(account(1), revoked)]);
    assert_eq!(
        after.progress.position,
        given.worker.storage.head().await.unwrap(),
        "the rest is passed over"
    );
}

#[tokio::test]
async fn an_event_that_a_receiver_refuses_holds_up_its_account_alone() {
    let (given, receiver) = (Given::new(), Receiver::start().await);
    let (id, _) = registered(&given, &receiver).await;
    receiver.answers(|event| status(if event["subject"] == account(1) { 500 } else { 200 }));
    for time in 1..=9 {
        authorizes(&given, time, u8::try_from(time % 3).unwrap()).await;
        rounds(&given, id).await;
    }
    let events = receiver.events();
    let (first, second) = (of(&events, 1), of(&events, 2));
    assert_eq!(first.len(), 1, "its next event is tried, and nothing behind it");
    assert_eq!(second.len(), 3);
    let state = webhook(&given, id).await;
    let held = state.progress.held.values().next().unwrap();
    assert_eq!((held.position.0, held.attempts), (first[0], 1));
    assert!(held.next_at > Timestamp::now());

    receiver.answers(|_| status(200));
    given.worker.webhooks.resume(id).await.unwrap();
    let state = rounds(&given, id).await;
    assert!(state.progress.held.is_empty());
    let caught_up = of(&receiver.events(), 1);
    assert_eq!(caught_up.len(), 3);
    assert_eq!(caught_up[0], first[0]);
    assert!(caught_up.is_sorted());
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_left_alone_and_misses_nothing() {
    let (given, receiver) = (Given::new(), Receiver::start().await);
    for time in 1..=80 {
        authorizes(&given, time, u8::try_from(time % 40).unwrap()).await;
    }
    let head = given.worker.storage.head().await.unwrap();
    let (id, _) = registered(&given, &receiver).await;
    receiver.answers(|_| answer(503, "retry-after: 3600\r\n", "closed"));
    let state = rounds(&given, id).await;
    let tried = receiver.events().len();
    assert!((3..=10).contains(&tried), "{tried} of {head} were tried");
    assert!(state.progress.position < head);
    let asked = state.progress.held.values().filter(|held| held.attempts == 1);
    let an_hour = Timestamp::now() + SignedDuration::from_mins(59);
    assert!(asked.clone().count() == tried && asked.clone().all(|held| held.next_at > an_hour));
    rounds(&given, id).await;
    assert_eq!(receiver.events(), [], "not again before its time");
    let newest = given.worker.webhooks.attempts(id, None, 1).await.unwrap().remove(0);
    assert_eq!((newest.status, newest.answer.as_deref()), (Some(503), Some("closed")));

    // One is due and comes through: the endpoint is back, and all that waited follows at once.
    receiver.answers(|_| status(200));
    edit(&given, id, |webhook| {
        webhook.progress.held.values_mut().next().unwrap().next_at = Timestamp::now();
    })
    .await;
    let state = rounds(&given, id).await;
    assert_eq!((state.progress.position, state.progress.held.len()), (head, 0));
    assert_eq!(state.progress.failing_since, None);
    let mut positions: Vec<u64> = Vec::new();
    let events = receiver.events();
    for number in 0..40 {
        let account = of(&events, number);
        assert!(account.is_sorted(), "{account:?}");
        positions.extend(account);
    }
    positions.sort_unstable();
    assert_eq!(positions, (1..=head.0).collect::<Vec<_>>(), "everything once");
}

/// Changes what is stored, as time would.
async fn edit(given: &Given, id: Uuid, change: impl FnOnce(&mut Webhook)) {
    let row = given.worker.storage.webhook(id).await.unwrap().unwrap();
    let mut webhook: Webhook = serde_json::from_str(&row.data).unwrap();
    change(&mut webhook);
    let data = serde_json::to_string(&webhook).unwrap();
    assert!(given.worker.storage.change_webhook(WebhookRow { data, ..row }).await.unwrap());
}

#[tokio::test]
async fn an_endpoint_that_failed_for_days_is_disabled_with_one_event() {
    let (given, receiver) = (Given::new(), Receiver::start().await);
    authorizes(&given, 1, 1).await;
    let (id, _) = registered(&given, &receiver).await;
    receiver.answers(|_| status(500));
    rounds(&given, id).await;
    let since: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
    edit(&given, id, |webhook| webhook.progress.failing_since = Some(since)).await;
    let before = given.worker.storage.webhook(id).await.unwrap().unwrap();
    assert!(given.worker.webhooks.deliver(before.clone(), &Stop::new()).await.unwrap());
    assert!(
        !given.worker.webhooks.deliver(before, &Stop::new()).await.unwrap(),
        "a second leader is too late"
    );
    let disabled = webhook(&given, id).await;
    assert_eq!(disabled.state, WebhookState::Disabled);
    let told: Vec<Event> =
        given.events().await.into_iter().filter(|event| event.name() == "webhook.disabled").collect();
    let [Event::WebhookDisabled(told)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(told.since, since);
    let shown = receiver.url();
    assert_eq!(told.endpoint, shown.split_once('?').unwrap().0, "without the query, where tokens are");

    receiver.answers(|_| status(200));
    receiver.got();
    let resumed = given.worker.webhooks.resume(id).await.unwrap();
    assert_eq!((resumed.state, resumed.progress.failing_since), (WebhookState::Active, None));
    let head = given.worker.storage.head().await.unwrap();
    let state = rounds(&given, id).await;
    assert_eq!(state.progress.position, head);
    assert_eq!(receiver.events().len() as u64, head.0, "it goes on where it was, its own event included");
}

#[tokio::test]
async fn a_rewind_counts_and_delivers_again() {
    let (given, receiver) = (Given::new(), Receiver::start().await);
    for time in 1..=6 {
        authorizes(&given, time, 1).await;
    }
    let head = given.worker.storage.head().await.unwrap();
    let (id, _) = registered(&given, &receiver).await;
    rounds(&given, id).await;
    receiver.got();
    let to = RewindTo::Position(Position(head.0 - 2));
    let count = given.worker.webhooks.count_rewind(id, to).await.unwrap();
    assert_eq!((count.position, count.events), (Position(head.0 - 2), 3));
    rounds(&given, id).await;
    assert_eq!(receiver.events(), [], "counting changes nothing");
    assert_eq!(given.worker.webhooks.rewind(id, to).await.unwrap(), count);
    rounds(&given, id).await;
    assert_eq!(of(&receiver.events(), 1), [head.0 - 2, head.0 - 1, head.0]);

    let long_ago = RewindTo::Time(Timestamp::UNIX_EPOCH);
    let all = given.worker.webhooks.count_rewind(id, long_ago).await.unwrap();
    assert_eq!((all.position, all.events), (Position(1), head.0));
    let none = given.worker.webhooks.count_rewind(id, RewindTo::Time(Timestamp::now())).await.unwrap();
    assert_eq!((none.position, none.events), (Position(head.0 + 1), 0));
    let ahead = given.worker.webhooks.rewind(id, RewindTo::Position(Position(head.0 + 2))).await;
    assert!(matches!(ahead, Err(WebhookError::Order(_))), "{ahead:?}");

    // A round that began before the rewind must not undo it.
    let before = given.worker.storage.webhook(id).await.unwrap().unwrap();
    given.worker.webhooks.rewind(id, RewindTo::Position(Position(1))).await.unwrap();
    assert!(!given.worker.webhooks.deliver(before, &Stop::new()).await.unwrap());
    rounds(&given, id).await;
    assert_eq!(receiver.events().len() as u64, head.0);
}

#[tokio::test]
async fn an_event_that_cannot_be_read_stops_its_stream_and_repeats_nobody_elses() {
    let (given, receiver) = (Given::new(), Receiver::start().await);
    for time in 1..=9 {
        authorizes(&given, time, u8::try_from(time % 3).unwrap()).await;
    }
    let (id, _) = registered(&given, &receiver).await;
    let database = rusqlite::Connection::open(given.database()).unwrap();
    // As if a newer program had written it.
    database.execute_batch("drop trigger event_is_never_updated").unwrap();
    let changed = database.execute("update event set form = 2 where position = 4", []).unwrap();
    assert_eq!(changed, 1);
    for _ in 0..3 {
        let row = given.worker.storage.webhook(id).await.unwrap().unwrap();
        let error = given.worker.webhooks.deliver(row, &Stop::new()).await.unwrap_err();
        assert!(error.to_string().contains("newer"), "{error}");
    }
    let mut positions: Vec<u64> = receiver.events().into_iter().map(|(_, position)| position).collect();
    positions.sort_unstable();
    assert_eq!(positions, [1, 2, 3, 5, 6, 8, 9], "each once; 4 and what is behind it wait");

    database.execute("update event set form = 1 where position = 4", []).unwrap();
    rounds(&given, id).await;
    assert_eq!(of(&receiver.events(), 1), [4, 7]);
}

#[tokio::test]
async fn two_secrets_sign_during_a_rotation_and_a_test_is_answered() {
    let (given, receiver) = (Given::new(), Receiver::start().await);
    let (id, first) = registered(&given, &receiver).await;
    given.worker.webhooks.pause(id).await.unwrap();
    let (rotated, second) =
        given.worker.webhooks.rotate_secret(id, crate::outbound::webhooks::OVERLAP_DEFAULT).await.unwrap();
    assert_eq!(rotated.secrets.len(), 2);
    let long = "长".repeat(1_000);
    receiver.answers(move |_| answer(200, "", &long));
    let tested = given.worker.webhooks.test(id).await.unwrap();
    assert!(tested.delivered && tested.position.is_none());
    let text = tested.answer.clone().unwrap();
    assert!(text.starts_with("长长") && text.len() <= 1_026, "{} bytes", text.len());
    let got = receiver.got().remove(0);
    assert!(String::from_utf8_lossy(&got.body).contains("mandate.webhook.test.v1"));
    for secret in [&first, &second] {
        let verifier = standardwebhooks::Webhook::new(secret.expose()).unwrap();
        verifier.verify(&got.body, &got.headers).unwrap();
    }
    assert_eq!(given.worker.webhooks.attempts(id, None, 9).await.unwrap(), [tested]);

    let (_, third) = given.worker.webhooks.rotate_secret(id, std::time::Duration::ZERO).await.unwrap();
    given.worker.webhooks.test(id).await.unwrap();
    let got = receiver.got().remove(0);
    let verifies = |secret: &mandate_schema::Secret| {
        standardwebhooks::Webhook::new(secret.expose()).unwrap().verify(&got.body, &got.headers).is_ok()
    };
    assert_eq!([verifies(&first), verifies(&second), verifies(&third)], [false, false, true]);
    let stored = given.worker.storage.webhook(id).await.unwrap().unwrap().data;
    for secret in [first, second, third] {
        assert!(!stored.contains(secret.expose().trim_start_matches("whsec_")), "sealed");
    }
}

#[tokio::test]
async fn no_redirect_is_followed_and_no_private_address_called() {
    let (given, receiver, inner) = (Given::new(), Receiver::start().await, Receiver::start().await);
    let (id, _) = registered(&given, &receiver).await;
    let location = format!("location: {}\r\n", inner.url());
    receiver.answers(move |_| answer(307, &location, ""));
    let tested = given.worker.webhooks.test(id).await.unwrap();
    assert_eq!((tested.delivered, tested.status), (false, Some(307)));
    assert_eq!(inner.events(), []);

    // The network was allowed once, and is not any more: neither as an address nor behind a name.
    let port = inner.url().split(':').nth(2).unwrap().split('/').next().unwrap().to_owned();
    let sender = crate::outbound::webhooks::Sender::new(Vec::new());
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"] {
        for url in [format!("http://{host}:{port}/"), format!("https://{host}:8443/")] {
            let sent = sender.send(&url, &[], "id", "{}".into()).await;
            assert_eq!(sent.status, None);
            let error = sent.error.unwrap();
            assert!(error.contains("allow_private"), "{url}: {error}");
        }
    }
    assert_eq!(inner.got().len(), 0);
}

#[tokio::test]
async fn an_order_that_cannot_be_served_is_refused_with_its_reason() {
    let (given, receiver) = (Given::new(), Receiver::start().await);
    let refused = async |order: WebhookOrder| {
        let order = WebhookOrder { url: receiver.url(), ..order };
        given.worker.webhooks.create(order).await.unwrap_err().to_string()
    };
    let order = WebhookOrder::default;
    let ahead = refused(WebhookOrder { after: Some(Position(1)), ..order() }).await;
    assert_eq!(ahead, "after: 1 is beyond the head 0 of the log");
    let types = WebhookFilter { types: ["granted".to_owned()].into(), ..WebhookFilter::default() };
    assert!(refused(WebhookOrder { filter: types, ..order() }).await.contains("authorization.granted"));
    let description = "a\nb".to_owned();
    assert!(refused(WebhookOrder { description, ..order() }).await.starts_with("description"));
    let nobody = given.worker.webhooks.change(Uuid::nil(), WebhookChange::default()).await;
    assert!(matches!(nobody, Err(WebhookError::Unknown(_))));
    let (id, _) = registered(&given, &receiver).await;
    let elsewhere = WebhookChange { url: Some("http://10.0.0.1/".into()), ..WebhookChange::default() };
    assert!(matches!(given.worker.webhooks.change(id, elsewhere).await, Err(WebhookError::Address(_))));
    given.worker.webhooks.delete(id).await.unwrap();
    assert!(matches!(given.worker.webhooks.delete(id).await, Err(WebhookError::Unknown(_))));
}

/// A receiver that refuses at random, for a while everything; rounds whose end is lost, as in a process that is killed;
/// attempts made early, pauses and resumptions: in the end each account's events have come in order, and none is missing.
#[tokio::test]
async fn whatever_happens_each_accounts_events_come_in_order_and_none_is_missing() {
    const ACCOUNTS: u8 = 6;
    for seed in 0..12 {
        let (given, receiver) = (Given::new(), Receiver::start().await);
        let mut random = fastrand::Rng::with_seed(seed);
        for time in 1..=60 {
            authorizes(&given, time, random.u8(0..ACCOUNTS)).await;
        }
        let head = given.worker.storage.head().await.unwrap();
        let (id, _) = registered(&given, &receiver).await;
        let taken = Arc::new(Mutex::new(Vec::<(String, u64)>::new()));
        let (mut answers, record) = (random.fork(), taken.clone());
        let mut down = 0;
        receiver.answers(move |event| {
            down =
                if down == 0 && answers.f64() < 0.05 { answers.u32(1..30) } else { down.saturating_sub(1) };
            if down > 0 || answers.f64() < 0.3 {
                return status(500);
            }
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            record.lock().unwrap().push((text("subject"), text("sequence").parse().unwrap()));
            status(200)
        });
        for _ in 0..40 {
            let row = given.worker.storage.webhook(id).await.unwrap().unwrap();
            match random.u8(0..8) {
                0 => {
                    given.worker.webhooks.pause(id).await.unwrap();
                    given.worker.webhooks.resume(id).await.unwrap();
                    assert!(
                        !given.worker.webhooks.deliver(row, &Stop::new()).await.unwrap(),
                        "its end is lost"
                    );
                }
                1 => {
                    let stop = Stop::new();
                    stop.request();
                    assert!(given.worker.webhooks.deliver(row, &stop).await.unwrap());
                }
                2 | 3 => {
                    let due = |webhook: &mut Webhook| {
                        for held in webhook.progress.held.values_mut().filter(|held| held.attempts > 0) {
                            held.next_at = Timestamp::now();
                            held.attempts = 1; // too early to give one up
                        }
                    };
                    edit(&given, id, due).await;
                }
                _ => assert!(given.worker.webhooks.deliver(row, &Stop::new()).await.unwrap()),
            }
        }
        let record = taken.clone();
        receiver.answers(move |event| {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            record.lock().unwrap().push((text("subject"), text("sequence").parse().unwrap()));
            status(200)
        });
        given.worker.webhooks.resume(id).await.unwrap();
        let state = rounds(&given, id).await;
        assert_eq!((state.progress.position, state.progress.held.len()), (head, 0), "seed {seed}");
        assert_eq!(state.progress.given_up, 0, "seed {seed}");
        let (mut seen, taken) = (std::collections::BTreeSet::new(), taken.lock().unwrap().clone());
        for number in 0..ACCOUNTS {
            let first = of(&taken, number).into_iter().filter(|position| seen.insert(*position));
            let first: Vec<u64> = first.collect();
            assert!(first.is_sorted(), "seed {seed}: {first:?}");
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), (1..=head.0).collect::<Vec<_>>(), "seed {seed}");
    }
}
