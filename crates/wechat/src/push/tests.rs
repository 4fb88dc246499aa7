use mandate_schema::Secret;

use super::*;
use crate::{
    envelope::{EncodingAesKey, Pair, cipher},
    signature,
    text::REPLACED_CHARACTERS,
};

const COMPONENT: &str = "wx1f2e3d4c5b6a7988";
const OTHER: &str = "wx00000000000000bb";
pub(super) const MERCHANT: &str = "wxa0b1c2d3e4f50617";
const KEYS: [&str; 2] =
    ["EVB6Di9eadXfpApiob17buV+a82FxnybhDGzb/8hxDc", "y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM+9Q"];

fn key(text: &str) -> EncodingAesKey {
    EncodingAesKey::parse(&Secret::new(text)).unwrap()
}

fn ring(component: &str, token: &str, key_text: &str) -> KeyRing {
    let pair = Pair::new(Secret::new(token), key(key_text)).unwrap();
    KeyRing::new(ComponentId::parse(component).unwrap(), vec![pair]).unwrap()
}

/// What is signed, and what stands in the body.
fn query(token: &str, signed: &str) -> CallbackQuery {
    let sign = signature::sign(&[token, "1767225605", "13", signed]);
    CallbackQuery::parse(&format!("timestamp=1767225605&nonce=13&encrypt_type=aes&msg_signature={sign}"))
        .unwrap()
}

fn encrypted(component: &str, key_text: &str, plaintext: impl AsRef<[u8]>) -> String {
    cipher::encrypt(&key(key_text), component, [7; 16], &plaintext)
}

pub(super) fn push(plaintext: impl AsRef<[u8]>, authorizer: Option<&str>) -> GenuinePush {
    let encrypt = encrypted(COMPONENT, KEYS[0], plaintext);
    let body = format!("<xml><Encrypt>{encrypt}</Encrypt></xml>");
    let authorizer = authorizer.map(|id| AuthorizerId::parse(id).unwrap());
    open(&ring(COMPONENT, "t", KEYS[0]), &query("t", &encrypt), body.as_bytes(), authorizer.as_ref()).unwrap()
}

fn event(plaintext: impl AsRef<[u8]>) -> GenuinePush {
    push(plaintext, None)
}

#[track_caller]
fn assert_id(push: &GenuinePush, seconds: i64, plaintext: impl AsRef<[u8]>) {
    let component = ComponentId::parse(COMPONENT).unwrap();
    assert_eq!(push.id, CallbackId::compute(CreateTime(seconds), &component, None, &plaintext));
    assert_eq!(push.time, CreateTime(seconds));
}

#[test]
fn the_id_begins_with_the_time_inside_or_else_with_the_signed_one() {
    let text = |time: &str| {
        format!("<xml><AppId>{COMPONENT}</AppId><CreateTime>{time}</CreateTime><InfoType>x</InfoType></xml>")
    };
    for (time, seconds) in [
        ("1767225600", 1_767_225_600),
        ("1767225600500", 1_767_225_600),
        ("", 1_767_225_605),
        ("0", 1_767_225_605),
        ("soon", 1_767_225_605),
    ] {
        assert_id(&event(text(time)), seconds, text(time));
    }
}

#[test]
fn what_cannot_be_read_has_an_id_and_a_reason_all_the_same() {
    let deep = "<a>".repeat(40) + &"</a>".repeat(40);
    let cases: [(&[u8], &str); 9] = [
        (b"", "malformed_message"),
        (b"\0", "malformed_message"),
        (b"success", "malformed_message"),
        (b"<xml><CreateTime>1767225600</CreateTime>", "malformed_message"),
        (b"<!DOCTYPE xml><xml><CreateTime>1767225600</CreateTime></xml>", "malformed_message"),
        (b"<xml>&nbsp;</xml>", "malformed_message"),
        (deep.as_bytes(), "malformed_message"),
        (b"{\"a\":", "malformed_message"),
        (b"<xml>\xff", "bad_utf8"),
    ];
    let mut ids = std::collections::BTreeSet::new();
    for (plaintext, reason) in cases {
        for authorizer in [None, Some(MERCHANT)] {
            let push = push(plaintext, authorizer);
            assert_eq!(push.content.unwrap_err().reason(), reason, "{}", String::from_utf8_lossy(plaintext));
            assert_eq!(push.time, CreateTime(1_767_225_605));
            ids.insert(push.id);
        }
        assert_id(&event(plaintext), 1_767_225_605, plaintext);
    }
    assert_eq!(ids.len(), 18, "each has an id of its own");
}

