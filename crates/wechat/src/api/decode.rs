//! From the body of an HTTP 200 to an answer or a refusal.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use super::{Refusal, Repairs, ReplyError, body::object, lenient};

/// Longest error text that is kept, in characters.
const ERRMSG_MAX: usize = 500;

/// The answer to a successful call.
pub trait Reply: Sized {
    /// Reads an object that is known to be no refusal; use [`decode`].
    #[doc(hidden)]
    fn read(answer: Value) -> Result<Self, ReplyError>;
}

/// What a body says, and what had to be repaired to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded<T> {
    /// The answer.
    pub reply: Result<T, ReplyError>,
    /// What `WeChat` should not have sent.
    pub repairs: Repairs,
}

/// The JSON form of an answer, every field of it optional. The reader's own error would quote the body.
pub(super) fn wire<W: DeserializeOwned>(answer: Value) -> Result<W, ReplyError> {
    serde_json::from_value(answer).map_err(|_| ReplyError::Unreadable)
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default, deserialize_with = "errcode")]
    errcode: Errcode,
    #[serde(default, deserialize_with = "lenient::text")]
    errmsg: Option<String>,
}

/// An `errcode` that is there but no number must not be taken for success.
#[derive(Default)]
enum Errcode {
    #[default]
    Absent,
    Number(i64),
    Unreadable,
}

fn errcode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Errcode, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => Errcode::Absent,
        value => lenient::whole(&value).map_or(Errcode::Unreadable, Errcode::Number),
    })
}

/// Reads the body of an HTTP 200, repaired if need be. `errcode` alone decides; success may come with 0 or without it. No
/// error quotes the body, but for `errmsg`.
pub fn decode<T: Reply>(body: &[u8]) -> Decoded<T> {
    let (answer, repairs) = object(body);
    Decoded { reply: answer.and_then(read), repairs }
}

/// The number by which `WeChat` says how a call went, if a body has one.
pub fn errcode_of(body: &[u8]) -> Option<i64> {
    match wire::<Outcome>(object(body).0.ok()?).ok()?.errcode {
        Errcode::Number(errcode) => Some(errcode),
        Errcode::Absent | Errcode::Unreadable => None,
    }
}

fn read<T: Reply>(answer: Value) -> Result<T, ReplyError> {
    let outcome = Outcome::deserialize(&answer).map_err(|_| ReplyError::Unreadable)?;
    match outcome.errcode {
        Errcode::Absent | Errcode::Number(0) => T::read(answer),
        Errcode::Number(errcode) => {
            let (errmsg, rid) = split_rid(&outcome.errmsg.unwrap_or_default());
            Err(ReplyError::Refused(Refusal { errcode, errmsg, rid }))
        }
        Errcode::Unreadable => Err(ReplyError::MissingField("errcode")),
    }
}

/// Takes the request id out of an error text: `invalid code rid: 61725984-6126f6f9-040f19c4`.
fn split_rid(errmsg: &str) -> (String, Option<String>) {
    let is_id = |c: char| c.is_ascii_hexdigit() || c == '-';
    let found = errmsg.split_once("rid:").and_then(|(before, after)| {
        let after = after.trim_start();
        let end = after.find(|c| !is_id(c)).unwrap_or(after.len());
        let (rid, rest) = after.split_at(end);
        (!rid.is_empty()).then(|| (format!("{}{rest}", before.trim_end()), rid.to_owned()))
    });
    let (errmsg, rid) = match found {
        Some((errmsg, rid)) => (errmsg, Some(rid)),
        None => (errmsg.to_owned(), None),
    };
    let printable = |c: &char| !c.is_control();
    (errmsg.trim().trim_end_matches(',').chars().filter(printable).take(ERRMSG_MAX).collect(), rid)
}

impl Refusal {
    /// Whether `WeChat` refuses the address that the call came from (61004, 40164, 45035).
    pub fn is_about_address(&self) -> bool {
        matches!(self.errcode, 61004 | 40164 | 45035)
    }

    /// The address that `WeChat` saw the call come from, if this refusal is about it and names it: the one to register.
    pub fn client_ip(&self) -> Option<IpAddr> {
        if !self.is_about_address() {
            return None;
        }
        let is_address = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
        let mut parts = self.errmsg.split(|c| !is_address(c));
        parts.find_map(address)
    }
}

/// Reads an address that may have punctuation around it. An IPv4 address in IPv6 form becomes IPv4.
fn address(part: &str) -> Option<IpAddr> {
    let candidates = [part, part.trim_end_matches(['.', ':']), part.trim_matches(['.', ':'])];
    let address = candidates.iter().find_map(|text| text.parse::<IpAddr>().ok())?.to_canonical();
    (!address.is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(errcode: i64, errmsg: &str) -> Refusal {
        let (errmsg, rid) = split_rid(errmsg);
        Refusal { errcode, errmsg, rid }
    }

    #[test]
    fn the_request_id_is_taken_out_of_the_text() {
        let split = |text: &str| split_rid(text);
        let id = || Some("61725984-6126f6f9-040f19c4".to_owned());
        assert_eq!(split("invalid code rid: 61725984-6126f6f9-040f19c4"), ("invalid code".into(), id()));
        assert_eq!(split("invalid code, rid:61725984-6126f6f9-040f19c4"), ("invalid code".into(), id()));
        assert_eq!(split("a rid: 61725984-6126f6f9-040f19c4 hint: [x]"), ("a hint: [x]".into(), id()));
        assert_eq!(split("system error"), ("system error".into(), None));
        assert_eq!(split("grid: none"), ("grid: none".into(), None));
        assert_eq!(split("rid: "), ("rid:".into(), None));
    }

    #[test]
    fn a_text_holds_no_control_characters() {
        assert_eq!(split_rid("system\0 error\r\n\u{1b}[31m").0, "system error[31m");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(split_rid(&"错".repeat(2000)).0.chars().count(), ERRMSG_MAX);
    }

    #[test]
    fn the_address_that_wechat_saw_is_found() {
        let cases = [
            (61004, "access clientip is not registered requestIP: 203.0.113.7 rid: 6172-61", "203.0.113.7"),
            (61004, "access clientip is not registered request IP:203.0.113.7.", "203.0.113.7"),
            (40164, "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist", "203.0.113.7"),
            (40164, "invalid ip ::ffff:203.0.113.7, not in whitelist", "203.0.113.7"),
            (61004, "access clientip is not registered, ip: 2001:db8::1", "2001:db8::1"),
        ];
        for (errcode, errmsg, expected) in cases {
            assert_eq!(refusal(errcode, errmsg).client_ip(), expected.parse().ok(), "{errmsg}");
        }
    }

    #[test]
    fn no_address_is_made_up() {
        assert_eq!(refusal(61004, "access clientip is not registered rid: 6172-61").client_ip(), None);
        assert_eq!(refusal(40001, "invalid credential from 203.0.113.7").client_ip(), None);
        assert_eq!(refusal(61004, "see :: 1.2.3").client_ip(), None);
    }
}
