//! Whether an answer to a push is a good one.

use super::{Draft, Form, Route, client::Answer, records::Delivery};
use crate::{envelope::Pair, state::State, xml};

/// How much of a body goes into the record.
const SHOWN: usize = 200;

/// Judges an answer. On the auth-event URL only `success` is good; on the message URL an empty body and an encrypted
/// reply that opens are good too.
pub(super) fn judge(draft: &Draft, pair: &Pair, answer: &Answer, at: jiff::Timestamp) -> Delivery {
    let millis = u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX);
    let mut delivery =
        Delivery { status: None, body: String::new(), ok: false, millis, at, reply: None, error: None };
    match &answer.result {
        Err(error) => delivery.error = Some(error.clone()),
        Ok((status, body)) => {
            let text = String::from_utf8_lossy(body);
            delivery.status = Some(*status);
            delivery.body = text.chars().take(SHOWN).collect();
            match &draft.route {
                Route::Event => delivery.ok = *status == 200 && text == "success",
                Route::Message { .. } if *status != 200 => {}
                Route::Message { .. } if text.is_empty() || text == "success" => delivery.ok = true,
                Route::Message { user_name, openid, .. } => match open_reply(&text, draft, pair) {
                    Ok(reply) => {
                        let checked = check_form("reply inside", &reply, draft.dirt.document)
                            .and_then(|()| check_reply(&reply, user_name, openid));
                        delivery.error = checked.err();
                        (delivery.ok, delivery.reply) = (delivery.error.is_none(), Some(reply));
                    }
                    Err(error) => delivery.error = Some(error),
                },
            }
        }
    }
    delivery
}

/// Opens an encrypted passive reply.
fn open_reply(text: &str, draft: &Draft, pair: &Pair) -> Result<String, String> {
    check_form("reply", text, draft.dirt.envelope)?;
    let part =
        |name: &str| xml::child_text(text, name).ok_or_else(|| format!("the reply has no single {name}"));
    let (encrypted, signature) = (part("Encrypt")?, part("MsgSignature")?);
    if pair.msg_signature(&part("TimeStamp")?, &part("Nonce")?, &encrypted) != signature {
        return Err("the reply's MsgSignature is wrong".to_owned());
    }
    crate::envelope::decrypt(&pair.key, &encrypted, draft.component.as_str())
        .map_err(|error| format!("the reply does not open: {error}"))
}

/// A reply must have the form that the push had.
fn check_form(what: &str, text: &str, wanted: Form) -> Result<(), String> {
    let form = if text.starts_with('{') { Form::Json } else { Form::Xml };
    if form == wanted { Ok(()) } else { Err(format!("the {what} is {form:?}, but the push was {wanted:?}")) }
}

/// The types of passive replies.
const REPLY_TYPES: [&str; 7] =
    ["text", "image", "voice", "video", "music", "news", "transfer_customer_service"];

/// Checks what all passive replies have in common: they go back to the user who wrote, from the account that was written to.
fn check_reply(reply: &str, user_name: &str, openid: &str) -> Result<(), String> {
    let wanted = [("ToUserName", openid), ("FromUserName", user_name)];
    for (name, wanted) in wanted {
        let said = xml::child_text(reply, name).unwrap_or_default();
        if said != wanted {
            return Err(format!("the reply's {name} is {said:?}, not {wanted:?}"));
        }
    }
    let field = |name| xml::child_text(reply, name).unwrap_or_default();
    if field("CreateTime").parse::<u32>().is_err() {
        return Err("the reply has no CreateTime in seconds".to_owned());
    }
    let msg_type = field("MsgType");
    if !REPLY_TYPES.contains(&msg_type.as_str()) {
        return Err(format!("the reply's MsgType {msg_type:?} is none that WeChat knows"));
    }
    Ok(())
}

