//! Text of which every character is one that XML allows. Stores behind us take no other, and a user can write anything.

use std::borrow::Cow;

/// Stands for what was no character, or one that is not allowed.
pub const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// Path in a document under which it says how many characters were replaced. No XML element can be called that, and a
/// JSON member that is called that loses its `#`.
pub const REPLACED_CHARACTERS: &str = "#replaced_characters";

/// A text and what had to be replaced in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clean<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// How many characters, or broken sequences of bytes, are [`REPLACEMENT`] now.
    pub replaced: usize,
}

/// Replaces each broken sequence of UTF-8 and each character that XML 1.0 does not allow.
pub fn clean(bytes: &[u8]) -> Clean<'_> {
    match str::from_utf8(bytes) {
        Ok(text) if text.chars().all(is_allowed) => Clean { text: Cow::Borrowed(text), replaced: 0 },
        Ok(_) | Err(_) => replace(bytes),
    }
}

fn replace(bytes: &[u8]) -> Clean<'static> {
    let (mut text, mut replaced) = (String::with_capacity(bytes.len()), 0);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            text.push(allowed_or_replaced(c, &mut replaced));
        }
        if !chunk.invalid().is_empty() {
            text.push(REPLACEMENT);
            replaced += 1;
        }
    }
    Clean { text: Cow::Owned(text), replaced }
}

/// The character, or [`REPLACEMENT`] for one that is not allowed, which is counted.
pub(crate) fn allowed_or_replaced(c: char, replaced: &mut usize) -> char {
    if is_allowed(c) {
        return c;
    }
    *replaced += 1;
    REPLACEMENT
}

/// The characters of XML 1.0.
pub(crate) fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether a character around a value says nothing: white space, or something that was replaced.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == REPLACEMENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_cleaned(bytes: &[u8], expected: &str, replaced: usize) {
        let clean = clean(bytes);
        assert_eq!((clean.text.as_ref(), clean.replaced), (expected, replaced), "{bytes:?}");
    }

    #[test]
    fn what_is_allowed_stays_as_it_is() {
        for text in ["", "a\tb\r\nc", "你好😀", "\u{fffd}", "\u{7f}\u{85}"] {
            assert_cleaned(text.as_bytes(), text, 0);
        }
    }

    #[test]
    fn control_characters_and_noncharacters_are_replaced_one_by_one() {
        assert_cleaned(b"a\0b", "a\u{fffd}b", 1);
        assert_cleaned(b"\x01\x08\x0b\x0c\x1f", &"\u{fffd}".repeat(5), 5);
        assert_cleaned("\u{fffe}x\u{ffff}".as_bytes(), "\u{fffd}x\u{fffd}", 2);
    }

    #[test]
    fn broken_utf8_is_replaced_and_what_is_around_it_stays() {
        assert_cleaned(b"a\xffb", "a\u{fffd}b", 1);
        assert_cleaned(b"\xe4\xbd", "\u{fffd}", 1); // a cut 你
        assert_cleaned(b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}", 3); // a surrogate
        assert_cleaned(b"\xc4\xe3\xba\xc3!", "\u{fffd}\u{fffd}\u{fffd}!", 3); // 你好 in GBK
    }
}
