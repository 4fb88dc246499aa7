//! The check before 全网发布: which messages are `WeChat`'s own test and no user's.

use crate::message::Message;

/// Original ids of the test accounts, an official account and a mini program in each of five groups
/// (protocol: 全网发布接入检测).
const TEST_ACCOUNTS: [&str; 10] = [
    "gh_3c884a361561",
    "gh_8dad206e9538",
    "gh_c0f28a78b318",
    "gh_905ae9d01059",
    "gh_3f222ed8d140",
    "gh_393666f1fdf4",
    "gh_26128078e9ab",
    "gh_39abb5d4e1b7",
    "gh_2b3713f184a6",
    "gh_7818dcb60240",
];

/// The text that wants a passive reply.
const PLAIN_TEXT: &str = "TESTCOMPONENT_MSG_TYPE_TEXT";
/// The text that brings an authorization code: a secret.
const API_TEXT: &str = "QUERY_AUTH_CODE:";

/// Whether a message is a text of the release check. It is for the platform alone and may hold an authorization code, so it is
/// never published. Account and content must both match, so that no user can write one.
pub fn is_release_check(message: &Message) -> bool {
    let to_test_account = message.to_user.as_deref().is_some_and(|id| TEST_ACCOUNTS.contains(&id));
    let content = message.document.get("Content").unwrap_or_default();
    to_test_account && (content == PLAIN_TEXT || content.starts_with(API_TEXT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::parse_message;

    fn text(to: &str, content: &str) -> Message {
        let xml = format!(
            "<xml><ToUserName>{to}</ToUserName><CreateTime>1767225600</CreateTime><MsgType>text</MsgType>\
             <Content>{content}</Content></xml>"
        );
        parse_message(&xml).expect("a message")
    }

    #[test]
    fn account_and_content_must_both_match() {
        for content in ["TESTCOMPONENT_MSG_TYPE_TEXT", "QUERY_AUTH_CODE:queryauthcode@@@x"] {
            assert!(is_release_check(&text("gh_3c884a361561", content)), "{content}");
            assert!(!is_release_check(&text("gh_0a1b2c3d4e5f", content)), "a user wrote {content}");
        }
        for content in ["", "hi", "TESTCOMPONENT_MSG_TYPE_TEXT2", " QUERY_AUTH_CODE:x"] {
            assert!(!is_release_check(&text("gh_3c884a361561", content)), "{content}");
        }
    }
}
