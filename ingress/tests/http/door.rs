//! What pushes are answered, and what becomes of them.

use std::collections::BTreeSet;

use crate::support::{
    COMPONENT, Connection, EVENTS, Ingress, KEY, LONG, MERCHANT, Nobody, Sealed, TOKEN, settings, vectors,
};
use mandate_runtime::{
    stop::Stop,
    web::{ConnectionLimits, Process},
};
use mandate_schema::{CallbackId, CreateTime};
use tokio::time::timeout;

#[tokio::test]
async fn every_sample_push_is_answered_and_relayed_as_wechat_sent_it() {
    let ingress = Ingress::start().await;
    let vectors = vectors("events.json");
    assert_eq!(vectors.len(), 24);
    for (sent, vector) in vectors.iter().enumerate() {
        let push = Sealed::from_vector(vector);
        let answer = ingress.push(&push).await;
        match vector["id"].as_str().expect("a text") {
            "msg-release-text" | "msg-release-location-event" => assert!(answer.body.contains("<Encrypt>")),
            "msg-release-query-auth-code" => answer.assert_empty(200),
            _ => answer.assert_success(),
        }
        let relayed = ingress.place.until_taken(sent + 1).await.pop().expect("one push");
        let time = vector["fields"]["CreateTime"].as_str().expect("a text").parse().expect("a number");
        let id = CallbackId::compute(
            CreateTime(time),
            &relayed.component,
            relayed.authorizer.as_ref(),
            &push.plaintext,
        );
        assert_eq!(relayed.id, id, "{}", vector["id"]);
        assert_eq!((relayed.query, relayed.body), (push.query, push.body), "{}", vector["id"]);
        assert_eq!(
            relayed.authorizer.as_ref().map(ToString::to_string).as_deref(),
            vector["authorizer_appid"].as_str()
        );
    }
    ingress.assert_counted("event", "accepted", 18);
    ingress.assert_counted("message", "accepted", 6);
}

#[tokio::test]
async fn every_forged_push_gets_the_same_empty_403_and_its_reason_is_counted() {
    let vectors = vectors("negative.json");
    assert_eq!(vectors.len(), 57);
    let (mut answered, mut genuine, mut answers) = (0, 0, BTreeSet::new());
    for token in [TOKEN, "AnotherToken999"] {
        let ingress =
            Ingress::start_with(|changed| *changed = settings(changed.journal.clone(), token)).await;
        let of_this_token =
            |vector: &&serde_json::Value| vector["token"] == token && vector["encoding_aes_key"] == KEY;
        let mut counts = std::collections::BTreeMap::<String, u64>::new();
        for vector in vectors.iter().filter(of_this_token) {
            let answer = ingress.push(&Sealed::from_vector(vector)).await;
            let kind = vector["expect"]["error"].as_str().expect("a kind");
            if kind == "bad_utf8" {
                // Signature, decryption and appid are right: it is from `WeChat`, whatever is in it.
                answer.assert_success();
                genuine += 1;
                continue;
            }
            answer.assert_empty(403);
            answers.insert(format!("{answer:?}"));
            *counts.entry(kind.to_owned()).or_default() += 1;
            ingress.assert_counted("event", kind, counts[kind]);
            answered += 1;
        }
        assert_eq!(ingress.place.until_taken(genuine).await.len(), genuine, "a forged push was stored");
        genuine = 0;
    }
    assert_eq!(
        answered, 51,
        "all but those with a key that no configuration can hold, and two that are no forgeries"
    );
    assert_eq!(answers.len(), 1, "forgeries can be told apart: {answers:#?}");
}

#[tokio::test]
async fn what_is_not_a_push_of_wechat_is_forged_too() {
    let ingress = Ingress::start().await;
    let good = Sealed::event(1);
    let refused = async |target: &str, body: &str, kind: &str| {
        ingress.post(target, body).await.assert_empty(403);
        ingress.assert_counted("event", kind, 1);
    };
    refused(EVENTS, &good.body, "missing_parameter").await;
    refused(&good.target.replace("encrypt_type=aes", "encrypt_type=raw"), &good.body, "not_encrypted").await;
    refused(&good.target, "\u{fffd}", "malformed_envelope").await;
    assert_eq!(ingress.status().waiting.unsettled(), 0);
}

#[tokio::test]
async fn a_message_at_the_event_url_goes_to_the_worker_and_an_event_at_the_message_url_is_parked() {
    let ingress = Ingress::start().await;
    let (events, messages): (Vec<_>, Vec<_>) =
        vectors("events.json").into_iter().partition(|vector| vector["url"] == "authorization");
    let replay = async |vector: &serde_json::Value, path: &str| {
        let push = Sealed::from_vector(vector);
        ingress.post(&format!("{path}?{}", push.query), &push.body).await.assert_success();
    };
    for event in &events {
        replay(event, &format!("/wechat/messages/{MERCHANT}")).await;
    }
    for message in &messages {
        replay(message, EVENTS).await;
    }
    ingress.assert_counted("message", "parked", events.len() as u64);
    ingress.assert_counted("event", "accepted", messages.len() as u64);
    assert_eq!(ingress.place.until_taken(messages.len()).await.len(), messages.len());
    assert_eq!(ingress.status().parked, events.len() as u64);
}

