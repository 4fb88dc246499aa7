//! Passive replies: what stands in the response to a push of the message URL, before
//! [`crate::envelope::KeyRing::seal_reply`] seals it.

use crate::xml::cdata;

/// The body that says "received, nothing to add" on both URLs. It is never sealed: a sealed one makes the user's chat show
/// a fault notice.
pub const SUCCESS: &str = "success";

/// Whom a passive reply is for. Receiver and sender are those of the push, swapped.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    /// The push's `FromUserName`: openid of the user.
    pub to_user: &'a str,
    /// The push's `ToUserName`: original id of the account.
    pub from_user: &'a str,
}

/// A text for the user of an official account. `create_time` is our clock in Unix seconds.
///
/// A mini program cannot reply with a text this way.
pub fn text(address: Address<'_>, create_time: i64, content: &str) -> String {
    inner(address, create_time, "text", &format!("<Content>{}</Content>\n", cdata(content)))
}

/// Hands the user's message over to the account's customer service. For messages, not for events.
pub fn transfer_customer_service(address: Address<'_>, create_time: i64) -> String {
    inner(address, create_time, "transfer_customer_service", "")
}

fn inner(address: Address<'_>, create_time: i64, msg_type: &str, content: &str) -> String {
    format!(
        "<xml>\n<ToUserName>{}</ToUserName>\n<FromUserName>{}</FromUserName>\n\
         <CreateTime>{create_time}</CreateTime>\n<MsgType>{}</MsgType>\n{content}</xml>",
        cdata(address.to_user),
        cdata(address.from_user),
        cdata(msg_type),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::parse_message;

    #[test]
    fn a_text_reply_is_a_message_the_other_way_round() {
        let address = Address { to_user: "oXyz", from_user: "gh_0a1b2c3d4e5f" };
        let reply = parse_message(&text(address, 1_767_225_600, "a]]>b 你好 😀\n<c>")).unwrap();
        assert_eq!(reply.to_user.as_deref(), Some("oXyz"));
        assert_eq!(reply.from_user.as_deref(), Some("gh_0a1b2c3d4e5f"));
        assert_eq!(reply.msg_type.as_deref(), Some("text"));
        assert_eq!(reply.document.get("Content"), Some("a]]>b 你好 😀\n<c>"));
        let transfer = parse_message(&transfer_customer_service(address, 1)).unwrap();
        assert_eq!(transfer.msg_type.as_deref(), Some("transfer_customer_service"));
    }
}
