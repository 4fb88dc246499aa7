//! What holds for every input.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::time::{Duration, Instant};

use mandate_schema::{ComponentId, CreateTime, Secret};
use mandate_wechat::{
    api::{self, decode},
    callback::parse_callback,
    envelope::{CallbackQuery, CipherError, EncodingAesKey, KeyRing, Pair, Plaintext, cipher},
    message::parse_message,
    reply, signature, text,
    xml::{self, cdata},
};
use proptest::prelude::*;

const COMPONENT: &str = "wx1f2e3d4c5b6a7988";
const TOKEN: &str = "NewToken2025";
const KEY: &str = "EVB6Di9eadXfpApiob17buV+a82FxnybhDGzb/8hxDc";

fn ring() -> KeyRing {
    let pair = Pair::new(Secret::new(TOKEN), key(KEY)).unwrap();
    KeyRing::new(ComponentId::parse(COMPONENT).unwrap(), vec![pair]).unwrap()
}

fn key(text: &str) -> EncodingAesKey {
    EncodingAesKey::parse(&Secret::new(text)).unwrap()
}

fn signed(timestamp: &str, nonce: &str, encrypt: &str) -> CallbackQuery {
    CallbackQuery {
        timestamp: timestamp.to_owned(),
        nonce: nonce.to_owned(),
        msg_signature: signature::sign(&[TOKEN, timestamp, nonce, encrypt]),
        encrypt_type: Some("aes".to_owned()),
    }
}

/// Any text that XML keeps: no character that it does not allow, and no carriage return, which it reads as a line feed.
fn any_text() -> impl Strategy<Value = String> {
    "[^\0-\x08\x0b-\x1f\u{fffe}\u{ffff}]{0,40}"
}

/// Texts of the pieces that documents are made of, in any order.
fn soup() -> impl Strategy<Value = String> {
    let pieces = [
        "<xml>",
        "</xml>",
        "<a>",
        "</a>",
        "<a/>",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "&amp;",
        "&#x41;",
        "&",
        ";",
        "<?xml version=\"1.0\"?>",
        "<?p?>",
        "<!DOCTYPE x [<!ENTITY e \"v\">]>",
        "&e;",
        "text",
        "好😀",
        "\"",
        "=",
        " ",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"a\"",
        "\\ud83d",
        "\0",
        "-1e5",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..24).prop_map(|pieces| pieces.concat())
}

/// A well-formed document of nested elements with text, references and CDATA.
fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any_text().prop_map(|text| cdata(&text)),
        "[a-z0-9 好😀\n]{0,12}",
        Just("&lt;&#25991;&amp;".to_owned()),
        Just("<empty/>".to_owned()),
    ];
    let tree = leaf.prop_recursive(3, 24, 4, |inner| {
        ("[A-Za-z_][A-Za-z0-9_.-]{0,8}", prop::collection::vec(inner, 0..4))
            .prop_map(|(name, children)| format!("<{name}>{}</{name}>", children.concat()))
    });
    prop::collection::vec(tree, 0..4).prop_map(|children| format!("<xml>{}</xml>", children.concat()))
}

