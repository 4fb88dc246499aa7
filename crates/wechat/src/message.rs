//! What comes to the message URL: what users write and what happens to an account.
//!
//! Only what routing and ids need is typed; the document has all of it.

use std::fmt;

use mandate_schema::{CreateTime, Document, MessageData, MessageEvent, Push};

pub use crate::callback::MalformedMessage;
use crate::{callback, xml};

/// One opened push of the message URL.
///
/// Nothing in it names the account's appid: that comes from the unsigned URL and must agree with `to_user`.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// `WeChat`'s time of what happened, in seconds.
    pub create_time: CreateTime,
    /// Original id (`gh_…`) of the account.
    pub to_user: Option<String>,
    /// Openid of the user.
    pub from_user: Option<String>,
    /// `text`, `image`, … or `event`.
    pub msg_type: Option<String>,
    /// Which event, if `msg_type` is `event`.
    pub event: Option<String>,
    /// Identity of a message; events have none as a rule.
    pub msg_id: Option<String>,
    /// All of it, as it came.
    pub document: Document,
}

impl fmt::Debug for Message {
    /// Without what the user wrote and who it was.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("create_time", &self.create_time)
            .field("to_user", &self.to_user)
            .field("msg_type", &self.msg_type)
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}

/// Reads the decrypted text of a push to the message URL.
///
/// # Errors
///
/// [`MalformedMessage`] if it is not XML or has no readable `CreateTime`.
pub fn parse_message(plaintext: &str) -> Result<Message, MalformedMessage> {
    let root = xml::parse(plaintext)?;
    let text = |name| root.child_value(name).map(str::to_owned);
    Ok(Message {
        create_time: callback::create_time(&root)?,
        to_user: text("ToUserName"),
        from_user: text("FromUserName"),
        msg_type: text("MsgType"),
        event: text("Event"),
        msg_id: text("MsgId"),
        document: root.document(),
    })
}

/// The `CreateTime` of a push to the message URL, which its id starts with.
///
/// # Errors
///
/// [`MalformedMessage`] if it is not XML or has no readable `CreateTime`.
pub fn create_time(plaintext: &str) -> Result<CreateTime, MalformedMessage> {
    callback::create_time(&xml::parse(plaintext)?)
}

/// The published form of a push of the message URL and what it says.
///
/// # Panics
///
/// If the push is not one of the message URL: those name an account.
pub fn published(push: &Push, message: Message) -> MessageEvent {
    let data = MessageData {
        component: push.component.clone(),
        authorizer: push.authorizer.clone().expect("a push of the message URL names an account"),
        msg_type: message.msg_type,
        event: message.event,
        create_time: message.create_time,
        document: message.document,
        unverified: push.unverified,
    };
    MessageEvent::new(push.id, data, push.received_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<xml><ToUserName><![CDATA[gh_0a1b2c3d4e5f]]></ToUserName>\
        <FromUserName><![CDATA[oXyz]]></FromUserName><CreateTime>\n<![CDATA[1767225600]]>\n</CreateTime>\
        <MsgType><![CDATA[text]]></MsgType><Content><![CDATA[ hi ]]></Content><MsgId>7</MsgId></xml>";

    #[test]
    fn a_text_keeps_the_white_space_its_user_wrote() {
        let message = parse_message(TEXT).unwrap();
        assert_eq!(message.create_time, CreateTime(1_767_225_600));
        assert_eq!(message.msg_type.as_deref(), Some("text"));
        assert_eq!(message.event, None);
        assert_eq!(message.msg_id.as_deref(), Some("7"));
        assert_eq!(message.document.get("Content"), Some(" hi "));
        assert_eq!(create_time(TEXT), Ok(message.create_time));
    }

    #[test]
    fn debug_shows_neither_user_nor_text() {
        let shown = format!("{:?}", parse_message(TEXT).unwrap());
        assert!(!shown.contains("oXyz") && !shown.contains("hi"), "{shown}");
    }

    #[test]
    fn a_message_without_a_time_is_malformed() {
        let missing = Err(MalformedMessage::Missing("CreateTime"));
        assert_eq!(create_time("<xml><MsgType>text</MsgType></xml>"), missing);
        assert_eq!(create_time("<xml><CreateTime> </CreateTime></xml>"), missing);
        for bad in ["-1", "+1", "1.5", "soon", "99999999999999999999", "999999999999"] {
            let xml = format!("<xml><CreateTime>{bad}</CreateTime></xml>");
            assert_eq!(create_time(&xml), Err(MalformedMessage::BadTime("CreateTime")), "{bad}");
        }
    }
}