impl State {
    /// Tries in all for a push that is not answered well.
    pub(super) fn tries(&self, route: &Route) -> u32 {
        use crate::switches::{EventRetry, MessageRetry};
        match route {
            Route::Event => match self.switches.event_retry {
                EventRetry::None => 1,
                EventRetry::Three => 3,
            },
            Route::Message { .. } => match self.switches.message_retry {
                MessageRetry::Three => 3,
                MessageRetry::None => 1,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mandate_schema::{AuthorizerId, Secret};

    use super::*;
    use crate::{envelope, push::Dirt};

    const COMPONENT: &str = "wx1f2e3d4c5b6a7988";

    fn pair() -> Pair {
        let key = Secret::new("BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY");
        Pair::parse(&Secret::new("RustComponentToken01"), &key).expect("valid")
    }

    fn message() -> Route {
        let authorizer = AuthorizerId::parse("wxa0b1c2d3e4f50617").expect("valid");
        Route::Message { authorizer, user_name: "gh_0a1b2c3d4e5f".into(), openid: "o1".into() }
    }

    fn judged(route: &Route, status: u16, body: &str) -> Delivery {
        judged_after(route, &Dirt::default(), status, body)
    }

    fn judged_after(route: &Route, dirt: &Dirt, status: u16, body: &str) -> Delivery {
        let answer = Answer { result: Ok((status, body.as_bytes().to_vec())), took: Duration::ZERO };
        let draft = Draft {
            component: COMPONENT.parse().expect("valid"),
            subject: None,
            route: route.clone(),
            name: String::new(),
            create_time: 0,
            elements: Vec::new(),
            plaintext: Vec::new(),
            forge: None,
            dirt: dirt.clone(),
        };
        judge(&draft, &pair(), &answer, jiff::Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_reply_must_have_the_form_of_the_push_outside_and_inside() {
        let pair = pair();
        let sealed = |inner: &str, form: Form| {
            let encrypted = envelope::encrypt(&pair.key, [b'7'; 16], inner, COMPONENT);
            let signature = pair.msg_signature("17", "42", &encrypted);
            match form {
                Form::Xml => format!(
                    "<xml><Encrypt>{encrypted}</Encrypt><MsgSignature>{signature}</MsgSignature>\
                     <TimeStamp>17</TimeStamp><Nonce>42</Nonce></xml>"
                ),
                Form::Json => format!(
                    r#"{{"Encrypt":"{encrypted}","MsgSignature":"{signature}","TimeStamp":17,"Nonce":"42"}}"#
                ),
            }
        };
        let xml = "<xml><ToUserName>o1</ToUserName><FromUserName>gh_0a1b2c3d4e5f</FromUserName>\
                   <CreateTime>17</CreateTime><MsgType>text</MsgType><Content>hi</Content></xml>";
        let json = r#"{"ToUserName":"o1","FromUserName":"gh_0a1b2c3d4e5f","CreateTime":17,"MsgType":"text"}"#;
        for (envelope, document) in
            [(Form::Json, Form::Json), (Form::Json, Form::Xml), (Form::Xml, Form::Json)]
        {
            let dirt = Dirt { envelope, document, ..Dirt::default() };
            let inner = |form| if form == Form::Json { json } else { xml };
            let other = |form| if form == Form::Json { Form::Xml } else { Form::Json };
            let good = judged_after(&message(), &dirt, 200, &sealed(inner(document), envelope));
            assert!(good.ok, "{good:?}");
            let bad = judged_after(&message(), &dirt, 200, &sealed(inner(other(document)), envelope));
            assert!(!bad.ok && bad.error.is_some_and(|error| error.contains("inside")));
            assert!(!judged_after(&message(), &dirt, 200, &sealed(inner(document), other(envelope))).ok);
        }
    }

    #[test]
    fn only_success_is_good_on_the_event_url() {
        assert!(judged(&Route::Event, 200, "success").ok);
        for (status, body) in
            [(200, ""), (200, "Success"), (200, "success\n"), (403, "success"), (200, "<html>")]
        {
            assert!(!judged(&Route::Event, status, body).ok, "{status} {body:?} was taken");
        }
    }

    #[test]
    fn an_encrypted_reply_is_opened_and_a_wrong_one_is_not_good() {
        let pair = pair();
        let reply = |inner: &str, stamp: &str| {
            let encrypted = envelope::encrypt(&pair.key, [b'7'; 16], inner, COMPONENT);
            let signature = pair.msg_signature(stamp, "42", &encrypted);
            format!(
                "<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt><MsgSignature>{signature}</MsgSignature>\
                 <TimeStamp>17</TimeStamp><Nonce>42</Nonce></xml>"
            )
        };
        let text = "<xml><ToUserName>o1</ToUserName><FromUserName><![CDATA[gh_0a1b2c3d4e5f]]></FromUserName>\
                    <CreateTime>17</CreateTime><MsgType>text</MsgType><Content>hi</Content></xml>";
        let good = judged(&message(), 200, &reply(text, "17"));
        assert_eq!((good.ok, good.reply.as_deref()), (true, Some(text)));
        assert!(!judged(&message(), 200, &reply(text, "18")).ok, "a wrong signature");
        for (part, other) in
            [("o1", "o2"), ("gh_0a1b2c3d4e5f", "gh_1"), (">17<", ">soon<"), (">text<", ">txt<")]
        {
            let bad = judged(&message(), 200, &reply(&text.replace(part, other), "17"));
            assert!(!bad.ok && bad.error.is_some(), "{other} was taken");
        }
        assert!(judged(&message(), 200, "").ok);
        assert!(!judged(&message(), 200, "{}").ok);
    }
}
