//! JSON texts that a lenient writer spoiled: what is broken inside of texts is replaced, so that everything else can be read.
//!
//! What cannot be told is U+FFFD afterwards, which no id and no token holds.

use std::{
    collections::BTreeSet,
    fmt::{self, Write},
    iter::Peekable,
    str::Chars,
};

use serde_json::Value;

use crate::text::REPLACEMENT;

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

/// How much of a JSON text is repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Line breaks, tabs and halves of surrogate pairs in texts, which pushes have. All else is left to the reader.
    Texts,
    /// Also odd escapes and odd values: an answer may hold the only copy of a token.
    Everything,
}

/// A text that was repaired.
#[derive(Debug, Default)]
pub(crate) struct Repaired {
    pub(crate) text: String,
    pub(crate) repairs: Repairs,
    /// Characters that are [`REPLACEMENT`] now.
    pub(crate) replaced: usize,
}

/// Repairs a JSON text.
pub(crate) fn repair(text: &str, extent: Extent) -> Repaired {
    let mut repairer = Repairer { extent, rest: text.chars().peekable(), out: Repaired::default() };
    repairer.run();
    repairer.out
}

/// Copies JSON text, and repairs it on the way.
struct Repairer<'a> {
    extent: Extent,
    rest: Peekable<Chars<'a>>,
    out: Repaired,
}

impl Repairer<'_> {
    fn run(&mut self) {
        while let Some(c) = self.rest.next() {
            match c {
                '"' => self.text(),
                c if self.extent == Extent::Texts => self.out.text.push(c),
                '{' | '}' | '[' | ']' | ':' | ',' | ' ' | '\t' | '\n' | '\r' => self.out.text.push(c),
                c if c.is_ascii_graphic() => self.bare(c),
                c => {
                    let repair = if c.is_control() { Repair::ControlCharacter } else { Repair::BadValue };
                    self.out.repairs.insert(repair);
                    self.out.text.push(' ');
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
            self.out.text.push_str(&word);
            return;
        }
        self.out.repairs.insert(Repair::BadValue);
        let is_number = word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
        if is_number && !word.contains('\\') {
            self.out.text.push('"');
            self.out.text.push_str(&word);
            self.out.text.push('"');
        } else {
            self.out.text.push_str("null");
        }
    }

    /// A text, behind its first quotation mark. Only a quotation mark ends it, as far as the answer goes.
    fn text(&mut self) {
        self.out.text.push('"');
        while let Some(c) = self.rest.next() {
            match c {
                '"' => {
                    self.out.text.push('"');
                    return;
                }
                '\\' => self.escape(),
                '\t' => self.control("\\t"),
                '\n' => self.control("\\n"),
                '\r' => self.control("\\r"),
                c if c < ' ' => self.replace(Repair::ControlCharacter),
                c => self.out.text.push(c),
            }
        }
    }

    fn control(&mut self, instead: &str) {
        self.out.repairs.insert(Repair::ControlCharacter);
        self.out.text.push_str(instead);
    }

    /// An escape, behind its backslash.
    fn escape(&mut self) {
        match self.rest.next() {
            Some(c @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't')) => self.out.text.extend(['\\', c]),
            Some('u') => self.unit(),
            Some(c) => self.bad_escape(c),
            None => {}
        }
    }

    /// One UTF-16 unit in hex digits, with its other half if it is a half.
    fn unit(&mut self) {
        let behind = self.rest.clone();
        match self.digits() {
            None => {
                if self.extent == Extent::Texts {
                    self.rest = behind;
                }
                self.bad_escape('u');
            }
            Some(high @ 0xd800..=0xdbff) => match self.low_half() {
                Some(low) => [high, low].into_iter().for_each(|half| self.keep(half)),
                None => self.replace(Repair::LoneSurrogate),
            },
            Some(0xdc00..=0xdfff) => self.replace(Repair::LoneSurrogate),
            Some(unit) => self.keep(unit),
        }
    }

    /// An escape that is none, with this character behind its backslash.
    fn bad_escape(&mut self, c: char) {
        match self.extent {
            Extent::Texts => self.out.text.extend(['\\', c]),
            Extent::Everything => self.replace(Repair::BadEscape),
        }
    }

    fn keep(&mut self, unit: u32) {
        write!(self.out.text, "\\u{unit:04x}").expect("a String takes everything");
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
        self.out.repairs.insert(repair);
        self.out.replaced += 1;
        self.out.text.push(REPLACEMENT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_repaired(text: &str, expected: &str, replaced: usize) {
        let repaired = repair(text, Extent::Texts);
        assert_eq!((repaired.text.as_str(), repaired.replaced), (expected, replaced), "{text}");
    }

    #[test]
    fn good_json_stays_as_it_is() {
        for text in
            ["{}", "{\n\t\"a\": \"\\\\\"\r\n}", r#"{"a":"\"\\u\n\ud83d\ude00\u0000"}"#, r#"["\\ud800"]"#]
        {
            assert_repaired(text, text, 0);
            assert_eq!(repair(text, Extent::Everything).text, text);
        }
    }

    #[test]
    fn line_breaks_inside_a_text_become_escapes() {
        assert_repaired("{\n\"a\":\"1\n2\r\n3\t\\\"4\n\"}", "{\n\"a\":\"1\\n2\\r\\n3\\t\\\"4\\n\"}", 0);
    }

    #[test]
    fn half_a_pair_is_replaced() {
        assert_repaired(r#""\ud83d""#, "\"\u{fffd}\"", 1);
        assert_repaired(r#""\ude00\ud83d""#, "\"\u{fffd}\u{fffd}\"", 2);
        assert_repaired(r#""\ud83dx\uD83D\uDE00""#, "\"\u{fffd}x\\ud83d\\ude00\"", 1);
        assert_repaired(r#""\ud83d\n""#, "\"\u{fffd}\\n\"", 1);
    }

    #[test]
    fn what_a_push_must_not_have_is_left_to_the_reader() {
        for text in [
            "\"\\u",
            "\"\\ud8",
            "\"\\u你好",
            "\"\\u12\"",
            "\"\\x\"",
            "\"\\\n\"",
            "{'a':1}",
            "{\"a\":NaN}",
            "{\"a\":tru",
            "[007]",
        ] {
            assert_repaired(text, text, 0);
        }
        assert_repaired("\"\\ud83d\\u", "\"\u{fffd}\\u", 1);
    }
}
