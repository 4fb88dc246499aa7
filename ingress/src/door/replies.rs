//! Passive replies: what a message is answered with, decided from the message alone.

use mandate_runtime::config::{Answer, ReplyRule, TextMatch};
use mandate_schema::{AuthorizerId, ComponentId};
use mandate_wechat::{
    message::Message,
    release_check::{self, Step},
    reply::{self, Address, Article, Music},
};

/// What a message is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Received, nothing to add.
    Success,
    /// Nothing at all, which the release check asks for.
    Empty,
    /// This XML, to be sealed.
    Xml(String),
}

/// The reply to a message that came to this account's URL. `now` in Unix seconds.
pub(super) fn reply(
    rules: &[ReplyRule],
    component: &ComponentId,
    authorizer: &AuthorizerId,
    message: &Message,
    now: i64,
) -> Reply {
    let (Some(to_user), Some(from_user)) = (&message.from_user, &message.to_user) else {
        return Reply::Success; // there is nobody to reply to
    };
    let address = Address { to_user, from_user };
    match release_check::step(message) {
        Some(Step::ApiText(_)) => return Reply::Empty,
        Some(Step::Text(said) | Step::Event(said)) => return Reply::Xml(reply::text(address, now, &said)),
        None => {}
    }
    let rule = rules.iter().find(|rule| matches(rule, component, authorizer, message));
    rule.map_or(Reply::Success, |rule| Reply::Xml(xml(&rule.answer, address, now)))
}

fn matches(rule: &ReplyRule, component: &ComponentId, authorizer: &AuthorizerId, message: &Message) -> bool {
    let ReplyRule { component: of, authorizer: to, msg_type, event, event_key, text, answer } = rule;
    // WeChat hands over messages only.
    let is_possible = !matches!(answer, Answer::TransferCustomerService { .. }) || !is_event(message);
    is_possible
        && of.as_ref().is_none_or(|of| of == component)
        && to.as_ref().is_none_or(|to| to == authorizer)
        && msg_type.as_ref().is_none_or(|msg_type| is_called(message.msg_type.as_ref(), msg_type))
        && event.as_ref().is_none_or(|event| is_called(message.event.as_ref(), event))
        && event_key.as_ref().is_none_or(|key| message.document.get("EventKey") == Some(key))
        && text
            .as_ref()
            .is_none_or(|text| message.document.get("Content").is_some_and(|said| fits(text, said)))
}

fn is_event(message: &Message) -> bool {
    message.event.is_some() || is_called(message.msg_type.as_ref(), "event")
}

/// Names differ in upper and lower case between `WeChat`'s own pages.
fn is_called(name: Option<&String>, wanted: &str) -> bool {
    name.is_some_and(|name| name.eq_ignore_ascii_case(wanted))
}

fn fits(text: &TextMatch, said: &str) -> bool {
    match text {
        TextMatch::Exact(text) => said.trim() == text.trim(),
        TextMatch::Prefix(text) => said.trim_start().starts_with(text.as_str()),
    }
}

fn xml(answer: &Answer, address: Address<'_>, now: i64) -> String {
    match answer {
        Answer::Text { content } => reply::text(address, now, content),
        Answer::Image { media_id } => reply::image(address, now, media_id),
        Answer::Voice { media_id } => reply::voice(address, now, media_id),
        Answer::Video { media_id, title, description } => {
            reply::video(address, now, media_id, title.as_deref(), description.as_deref())
        }
        Answer::Music { title, description, url, hq_url, thumb_media_id } => {
            let music = Music {
                title: title.as_deref(),
                description: description.as_deref(),
                url: url.as_deref(),
                hq_url: hq_url.as_deref(),
                thumb_media_id,
            };
            reply::music(address, now, music)
        }
        Answer::News { articles } => {
            let articles = articles.iter().map(|article| Article {
                title: &article.title,
                description: article.description.as_deref(),
                pic_url: article.pic_url.as_deref(),
                url: &article.url,
            });
            reply::news(address, now, articles)
        }
        Answer::TransferCustomerService { agent } => {
            reply::transfer_customer_service(address, now, agent.as_deref())
        }
    }
}