proptest! {
    #[test]
    fn what_is_encrypted_is_decrypted(message in ".{0,300}", random: [u8; 16], app_id in "[a-z0-9]{4,64}") {
        let key = key(KEY);
        let encrypted = cipher::encrypt(&key, &app_id, random, &message);
        let opened = cipher::decrypt(&key, &app_id, &encrypted);
        prop_assert_eq!(opened.as_ref().map(Plaintext::bytes), Ok(message.as_bytes()));
        let other = cipher::decrypt(&key, &format!("{app_id}x"), &encrypted);
        prop_assert_eq!(other, Err(CipherError::WrongAppId));
    }

    #[test]
    fn any_ciphertext_is_opened_or_refused(text in "[A-Za-z0-9+/=\n ]{0,200}", blocks: Vec<[u8; 16]>) {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        for text in [text, BASE64_STANDARD.encode(blocks.concat())] {
            prop_assert!(cipher::decrypt(&key(KEY), COMPONENT, &text).is_err());
        }
    }

    #[test]
    fn a_sealed_reply_opens_again(text in any_text(), random: [u8; 16], nonce in "[^\0-\x08\x0b-\x1f\u{fffe}\u{ffff}]{1,12}", time: i64) {
        let ring = ring();
        let encrypt = cipher::encrypt(&key(KEY), COMPONENT, random, "<xml/>");
        let body = format!("<xml><Encrypt>{encrypt}</Encrypt></xml>");
        let opened = ring.open(&signed("1", "2", &encrypt), body.as_bytes()).unwrap();

        let address = reply::Address { to_user: "oXyz", from_user: "gh_0a1b2c3d4e5f" };
        let inner = reply::text(address, 1_767_225_600, &text);
        let sealed = ring.seal_reply(&opened, &inner, random, time, &nonce);
        let outer = xml::parse(&sealed).unwrap();
        let child = |name| outer.child(name).map(|child| child.text.clone()).unwrap();
        prop_assert_eq!(child("Nonce"), nonce.as_str());
        let mut query = signed(&time.to_string(), &nonce, &child("Encrypt"));
        prop_assert_eq!(&query.msg_signature, &child("MsgSignature"));
        let reopened = ring.open(&query, sealed.as_bytes()).unwrap();
        prop_assert_eq!(reopened.plaintext.bytes(), inner.as_bytes());
        prop_assert_eq!(reopened.pair, opened.pair);
        query.timestamp.push('0');
        prop_assert!(ring.open(&query, sealed.as_bytes()).is_err());
    }

    #[test]
    fn an_unsigned_body_never_opens(body: Vec<u8>, query in "[ -~]{0,80}") {
        let query = format!("{query}&timestamp=1&nonce=2&encrypt_type=aes&msg_signature=3");
        if let Ok(query) = CallbackQuery::parse(&query) {
            prop_assert!(ring().open(&query, &body).is_err());
        }
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes: Vec<u8>, text: String, soup in soup()) {
        for text in [String::from_utf8_lossy(&bytes).into_owned(), text, soup] {
            let parsed = xml::parse(&text);
            if let Ok(root) = parsed {
                prop_assert!(!text.contains("<!DOCTYPE") || text.contains("<![CDATA[") || text.contains("<!--"));
                drop(root.document());
            }
            drop((parse_callback(&text, CreateTime(1)), parse_message(&text), CallbackQuery::parse(&text)));
            drop(decode::<api::QueryAuthReply>(text.as_bytes()));
        }
        drop(decode::<api::AuthorizerInfoReply>(&bytes));
    }

    #[test]
    fn spoiled_bytes_in_a_text_cost_nothing_else(before in any_text(), spoiled in "[\0-\x08\x0e-\x1f]{1,8}", bytes in prop::collection::vec(0x80..=0xff_u8, 0..8)) {
        let text = [before.replace("]]>", "").as_bytes(), spoiled.as_bytes(), &bytes].concat();
        let xml = [b"<xml><InfoType>unauthorized</InfoType><CreateTime>1767225600</CreateTime><Remark><![CDATA[", &*text,
            b"]]></Remark><AuthorizerAppid>wxa0b1c2d3e4f50617</AuthorizerAppid></xml>"].concat();
        let json = [b"{\"InfoType\":\"unauthorized\",\"CreateTime\":1767225600,\"Remark\":\"".as_slice(), &bytes, spoiled.as_bytes(),
            b"\",\"AuthorizerAppid\":\"wxa0b1c2d3e4f50617\"}"].concat();
        for document in [xml, json] {
            let callback = parse_callback(&document, CreateTime(1)).unwrap();
            prop_assert_eq!(callback.create_time, Some(CreateTime(1_767_225_600)));
            let named: Vec<String> = callback.authorizers().iter().map(ToString::to_string).collect();
            prop_assert_eq!((callback.info_type(), named), ("unauthorized", vec!["wxa0b1c2d3e4f50617".to_owned()]));
            prop_assert!(callback.document.get(text::REPLACED_CHARACTERS).is_some());
        }
    }

    #[test]
    fn a_document_cut_anywhere_is_refused(document in document()) {
        prop_assert!(xml::parse(&document).is_ok(), "{document:?}");
        for (at, _) in document.char_indices() {
            prop_assert!(xml::parse(&document[..at]).is_err(), "cut at {at}: {document:?}");
        }
    }

    #[test]
    fn every_text_survives_in_cdata(text in any_text(), end in prop::bool::ANY) {
        let text = if end { format!("{text}]]>😀]]") } else { text };
        let document = xml::parse(&format!("<xml>\n<Content>{}</Content>\n</xml>", cdata(&text))).unwrap().document();
        prop_assert_eq!(document.get("Content"), Some(text.as_str()));
    }

    #[test]
    fn every_text_survives_as_references(text in "[^\0-\x08\x0b-\x1f\u{fffe}\u{ffff}]{0,40}") {
        let escaped: String = text.chars().flat_map(|c| [String::from("&#"), u32::from(c).to_string(), String::from(";")]).collect();
        let parsed = xml::parse(&format!("<x>{escaped}</x>")).map(|root| root.text);
        prop_assert_eq!(parsed.as_deref(), Ok(text.as_str()));
    }
}

