//! What messages are answered with.

use mandate_runtime::config::{Answer as Content, ReplyRule};
use mandate_schema::Secret;
use mandate_wechat::{
    envelope::{EncodingAesKey, cipher},
    message::{self, Message},
    signature,
};

use crate::support::{Answer, COMPONENT, Ingress, KEY, MERCHANT, Sealed, TOKEN};

fn rule(content: &str) -> ReplyRule {
    ReplyRule {
        component: None,
        authorizer: None,
        msg_type: Some("text".into()),
        event: None,
        event_key: None,
        text: None,
        answer: Content::Text { content: content.into() },
    }
}

async fn with_rule(content: &str) -> Ingress {
    Ingress::start_with(|settings| settings.replies = vec![rule(content)]).await
}

fn message_to(merchant: &str, original_id: &str, content: &str) -> Sealed {
    let text = format!(
        "<xml><ToUserName>{original_id}</ToUserName><FromUserName>oXyz</FromUserName>\
         <CreateTime>1767225600</CreateTime><MsgType>text</MsgType><Content>{content}</Content></xml>"
    );
    Sealed::new(&format!("/wechat/messages/{merchant}"), &text, [7; 16])
}

/// Opens an answer as `WeChat` does.
#[track_caller]
fn opened(answer: &Answer) -> Message {
    assert_eq!(
        (answer.status, answer.headers["content-type"].as_str()),
        (200, "text/xml; charset=utf-8"),
        "{answer:?}"
    );
    let envelope = message::parse_message(&answer.body.replace("</xml>", "<CreateTime>1</CreateTime></xml>"));
    let envelope = envelope.expect("XML").document;
    let part = |name: &str| envelope.get(name).expect("it is there").to_owned();
    let (encrypt, time, nonce) = (part("Encrypt"), part("TimeStamp"), part("Nonce"));
    assert_eq!(signature::sign(&[TOKEN, &time, &nonce, &encrypt]), part("MsgSignature"));
    let key = EncodingAesKey::parse(&Secret::new(KEY)).expect("valid");
    let plaintext = cipher::decrypt(&key, COMPONENT, &encrypt).expect("it opens");
    message::parse_message(plaintext.bytes()).expect("a message")
}

#[tokio::test]
async fn a_message_that_matches_a_rule_gets_its_sealed_reply_and_a_repetition_the_same() {
    let ingress = with_rule("a]]>b 你好").await;
    let mut envelopes = Vec::new();
    for random in [[7; 16], [8; 16]] {
        let push = message_to(MERCHANT, "gh_1", "hi");
        let push = Sealed::new(push.target.split('?').next().expect("a path"), &push.plaintext, random);
        let answer = ingress.push(&push).await;
        let reply = opened(&answer);
        assert_eq!((reply.to_user.as_deref(), reply.from_user.as_deref()), (Some("oXyz"), Some("gh_1")));
        assert_eq!(reply.document.get("Content"), Some("a]]>b 你好"));
        envelopes.push(answer.body);
    }
    assert_ne!(envelopes[0], envelopes[1], "each is sealed with bytes of its own");
    ingress.assert_counted("message", "accepted", 1);
    ingress.assert_counted("message", "duplicate", 1);
}

#[tokio::test]
async fn events_and_messages_without_a_rule_get_success() {
    let ingress = with_rule("hi").await;
    ingress.push(&Sealed::event(1)).await.assert_success();
    let text = "<xml><ToUserName>gh_1</ToUserName><FromUserName>o</FromUserName><CreateTime>1</CreateTime>\
                <MsgType>event</MsgType><Event>subscribe</Event></xml>";
    ingress.push(&Sealed::new(&format!("/wechat/messages/{MERCHANT}"), text, [7; 16])).await.assert_success();
}

#[tokio::test]
async fn a_message_replayed_under_another_appid_gets_success_and_goes_nowhere() {
    let ingress = with_rule("hi").await;
    opened(&ingress.push(&message_to(MERCHANT, "gh_1", "one")).await);
    let first = ingress.place.until_taken(1).await.pop().expect("one push");
    assert!(first.unverified);
    for _ in 0..2 {
        ingress.push(&message_to("wxb0b1c2d3e4f50617", "gh_1", "one")).await.assert_success();
    }
    ingress.assert_counted("message", "parked", 2);
    opened(&ingress.push(&message_to(MERCHANT, "gh_1", "two")).await);
    let taken = ingress.place.until_taken(2).await;
    assert!(taken.iter().all(|push| push.authorizer.as_ref().is_some_and(|id| id.as_str() == MERCHANT)));
    assert!(!taken[1].unverified);
    assert_eq!(ingress.status().parked, 1);
}

#[tokio::test]
async fn the_release_check_is_answered_at_once() {
    let ingress = Ingress::start().await;
    let (app_id, original_id) = ("wx570bc396a51b8ff8", "gh_3c884a361561");
    let answer = ingress.push(&message_to(app_id, original_id, "TESTCOMPONENT_MSG_TYPE_TEXT")).await;
    assert_eq!(opened(&answer).document.get("Content"), Some("TESTCOMPONENT_MSG_TYPE_TEXT_callback"));
    let answer = ingress.push(&message_to(app_id, original_id, "QUERY_AUTH_CODE:queryauthcode@@@x")).await;
    answer.assert_empty(200);
    ingress.push(&message_to(app_id, original_id, "hello")).await.assert_success();
}
