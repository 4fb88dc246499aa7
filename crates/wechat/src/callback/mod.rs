//! What comes to the auth-event URL: tickets, authorization changes, results of registrations and filings.
//!
//! Lenient in form (order, white space, CDATA or not, unknown elements), and nothing is lost: the whole document stays
//! beside the typed part, so an `InfoType` of tomorrow is a callback like any other.

mod filing;
mod info;
mod order_path;
mod registration;
mod verification;

pub use filing::{IcpApply, IcpVerify};
pub use info::{Grant, Info};
pub use order_path::{OrderPathApply, OrderPathApplyItem, OrderPathAudit, OrderPathAuditItem};
pub use registration::{BetaRegistration, Registration, RegistrationDetails};
pub use verification::{Dispatch, WxaAuth, WxaAuthAndIcp, WxaVerify};

use std::{collections::BTreeSet, fmt};

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, CreateTime, Document, Secret};

use crate::xml::{self, Element, XmlError};

/// One opened callback of the auth-event URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    /// The `AppId` inside: the component's. The envelope has checked the component already.
    pub app_id: String,
    /// `WeChat`'s time of what happened, in seconds; orders the facts of an authorizer. `None` if it is absent or not usable.
    pub create_time: Option<CreateTime>,
    /// The signed time of the push.
    pub signed_at: CreateTime,
    /// What happened.
    pub info: Info,
    /// All of it, secrets included.
    pub document: Document,
}

impl Callback {
    /// The `InfoType` as `WeChat` wrote it.
    pub fn info_type(&self) -> &str {
        self.info.info_type()
    }

    /// `WeChat`'s time of what happened, or else of the push.
    pub fn time(&self) -> CreateTime {
        self.create_time.unwrap_or(self.signed_at)
    }

    /// The accounts it names, also where its `InfoType` is unknown or not as expected: every element called `…appid` names
    /// one, but for the component's own.
    pub fn authorizers(&self) -> BTreeSet<AuthorizerId> {
        let named = self.document.iter().filter(|(path, _)| {
            let name = path.rsplit('.').next().unwrap_or(path);
            name.to_ascii_lowercase().ends_with("appid")
        });
        let texts =
            named.flat_map(|(_, texts)| texts).map(|text| text.trim()).filter(|text| *text != self.app_id);
        texts.filter_map(|text| AuthorizerId::parse(text).ok()).collect()
    }
}

impl fmt::Debug for Callback {
    /// Without the document: it holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback")
            .field("app_id", &self.app_id)
            .field("create_time", &self.create_time)
            .field("info_type", &self.info_type())
            .finish_non_exhaustive()
    }
}

/// A decrypted text that is not a callback or a message. It fails the same way every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedMessage {
    /// The text is not the XML we accept.
    #[error("the message is not XML: {0}")]
    Xml(#[from] XmlError),
    /// This element, which everything of its kind has, is absent or empty.
    #[error("the message has no {0}")]
    Missing(&'static str),
    /// This element is not a time in Unix seconds up to the year 9999.
    #[error("the {0} of the message is not a time")]
    BadTime(&'static str),
}

impl MalformedMessage {
    /// The name in logs and metrics.
    pub fn kind(&self) -> &'static str {
        "malformed_message"
    }
}

/// Reads the decrypted text of a push to the auth-event URL.
///
/// # Errors
///
/// [`MalformedMessage`] if it is not XML, or has no `AppId`, `InfoType` or readable `CreateTime`. All else that may be
/// missing makes [`Info::Other`].
pub fn parse_callback(plaintext: &str, signed_at: CreateTime) -> Result<Callback, MalformedMessage> {
    let root = xml::parse(plaintext)?;
    let required = |name| root.child_value(name).ok_or(MalformedMessage::Missing(name));
    Ok(Callback {
        app_id: required("AppId")?.to_owned(),
        create_time: create_time(&root).ok(),
        signed_at,
        info: Info::read(required("InfoType")?, &root),
        document: root.document(),
    })
}

/// The `CreateTime` of a callback or message.
pub(crate) fn create_time(root: &Element) -> Result<CreateTime, MalformedMessage> {
    let text = root.child_value("CreateTime").ok_or(MalformedMessage::Missing("CreateTime"))?;
    let seconds = unix_seconds(text).ok_or(MalformedMessage::BadTime("CreateTime"))?;
    Ok(CreateTime(seconds.as_second()))
}

/// Digits alone: a sign or a fraction would be something else than a Unix second.
fn unix_seconds(text: &str) -> Option<Timestamp> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().and_then(|seconds| Timestamp::from_second(seconds).ok())
}

/// Typed access to the children of an element. `None` is absent, empty or unreadable: for a required field all three mean
/// that the callback is kept as [`Info::Other`].
impl Element {
    fn owned_text(&self, name: &str) -> Option<String> {
        self.child_value(name).map(str::to_owned)
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        self.child_value(name).map(Secret::new)
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.child_value(name)?.parse().ok()
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        self.child_value(name).and_then(unix_seconds)
    }

    fn authorizer(&self, name: &str) -> Option<AuthorizerId> {
        AuthorizerId::parse(self.child_value(name)?).ok()
    }
}

#[cfg(test)]
mod tests;