#[test]
fn every_length_of_a_message_is_padded_and_unpadded() {
    let key = key(KEY);
    for length in 0..=130 {
        let message = "x".repeat(length);
        let encrypted = cipher::encrypt(&key, COMPONENT, [7; 16], &message);
        assert_eq!(encrypted.len() % 4, 0);
        let opened = cipher::decrypt(&key, COMPONENT, &encrypted).unwrap();
        assert_eq!(opened.bytes(), message.as_bytes(), "{length}");
    }
}

/// 256 KiB is what a stranger may send before any signature is checked.
#[test]
fn a_hostile_body_of_full_size_costs_little() {
    let size = 256 * 1024;
    let attributes: String =
        (0..size / 9).flat_map(|n: usize| [String::from(" a"), n.to_string(), String::from("=''")]).collect();
    let bodies = [
        format!("<x{attributes}/>"),
        format!("<x>{}</x>", "&amp;".repeat(size / 5)),
        format!("<x>{}</x>", "<![CDATA[]]>".repeat(size / 12)),
        format!("<x>{}</x>", "<!---->".repeat(size / 7)),
        format!("<x>{}</x>", "<a></a>".repeat(size / 7)),
        "<a>".repeat(size / 3),
        "<".repeat(size),
        format!("<x {}", "a=\"".repeat(size / 3)),
        format!("<!DOCTYPE x [{}", "<!ENTITY a ''>".repeat(size / 14)),
        "{\"a\":".repeat(size / 5),
        format!("{{\"a\":{}", "[".repeat(size - 5)),
        format!("{{{}\"a\":1}}", "\"a\":1,".repeat(size / 6 - 2)),
        format!("{{\"a\":[{}0]}}", "0,".repeat(size / 2 - 5)),
        format!("{{\"a\":\"{}\"}}", "\\ud83d".repeat(size / 6 - 2)),
        format!("{{\"{}\":1}}", "n".repeat(size - 6)),
        format!("{{\"a\":\"{}\"}}", "\n\0".repeat(size / 2 - 5)),
    ];
    let start = Instant::now();
    for body in &bodies {
        assert!(ring().open(&signed("1", "2", ""), body.as_bytes()).is_err());
    }
    // 0.2 s unoptimised; anything quadratic would take minutes.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}
