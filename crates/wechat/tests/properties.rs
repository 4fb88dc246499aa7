//! What holds for every input.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::time::{Duration, Instant};

use mandate_schema::{ComponentId, Secret};
use mandate_wechat::{
    api::{self, decode},
    callback::parse_callback,
    cipher,
    envelope::{CallbackQuery, EncodingAesKey, KeyRing, Pair},
    message::parse_message,
    reply, signature,
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

/// Any text that XML keeps: no NUL, and no carriage return, which XML reads as a line feed.
fn any_text() -> impl Strategy<Value = String> {
    "[^\0\r]{0,40}"
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
        prop_assert_eq!(opened.as_ref().map(Secret::expose), Ok(message.as_str()));
        let other = cipher::decrypt(&key, &format!("{app_id}x"), &encrypted);
        prop_assert_eq!(other, Err(cipher::CipherError::WrongAppId));
    }

    #[test]
    fn any_ciphertext_is_opened_or_refused(text in "[A-Za-z0-9+/=\n ]{0,200}", blocks: Vec<[u8; 16]>) {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        for text in [text, BASE64_STANDARD.encode(blocks.concat())] {
            prop_assert!(cipher::decrypt(&key(KEY), COMPONENT, &text).is_err());
        }
    }

    #[test]
    fn a_sealed_reply_opens_again(text in any_text(), random: [u8; 16], nonce in "[^\0\r]{1,12}", time: i64) {
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
        prop_assert_eq!(reopened.plaintext.expose(), inner.as_str());
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
            drop((parse_callback(&text), parse_message(&text), CallbackQuery::parse(&text)));
            drop(decode::<api::QueryAuthReply>(text.as_bytes()));
        }
        drop(decode::<api::AuthorizerInfoReply>(&bytes));
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
        let document = xml::parse_document(&format!("<xml>\n<Content>{}</Content>\n</xml>", cdata(&text))).unwrap();
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
        assert_eq!(opened.expose(), message, "{length}");
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
    ];
    let start = Instant::now();
    for body in &bodies {
        assert!(ring().open(&signed("1", "2", ""), body.as_bytes()).is_err());
    }
    // 0.2 s unoptimised; anything quadratic would take minutes.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}
