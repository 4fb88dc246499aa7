//! The body of an answer that is almost JSON, read all the same.

use serde_json::Value;

use super::ReplyError;
use crate::json::{Extent, Repair, Repaired, Repairs, repair};

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Reads a body as a JSON object, repaired if it has to be.
pub(super) fn object(body: &[u8]) -> (Result<Value, ReplyError>, Repairs) {
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        let read = if value.is_object() { Ok(value) } else { Err(ReplyError::NotJson) };
        return (read, Repairs::new());
    }
    let text = String::from_utf8_lossy(body);
    let start = start_of(&text);
    if !start.starts_with('{') {
        return (Err(ReplyError::NotJson), Repairs::new());
    }
    let Repaired { text: repaired, mut repairs, replaced: _ } = repair(start, Extent::Everything);
    if std::str::from_utf8(body).is_err() {
        repairs.insert(Repair::BrokenUtf8);
    }
    if text[..text.len() - start.len()].contains(BYTE_ORDER_MARK) {
        repairs.insert(Repair::ByteOrderMark);
    }
    (serde_json::from_str(&repaired).map_err(|_| ReplyError::Unreadable), repairs)
}

/// Whether a body begins as an answer of `WeChat`'s API does, and not as a page of some proxy.
pub fn begins_as_answer(body: &[u8]) -> bool {
    start_of(&String::from_utf8_lossy(body)).starts_with('{')
}

/// A text from where its JSON should begin.
fn start_of(text: &str) -> &str {
    text.trim_start_matches(|c: char| c <= ' ' || BYTE_ORDER_MARK.contains(c))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn assert_repaired(body: &[u8], expected: &Value, repairs: &[Repair]) {
        let (read, done) = object(body);
        assert_eq!(read.as_ref(), Ok(expected), "{}", String::from_utf8_lossy(body));
        assert_eq!(done, repairs.iter().copied().collect(), "{}", String::from_utf8_lossy(body));
    }

    #[test]
    fn sound_json_is_read_as_it_is() {
        assert_repaired(br#"{"a":"x\u0001\ud83d\ude00"}"#, &json!({"a": "x\u{1}😀"}), &[]);
    }

    #[test]
    fn a_byte_order_mark_and_blanks_in_front_are_left_out() {
        for body in ["\u{feff}{\"a\":1}", " \u{feff}\r\n{\"a\":1}", "\u{feff}\u{feff}{\"a\":1}"] {
            assert_repaired(body.as_bytes(), &json!({"a": 1}), &[Repair::ByteOrderMark]);
        }
    }

    #[test]
    fn an_answer_is_known_by_its_beginning() {
        for body in ["{", "{\"a\":", " \r\n{", "\u{feff}{", "\n\u{feff} {", "\u{feff}\u{feff}{", "\0{"] {
            assert!(begins_as_answer(body.as_bytes()), "{body:?}");
        }
        for body in ["", " ", "\u{feff}", "<html>{", "\u{feff}<html>", "[{", "\"{"] {
            assert!(!begins_as_answer(body.as_bytes()), "{body:?}");
        }
        assert!(!begins_as_answer(b"\xff{"));
        assert!(!begins_as_answer(b"\xef\xbb{"));
    }

    #[test]
    fn raw_control_characters_in_texts_are_replaced_and_line_ends_kept() {
        use Repair::ControlCharacter;
        assert_repaired(
            b"{\"a\":\"x\x01y\x00\x1f\"}",
            &json!({"a": "x\u{fffd}y\u{fffd}\u{fffd}"}),
            &[ControlCharacter],
        );
        assert_repaired(b"{\"a\":\"x\ty\r\nz\"}", &json!({"a": "x\ty\r\nz"}), &[ControlCharacter]);
        assert_repaired(b"{\"a\":1}\0\0", &json!({"a": 1}), &[ControlCharacter]);
        assert_repaired(b"{\0\"a\"\x0b:\x0c1}", &json!({"a": 1}), &[ControlCharacter]);
    }

    #[test]
    fn broken_utf8_is_replaced_and_ends_no_text() {
        for text in [&b"\xe4\xbd"[..], b"\xff", b"\xc0", b"\xf0\x9f\x98", b"\x80"] {
            let body = [&b"{\"a\":\""[..], text, b"\",\"b\":\"\xe4\xbd\xa0\"}"].concat();
            assert_repaired(&body, &json!({"a": "\u{fffd}", "b": "你"}), &[Repair::BrokenUtf8]);
        }
    }

    #[test]
    fn lone_surrogates_are_replaced_and_pairs_kept() {
        use Repair::LoneSurrogate;
        for (text, expected) in [
            (r"\ud800", "\u{fffd}"),
            (r"\uDFFFx", "\u{fffd}x"),
            (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
            (r"\ud83d\u0041", "\u{fffd}A"),
            (r"\ud83d\n", "\u{fffd}\n"),
            (r#"\ud83d\""#, "\u{fffd}\""),
            (r"\ud83d\u+c00", "\u{fffd}\u{fffd}+c00"),
        ] {
            let (read, done) = object(format!("{{\"a\":\"{text}\"}}").as_bytes());
            assert_eq!(read, Ok(json!({ "a": expected })), "{text}");
            assert!(done.contains(&LoneSurrogate), "{text}: {done:?}");
        }
    }

    #[test]
    fn unknown_escapes_are_replaced_and_end_no_text() {
        for (text, expected) in [
            (r"\x", "\u{fffd}"),
            (r"\u12", "\u{fffd}"),
            (r"\u12\n", "\u{fffd}\n"),
            (r"\uzz", "\u{fffd}zz"),
            (r"\你", "\u{fffd}"),
            (r#"\u4\""#, "\u{fffd}\""),
        ] {
            let body = format!("{{\"a\":\"{text}\",\"b\":1}}");
            assert_repaired(body.as_bytes(), &json!({"a": expected, "b": 1}), &[Repair::BadEscape]);
        }
    }

    #[test]
    fn odd_numbers_keep_their_digits_and_odd_words_say_nothing() {
        for (value, expected) in [
            ("007", json!("007")),
            ("1e999", json!("1e999")),
            ("+5", json!("+5")),
            (".5", json!(".5")),
            ("undefined", json!(null)),
            ("NaN", json!(null)),
            ("None", json!(null)),
            ("-\\", json!(null)),
        ] {
            let body = format!("{{\"a\":{value},\"b\":[true,-1.5,null]}}");
            let expected = json!({"a": expected, "b": [true, -1.5, null]});
            assert_repaired(body.as_bytes(), &expected, &[Repair::BadValue]);
        }
    }

    #[test]
    fn what_begins_as_an_object_is_unreadable_and_everything_else_no_json() {
        for body in
            ["{\"a\":\"x", "{\"a\":1", "{} {}", "{\"a\" 1}", "{\"a\":1 2}", "\u{feff}{", "{\"a\":\"x\\"]
        {
            assert_eq!(object(body.as_bytes()).0, Err(ReplyError::Unreadable), "{body}");
        }
        for body in ["", " ", "\u{feff}", "\u{0}", "<html>{}</html>", "[1]", "[\u{1}]", "null", "\"{\"", "ok"]
        {
            assert_eq!(object(body.as_bytes()).0, Err(ReplyError::NotJson), "{body}");
        }
        assert_eq!(object(b"\xff{}").0, Err(ReplyError::NotJson));
    }
}
