//! One push from the network to what it says: opened, named and read. Who opens a push anywhere does it here, so that all of them
//! give it the same id.

use mandate_schema::{AuthorizerId, CallbackId, ComponentId, CreateTime};

use crate::{
    callback::{Callback, parse_callback},
    envelope::{CallbackQuery, EnvelopeError, KeyRing, NobodyOpens, Opened, open_shared},
    form::Unreadable,
    message::{Message, parse_message},
};

/// A push that is from `WeChat`: signature, decryption and appid are right. That holds whatever is in it.
#[derive(Debug)]
pub struct GenuinePush {
    /// Its id, computed from its content.
    pub id: CallbackId,
    /// When it happened: its `CreateTime`, else when it was signed.
    pub time: CreateTime,
    /// What it says.
    pub content: Result<Content, BadContent>,
    /// What the envelope held.
    pub opened: Opened,
}

/// What a push says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A callback of the auth-event URL.
    Callback(Box<Callback>),
    /// A push of the message URL.
    Message(Box<Message>),
}

/// Why nothing can be decided on a genuine push. It fails the same way every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadContent {
    /// The document cannot be read.
    #[error("the message is not readable: {0}")]
    Malformed(#[from] Unreadable),
    /// The document cannot be read, and is not even UTF-8.
    #[error("the message is not UTF-8, and not readable: {0}")]
    BadUtf8(Unreadable),
    /// It is a callback of another component than the one it was sealed for.
    #[error("the AppId inside names another component than the one that the push is sealed for")]
    WrongComponent,
    /// Both URLs share their keys, so a captured push of one could be replayed at the other: as a message of any account, or as an
    /// event.
    #[error("it belongs to the other URL")]
    WrongUrl,
}

impl BadContent {
    /// The name in logs, metrics and dead letters.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed_message",
            Self::BadUtf8(_) => "bad_utf8",
            Self::WrongComponent => "wrong_component",
            Self::WrongUrl => "wrong_url",
        }
    }
}

/// Opens a push of one component. `authorizer` is the appid in the message URL, `None` on the event URL.
///
/// # Errors
///
/// [`EnvelopeError`]: it is forged or damaged.
pub fn open(
    ring: &KeyRing,
    query: &CallbackQuery,
    body: &[u8],
    authorizer: Option<&AuthorizerId>,
) -> Result<GenuinePush, EnvelopeError> {
    let opened = ring.open(query, body)?;
    Ok(GenuinePush::read(opened, ring.component(), query.signed_at(), authorizer))
}

/// Opens a push of a URL that belongs to one or more components, and says which of them it is for.
///
/// # Errors
///
/// [`NobodyOpens`]: it is forged or damaged.
pub fn open_for_any<'r>(
    rings: impl IntoIterator<Item = &'r KeyRing>,
    query: &CallbackQuery,
    body: &[u8],
    authorizer: Option<&AuthorizerId>,
) -> Result<(&'r KeyRing, GenuinePush), NobodyOpens> {
    let (ring, opened) = open_shared(rings, query, body)?;
    Ok((ring, GenuinePush::read(opened, ring.component(), query.signed_at(), authorizer)))
}

impl GenuinePush {
    fn read(
        opened: Opened,
        component: &ComponentId,
        signed_at: CreateTime,
        authorizer: Option<&AuthorizerId>,
    ) -> Self {
        let plaintext = opened.plaintext.bytes();
        let read = match authorizer {
            None => callback_of(plaintext, component, signed_at),
            Some(_) => message_of(plaintext),
        };
        let (create_time, content) = match read {
            Ok((create_time, content)) => (create_time, content),
            Err(unreadable) => (None, Err(unreadable_as(plaintext, unreadable))),
        };
        let time = create_time.unwrap_or(signed_at);
        let id = CallbackId::compute(time, component, authorizer, plaintext);
        Self { id, time, content, opened }
    }
}

type Read = (Option<CreateTime>, Result<Content, BadContent>);

fn callback_of(plaintext: &[u8], component: &ComponentId, signed_at: CreateTime) -> Result<Read, Unreadable> {
    let callback = parse_callback(plaintext, signed_at)?;
    let create_time = callback.create_time;
    let content = if callback.app_id.as_deref().is_some_and(|app_id| app_id != component.as_str()) {
        Err(BadContent::WrongComponent)
    } else if callback.is_message() {
        Err(BadContent::WrongUrl)
    } else {
        Ok(Content::Callback(Box::new(callback)))
    };
    Ok((create_time, content))
}

fn message_of(plaintext: &[u8]) -> Result<Read, Unreadable> {
    let message = parse_message(plaintext)?;
    let create_time = message.create_time;
    // Only callbacks have an InfoType.
    let content = match message.document.get("InfoType") {
        Some(_) => Err(BadContent::WrongUrl),
        None => Ok(Content::Message(Box::new(message))),
    };
    Ok((create_time, content))
}

fn unreadable_as(plaintext: &[u8], unreadable: Unreadable) -> BadContent {
    match str::from_utf8(plaintext) {
        Ok(_) => BadContent::Malformed(unreadable),
        Err(_) => BadContent::BadUtf8(unreadable),
    }
}

#[cfg(test)]
mod limits_tests;
#[cfg(test)]
mod tests;
