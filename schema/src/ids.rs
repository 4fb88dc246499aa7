//! Identifiers, parsed on construction.

use std::{fmt, str::FromStr, sync::Arc};

use ring::digest;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Secret;

/// A text that is not a valid identifier of the kind that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}: {reason}")]
pub struct InvalidId {
    /// What was to be parsed, for example `component appid`.
    pub kind: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Checks the shape of an appid. `WeChat`'s are `wx` and 16 hex digits; other products use other prefixes and lengths, so
/// only what keys, paths and routing keys rely on is required.
fn check_app_id(text: &str, kind: &'static str) -> Result<(), InvalidId> {
    if !(4..=64).contains(&text.len()) {
        return Err(InvalidId { kind, reason: "it must have 4 to 64 characters" });
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        return Err(InvalidId { kind, reason: "only letters, digits, '_' and '-' are allowed" });
    }
    Ok(())
}

macro_rules! app_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses an appid.
            ///
            /// # Errors
            ///
            /// [`InvalidId`] unless it has 4 to 64 letters, digits, `_` or `-`.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                check_app_id(text, $kind)?;
                Ok(Self(text.into()))
            }

            /// The appid as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }
    };
}

app_id! {
    /// Appid of a third-party platform (第三方平台), the "component".
    ComponentId, "component appid"
}

app_id! {
    /// Appid of a merchant's account (授权方) that authorizes a component.
    AuthorizerId, "authorizer appid"
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id! {
    /// Identity of a callback, computed from its content: a retry by `WeChat`, encrypted anew, has the same id.
    CallbackId
}

uuid_id! {
    /// Identity of a command to the event log: a callback's id, or that of one attempt of a task.
    CommandId
}

uuid_id! {
    /// Identity of an event; computed from its command, so that a repeated append carries the same ids.
    EventId
}

uuid_id! {
    /// Identity of a task.
    TaskId
}

impl CallbackId {
    /// Computes the id of a callback: UUID version 8 of 48 bits of `create_time` in milliseconds and of SHA-256 over
    /// component, authorizer (`None` on the event URL) and plaintext, each preceded by its length as big-endian u32. The plaintext
    /// may be any bytes; without a usable `CreateTime` in it, the signed time of the push stands in.
    pub fn compute(
        create_time: CreateTime,
        component: &ComponentId,
        authorizer: Option<&AuthorizerId>,
        plaintext: &(impl AsRef<[u8]> + ?Sized),
    ) -> Self {
        let authorizer = authorizer.map_or("", AuthorizerId::as_str);
        let parts = [component.as_str().as_bytes(), authorizer.as_bytes(), plaintext.as_ref()];
        Self(timed_uuid(create_time.0.saturating_mul(1000), &parts))
    }
}

impl CommandId {
    /// The command that attempt number `attempt` (from 1) of a task appends.
    pub fn of_attempt(task: TaskId, attempt: u32) -> Self {
        Self(timed_uuid(uuid_millis(task.0), &[b"attempt", task.0.as_bytes(), &attempt.to_be_bytes()]))
    }
}

impl CommandId {
    /// The command of the code that a visit to a consent page brought.
    pub fn of_landing(visit: Uuid, code: CodeDigest) -> Self {
        Self(timed_uuid(uuid_millis(visit), &[b"landing", visit.as_bytes(), &code.0]))
    }
}

impl CommandId {
    /// The command that disables a webhook which has failed since `millis` (Unix milliseconds).
    pub fn of_disabled(webhook: Uuid, millis: i64) -> Self {
        Self(timed_uuid(millis, &[b"webhook disabled", webhook.as_bytes()]))
    }
}

impl From<CallbackId> for CommandId {
    fn from(id: CallbackId) -> Self {
        Self(id.0)
    }
}

impl EventId {
    /// The id of event number `index` (from 0) of a command.
    pub fn of_command(command: CommandId, index: u32) -> Self {
        Self(timed_uuid(uuid_millis(command.0), &[b"event", command.0.as_bytes(), &index.to_be_bytes()]))
    }
}

impl TaskId {
    /// The id of the task with this unique key, first queued at `millis` (Unix milliseconds).
    pub fn of_key(key: &str, millis: i64) -> Self {
        Self(timed_uuid(millis, &[b"task", key.as_bytes()]))
    }
}

/// The 48-bit time prefix of one of our UUIDs, in milliseconds.
fn uuid_millis(id: Uuid) -> i64 {
    i64::try_from(id.as_u128() >> 80).unwrap_or_default()
}

/// UUID version 8: 48 bits of time, so that indexes stay local, the rest from SHA-256 over length-prefixed parts.
fn timed_uuid(millis: i64, parts: &[&[u8]]) -> Uuid {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        context.update(&length.to_be_bytes());
        context.update(part);
    }
    let hash = context.finish();
    let mut bytes = [0_u8; 16];
    bytes[..6].copy_from_slice(&millis.max(0).to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&hash.as_ref()[..10]);
    Uuid::new_v8(bytes)
}