#[cfg(test)]
mod tests {
    use mandate_wechat::message::parse_message;

    use super::*;

    fn answer_to(rules: &[ReplyRule], fields: &str) -> Reply {
        let xml = format!(
            "<xml><ToUserName>gh_0a1b2c3d4e5f</ToUserName><FromUserName>oXyz</FromUserName>\
             <CreateTime>1767225600</CreateTime>{fields}</xml>"
        );
        let message = parse_message(&xml).expect("a message");
        let (component, authorizer) = ("wx1f2e3d4c5b6a7988", "wxa0b1c2d3e4f50617");
        reply(rules, &component.parse().expect("valid"), &authorizer.parse().expect("valid"), &message, 7)
    }

    fn rule(content: &str) -> ReplyRule {
        ReplyRule {
            component: None,
            authorizer: None,
            msg_type: None,
            event: None,
            event_key: None,
            text: None,
            answer: Answer::Text { content: content.to_owned() },
        }
    }

    #[track_caller]
    fn says(reply: &Reply) -> String {
        let Reply::Xml(xml) = reply else { panic!("{reply:?}") };
        let message = parse_message(xml).expect("a message");
        assert_eq!(
            (message.to_user.as_deref(), message.from_user.as_deref()),
            (Some("oXyz"), Some("gh_0a1b2c3d4e5f"))
        );
        message.document.get("Content").expect("a text").to_owned()
    }

    const TEXT: &str = "<MsgType>text</MsgType><Content> hello you </Content>";

    #[test]
    fn the_first_rule_that_matches_answers() {
        assert_eq!(answer_to(&[], TEXT), Reply::Success);
        assert_eq!(says(&answer_to(&[rule("first"), rule("second")], TEXT)), "first");
        let other = ReplyRule { text: Some(TextMatch::Exact("bye".into())), ..rule("first") };
        assert_eq!(says(&answer_to(&[other.clone(), rule("second")], TEXT)), "second");
        assert_eq!(answer_to(&[other], TEXT), Reply::Success);
    }

    #[test]
    fn a_rule_asks_for_all_that_it_names() {
        let click = "<MsgType>event</MsgType><Event>click</Event><EventKey>hours</EventKey>";
        let some = |text: &str| Some(text.to_owned());
        for (rule, fields, expected) in [
            (ReplyRule { msg_type: some("text"), ..rule("") }, TEXT, true),
            (ReplyRule { msg_type: some("text"), ..rule("") }, click, false),
            (ReplyRule { event: some("CLICK"), ..rule("") }, click, true),
            (ReplyRule { event: some("CLICK"), event_key: some("hours"), ..rule("") }, click, true),
            (ReplyRule { event: some("CLICK"), event_key: some("Hours"), ..rule("") }, click, false),
            (ReplyRule { event: some("CLICK"), ..rule("") }, TEXT, false),
            (ReplyRule { text: Some(TextMatch::Exact("hello you".into())), ..rule("") }, TEXT, true),
            (ReplyRule { text: Some(TextMatch::Exact("hello".into())), ..rule("") }, TEXT, false),
            (ReplyRule { text: Some(TextMatch::Prefix("hello".into())), ..rule("") }, TEXT, true),
            (ReplyRule { text: Some(TextMatch::Prefix("you".into())), ..rule("") }, TEXT, false),
            (ReplyRule { text: Some(TextMatch::Prefix("h".into())), ..rule("") }, click, false),
            (ReplyRule { component: "wx1f2e3d4c5b6a7988".parse().ok(), ..rule("") }, TEXT, true),
            (ReplyRule { component: "wx0000000000000000".parse().ok(), ..rule("") }, TEXT, false),
            (ReplyRule { authorizer: "wxa0b1c2d3e4f50617".parse().ok(), ..rule("") }, TEXT, true),
            (ReplyRule { authorizer: "wxb0b1c2d3e4f50617".parse().ok(), ..rule("") }, TEXT, false),
        ] {
            assert_eq!(
                answer_to(std::slice::from_ref(&rule), fields) != Reply::Success,
                expected,
                "{rule:?}"
            );
        }
    }