#[tokio::test]
async fn a_repetition_encrypted_anew_is_answered_alike_and_stored_once() {
    let ingress = Ingress::start().await;
    ingress.place.set_up(false);
    let first = Sealed::event(1);
    let again = Sealed::new(EVENTS, &first.plaintext, [9; 16]);
    assert_ne!(first.body, again.body);
    let (one, two) = (ingress.push(&first).await, ingress.push(&again).await);
    one.assert_success();
    assert_eq!(format!("{one:?}"), format!("{two:?}"));
    assert_eq!(ingress.status().waiting.new.rows, 1);
    ingress.assert_counted("event", "accepted", 1);
    ingress.assert_counted("event", "duplicate", 1);
}

#[tokio::test]
async fn the_same_message_for_another_authorizer_is_another_callback() {
    let ingress = Ingress::start().await;
    let text =
        "<xml><CreateTime>1767225600</CreateTime><MsgType>text</MsgType><Content>to nobody</Content></xml>";
    let push = Sealed::new(&format!("/wechat/messages/{MERCHANT}"), text, [7; 16]);
    ingress.push(&push).await.assert_success();
    ingress.post(&push.target.replace(MERCHANT, "wxb1b2b3b4b5b6b7b8"), &push.body).await.assert_success();
    assert_eq!(ingress.place.until_taken(2).await.len(), 2);
}

#[tokio::test]
async fn unknown_paths_are_404_and_other_methods_405() {
    let ingress = Ingress::start().await;
    let push = Sealed::event(1);
    for target in ["/", "/healthz", "/wechat/event", "/wechat/messages/no!appid", "*"] {
        ingress.post(target, &push.body).await.assert_empty(404);
    }
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let mut connection = Connection::open(ingress.running.listen).await;
        connection.send(format!("{method} {} HTTP/1.1\r\nHost: h\r\n\r\n", push.target)).await;
        let answer = connection.answer().await;
        answer.assert_empty(405);
        assert_eq!(answer.headers["allow"], "POST");
    }
    ingress.assert_counted("event", "method_not_allowed", 6);
}

#[tokio::test]
async fn a_next_place_that_is_down_delays_nothing_and_loses_nothing() {
    let ingress = Ingress::start().await;
    ingress.place.set_up(false);
    for n in 0..5 {
        ingress.push(&Sealed::event(n)).await.assert_success();
    }
    ingress.until_ready(200).await;
    let folder = ingress.finish().await;
    let ingress = Ingress::start_in(folder, |_| ()).await;
    let relayed = ingress.place.until_taken(5).await;
    let bodies: Vec<String> = (0..5).map(|n| Sealed::event(n).body).collect();
    assert_eq!(relayed.into_iter().map(|push| push.body).collect::<Vec<_>>(), bodies);
}

#[tokio::test]
async fn a_full_journal_answers_503_to_messages_first_and_is_ready_again_when_it_drains() {
    let one_event =
        u64::try_from(Sealed::event(0).body.len() + Sealed::event(0).query.len() + 256).expect("small");
    let ingress = Ingress::start_with(|settings| settings.journal_limits.max_bytes = one_event * 10).await;
    ingress.place.set_up(false);
    for n in 0..9 {
        ingress.push(&Sealed::event(n)).await.assert_success();
    }
    ingress.push(&Sealed::message(1)).await.assert_empty(503);
    ingress.push(&Sealed::event(9)).await.assert_success();
    ingress.push(&Sealed::event(10)).await.assert_empty(503);
    ingress.push(&Sealed::event(3)).await.assert_success();
    ingress.assert_counted("message", "journal_full", 1);
    ingress.assert_counted("event", "journal_full", 1);
    ingress.until_ready(503).await;
    ingress.place.set_up(true);
    ingress.place.until_taken(10).await;
    ingress.until_ready(200).await;
    ingress.push(&Sealed::event(10)).await.assert_success();
}

#[tokio::test]
async fn a_journal_that_fails_for_good_answers_503_and_ends_the_process_with_a_failure() {
    let ingress = Ingress::start().await;
    let other = rusqlite::Connection::open(ingress.journal()).expect("opens");
    let broken =
        "CREATE TRIGGER broken BEFORE INSERT ON callback BEGIN SELECT RAISE(ABORT, 'no more rows'); END";
    other.execute(broken, []).expect("broken");
    ingress.push(&Sealed::event(1)).await.assert_empty(503);
    let failure = timeout(LONG, ingress.stop.finish(LONG)).await.expect("in time").expect_err("a failure");
    assert!(failure.to_string().contains("no more rows"), "{failure}");
}

#[tokio::test]
async fn a_second_ingress_on_the_same_journal_does_not_start() {
    let ingress = Ingress::start().await;
    let process = Process::new(Stop::new(), ConnectionLimits::default());
    let second = settings(ingress.journal(), TOKEN);
    let error = mandate_ingress::serve(second, ingress.place.clone(), Nobody, &process).await;
    assert!(error.expect_err("refused").to_string().contains("served by another process"));
}

#[tokio::test]
async fn no_authorizer_and_no_key_shows_in_metrics_or_settings() {
    let ingress = Ingress::start().await;
    ingress.push(&Sealed::message(1)).await.assert_success();
    let page = ingress.get_admin("/metrics").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains(COMPONENT) && page.body.contains("mandate_callback_answer_seconds_count 1"));
    assert!(!page.body.contains(MERCHANT), "{}", page.body);
    let shown = format!("{:?}", settings("journal.db".into(), TOKEN));
    assert!(!shown.contains(TOKEN) && !shown.contains(KEY), "{shown}");
}
