//! The check before 全网发布 (全网发布接入检测, protocol 3.4): which pushes are `WeChat`'s own test and no user's, and what it
//! wants to hear.

use mandate_schema::Secret;

use crate::message::Message;

/// A test account of the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestAccount {
    /// Its appid.
    pub app_id: &'static str,
    /// Its original id.
    pub original_id: &'static str,
    /// Whether it is a mini program.
    pub is_mini_program: bool,
}

const fn official_account(app_id: &'static str, original_id: &'static str) -> TestAccount {
    TestAccount { app_id, original_id, is_mini_program: false }
}

const fn mini_program(app_id: &'static str, original_id: &'static str) -> TestAccount {
    TestAccount { app_id, original_id, is_mini_program: true }
}

/// The test accounts: an official account and a mini program in each of five groups. `WeChat` takes a group at random.
pub const TEST_ACCOUNTS: [TestAccount; 10] = [
    official_account("wx570bc396a51b8ff8", "gh_3c884a361561"),
    mini_program("wxd101a85aa106f53e", "gh_8dad206e9538"),
    official_account("wx9252c5e0bb1836fc", "gh_c0f28a78b318"),
    mini_program("wxc39235c15087f6f3", "gh_905ae9d01059"),
    official_account("wx8e1097c5bc82cde9", "gh_3f222ed8d140"),
    mini_program("wx7720d01d4b2a4500", "gh_393666f1fdf4"),
    official_account("wx14550af28c71a144", "gh_26128078e9ab"),
    mini_program("wx05d483572dcd5d8b", "gh_39abb5d4e1b7"),
    official_account("wxa35b9c23cfe664eb", "gh_2b3713f184a6"),
    mini_program("wx5910277cae6fd970", "gh_7818dcb60240"),
];

/// The text that wants a passive reply.
const PLAIN_TEXT: &str = "TESTCOMPONENT_MSG_TYPE_TEXT";
/// The text that brings an authorization code: a secret.
const API_TEXT: &str = "QUERY_AUTH_CODE:";

/// A step of the check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A text that wants this text as a passive reply, at once.
    Text(String),
    /// An event that wants this text as a passive reply, at once. Older editions of the check had it; the event is one like any
    /// other apart from that.
    Event(String),
    /// A text that wants an empty answer, and soon a customer-service message: [`api_text`] of this code.
    ApiText(Secret),
}

impl Step {
    /// Whether the push is for the platform alone: it is never published, and may hold an authorization code.
    pub fn is_secret(&self) -> bool {
        match self {
            Self::Text(_) | Self::ApiText(_) => true,
            Self::Event(_) => false,
        }
    }
}

/// The step that a push is. Account and content must both match, so that no user can write one.
pub fn step(message: &Message) -> Option<Step> {
    let to = message.to_user.as_deref()?;
    if !TEST_ACCOUNTS.iter().any(|account| account.original_id == to) {
        return None;
    }
    if let Some(event) = message.event.as_deref().filter(|_| message.msg_type.as_deref() == Some("event")) {
        return Some(Step::Event(format!("{event}from_callback")));
    }
    let content = message.document.get("Content").unwrap_or_default().trim();
    match content.strip_prefix(API_TEXT) {
        Some(code) => Some(Step::ApiText(Secret::new(code.trim_start()))),
        None if content == PLAIN_TEXT => Some(Step::Text(format!("{PLAIN_TEXT}_callback"))),
        None => None,
    }
}

/// What the customer-service message must say after [`Step::ApiText`].
pub fn api_text(code: &Secret) -> Secret {
    Secret::new(format!("{}_from_api", code.expose()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mandate_schema::AuthorizerId;

    use super::*;
    use crate::message::parse_message;

    fn push(to: &str, fields: &str) -> Option<Step> {
        let xml =
            format!("<xml><ToUserName>{to}</ToUserName><CreateTime>1767225600</CreateTime>{fields}</xml>");
        step(&parse_message(&xml).expect("a message"))
    }

    fn text(to: &str, content: &str) -> Option<Step> {
        push(to, &format!("<MsgType>text</MsgType><Content>{content}</Content>"))
    }

    #[test]
    fn account_and_content_must_both_match() {
        let code = "queryauthcode@@@x";
        for account in TEST_ACCOUNTS {
            let to = account.original_id;
            let said = "TESTCOMPONENT_MSG_TYPE_TEXT_callback".to_owned();
            assert_eq!(text(to, "TESTCOMPONENT_MSG_TYPE_TEXT"), Some(Step::Text(said.clone())));
            assert_eq!(text(to, &format!("QUERY_AUTH_CODE:{code}")), Some(Step::ApiText(Secret::new(code))));
            for blanks in [[" ", ""], ["", "\n"], ["\t ", "\r\n "], ["\u{3000}", "\u{a0}"]] {
                for before in ["", " ", "\r\n", "\t\u{3000}"] {
                    let content = format!("{before}QUERY_AUTH_CODE:{}{code}{}", blanks[0], blanks[1]);
                    assert_eq!(text(to, &content), Some(Step::ApiText(Secret::new(code))), "{content:?}");
                }
                let content = format!("{}TESTCOMPONENT_MSG_TYPE_TEXT{}", blanks[0], blanks[1]);
                assert_eq!(text(to, &content), Some(Step::Text(said.clone())), "{content:?}");
            }
            for content in
                ["", " ", "hi", "TESTCOMPONENT_MSG_TYPE_TEXT2", "QUERY_AUTH_CODE x", "x QUERY_AUTH_CODE:x"]
            {
                assert_eq!(text(to, content), None, "{content}");
            }
        }
        for content in ["TESTCOMPONENT_MSG_TYPE_TEXT", "QUERY_AUTH_CODE:x"] {
            assert_eq!(text("gh_0a1b2c3d4e5f", content), None, "a user wrote {content}");
        }
        assert_eq!(api_text(&Secret::new(code)).expose(), "queryauthcode@@@x_from_api");
    }

    #[test]
    fn an_event_of_a_test_account_is_echoed_and_published() {
        let event = "<MsgType>event</MsgType><Event>LOCATION</Event>";
        let step = push("gh_3c884a361561", event).expect("a step");
        assert_eq!(step, Step::Event("LOCATIONfrom_callback".to_owned()));
        assert!(!step.is_secret());
        assert_eq!(push("gh_0a1b2c3d4e5f", event), None);
    }

    #[test]
    fn the_test_accounts_are_ten_with_two_ids_each() {
        let ids = TEST_ACCOUNTS.iter().flat_map(|account| [account.app_id, account.original_id]);
        assert_eq!(ids.collect::<BTreeSet<_>>().len(), 20);
        assert!(TEST_ACCOUNTS.iter().all(|account| AuthorizerId::parse(account.app_id).is_ok()));
    }
}
