//! What comes to the message URL: what users write and what happens to an account.
//!
//! Only what routing and ids need is typed; the document has all of it.

use std::fmt;

use mandate_schema::{CreateTime, Document, MessageData, MessageEvent, Push};

use crate::{
    callback,
    envelope::CallbackQuery,
    form::{self, Form, Unreadable},
};

/// One opened push of the message URL.
///
/// Nothing in it names the account's appid: that comes from the unsigned URL and must agree with `to_user`.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// `WeChat`'s time of what happened. `None` if it is absent or no time.
    pub create_time: Option<CreateTime>,
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
    /// The form that it came in, and in which it is replied to.
    pub form: Form,
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
/// [`Unreadable`] if it is neither XML nor JSON.
pub fn parse_message(plaintext: &(impl AsRef<[u8]> + ?Sized)) -> Result<Message, Unreadable> {
    let read = form::read(plaintext.as_ref())?;
    let text = |name| read.root.child_value(name).map(str::to_owned);
    let id = |name| read.root.child_whole(name).map(str::to_owned);
    Ok(Message {
        create_time: callback::create_time(&read.root),
        to_user: id("ToUserName"),
        from_user: id("FromUserName"),
        msg_type: text("MsgType"),
        event: text("Event"),
        msg_id: id("MsgId"),
        form: read.form,
        document: read.document(),
    })
}

/// The published form of a push of the message URL, of this time, and what it says.
///
/// # Panics
///
/// If the push is not one of the message URL: those name an account.
pub fn published(push: &Push, time: CreateTime, message: Message) -> MessageEvent {
    let query = CallbackQuery::parse(&push.query);
    let data = MessageData {
        component: push.component.clone(),
        authorizer: push.authorizer.clone().expect("a push of the message URL names an account"),
        msg_type: message.msg_type,
        event: message.event,
        create_time: time,
        document: message.document,
        unverified: push.unverified,
        late: query.is_ok_and(|query| query.is_late_at(push.received_at)),
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
        assert_eq!(message.create_time, Some(CreateTime(1_767_225_600)));
        assert_eq!(message.msg_type.as_deref(), Some("text"));
        assert_eq!(message.event, None);
        assert_eq!(message.msg_id.as_deref(), Some("7"));
        assert_eq!(message.document.get("Content"), Some(" hi "));
    }

    #[test]
    fn debug_shows_neither_user_nor_text() {
        let shown = format!("{:?}", parse_message(TEXT).unwrap());
        assert!(!shown.contains("oXyz") && !shown.contains("hi"), "{shown}");
    }

    #[test]
    fn a_message_without_a_usable_time_is_read_all_the_same() {
        for time in
            ["", "<CreateTime> </CreateTime>", "<CreateTime>soon</CreateTime>", "<CreateTime>0</CreateTime>"]
        {
            let message = parse_message(&format!("<xml>{time}<MsgType>text</MsgType></xml>")).unwrap();
            assert_eq!((message.create_time, message.msg_type.as_deref()), (None, Some("text")), "{time}");
        }
    }

    #[test]
    fn an_id_with_a_replaced_character_is_not_there_and_the_rest_is_read() {
        for damaged in ["gh_0a1b2c3d4e5\0", "\x01h_0a1b2c3d4e5f", "gh_0a\u{fffd}b2c3d4e5f", "\u{fffd}"] {
            let xml = format!(
                "<xml><ToUserName>{damaged}</ToUserName><FromUserName>{damaged}</FromUserName>\
                <MsgType>text\0</MsgType><MsgId>{damaged}</MsgId></xml>"
            );
            let message = parse_message(&xml).unwrap();
            assert_eq!(
                (message.to_user, message.from_user, message.msg_id),
                (None, None, None),
                "{damaged:?}"
            );
            assert_eq!(message.msg_type.as_deref(), Some("text"));
        }
    }

    #[test]
    fn a_json_message_is_like_its_xml() {
        let json = r#"{"ToUserName":"gh_0a1b2c3d4e5f","FromUserName":"oXyz","CreateTime":"\n1767225600\n",
            "MsgType":"text","Content":" hi ","MsgId":7}"#;
        let json = parse_message(json).unwrap();
        assert_eq!(json.form, Form::Json);
        assert_eq!(json.document.get("Content"), Some(" hi "));
        let xml =
            Message { form: Form::Json, document: json.document.clone(), ..parse_message(TEXT).unwrap() };
        assert_eq!(json, xml);
    }

    #[test]
    fn what_a_user_wrote_is_kept_but_for_what_is_no_character() {
        let text = |content: &[u8]| {
            let xml = [b"<xml><Content><![CDATA[", content, b"]]></Content></xml>"].concat();
            parse_message(&xml).unwrap().document.get("Content").map(str::to_owned).unwrap()
        };
        assert_eq!(text(b" a\0b\x08c\x1b "), " a\u{fffd}b\u{fffd}c\u{fffd} ");
        assert_eq!(text("好".as_bytes().split_last().unwrap().1), "\u{fffd}");
        assert_eq!(text(b"\x0c"), "\u{fffd}");
    }
}