#[test]
fn the_id_is_one_of_the_bytes_as_they_came() {
    assert_ne!(event(b"<xml>\xff</xml>").id, event(b"<xml>\xfe</xml>").id);
    assert_ne!(event(b"<xml>\0</xml>").id, event("<xml>\u{fffd}</xml>").id);
    let Ok(Content::Callback(callback)) = event(b"<xml><a>\xff\0</a></xml>").content else {
        panic!("readable")
    };
    assert_eq!(callback.document.get(REPLACED_CHARACTERS), Some("2"));
}

#[test]
fn an_appid_inside_that_is_another_components_is_told() {
    let inside =
        |app_id: &str| event(format!("<xml><AppId>{app_id}</AppId><InfoType>x</InfoType></xml>")).content;
    for other in [OTHER, "wx1f2e3d4c5b6a798", "WX1F2E3D4C5B6A7988", MERCHANT] {
        assert_eq!(inside(other), Err(BadContent::WrongComponent), "{other}");
    }
    for own in [COMPONENT, "\n wx1f2e3d4c5b6a7988 ", "<![CDATA[wx1f2e3d4c5b6a7988]]>", ""] {
        assert!(inside(own).is_ok(), "{own}");
    }
    // On the message URL it is something else: a mini program card has one.
    assert!(push(format!("<xml><AppId>{OTHER}</AppId></xml>"), Some(MERCHANT)).content.is_ok());
}

