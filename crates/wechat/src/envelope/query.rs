//! The query of a callback.

use std::fmt;

use jiff::Timestamp;
use mandate_schema::CreateTime;
use percent_encoding::percent_decode_str;

use super::EnvelopeError;

/// The parameters of a callback's query that matter, percent-decoded once. Timestamp and nonce stay the exact text,
/// because the signature covers the text.
///
/// `signature` and `openid` are left out on purpose: the one does not cover the body, no signature covers the other.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackQuery {
    /// `WeChat`'s clock when it sent the push: Unix seconds as text. No age is too old. See [`CallbackQuery::signed_at`].
    pub timestamp: String,
    /// Random text.
    pub nonce: String,
    /// Signature over token, timestamp, nonce and ciphertext.
    pub msg_signature: String,
    /// `aes` on every push to a component, in upper or lower case.
    pub encrypt_type: Option<String>,
}

impl CallbackQuery {
    /// Reads a query string, without the `?`. Of a parameter that repeats, the first counts.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError::MissingParameter`] if `timestamp`, `nonce` or `msg_signature` is absent or empty.
    pub fn parse(query: &str) -> Result<Self, EnvelopeError> {
        let required = |name| find(query, name).ok_or(EnvelopeError::MissingParameter(name));
        Ok(Self {
            timestamp: required("timestamp")?,
            nonce: required("nonce")?,
            msg_signature: required("msg_signature")?,
            encrypt_type: find(query, "encrypt_type"),
        })
    }
}

impl CallbackQuery {
    /// The signed time as a number, for what has no time of its own. A text that no clock of `WeChat`'s can give is the beginning
    /// of time, so that it is the same whenever it is asked for.
    pub fn signed_at(&self) -> CreateTime {
        CreateTime::parse(&self.timestamp).unwrap_or(CreateTime(0))
    }

    /// Whether a push that arrives now was signed more than an hour ago. `WeChat` gives up after seconds, so somebody may have
    /// captured it. A text that is no time shows nothing.
    pub fn is_late_at(&self, now: Timestamp) -> bool {
        let signed_at = CreateTime::parse(&self.timestamp);
        signed_at.is_some_and(|at| now.as_second().saturating_sub(at.0) > LATE_AFTER_SECONDS)
    }
}

/// The decoded value of the first parameter of this name, unless it is empty.
///
/// Bytes that are not UTF-8 become U+FFFD: no signature can match then, which is the right answer to them.
fn find(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.find(|(key, _)| percent_decode_str(key).decode_utf8_lossy() == name)?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned()).filter(|value| !value.is_empty())
}

/// How long after its signature a push is late.
const LATE_AFTER_SECONDS: i64 = 3_600;

impl fmt::Debug for CallbackQuery {
    /// Without the signature: together with the ciphertext it could be replayed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackQuery")
            .field("timestamp", &self.timestamp)
            .field("nonce", &self.nonce)
            .field("encrypt_type", &self.encrypt_type)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &str = "signature=s&timestamp=1767225600&nonce=13%2B57&encrypt_type=aes&msg_signature=abc";

    #[test]
    fn parameters_are_decoded_once_in_any_order() {
        let query = CallbackQuery::parse(QUERY).unwrap();
        assert_eq!(query.timestamp, "1767225600");
        assert_eq!(query.nonce, "13+57");
        assert_eq!(query.msg_signature, "abc");
        assert_eq!(query.encrypt_type.as_deref(), Some("aes"));
        assert_eq!(CallbackQuery::parse("timestamp=1&nonce=%2541&msg_signature=x").unwrap().nonce, "%41");
    }

    #[test]
    fn an_absent_or_empty_parameter_is_named() {
        for name in ["timestamp", "nonce", "msg_signature"] {
            let absent = QUERY.replace(&format!("&{name}="), "&other=");
            assert_eq!(CallbackQuery::parse(&absent), Err(EnvelopeError::MissingParameter(name)));
            let empty = QUERY.replace(&format!("&{name}="), &format!("&{name}=&other="));
            assert_eq!(CallbackQuery::parse(&empty), Err(EnvelopeError::MissingParameter(name)));
        }
    }

    #[test]
    fn the_first_of_a_repeated_parameter_counts() {
        let query = CallbackQuery::parse(&format!("{QUERY}&nonce=other")).unwrap();
        assert_eq!(query.nonce, "13+57");
    }

    #[test]
    fn the_signed_time_is_a_number_whatever_the_text_is() {
        let at = |timestamp: &str| {
            let query = format!("timestamp={timestamp}&nonce=2&msg_signature=3");
            CallbackQuery::parse(&query).unwrap().signed_at().0
        };
        assert_eq!((at("1767225600"), at("1767225600123"), at("%31")), (1_767_225_600, 1_767_225_600, 1));
        assert_eq!((at("soon"), at("-1"), at("9999999999999999")), (0, 0, 0));
    }

    #[test]
    fn what_was_signed_more_than_an_hour_ago_is_late() {
        let now = Timestamp::from_second(1_767_225_600).unwrap();
        let is_late = |timestamp: &str| {
            let query = format!("timestamp={timestamp}&nonce=2&msg_signature=3");
            CallbackQuery::parse(&query).unwrap().is_late_at(now)
        };
        for late in ["1767221999", "1767221999000", "1700000000", "1"] {
            assert!(is_late(late), "{late}");
        }
        for timely in ["1767222000", "1767222000999", "1767225600", "1767999999", "soon", "0", "-1"] {
            assert!(!is_late(timely), "{timely}");
        }
    }

    #[test]
    fn broken_escapes_do_not_panic() {
        let query = CallbackQuery::parse("timestamp=%&nonce=%ff%zz&msg_signature=%e4%bd%a0&&=").unwrap();
        assert_eq!(query.msg_signature, "你");
    }
}
