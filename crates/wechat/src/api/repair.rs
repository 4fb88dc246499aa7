//! Answers that are almost JSON: what is broken inside of texts is replaced, so that everything else can be read.
//!
//! What cannot be told is U+FFFD afterwards, which no id and no token holds: see [`super::lenient`].

use std::{
    collections::BTreeSet,
    fmt::{self, Write},
    iter::Peekable,
    str::Chars,
};

use serde_json::Value;

use super::ReplyError;

/// What stands for a character that cannot be told.
pub(super) const REPLACEMENT: char = '\u{fffd}';
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Something in an answer that JSON does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Repair {
    /// A byte-order mark in front.
    ByteOrderMark,
    /// Bytes that are no UTF-8.
    BrokenUtf8,
    /// A control character that is not escaped.
    ControlCharacter,
    /// An escaped half of a surrogate pair without the other half.
    LoneSurrogate,
    /// A backslash before something that is no escape.
    BadEscape,
    /// A value that is neither a JSON number nor one of its words.
    BadValue,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByteOrderMark => "a byte-order mark",
            Self::BrokenUtf8 => "broken UTF-8",
            Self::ControlCharacter => "raw control characters",
            Self::LoneSurrogate => "a lone surrogate",
            Self::BadEscape => "an unknown escape",
            Self::BadValue => "a value that is no JSON",
        })
    }
}

/// What had to be repaired, each kind once.
pub type Repairs = BTreeSet<Repair>;

/// Reads a body as a JSON object, repaired if it has to be.
pub(super) fn object(body: &[u8]) -> (Result<Value, ReplyError>, Repairs) {
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        let read = if value.is_object() { Ok(value) } else { Err(ReplyError::NotJson) };
        return (read, Repairs::new());
    }
    let mut repairs = Repairs::new();
    let text = String::from_utf8_lossy(body);
    if text.contains(REPLACEMENT) && std::str::from_utf8(body).is_err() {
        repairs.insert(Repair::BrokenUtf8);
    }
    let start = text.trim_start_matches(|c: char| c <= ' ' || BYTE_ORDER_MARK.contains(c));
    if !start.starts_with('{') {
        return (Err(ReplyError::NotJson), Repairs::new());
    }
    if text.len() > start.len() && text[..text.len() - start.len()].contains(BYTE_ORDER_MARK) {
        repairs.insert(Repair::ByteOrderMark);
    }
    let mut repairer = Repairer { rest: start.chars().peekable(), out: String::new(), repairs };
    repairer.run();
    let read = serde_json::from_str(&repairer.out).map_err(|_| ReplyError::Unreadable);
    (read, repairer.repairs)
}

/// Copies JSON text, and repairs it on the way.
struct Repairer<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    repairs: Repairs,
}

impl Repairer<'_> {
    fn run(&mut self) {
        while let Some(c) = self.rest.next() {
            match c {
                '"' => self.text(),
                '{' | '}' | '[' | ']' | ':' | ',' | ' ' | '\t' | '\n' | '\r' => self.out.push(c),
                c if c.is_ascii_graphic() => self.bare(c),
                c => {
                    let repair = if c.is_control() { Repair::ControlCharacter } else { Repair::BadValue };
                    self.repairs.insert(repair);
                    self.out.push(' ');
                }
            }
        }
    }

    /// A number or a word. A number that does not fit becomes a text, which keeps its digits.
    fn bare(&mut self, first: char) {
        let mut word = String::from(first);
        while let Some(c) = self.rest.next_if(|c| c.is_ascii_graphic() && !"{}[]:,\"".contains(*c)) {
            word.push(c);
        }
        if serde_json::from_str::<Value>(&word).is_ok() {
            self.out.push_str(&word);
            return;
        }
        self.repairs.insert(Repair::BadValue);
        let is_number = word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
        if is_number && !word.contains('\\') {
            self.out.push('"');
            self.out.push_str(&word);
            self.out.push('"');
        } else {
            self.out.push_str("null");
        }
    }

    /// A text, behind its first quotation mark. Only a quotation mark ends it, as far as the answer goes.
    fn text(&mut self) {
        self.out.push('"');
        while let Some(c) = self.rest.next() {
            match c {
                '"' => {
                    self.out.push('"');
                    return;
                }
                '\\' => self.escape(),
                '\t' => self.control("\\t"),
                '\n' => self.control("\\n"),
                '\r' => self.control("\\r"),
                c if c < ' ' => self.control("\u{fffd}"),
                c => self.out.push(c),
            }
        }
    }

    fn control(&mut self, instead: &str) {
        self.repairs.insert(Repair::ControlCharacter);
        self.out.push_str(instead);
    }

    /// An escape, behind its backslash.
    fn escape(&mut self) {
        match self.rest.next() {
            Some(c @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't')) => self.out.extend(['\\', c]),
            Some('u') => self.unit(),
            Some(_) => self.replace(Repair::BadEscape),
            None => {}
        }
    }

    /// One UTF-16 unit in hex digits, with its other half if it is a half.
    fn unit(&mut self) {
        match self.digits() {
            None => self.replace(Repair::BadEscape),
            Some(high @ 0xd800..=0xdbff) => match self.low_half() {
                Some(low) => [high, low].into_iter().for_each(|half| self.keep(half)),
                None => self.replace(Repair::LoneSurrogate),
            },
            Some(0xdc00..=0xdfff) => self.replace(Repair::LoneSurrogate),
            Some(unit) => self.keep(unit),
        }
    }

    fn keep(&mut self, unit: u32) {
        write!(self.out, "\\u{unit:04x}").expect("a String takes everything");
    }

    /// Takes four hex digits, or as many as there are.
    fn digits(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.rest.next_if(char::is_ascii_hexdigit)?;
            unit = unit * 16 + digit.to_digit(16)?;
        }
        Some(unit)
    }

    /// Takes the second half of a pair, if that is what comes next.
    fn low_half(&mut self) -> Option<u32> {
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('\\') || ahead.next() != Some('u') {
            return None;
        }
        let digits: String = ahead.by_ref().take(4).collect();
        let low = u32::from_str_radix(&digits, 16).ok().filter(|low| (0xdc00..=0xdfff).contains(low))?;
        self.rest = ahead;
        Some(low)
    }

    fn replace(&mut self, repair: Repair) {
        self.repairs.insert(repair);
        self.out.push(REPLACEMENT);
    }
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