#[test]
fn a_push_of_the_other_url_is_told() {
    let message = "<xml><ToUserName>gh_1</ToUserName><MsgType>text</MsgType><Content>hi</Content></xml>";
    assert_eq!(event(message).content, Err(BadContent::WrongUrl));
    assert!(push(message, Some(MERCHANT)).content.is_ok());
    for callback in
        ["<xml><InfoType>authorized</InfoType></xml>", r#"{"InfoType":"component_verify_ticket"}"#]
    {
        assert_eq!(push(callback, Some(MERCHANT)).content, Err(BadContent::WrongUrl));
    }
}

fn opens(encrypt: &str, signed: &str, body: &str) -> Result<Vec<u8>, EnvelopeError> {
    let ring = ring(COMPONENT, "t", KEYS[0]);
    let opened = ring.open(&query("t", signed), body.replace("ENCRYPT", encrypt).as_bytes())?;
    Ok(opened.plaintext.bytes().to_vec())
}

#[test]
fn white_space_around_a_ciphertext_may_be_signed_or_not() {
    let good = encrypted(COMPONENT, KEYS[0], "<xml/>");
    let bodies =
        ["<xml><Encrypt>ENCRYPT</Encrypt></xml>", "<xml><Encrypt><![CDATA[ENCRYPT]]></Encrypt></xml>"];
    for spaced in
        [format!("{good}\n"), format!(" \t{good}"), format!("\n{good}\n\n"), format!("\u{3000}{good}")]
    {
        for body in bodies {
            assert_eq!(opens(&spaced, &good, body).as_deref(), Ok(b"<xml/>".as_slice()), "{spaced:?}");
        }
    }
    for spaced in [format!("{good}\n"), format!(" {good} "), format!("{}\n{}", &good[..8], &good[8..])] {
        assert_eq!(
            opens(&spaced, &spaced, bodies[1]).as_deref(),
            Ok(b"<xml/>".as_slice()),
            "signed {spaced:?}"
        );
    }
    let inside = format!("{} {}", &good[..8], &good[8..]);
    assert_eq!(opens(&inside, &good, bodies[1]), Err(EnvelopeError::BadSignature));
}

#[test]
fn the_type_of_the_encryption_is_spelled_in_any_case() {
    let encrypt = encrypted(COMPONENT, KEYS[0], "<xml/>");
    let body = format!("<xml><Encrypt>{encrypt}</Encrypt></xml>");
    for kind in ["aes", "AES", "Aes"] {
        let query = CallbackQuery { encrypt_type: Some(kind.to_owned()), ..query("t", &encrypt) };
        assert!(ring(COMPONENT, "t", KEYS[0]).open(&query, body.as_bytes()).is_ok(), "{kind}");
    }
}

#[test]
fn a_json_envelope_opens_like_xml_and_its_reply_is_json() {
    let encrypt = encrypted(COMPONENT, KEYS[0], r#"{"InfoType":"x"}"#);
    let body = format!(r#"{{"ToUserName":"gh_1","Encrypt":"{encrypt}"}}"#);
    let ring = ring(COMPONENT, "t", KEYS[0]);
    let push = open(&ring, &query("t", &encrypt), body.as_bytes(), None).unwrap();
    assert!(matches!(&push.content, Ok(Content::Callback(callback)) if callback.info_type() == "x"));

    let sealed = ring.seal_reply(&push.opened, "{}", [9; 16], 1_767_225_606, "a\"b");
    let reply: serde_json::Value = serde_json::from_str(&sealed).unwrap();
    assert_eq!((&reply["TimeStamp"], &reply["Nonce"]), (&1_767_225_606_i64.into(), &"a\"b".into()));
    let encrypt = reply["Encrypt"].as_str().unwrap();
    let signed = signature::sign(&["t", "1767225606", "a\"b", encrypt]);
    assert_eq!(reply["MsgSignature"], signed);
    assert_eq!(cipher::decrypt(&key(KEYS[0]), COMPONENT, encrypt).unwrap().bytes(), b"{}");
}

fn shared(rings: &[KeyRing], token: &str, encrypt: &str) -> Result<String, (String, Option<String>)> {
    let body = format!("<xml><Encrypt>{encrypt}</Encrypt></xml>");
    match open_for_any(rings, &query(token, encrypt), body.as_bytes(), None) {
        Ok((ring, _)) => Ok(ring.component().to_string()),
        Err(NobodyOpens { error, signer }) => Err((error.kind().to_owned(), signer.map(|id| id.to_string()))),
    }
}

#[test]
fn of_a_shared_url_the_pair_and_the_appid_behind_the_message_decide() {
    let apart = [ring(COMPONENT, "one", KEYS[0]), ring(OTHER, "two", KEYS[1])];
    let same_token = [ring(COMPONENT, "one", KEYS[0]), ring(OTHER, "one", KEYS[1])];
    let same_pair = [ring(COMPONENT, "one", KEYS[0]), ring(OTHER, "one", KEYS[0])];
    for (rings, token, key) in [
        (&apart, ["one", "two"], [KEYS[0], KEYS[1]]),
        (&same_token, ["one", "one"], [KEYS[0], KEYS[1]]),
        (&same_pair, ["one", "one"], [KEYS[0], KEYS[0]]),
    ] {
        for (nth, component) in [COMPONENT, OTHER].into_iter().enumerate() {
            // Whatever the appid inside is: the envelope decides.
            let encrypt = encrypted(component, key[nth], format!("<xml><AppId>{OTHER}</AppId></xml>"));
            assert_eq!(shared(rings, token[nth], &encrypt), Ok(component.to_owned()));
        }
    }
}

#[test]
fn what_nobody_opens_is_of_the_only_component_that_signed_it() {
    let apart = [ring(COMPONENT, "one", KEYS[0]), ring(OTHER, "two", KEYS[1])];
    let refused = |kind: &str, signer: Option<&str>| Err((kind.to_owned(), signer.map(str::to_owned)));
    let encrypt = encrypted(MERCHANT, KEYS[1], "<xml/>");
    assert_eq!(shared(&apart, "two", &encrypt), refused("wrong_appid", Some(OTHER)));
    assert_eq!(shared(&apart, "three", &encrypt), refused("bad_signature", None));
    let same_pair = [ring(COMPONENT, "one", KEYS[1]), ring(OTHER, "one", KEYS[1])];
    assert_eq!(shared(&same_pair, "one", &encrypt), refused("wrong_appid", None));
    // A pair of one component with the appid of another one is not accepted for either.
    let crossed = encrypted(OTHER, KEYS[0], "<xml/>");
    assert_eq!(
        shared(&apart, "one", &crossed),
        refused("bad_padding", Some(COMPONENT)).or(refused("wrong_appid", Some(COMPONENT)))
    );
}
