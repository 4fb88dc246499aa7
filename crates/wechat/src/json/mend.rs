//! Mends what a lenient writer puts into JSON texts and the standard forbids there.

use std::borrow::Cow;

/// Makes line breaks and tabs inside texts, and halves of surrogate pairs, such that a JSON reader takes them; says how many
/// halves became U+FFFD. The text around them stays as it is.
pub(super) fn mend(text: &str) -> (Cow<'_, str>, usize) {
    if !text.contains("\\u") && !text.contains(['\n', '\r', '\t']) {
        return (Cow::Borrowed(text), 0);
    }
    let (mut mended, mut replaced) = (String::with_capacity(text.len()), 0);
    let (mut rest, mut inside) = (text, false);
    while let Some(at) = rest.find(['"', '\\', '\n', '\r', '\t']) {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match rest.as_bytes()[0] {
            b'\\' if inside => escape(rest, &mut mended, &mut replaced),
            b'"' => {
                inside = !inside;
                mended.push('"');
                1
            }
            other => {
                mended.push_str(match other {
                    b'\n' if inside => "\\n",
                    b'\r' if inside => "\\r",
                    b'\t' if inside => "\\t",
                    _ => &rest[..1],
                });
                1
            }
        };
        rest = &rest[taken..];
    }
    mended.push_str(rest);
    (Cow::Owned(mended), replaced)
}

/// Copies the escape that `rest` begins with; says how many bytes of it were taken.
fn escape(rest: &str, mended: &mut String, replaced: &mut usize) -> usize {
    let taken = match unit(rest) {
        Some(0xd800..=0xdbff) if matches!(rest.get(6..).and_then(unit), Some(0xdc00..=0xdfff)) => 12,
        Some(0xd800..=0xdfff) => {
            *replaced += 1;
            mended.push_str("\\ufffd");
            return 6;
        }
        Some(_) => 6,
        // Another escape: the character behind the backslash is never the end of the text.
        None => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
    };
    mended.push_str(&rest[..taken]);
    taken
}

/// The number of the `\uXXXX` that a text begins with.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let digits = Some(digits).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_mended(text: &str, expected: &str, replaced: usize) {
        let (mended, count) = mend(text);
        assert_eq!((mended.as_ref(), count), (expected, replaced), "{text}");
    }

    #[test]
    fn good_json_stays_as_it_is() {
        for text in
            ["{}", "{\n\t\"a\": \"\\\\\"\r\n}", r#"{"a":"\"\\u\n\ud83d\ude00\u0000"}"#, r#"["\\ud800"]"#]
        {
            assert_mended(text, text, 0);
        }
    }

    #[test]
    fn line_breaks_inside_a_text_become_escapes() {
        assert_mended("{\n\"a\":\"1\n2\r\n3\t\\\"4\n\"}", "{\n\"a\":\"1\\n2\\r\\n3\\t\\\"4\\n\"}", 0);
    }

    #[test]
    fn half_a_pair_is_replaced() {
        assert_mended(r#""\ud83d""#, r#""\ufffd""#, 1);
        assert_mended(r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#, 2);
        assert_mended(r#""\ud83dx\uD83D\uDE00""#, r#""\ufffdx\uD83D\uDE00""#, 1);
        assert_mended(r#""\ud83d\n""#, r#""\ufffd\n""#, 1);
    }

    #[test]
    fn a_cut_escape_is_left_to_the_reader() {
        for text in ["\"\\", "\"\\u", "\"\\ud8", "\"\\u你好", "\"\\ud83d\\u"] {
            let _ = mend(text);
        }
    }
}
