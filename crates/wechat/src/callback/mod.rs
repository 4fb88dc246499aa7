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

use crate::{
    form::{self, Unreadable},
    text::{REPLACEMENT, is_blank},
    tree::Element,
};

/// One opened callback of the auth-event URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    /// The `AppId` inside, if there is one: the component's.
    pub app_id: Option<String>,
    /// `WeChat`'s time of what happened; orders the facts of an account. `None` if it is absent or no time.
    pub create_time: Option<CreateTime>,
    /// The signed time of the push.
    pub signed_at: CreateTime,
    /// What happened.
    pub info: Info,
    /// All of it, secrets included.
    pub document: Document,
}

impl Callback {
    /// The `InfoType` as `WeChat` wrote it; empty if there is none.
    pub fn info_type(&self) -> &str {
        self.info.info_type()
    }

    /// When it happened: `create_time`, else when the push was signed.
    pub fn time(&self) -> CreateTime {
        self.create_time.unwrap_or(self.signed_at)
    }

    /// Whether it is a push of the message URL: those have a `MsgType`, and no `InfoType`.
    pub(crate) fn is_message(&self) -> bool {
        self.info_type().is_empty() && self.document.get("MsgType").is_some()
    }

    /// The accounts it names, also where its `InfoType` is unknown or not as expected: every element called `…appid` names
    /// one, but for the component's own.
    pub fn authorizers(&self) -> BTreeSet<AuthorizerId> {
        let named = self.document.iter().filter(|(path, _)| {
            let name = path.rsplit('.').next().unwrap_or(path);
            name.to_ascii_lowercase().ends_with("appid")
        });
        let own = self.app_id.as_deref();
        let texts = named
            .flat_map(|(_, texts)| texts)
            .filter_map(|text| whole_appid(text))
            .filter(|text| Some(*text) != own);
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

/// Reads the decrypted text of a push to the auth-event URL, signed at this time. Whatever is missing, what can be read is
/// read: without its fields, or without an `InfoType`, it is [`Info::Other`].
///
/// # Errors
///
/// [`Unreadable`] if it is neither XML nor JSON.
pub fn parse_callback(
    plaintext: &(impl AsRef<[u8]> + ?Sized),
    signed_at: CreateTime,
) -> Result<Callback, Unreadable> {
    let read = form::read(plaintext.as_ref())?;
    let root = &read.root;
    Ok(Callback {
        app_id: root.child("AppId").and_then(|id| whole_appid(&id.text)).map(str::to_owned),
        create_time: create_time(root),
        signed_at,
        info: Info::read(root.child_value("InfoType").unwrap_or_default(), root),
        document: read.document(),
    })
}

/// The `CreateTime` of a callback or message.
pub(crate) fn create_time(root: &Element) -> Option<CreateTime> {
    time_in(root.child("CreateTime")?)
}

/// A time. Where a character was replaced, what remains must have the length of one: no digit is missing then.
fn time_in(element: &Element) -> Option<CreateTime> {
    const LENGTHS: [usize; 2] = [10, 13]; // seconds, milliseconds
    let text = element.value()?;
    let is_whole = element.whole().is_some() || LENGTHS.contains(&text.len());
    if is_whole { CreateTime::parse(text) } else { None }
}

/// The appid in a text. Where a character was replaced, what remains must have the form of one: no character is missing then.
fn whole_appid(text: &str) -> Option<&str> {
    const LENGTH: usize = 18;
    let id = text.trim_matches(is_blank);
    let has_form = id.len() == LENGTH && id.starts_with("wx") && id.is_ascii();
    Some(id).filter(|id| !id.is_empty() && (has_form || !text.contains(REPLACEMENT)))
}

/// Typed access to the children of an element. `None` is absent, empty or unreadable: for a required field all three mean
/// that the callback is kept as [`Info::Other`].
impl Element {
    fn owned_text(&self, name: &str) -> Option<String> {
        self.child_value(name).map(str::to_owned)
    }

    /// An id that is not an appid.
    fn id(&self, name: &str) -> Option<String> {
        self.child_whole(name).map(str::to_owned)
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        self.child_whole(name).map(Secret::new)
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.child_value(name)?.parse().ok()
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        let seconds = time_in(self.child(name)?)?;
        Timestamp::from_second(seconds.0).ok()
    }

    fn authorizer(&self, name: &str) -> Option<AuthorizerId> {
        AuthorizerId::parse(whole_appid(&self.child(name)?.text)?).ok()
    }
}

#[cfg(test)]
mod tests;
