//! What is genuine is taken, whatever is in it.

use mandate_ingress::routes::{ComponentPaths, Routes};
use mandate_runtime::config::{Answer as Content, ReplyRule};
use mandate_schema::{CallbackId, ComponentId, CreateTime, Push, Secret};
use mandate_wechat::{
    envelope::{EncodingAesKey, KeyRing, Pair, cipher},
    message, signature,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{COMPONENT, EVENTS, Ingress, KEY, MERCHANT, Sealed, TOKEN};

/// When every push here is signed.
const SIGNED_AT: i64 = 1_767_225_600;
const OTHER: &str = "wx00000000000000bb";

fn messages() -> String {
    format!("/wechat/messages/{MERCHANT}")
}

/// Well-formed but for what stands between the elements.
fn event(inner: &[u8]) -> Vec<u8> {
    let head = format!("<xml><AppId>{COMPONENT}</AppId>");
    [head.as_bytes(), inner, b"<AuthorizerAppid>wxa0b1c2d3e4f50617</AuthorizerAppid></xml>"].concat()
}

fn id(push: &Push, seconds: i64, plaintext: &[u8]) -> CallbackId {
    CallbackId::compute(CreateTime(seconds), &push.component, push.authorizer.as_ref(), plaintext)
}

/// Inner documents that are dirty in one way, with the time that their id begins with.
fn dirty() -> Vec<(Vec<u8>, i64)> {
    let timed = |text: &str| text.replace("TIME", "<CreateTime>1767225000</CreateTime>").into_bytes();
    let deep = format!("<xml>{}{}</xml>", "<a>".repeat(100), "</a>".repeat(100));
    let wide = format!("<xml>{}</xml>", "<a/>".repeat(5_000));
    let named = format!("<xml><{0}/></xml>", "n".repeat(1_000));
    let mut all: Vec<(Vec<u8>, i64)> = vec![
        (event(b"<InfoType>unauthorized</InfoType>"), SIGNED_AT),
        (event(b"<CreateTime/><InfoType>unauthorized</InfoType>"), SIGNED_AT),
        (event(b"<CreateTime>soon</CreateTime><InfoType>unauthorized</InfoType>"), SIGNED_AT),
        (event(b"<CreateTime>-5</CreateTime><InfoType>unauthorized</InfoType>"), SIGNED_AT),
        (event(b"<CreateTime>1767225000000</CreateTime><InfoType>unauthorized</InfoType>"), 1_767_225_000),
        (event(&timed("TIME<InfoType>unauthorized</InfoType><Remark>a\0\x01\x1fb</Remark>")), 1_767_225_000),
        (event(&timed("TIME<Remark>&#0;&#xFFFF;</Remark><InfoType>unauthorized</InfoType>")), 1_767_225_000),
        (event(&[&timed("TIME<Remark>")[..], b"\xff\xc3(\xe4\xbd</Remark>"].concat()), 1_767_225_000),
        (event(&timed("TIME")), 1_767_225_000),
        (event(&timed("TIME<InfoType> </InfoType>")), 1_767_225_000),
    ];
    for broken in [
        "",
        " ",
        "\0",
        "success",
        "<xml>",
        "<xml><a></b></xml>",
        "<xml>a & b</xml>",
        "{",
        "{\"a\"",
        "[]",
        "null",
        "<!DOCTYPE xml><xml/>",
        "<!DOCTYPE x [<!ENTITY e 'v'>]><xml>&e;</xml>",
        "<xml>&nbsp;</xml>",
        &deep,
        &wide,
        &named,
    ] {
        all.push((broken.as_bytes().to_vec(), SIGNED_AT));
    }
    all
}

#[tokio::test]
async fn every_dirty_event_is_journaled_answered_success_and_relayed_with_its_id() {
    let ingress = Ingress::start().await;
    for (sent, (plaintext, seconds)) in dirty().into_iter().enumerate() {
        let push = Sealed::new(EVENTS, &plaintext, [7; 16]);
        ingress.push(&push).await.assert_success();
        let relayed = ingress.place.until_taken(sent + 1).await.pop().expect("one push");
        assert_eq!(relayed.id, id(&relayed, seconds, &plaintext), "{}", push.plaintext);
        assert_eq!((relayed.query, relayed.body), (push.query, push.body));
        // Encrypted anew it is the same.
        ingress.push(&Sealed::new(EVENTS, &plaintext, [8; 16])).await.assert_success();
    }
    let count = dirty().len() as u64;
    ingress.assert_counted("event", "accepted", count);
    ingress.assert_counted("event", "duplicate", count);
}

#[tokio::test]
async fn a_dirty_message_is_relayed_if_it_can_be_read_and_parked_if_not() {
    let ingress = Ingress::start().await;
    let (mut relayed, mut parked) = (0, 0);
    for (plaintext, seconds) in dirty() {
        let push = Sealed::new(&messages(), &plaintext, [7; 16]);
        ingress.push(&push).await.assert_success();
        // An InfoType is as unfit for the message URL as what cannot be read.
        let is_fit =
            message::parse_message(&plaintext).is_ok_and(|read| read.document.get("InfoType").is_none());
        if !is_fit {
            parked += 1;
            continue;
        }
        relayed += 1;
        let taken = ingress.place.until_taken(relayed).await.pop().expect("one push");
        assert_eq!(taken.id, id(&taken, seconds, &plaintext), "{}", push.plaintext);
    }
    assert!(relayed >= 2 && parked >= 20, "{relayed} {parked}");
    ingress.assert_counted("message", "parked", parked);
    assert_eq!(ingress.status().parked, parked);
}

#[tokio::test]
async fn dirt_around_the_ciphertext_refuses_nothing() {
    let ingress = Ingress::start().await;
    let mut taken = 0;
    for (n, (from, to)) in [
        ("<![CDATA[", "<![CDATA[\n  "),
        ("]]>", "\r\n\t]]>"),
        ("<xml>", "\u{feff}<xml>"),
        ("<xml>", "<xml><ToUserName>\0\x08</ToUserName>"),
        ("</xml>", "</xml>\0"),
        ("<xml>", "<?xml version=\"1.0\"?>\n<xml>"),
    ]
    .into_iter()
    .enumerate()
    {
        let push = Sealed::event(n as u64);
        ingress.post(&push.target, push.body.replacen(from, to, 1)).await.assert_success();
        taken += 1;
    }
    let push = Sealed::event(90);
    let body = [b"<xml><AppId>\xff\xfe</AppId>", &push.body.as_bytes()[5..]].concat();
    ingress.post(&push.target, body).await.assert_success();
    for (n, spelled) in ["AES", "Aes"].into_iter().enumerate() {
        let push = Sealed::event(91 + n as u64);
        let target = push.target.replace("encrypt_type=aes", &format!("encrypt_type={spelled}"));
        ingress.post(&target, &push.body).await.assert_success();
    }
    assert_eq!(ingress.place.until_taken(taken + 3).await.len(), taken + 3);
    ingress.assert_counted("event", "accepted", taken as u64 + 3);
}

#[tokio::test]
async fn json_is_opened_like_xml_on_both_urls() {
    let ingress = Ingress::start().await;
    let event = format!(
        r#"{{"AppId":"{COMPONENT}","CreateTime":1767225000,"InfoType":"unauthorized","AuthorizerAppid":"{MERCHANT}"}}"#
    );
    let said = r#"{"ToUserName":"gh_1","FromUserName":"oXyz","CreateTime":1767225000,"MsgType":"text","Content":"hi"}"#;
    let mut sent = 0;
    for (path, plaintext) in [(EVENTS.to_owned(), event.as_str()), (messages(), said)] {
        for (push, seconds) in [
            (Sealed::new(&path, plaintext, [7; 16]), 1_767_225_000),
            (
                Sealed::new(&path, plaintext.replace("1767225000", "1767225001"), [7; 16]).in_json(),
                1_767_225_001,
            ),
        ] {
            ingress.push(&push).await.assert_success();
            sent += 1;
            let taken = ingress.place.until_taken(sent).await.pop().expect("one push");
            assert_eq!(taken.id, id(&taken, seconds, push.plaintext.as_bytes()), "{}", push.body);
            assert_eq!(taken.body, push.body);
        }
    }
    let push = Sealed::event(1).in_json();
    let twice = push.body.replace("{\"To", "{\"Encrypt\":\"AAAA\",\"To");
    ingress.post(&push.target, twice).await.assert_empty(403);
    ingress.assert_counted("event", "malformed_envelope", 1);
}

/// Opens a JSON answer; its inner document.
#[track_caller]
fn opened(answer: &crate::support::Answer) -> String {
    assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8", "{answer:?}");
    let reply: Value = serde_json::from_str(&answer.body).expect("JSON");
    let part = |name: &str| reply[name].as_str().expect("a text").to_owned();
    let time = reply["TimeStamp"].as_i64().expect("a number").to_string();
    let signed = signature::sign(&[TOKEN, &time, &part("Nonce"), &part("Encrypt")]);
    assert_eq!(signed, part("MsgSignature"));
    let key = EncodingAesKey::parse(&Secret::new(KEY)).expect("valid");
    let plaintext = cipher::decrypt(&key, COMPONENT, &part("Encrypt")).expect("it opens");
    String::from_utf8(plaintext.bytes().to_vec()).expect("UTF-8")
}

#[tokio::test]
async fn a_reply_has_the_form_that_came_outside_and_inside() {
    let rule = ReplyRule {
        component: None,
        authorizer: None,
        msg_type: Some("text".into()),
        event: None,
        event_key: None,
        text: None,
        answer: Content::Text { content: "a]]>\"b\" 你好".into() },
    };
    let ingress = Ingress::start_with(|settings| settings.replies = vec![rule]).await;
    let json = |n: u64| {
        format!(
            r#"{{"ToUserName":"gh_1","FromUserName":"oXyz","CreateTime":{n},"MsgType":"text","Content":"hi"}}"#
        )
    };
    let xml = "<xml><ToUserName>gh_1</ToUserName><FromUserName>oXyz</FromUserName><CreateTime>7</CreateTime>\
               <MsgType>text</MsgType></xml>";
    let inner = opened(&ingress.push(&Sealed::new(&messages(), json(5), [7; 16]).in_json()).await);
    let reply: Value = serde_json::from_str(&inner).expect("JSON inside");
    assert_eq!((&reply["ToUserName"], &reply["FromUserName"]), (&"oXyz".into(), &"gh_1".into()));
    assert_eq!((&reply["MsgType"], &reply["Content"]), (&"text".into(), &"a]]>\"b\" 你好".into()));
    assert!(reply["CreateTime"].is_i64(), "{reply}");

    let inner = opened(&ingress.push(&Sealed::new(&messages(), xml, [7; 16]).in_json()).await);
    let reply = message::parse_message(&inner).expect("XML inside");
    assert_eq!(reply.document.get("Content"), Some("a]]>\"b\" 你好"));

    let answer = ingress.push(&Sealed::new(&messages(), json(6), [7; 16])).await;
    assert_eq!(answer.headers["content-type"], "text/xml; charset=utf-8", "{answer:?}");
}

/// Two components with the same pair behind one event URL.
async fn shared() -> Ingress {
    Ingress::start_with(|settings| {
        let paths = [COMPONENT, OTHER].map(|id| ComponentPaths {
            component: ComponentId::parse(id).expect("valid"),
            event_path: EVENTS.into(),
            message_path: format!("/wechat/{id}/$APPID$"),
        });
        settings.routes = Routes::compile(paths).expect("valid");
        let key = EncodingAesKey::parse(&Secret::new(KEY)).expect("valid");
        let pair = Pair::new(Secret::new(TOKEN), key).expect("valid");
        settings
            .rings
            .push(KeyRing::new(ComponentId::parse(OTHER).expect("valid"), vec![pair]).expect("valid"));
    })
    .await
}

#[tokio::test]
async fn of_two_components_at_one_url_with_one_pair_the_appid_behind_the_message_decides() {
    let ingress = shared().await;
    for (sent, component) in [COMPONENT, OTHER, COMPONENT].into_iter().enumerate() {
        // Also if the appid inside is the other one's: that is for the worker to tell.
        let text = format!(
            "<xml><AppId>{OTHER}</AppId><CreateTime>{}</CreateTime><InfoType>x</InfoType></xml>",
            5 + sent
        );
        ingress.push(&Sealed::for_component(component, EVENTS, text, [7; 16])).await.assert_success();
        let taken = ingress.place.until_taken(sent + 1).await.pop().expect("one push");
        assert_eq!(taken.component.as_str(), component);
    }
    ingress.assert_counted_for(COMPONENT, "event", "accepted", 2);
    ingress.assert_counted_for(OTHER, "event", "accepted", 1);
}

#[tokio::test]
async fn what_nobody_opens_at_a_shared_url_is_counted_as_shared() {
    let ingress = shared().await;
    ingress.push(&Sealed::for_component(MERCHANT, EVENTS, "<xml/>", [7; 16])).await.assert_empty(403);
    ingress.assert_counted_for("shared", "event", "wrong_appid", 1);
    let push = Sealed::event(1);
    ingress.post(&push.target.replace("nonce=1", "nonce=2"), &push.body).await.assert_empty(403);
    ingress.assert_counted_for("shared", "event", "bad_signature", 1);
    ingress.post(&push.target, "nothing").await.assert_empty(403);
    ingress.assert_counted_for("shared", "event", "malformed_envelope", 1);
}

/// Any bytes, and bytes that look like a push.
fn any_plaintext() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        b"<xml>".as_slice(),
        b"</xml>",
        b"<AppId>",
        b"</AppId>",
        b"<CreateTime>",
        b"</CreateTime>",
        b"1767225600",
        b"<InfoType>",
        b"</InfoType>",
        b"authorized",
        b"<![CDATA[",
        b"]]>",
        b"<!DOCTYPE x>",
        b"&e;",
        b"&#0;",
        b"\0",
        b"\xff",
        b"\xe4\xbd",
        b"{",
        b"}",
        b"\"",
        b":",
        b",",
        b"[",
        b"]",
        b"\\ud800",
        b"<MsgType>",
        b"</MsgType>",
        b"\x1b",
        COMPONENT.as_bytes(),
        OTHER.as_bytes(),
        "好😀".as_bytes(),
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat()),
    ]
}

#[test]
fn no_plaintext_whatever_is_answered_with_anything_but_success() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let ingress = runtime.block_on(Ingress::start());
    proptest!(ProptestConfig::with_cases(400), |(plaintext in any_plaintext(), json: bool, to_event_url: bool)| {
        let path = if to_event_url { EVENTS.to_owned() } else { messages() };
        let push = Sealed::new(&path, &plaintext, [7; 16]);
        let push = if json { push.in_json() } else { push };
        let answer = runtime.block_on(ingress.push(&push));
        prop_assert_eq!((answer.status, answer.body.as_str()), (200, "success"), "{:?}", plaintext);
    });
    drop(runtime.block_on(ingress.finish()));
}