    #[test]
    fn messages_are_handed_over_to_customer_service_and_events_are_not() {
        let transfer =
            ReplyRule { answer: Answer::TransferCustomerService { agent: Some("a@b".into()) }, ..rule("") };
        let rules = [transfer.clone(), rule("the next rule")];
        for (fields, is_message) in [
            (TEXT, true),
            ("<MsgType>image</MsgType><MediaId>m</MediaId>", true),
            ("<MsgType>miniprogrampage</MsgType>", true),
            ("<MsgType>event</MsgType><Event>CLICK</Event><EventKey>hours</EventKey>", false),
            ("<MsgType>event</MsgType><Event>subscribe</Event>", false),
            ("<MsgType>EVENT</MsgType><Event>user_enter_tempsession</Event>", false),
            ("<MsgType>event</MsgType>", false),
        ] {
            let Reply::Xml(xml) = answer_to(&rules, fields) else { panic!("{fields}") };
            let kind = parse_message(&xml).expect("a message").msg_type;
            let expected = if is_message { "transfer_customer_service" } else { "text" };
            assert_eq!(kind.as_deref(), Some(expected), "{fields}");
        }
        let for_events = ReplyRule { event: Some("CLICK".into()), ..transfer };
        let click = "<MsgType>event</MsgType><Event>CLICK</Event>";
        assert_eq!(answer_to(&[for_events], click), Reply::Success);
    }

    #[test]
    fn the_release_check_comes_before_every_rule() {
        let to_test_account = |fields: &str| {
            let xml = format!(
                "<xml><ToUserName>gh_3c884a361561</ToUserName><FromUserName>oXyz</FromUserName>\
                 <CreateTime>1</CreateTime>{fields}</xml>"
            );
            let message = parse_message(&xml).expect("a message");
            let (component, authorizer) = ("wx1f2e3d4c5b6a7988", "wx570bc396a51b8ff8");
            let ids = (component.parse().expect("valid"), authorizer.parse().expect("valid"));
            reply(&[rule("a rule")], &ids.0, &ids.1, &message, 7)
        };
        let said = |reply: Reply| match reply {
            Reply::Xml(xml) => {
                parse_message(&xml).expect("a message").document.get("Content").map(str::to_owned)
            }
            Reply::Success | Reply::Empty => None,
        };
        let text = |content: &str| format!("<MsgType>text</MsgType><Content>{content}</Content>");
        let plain = to_test_account(&text("TESTCOMPONENT_MSG_TYPE_TEXT"));
        assert_eq!(said(plain).as_deref(), Some("TESTCOMPONENT_MSG_TYPE_TEXT_callback"));
        let event = to_test_account("<MsgType>event</MsgType><Event>LOCATION</Event>");
        assert_eq!(said(event).as_deref(), Some("LOCATIONfrom_callback"));
        assert_eq!(to_test_account(&text("QUERY_AUTH_CODE:x")), Reply::Empty);
        assert_eq!(said(to_test_account(&text("hello"))).as_deref(), Some("a rule"));
    }

    #[test]
    fn nobody_is_answered_whom_the_message_does_not_name() {
        let message = parse_message("<xml><CreateTime>1</CreateTime></xml>").expect("a message");
        let ids =
            ("wx1f2e3d4c5b6a7988".parse().expect("valid"), "wxa0b1c2d3e4f50617".parse().expect("valid"));
        assert_eq!(reply(&[rule("hi")], &ids.0, &ids.1, &message, 7), Reply::Success);
    }
}