/// `WeChat`'s own clock in a callback: Unix **seconds**. It orders the facts of an account; it is never compared with ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct CreateTime(pub i64);

/// From here on a number of seconds is beyond the year 9999, and one of milliseconds is after September 2001.
const FIRST_IN_MILLISECONDS: i64 = 1_000_000_000_000;

impl CreateTime {
    /// The end of the year 9999, beyond which no store behind us goes.
    const LAST: i64 = 253_402_207_200;

    /// Reads the time in a push: digits, in seconds or (by mistake) in milliseconds, which are divided. `None` for what no clock
    /// says: other text, 0, and what is beyond the year 9999.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| text.parse::<i64>().ok()).flatten()?;
        let seconds = if number >= FIRST_IN_MILLISECONDS { number / 1000 } else { number };
        (1..=Self::LAST).contains(&seconds).then_some(Self(seconds))
    }
}

impl fmt::Display for CreateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// SHA-256 of an authorization code: names a code without giving it away. 64 lower-case hex digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("pattern" = "^[0-9a-f]{64}$")))]
#[serde(try_from = "String", into = "String")]
pub struct CodeDigest([u8; 32]);

impl CodeDigest {
    /// The digest of a code.
    pub fn of(code: &Secret) -> Self {
        let hash = digest::digest(&digest::SHA256, code.expose().as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hash.as_ref());
        Self(bytes)
    }
}

impl fmt::Display for CodeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CodeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<CodeDigest> for String {
    fn from(digest: CodeDigest) -> Self {
        digest.to_string()
    }
}

impl FromStr for CodeDigest {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = InvalidId { kind: "code digest", reason: "it must be 64 hex digits" };
        if text.len() != 64 || !text.is_ascii() {
            return Err(invalid);
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| invalid.clone())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for CodeDigest {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component() -> ComponentId {
        ComponentId::parse("wx1f2e3d4c5b6a7988").expect("valid")
    }

    #[test]
    fn appids_that_would_break_a_path_or_a_routing_key_are_refused() {
        for bad in ["", "wx1", "wx/../../etc", "wx1f2e.3d4c", "wx 1f2e3d4c", &"w".repeat(65)] {
            assert!(AuthorizerId::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_callback_id_depends_on_each_part_and_starts_with_its_time() {
        let merchant = AuthorizerId::parse("wxa0b1c2d3e4f50617").expect("valid");
        let id =
            |time, authorizer, text| CallbackId::compute(CreateTime(time), &component(), authorizer, text);
        let base = id(1_767_225_600, None, "<xml/>");
        assert_eq!(base, id(1_767_225_600, None, "<xml/>"));
        assert_ne!(base, id(1_767_225_600, Some(&merchant), "<xml/>"));
        assert_ne!(base, id(1_767_225_600, None, "<xml />"));
        assert_eq!(base.0.get_version_num(), 8);
        assert_eq!(uuid_millis(base.0), 1_767_225_600_000);
    }

    #[test]
    fn a_callback_id_is_the_same_as_ever_and_any_bytes_have_one() {
        let id = |text: &[u8]| CallbackId::compute(CreateTime(1_767_225_600), &component(), None, text);
        assert_eq!(id(b"<xml/>").to_string(), "019b76da-a800-87bc-b46a-96c13d333848");
        assert_ne!(id(b"\xff"), id(b"\xfe"));
        assert_ne!(id(b"\xff"), id("\u{fffd}".as_bytes()));
    }

    #[test]
    fn a_time_is_read_in_seconds_or_milliseconds_and_nothing_else_is_one() {
        for (text, seconds) in [
            ("1767225600", 1_767_225_600),
            ("1", 1),
            ("0001767225600", 1_767_225_600),
            ("253402207200", 253_402_207_200),
            ("1767225600000", 1_767_225_600),
            ("1767225600999", 1_767_225_600),
            ("1000000000000", 1_000_000_000),
        ] {
            assert_eq!(CreateTime::parse(text), Some(CreateTime(seconds)), "{text}");
        }
        let odd =
            ["", "0", "-1", "+1", "1.5", "1e9", "soon", "1767225600 ", "１７６７２２５６００", "2026-01-01"];
        let late = ["253402207201", "999999999999", "1767225600000000", "99999999999999999999"];
        for text in odd.into_iter().chain(late) {
            assert_eq!(CreateTime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_code_digest_survives_its_text_form() {
        let digest = CodeDigest::of(&Secret::new("queryauthcode@@@x"));
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }
}
